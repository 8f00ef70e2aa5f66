"""What `dlm top` asks for and holds: the rows in sight, whatever happens elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.cli.top.feed import Feed
from dlm.cli.top.shelf import Section, Shelf
from dlm.cli.top.views import SECTIONS, Order, View, Wish, next_order
from dlm.model.download import Download, DownloadId
from dlm.model.error import Unreachable
from dlm.model.message import Progressed
from dlm.model.phase import CLAIMED_PHASES, Phase
from dlm.model.query import DownloadQuery
from dlm.model.queue import Constraint, Stats
from tests.unit.test_cli_twin import DownloadsTwin


class Counting(DownloadsTwin):
    """A twin that counts the rows that were asked for."""

    rows: int = 0

    async def list(self, query: DownloadQuery) -> list[Download]:
        found = await DownloadsTwin.list(self, query)
        self.rows += len(found)
        return found


def truth(twin: DownloadsTwin, wish: Wish) -> list[DownloadId]:
    """The rows as they ought to stand: section after section, the newest first."""
    newest = list(twin.downloads.values())[::-1]
    matching = [each for each in newest if wish.text is None or wish.text in each.label + each.uri]
    return [each.id for phases in SECTIONS[wish.view] for each in matching if each.phase in phases]


def shown(feed: Feed) -> list[DownloadId | None]:
    return [feed.shelf.at(row) for row in range(feed.sight[0], min(feed.sight[1], feed.shelf.total))]


STEP = st.one_of(
    st.tuples(st.just("add"), st.sampled_from([Phase.PENDING, Phase.RUNNING, Phase.PAUSED, Phase.FAILED])),
    st.tuples(st.just("remove"), st.integers(0, 100)),
    st.tuples(st.just("turn"), st.integers(0, 100)),
    st.tuples(st.just("see"), st.integers(0, 60)),
    st.tuples(st.just("view"), st.sampled_from(View)),
    st.tuples(st.just("search"), st.sampled_from([None, "1", "nothing"])),
)


@given(st.integers(0, 40), st.lists(STEP, max_size=12))
def test_the_rows_in_sight_are_those_that_there_are(count: int, steps: Sequence[tuple[str, object]]) -> None:
    """Whatever is added, removed and moved anywhere, a look shows rows that there are, once each and in their order, and
    holds little more; who then goes through all from the top finds exactly what there is."""

    async def lived() -> None:
        twin = DownloadsTwin()
        for number in range(count):
            twin.keep(f"https://h/{number}", list(Phase)[number % 4])
        feed = Feed(twin, lambda: None)
        feed.see(0, 5)
        for word, value in [("", None), *steps]:
            _step(twin, feed, word, value)
            await feed.refresh()
            expected = truth(twin, feed.wish)
            assert shown(feed) == [id for id in expected if id in shown(feed)]
            assert len(feed.held) <= 5 + 2 * 4
            assert all(each in feed.held for each in shown(feed))
        for first in range(0, len(expected) or 1, 5):
            feed.see(first, first + 5)
            await feed.refresh()
            assert shown(feed) == expected[first : first + 5]
        assert feed.shelf.total == len(expected) or not feed.shelf.settled

    asyncio.run(lived())


def _step(twin: DownloadsTwin, feed: Feed, word: str, value: object) -> None:
    ids = list(twin.downloads)
    match word, value:
        case "add", Phase() as phase:
            twin.keep(f"https://h/new{len(ids)}{feed.sight}", phase)
        case "remove", int(number) if ids:
            del twin.downloads[ids[number % len(ids)]]
        case "turn", int(number) if ids:
            id = ids[number % len(ids)]
            twin.downloads[id] = replace(twin.downloads[id], phase=list(Phase)[number % len(Phase)])
        case "see", int(first):
            feed.see(first, first + 5)
        case "view", View() as view:
            feed.look_for(replace(feed.wish, view=view))
        case "search", _:
            feed.look_for(replace(feed.wish, text=value if isinstance(value, str) else None))


def test_ten_thousand_rows_are_read_by_the_screen() -> None:
    """The first screen costs some rows; the last reads ids on the way there once, and then some rows again."""

    async def looked() -> None:
        twin = Counting()
        for number in range(10_000):
            twin.keep(f"https://h/{number}")
        feed = Feed(twin, lambda: None)
        feed.see(0, 40)
        await feed.refresh()
        assert twin.rows <= 50
        assert len(feed.held) <= 50
        feed.see(9_960, 10_000)
        await feed.refresh()
        assert shown(feed) == list(twin.downloads)[39::-1]
        twin.rows = 0
        await feed.refresh()
        assert twin.rows <= 50
        assert len(feed.held) <= 50

    asyncio.run(looked())


def moving(id: DownloadId, speed: float) -> Progressed:
    return Progressed(id=id, total=100, downloaded=10, instantaneous_speed=speed, smoothed_speed=speed, eta=1 / speed)


def test_what_moves_is_sorted_by_its_speed() -> None:
    """The fastest first, and the rest as it was."""

    async def looked() -> None:
        twin = DownloadsTwin()
        kept = [twin.keep(f"https://h/{number}", Phase.RUNNING).id for number in range(3)]
        last = twin.keep("https://h/z").id
        twin.moving = {id: moving(id, speed) for id, speed in zip(kept, [2.0, 9.0, 1.0], strict=True)}
        feed = Feed(twin, lambda: None)
        feed.look_for(Wish(order=Order.SPEED))
        await feed.refresh()
        assert shown(feed) == [kept[1], kept[0], kept[2], last]
        feed.look_for(Wish(order=Order.LEFT))
        await feed.refresh()
        assert shown(feed) == [kept[1], kept[0], kept[2], last]

    asyncio.run(looked())


def test_names_are_sorted_within_what_stands_together() -> None:
    """What moves stays first; orders follow each other in a ring."""

    async def looked() -> None:
        twin = DownloadsTwin()
        ids = {name: twin.keep(f"https://h/{name}", name=name).id for name in ("b", "C", "a")}
        running = twin.keep("https://h/zz", Phase.RUNNING, name="zz").id
        feed = Feed(twin, lambda: None)
        feed.look_for(Wish(order=Order.NAME))
        await feed.refresh()
        assert shown(feed) == [running, ids["a"], ids["b"], ids["C"]]

    asyncio.run(looked())
    ring = [Order.STATE]
    while (following := next_order(ring[-1])) is not Order.STATE:
        ring.append(following)
    assert ring == list(Order)


class Gone(DownloadsTwin):
    """A twin that may be out of reach."""

    away: bool = False

    async def stats(self) -> Stats:
        if self.away:
            raise Unreachable("there is nobody")
        return await DownloadsTwin.stats(self)


def test_what_is_lost_is_said_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """While nobody answers, the rows stay and the reason is told; once somebody does, it is forgotten."""
    monkeypatch.setattr("dlm.cli.top.feed._LATER", (0.01,))
    monkeypatch.setattr("dlm.cli.top.feed.LOOK", 0.01)

    async def lived() -> None:
        twin = Gone()
        id = twin.keep("https://h/a").id
        feed = Feed(twin, lambda: None)
        running = asyncio.create_task(feed.run())
        for away, told in ((False, None), (True, "there is nobody"), (False, None)):
            twin.away = away
            async with asyncio.timeout(20):
                while feed.lost != told or not feed.phases:
                    await asyncio.sleep(0.005)
            assert shown(feed) == [id]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(lived())


def test_why_nothing_moves_is_asked() -> None:
    """The sentence of one that is queued, with its name made harmless; none while something moves."""

    async def looked() -> None:
        twin = DownloadsTwin(constraints=(Constraint("window", "It waits for the night."),))
        id = twin.keep("https://h/a", name="a\x1b[31m").id
        feed = Feed(twin, lambda: None)
        await feed.refresh()
        assert feed.reason == "a�[31m: It waits for the night."
        twin.moving = {id: moving(id, 1.0)}
        await feed.refresh()
        assert feed.reason is None

    asyncio.run(looked())


def test_every_phase_is_in_one_section() -> None:
    """The view of all has each phase once, and what moves first."""
    found = [phase for section in SECTIONS[View.ALL] for phase in section]
    assert sorted(found, key=str) == sorted(Phase, key=str)
    assert SECTIONS[View.ALL][0] == CLAIMED_PHASES


def test_a_shelf_knows_where_a_row_is() -> None:
    """Rows count over sections; what was not read has no id."""
    first, second = Section(CLAIMED_PHASES), Section(frozenset({Phase.FAILED}))
    shelf = Shelf([first, second])
    shelf.tally({Phase.RUNNING: 2, Phase.FAILED: 3})
    for reading in shelf.readings(0, 3):
        shelf.take(reading, [DownloadId(f"{len(reading.section.phases)}{n}") for n in range(reading.limit)])
    assert [shelf.at(row) is not None for row in range(-1, 6)] == [False, True, True, True, False, False, False]
    assert shelf.section_at(2) is second
    assert shelf.section_at(5) is None
    assert shelf.row_of(DownloadId("10"), second) == 2
    shelf.drop(DownloadId("10"))
    assert shelf.total == 4


def test_a_match_that_is_pushed_out_of_a_page_is_not_missed() -> None:
    """A search counts nothing beforehand: when a new match comes above, the shelf does not believe that it knows the end."""

    async def looked() -> None:
        twin = DownloadsTwin()
        for number in range(12):
            twin.keep(f"https://h/match{number}")
        feed = Feed(twin, lambda: None)
        feed.look_for(Wish(text="match"))
        feed.see(0, 12)
        await feed.refresh()
        assert (feed.shelf.total, feed.shelf.settled) == (12, True)
        feed.see(0, 2)
        twin.keep("https://h/match-new")
        await feed.refresh()
        assert not feed.shelf.settled
        feed.see(0, 13)
        await feed.refresh()
        assert shown(feed) == truth(twin, feed.wish)

    asyncio.run(looked())

"""The contract of `dlm.ports.Repository`: lists in an order, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlm.model.download import Download
from dlm.model.error import DownloadNotFound
from dlm.model.phase import Cause, Phase
from dlm.model.query import DownloadQuery
from dlm.model.sorting import Cursor, Sort, SortKey
from dlm.model.span import Span
from dlm.ports import Repository
from tests.contracts.repository import Play, StateSuite, a_checkpoint, a_download

SORTS = [Sort(key, descending) for key in SortKey for descending in (False, True)]
NAMES = ("b2.iso", "B10.iso", "a.iso", "Ä.iso", "é" * 200, "\udcff.iso", "", None)
SIZES = (0, 7, 7, 10**12, None)
ENDS = (5.0, 5.5, None)


def ordered(added: Sequence[Download], sort: Sort) -> list[Download]:
    """All of these, given in the order of addition, as the contract orders them."""
    marks = {each.id: at if sort.key is SortKey.ADDED else sort.mark(each) for at, each in enumerate(added)}
    known = [each for each in added if marks[each.id] is not None]
    known.sort(key=lambda each: marks[each.id])  # type: ignore[arg-type,return-value]  # of one kind, and not None
    if sort.descending:  # equal ones are turned round as well
        known = sorted(reversed(known), key=lambda each: marks[each.id], reverse=True)  # type: ignore[arg-type,return-value]
    return known + [each for each in reversed(added) if marks[each.id] is None]


async def joined(repository: Repository, query: DownloadQuery) -> list[Download]:
    """All pages, one behind the other."""
    found: list[Download] = []
    while page := await repository.find(query):
        found += page
        query = replace(query, before=Cursor(page[-1].id, query.sort.mark(page[-1])))
    return found


rows = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(SIZES), st.sampled_from(ENDS), st.sampled_from(list(Phase))),
    min_size=1,
    max_size=12,
)


def made(directory: str, facts: tuple[str | None, int | None, float | None, Phase]) -> Download:
    """One that has come so far."""
    name, size, finished, phase = facts
    return a_download(directory=directory, name=name, size=size, finished=finished, phase=phase, group="g" if size else None)


class SortingContract(StateSuite):
    """Every order, every page."""

    def test_names_are_compared_as_people_do(self, play: Play) -> None:
        """Without case, numbers by value, and by what of the address resembles a name while there is none."""
        names = ("B10", "b9", "a", "c")
        known = [a_download(name=name) for name in names[:3]] + [a_download(uri="https://h/path/c?x")]

        async def scenario(repository: Repository) -> None:
            await repository.add(known)
            found = await repository.find(DownloadQuery(sort=Sort(SortKey.NAME, descending=False)))
            assert [each.label for each in found] == ["a", "b9", "B10", "c"]

        play(scenario)

    def test_what_is_not_known_comes_last_either_way(self, play: Play) -> None:
        """A size that nobody has told is neither small nor large."""
        known = [a_download(size=size) for size in (5, None, 3, None)]

        async def scenario(repository: Repository) -> None:
            await repository.add(known)
            up = await repository.find(DownloadQuery(sort=Sort(SortKey.SIZE, descending=False)))
            down = await repository.find(DownloadQuery(sort=Sort(SortKey.SIZE)))
            assert [each.size for each in up] == [3, 5, None, None]
            assert down == [known[0], known[2], known[3], known[1]]
            assert up[2:] == down[2:]

        play(scenario)

    def test_the_order_follows_what_becomes_known(self, play: Play) -> None:
        """A checkpoint tells name and size, an end when it was: the next list is sorted by them."""
        one, two = a_download(uri="https://h/a"), a_download(uri="https://h/b", phase=Phase.PAUSED)

        async def scenario(repository: Repository) -> None:
            await repository.add([one, two])
            by_name = DownloadQuery(sort=Sort(SortKey.NAME, descending=False))
            assert [each.id for each in await repository.find(by_name)] == [one.id, two.id]
            await repository.checkpoint(one.id, a_checkpoint(Span(0, 5), name="z", size=9))
            await repository.checkpoint(one.id, a_checkpoint(Span(0, 7), name="z", size=9))
            found = await repository.find(by_name)
            assert [(each.id, each.downloaded) for each in found] == [(two.id, 0), (one.id, 7)]
            await repository.advance(two.id, Cause.CANCELLED, 50.0)
            await repository.advance(one.id, Cause.CANCELLED, 40.0)
            by_end = DownloadQuery(sort=Sort(SortKey.FINISHED))
            assert [each.id for each in await repository.find(by_end)] == [two.id, one.id]
            await repository.respecify(one.id, replace(one.spec, uris=("https://h/0",)))
            assert [each.id for each in await repository.find(by_name)] == [two.id, one.id]

        play(scenario)

    def test_a_page_begins_behind_what_may_have_moved(self, play: Play) -> None:
        """A cursor holds where a page ended; an id alone means where that one stands now; one that is gone is told."""
        known = [a_download(size=size) for size in (1, 2, 3, 4)]
        by_size = DownloadQuery(sort=Sort(SortKey.SIZE, descending=False))

        async def scenario(repository: Repository) -> None:
            await repository.add(known)
            await repository.checkpoint(known[1].id, a_checkpoint(name="n", size=9))
            behind = await repository.find(replace(by_size, before=Cursor(known[1].id, 2)))
            assert [each.size for each in behind] == [3, 4, 9]
            assert await repository.find(replace(by_size, before=known[1].id)) == []
            await repository.remove(known[0].id)
            with pytest.raises(DownloadNotFound):
                await repository.find(replace(by_size, before=Cursor(known[0].id, 1)))

        play(scenario)

    def test_pages_joined_are_the_whole(self, play: Play) -> None:
        """In every order, whatever is filtered, however long a page is."""
        folders = map("/{}".format, count())

        @settings(max_examples=25, deadline=None)
        @given(
            rows,
            st.sampled_from(SORTS),
            st.integers(1, 5),
            st.none() | st.frozensets(st.sampled_from(list(Phase))),
            st.booleans(),
        )
        def check(
            facts: list[tuple[str | None, int | None, float | None, Phase]],
            sort: Sort,
            limit: int,
            phases: frozenset[Phase] | None,
            grouped: bool,
        ) -> None:
            folder = next(folders)
            known = [made(folder, each) for each in facts]
            wanted = [each for each in known if (phases is None or each.phase in phases) and (not grouped or each.group == "g")]
            query = DownloadQuery(directory=folder, sort=sort, limit=limit, phases=phases, group="g" if grouped else None)

            async def scenario(repository: Repository) -> None:
                await repository.add(known)
                assert await joined(repository, query) == ordered(wanted, sort)
                text = [each for each in wanted if "iso" in (each.name or "")]
                assert await joined(repository, replace(query, text="ISO")) == ordered(text, sort)

            play(scenario)

        check()

    def test_what_stays_is_neither_lost_nor_told_twice(self, play: Play) -> None:
        """While others start, end, learn their sizes and are added between two pages."""
        folders = map("/{}".format, count())

        @settings(max_examples=12, deadline=None)
        @given(rows, st.sampled_from(SORTS), st.integers(2, 4), st.data())
        def check(
            facts: list[tuple[str | None, int | None, float | None, Phase]], sort: Sort, limit: int, data: st.DataObject
        ) -> None:
            folder = next(folders)
            known = [made(folder, each) for each in facts]
            restless = data.draw(st.sets(st.sampled_from(range(len(known)))))

            async def scenario(repository: Repository) -> None:
                await repository.add(known)
                query = DownloadQuery(directory=folder, sort=sort, limit=limit)
                found: list[Download] = []
                while page := await repository.find(query):
                    found += page
                    query = replace(query, before=Cursor(page[-1].id, sort.mark(page[-1])))
                    for at in restless:
                        size = data.draw(st.sampled_from(SIZES))
                        await repository.checkpoint(known[at].id, a_checkpoint(name=f"{size}", size=size))
                        now = await repository.get(known[at].id)
                        cause = (
                            Cause.RETRIED if now.phase in {Phase.COMPLETED, Phase.FAILED, Phase.CANCELLED} else Cause.CANCELLED
                        )
                        await repository.advance(now.id, cause, data.draw(st.sampled_from([1.0, 5.0, 9.0])))
                    if len(found) < 16:
                        await repository.add([a_download(directory=folder, size=3)])
                calm = [each.id for at, each in enumerate(known) if at not in restless]
                told = [each.id for each in found if each.id in set(calm)]
                assert told == [each.id for each in ordered(known, sort) if each.id in set(calm)]

            play(scenario)

        check()

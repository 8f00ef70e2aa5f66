"""`dlm top` as it is used: keys in, what is on the screen and what was ordered out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from textual.events import Paste
from textual.pilot import Pilot

from dlm.cli.line import UNICODE
from dlm.cli.top.application import Top
from dlm.cli.top.dialogues import Adding
from dlm.model.error import Conflict, Unreachable
from dlm.model.event import PhaseChanged, ProgressMade
from dlm.model.message import ConnectionView, Progressed
from dlm.model.phase import Cause, Order, Phase
from dlm.model.queue import Constraint, Rates, Stats
from dlm.model.settings import Settings
from dlm.model.span import Span
from tests.unit.test_cli_twin import DownloadsTwin

EVIL = "[bold red]x[/] \x1b[31mred\x1b]0;title\x07.iso"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlm.cli.top.application.BEAT", 0.02)
    monkeypatch.setattr("dlm.cli.top.feed._SOON", 0.01)
    monkeypatch.setattr("dlm.cli.top.feed._REST", 1)


class Seat:
    """Somebody before the screen."""

    def __init__(self, pilot: Pilot[None], top: Top) -> None:
        self.pilot = pilot
        self.top = top

    @property
    def text(self) -> str:
        """What stands on the screen."""
        strips = self.top.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for it."""
        try:
            async with asyncio.timeout(30):
                while not condition():
                    await self.pilot.pause(0.01)
        except TimeoutError:
            raise AssertionError(f"it did not come about:\n{self.text}") from None

    async def sees(self, pattern: str) -> None:
        """Wait until that is on the screen."""
        await self.until(lambda: re.search(pattern, self.text))

    async def misses(self, pattern: str) -> None:
        """Wait until it is not there any more."""
        await self.until(lambda: not re.search(pattern, self.text))

    async def press(self, *keys: str) -> None:
        """One after the other."""
        await self.pilot.press(*keys)


@asynccontextmanager
async def seated(twin: DownloadsTwin, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Seat]:
    top = Top(twin, Settings(directory="/target", state="/state/dlm.db"), "/state/dlm.db", UNICODE)
    async with top.run_test(size=size) as pilot:
        yield Seat(pilot, top)


def use(twin: DownloadsTwin, act: Callable[[Seat], Awaitable[None]], size: tuple[int, int] = (80, 24)) -> None:
    async def used() -> None:
        async with seated(twin, size) as seat:
            await act(seat)

    asyncio.run(used())


def comes(twin: DownloadsTwin, id: Any, downloaded: int) -> None:
    """A sample of it."""
    made = Progressed(
        id=id,
        total=1000,
        downloaded=downloaded,
        instantaneous_speed=2048.0,
        smoothed_speed=2048.0,
        eta=3.0,
        connections=(ConnectionView(0, Span(0, 1000), downloaded, 2048.0),),
        done=(Span(0, downloaded),),
    )
    twin.moving[id] = made
    twin.publish(ProgressMade(made))


def test_from_an_address_to_the_file() -> None:
    """Addresses are pasted, their rows appear, the bar moves with the samples, and what is done is told."""
    twin = DownloadsTwin()

    async def act(seat: Seat) -> None:
        await seat.sees("Nothing is here: a adds downloads.")
        await seat.press("a")
        seat.top.screen.query_one("#addresses").load_text("https://h/a.iso\nhttps://h/b.iso\thttps://mirror/b.iso\n")  # type: ignore[attr-defined]
        await seat.press("ctrl+s")
        await seat.sees("pending    b.iso")
        await seat.sees("pending    a.iso")
        assert [each.spec.uris for each in twin.added] == [("https://h/a.iso",), ("https://h/b.iso", "https://mirror/b.iso")]
        first = next(iter(twin.downloads))
        twin.downloads[first] = replace(twin.downloads[first], phase=Phase.RUNNING, size=1000)
        for downloaded in (250, 750):
            comes(twin, first, downloaded)
            seat.top.feed.look()
            await seat.sees(rf"running    a.iso .*━.* {downloaded // 10}%    2.0 KiB/s    0:03     1000 B")
        await seat.sees("1 all 2.* 2 active 1 .* 3 queued 1")
        twin.downloads[first] = replace(twin.downloads[first], phase=Phase.COMPLETED, finished=1_700_000_000.0)
        twin.moving.clear()
        seat.top.feed.look()
        await seat.sees("completed  a.iso .* done 2023-11-1")

    use(twin, act)


def test_orders_are_for_the_cursor_and_for_the_chosen() -> None:
    """Pause, resume, retry and remove reach whom they are meant for, and say what came of it."""
    twin = DownloadsTwin()
    ids = [twin.keep(f"https://h/{n}.iso").id for n in range(4)][::-1]

    async def act(seat: Seat) -> None:
        await seat.sees("0.iso")
        await seat.press("down", "p")
        await seat.sees("paused     2.iso")
        assert twin.orders[-1][:2] == (Order.PAUSE, replace(twin.orders[-1][1], references=(ids[1],)))
        await seat.press("4")
        await seat.misses("pending")
        await seat.until(lambda: seat.top.list_screen.cursor == ids[1])
        await seat.press("r")
        await seat.sees(r"Pending.* 2\.iso|Queued.* 2\.iso|Resum.* 2\.iso")
        await seat.press("1")
        await seat.sees("pending    2.iso")
        await seat.press("x")
        await seat.sees("Already .* 3.iso  pending")
        await seat.press("home", "space", "space")
        await seat.sees("2 chosen")
        await seat.press("p")
        await seat.until(lambda: [twin.downloads[id].phase for id in ids[:2]] == [Phase.PAUSED] * 2)
        await seat.sees("4 paused 2")
        await seat.press("asterisk")
        await seat.sees("4 chosen")
        await seat.press("escape")
        await seat.misses("chosen")

    use(twin, act)


def test_removing_asks_first() -> None:
    """n leaves it; y forgets it; f deletes the file too."""
    twin = DownloadsTwin()
    for n in range(3):
        twin.keep(f"https://h/{n}.iso", Phase.COMPLETED)

    async def act(seat: Seat) -> None:
        await seat.sees("2.iso")
        await seat.press("d")
        await seat.sees("Remove '2.iso' from the list")
        await seat.press("n")
        await seat.misses("from the list")
        assert not twin.removed
        await seat.press("d", "y")
        await seat.misses("2.iso +done|completed  2.iso")
        await seat.sees("Removed 1.")
        await seat.press("d", "f")
        await seat.misses("completed  1.iso")
        assert [delete for _, delete in twin.removed] == [False, True]

    use(twin, act)


def test_cancelling_asks_first() -> None:
    """What loses bytes does."""
    twin = DownloadsTwin()
    id = twin.keep("https://h/a.iso").id

    async def act(seat: Seat) -> None:
        await seat.sees("a.iso")
        await seat.press("c")
        await seat.sees("Give 'a.iso' up")
        await seat.press("y")
        await seat.until(lambda: twin.downloads[id].phase is Phase.CANCELLED)

    use(twin, act)


def test_rows_are_narrowed_by_view_and_search() -> None:
    """Tab, numbers, `/` and Escape."""
    twin = DownloadsTwin()
    twin.keep("https://h/alpha.iso")
    twin.keep("https://h/beta.iso", Phase.FAILED)

    async def act(seat: Seat) -> None:
        await seat.sees("alpha.iso")
        await seat.press("5")
        await seat.misses("alpha.iso")
        await seat.sees(r"\[5 failed 1\]")
        await seat.press("1", "slash", *"alp")
        await seat.misses("beta.iso")
        await seat.press("enter")
        await seat.sees("/alp")
        await seat.press("escape")
        await seat.sees("beta.iso")
        await seat.press("slash", *"zz")
        await seat.sees("Nothing matches.")
        await seat.press("escape")
        await seat.sees("beta.iso")
        await seat.press("tab")
        await seat.sees(r"\[2 active")
        await seat.press("shift+tab")
        await seat.sees(r"\[1 all 2\]")
        await seat.press("s", "s", "s", "s")
        await seat.sees("NAME▾")

    use(twin, act)


def test_limits_are_set_with_keys_and_in_words() -> None:
    """- and + go by steps; l asks for a rate, for all, for a host, for one download."""
    twin = DownloadsTwin(rates=Rates(total=8 * 2**20))
    id = twin.keep("https://host.example/a.iso").id

    async def act(seat: Seat) -> None:
        await seat.sees("limit 8.0 MiB/s")
        await seat.press("minus")
        await seat.sees("limit 5.0 MiB/s")
        await seat.press("plus")
        await seat.sees("limit 8.0 MiB/s")
        await seat.press("l", *"fast", "enter")
        await seat.sees("not a size")
        await seat.press(*["backspace"] * 4, "0", "enter")
        await seat.until(lambda: twin.rates.total is None)
        await seat.press("l", "tab", *"2M", "enter")
        await seat.until(lambda: twin.rates.hosts == {"host.example:443": 2 * 2**20})
        await seat.press("l", "tab", "tab", *"1M", "enter")
        await seat.until(lambda: twin.downloads[id].spec.limit_rate == 2**20)

    use(twin, act)


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
def test_the_details_move(size: tuple[int, int]) -> None:
    """Enter shows map, speed and what binds; the map grows; orders are for this one; Escape goes back."""
    twin = DownloadsTwin(constraints=(Constraint("limit", "The limit binds."),))
    other = twin.keep("https://h/b.iso").id
    id = twin.keep("https://h/a.iso", Phase.RUNNING, size=1000).id
    twin.move_phase(other, Cause.CLAIMED)

    async def act(seat: Seat) -> None:
        await seat.sees("a.iso")
        await seat.press("home", "enter")
        await seat.sees("The limit binds.")
        comes(twin, id, 100)
        await seat.sees(r"running   10 %   100 B of 1000 B")
        few = seat.text.count("━")
        comes(twin, id, 900)
        await seat.sees(r"90 %   900 B of 1000 B")
        assert seat.text.count("━") > few
        await seat.sees("2.0 KiB/s +[▁▂▃▄▅▆▇█]")
        await seat.press("p")
        await seat.until(lambda: twin.orders and twin.orders[-1][1].references == (id,))
        await seat.press("escape")
        await seat.sees("STATE")

    use(twin, act, size)


def test_names_of_strangers_stay_names() -> None:
    """Markup and escape codes in names, errors and questions are shown as signs, in the list, the details and the dialogues."""
    twin = DownloadsTwin(constraints=(Constraint("x", EVIL),))
    twin.keep("https://h/a.iso", name=EVIL)

    async def act(seat: Seat) -> None:
        await seat.sees(re.escape("[bold red]x[/] �[31m"))
        for key in ("enter", "d", "escape", "escape", "d"):
            await seat.press(key)
            await seat.pilot.pause(0.05)
            await seat.sees(re.escape("[bold red]x[/]"))
            assert all(line.isprintable() for line in seat.text.splitlines())
        await seat.sees(re.escape("Remove '[bold red]x[/] "))

    use(twin, act, (200, 50))


def test_ten_thousand_rows() -> None:
    """Only what is in sight is held, at the top, at the end, and in between."""
    twin = DownloadsTwin()
    for n in range(10_000):
        twin.keep(f"https://h/{n:05}.iso")

    async def act(seat: Seat) -> None:
        await seat.sees("09999.iso")
        for keys in ("end 00000.iso", "home 09999.iso", "pagedown,pagedown 09963.iso"):
            await seat.press(*keys.split()[0].split(","))
            await seat.sees(keys.split()[1])
            assert len(seat.top.feed.held) <= 40

    use(twin, act)


def test_all_rows_are_chosen_with_one_key() -> None:
    """Those that are not on the screen too; they are ordered in lots."""
    twin = DownloadsTwin()
    for n in range(600):
        twin.keep(f"https://h/{n:05}.iso")

    async def act(seat: Seat) -> None:
        await seat.sees("00599.iso")
        await seat.press("asterisk")
        await seat.sees("600 chosen")
        await seat.press("p")
        await seat.sees("4 paused 600")
        assert [len(selection.references) for _, selection, _ in twin.orders] == [500, 100]

    use(twin, act)


def test_what_is_pasted_among_the_rows_is_no_key() -> None:
    """It opens the dialogue instead, with line breaks as terminals send them; a mistake is told there, and nothing is added."""
    twin = DownloadsTwin()
    twin.keep("https://h/keep.iso")

    async def act(seat: Seat) -> None:
        await seat.sees("keep.iso")
        seat.top.screen.post_message(Paste("https://h/a.iso\rbroken line\r"))
        await seat.until(lambda: isinstance(seat.top.screen, Adding))
        await seat.press("ctrl+s")
        await seat.sees("line:2: 'broken line' has a space")
        assert not twin.added
        await seat.press("escape")
        await seat.misses("Add downloads")

    use(twin, act)


class Gone(DownloadsTwin):
    away: bool = False

    async def stats(self) -> Stats:
        if self.away:
            raise Unreachable("there is nobody at nas:8840")
        return await DownloadsTwin.stats(self)

    async def limit(self, rate: int | None, *, host: str | None = None) -> Rates:
        raise Conflict("limits belong to somebody else")


def test_a_lost_daemon_is_said_and_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows stay, the sentence comes and goes; what is refused is told, and ends nothing."""
    monkeypatch.setattr("dlm.cli.top.feed._LATER", (0.05,))
    twin = Gone()
    twin.keep("https://h/a.iso")

    async def act(seat: Seat) -> None:
        await seat.sees("a.iso")
        twin.away = True
        seat.top.feed.look()
        await seat.sees("No answer, trying again: there is nobody at nas:8840")
        await seat.sees("no answer .*\n.*\n.*\n.*a.iso")
        twin.away = False
        await seat.misses("[Nn]o answer")
        await seat.press("minus")
        await seat.sees("limits belong to somebody else")

    use(twin, act)


def test_help_and_leaving() -> None:
    """? lists every key; q leaves."""
    twin = DownloadsTwin()

    async def act(seat: Seat) -> None:
        await seat.press("question_mark")
        await seat.sees("Shift-Tab  the view before")
        await seat.press("escape")
        await seat.misses("Shift-Tab")
        await seat.press("q")
        await seat.until(lambda: not seat.top.is_running)

    use(twin, act, (100, 40))


def test_an_order_from_elsewhere_is_seen() -> None:
    """A transition that another process made comes to the screen with its event."""
    twin = DownloadsTwin()
    id = twin.keep("https://h/a.iso").id

    async def act(seat: Seat) -> None:
        await seat.sees("pending    a.iso")
        after, step = twin.move_phase(id, Cause.HALTED)
        assert PhaseChanged(after, step) in twin.history
        await seat.sees("paused     a.iso")

    use(twin, act)

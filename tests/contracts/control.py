"""The contract of `dlm.ports.Control`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from typing import Protocol, cast

import pytest

from dlm.model.download import DownloadId, new_id
from dlm.model.error import DownloadNotFound, InvalidRequest
from dlm.model.queue import Question
from dlm.ports import Control

LARGEST = 1024 * 1024
SAMPLE = Question("sample")
EVENTS = Question("events")
PATIENCE = 60.0


class Ground(Protocol):
    """Where processes on one database meet."""

    def process(self) -> tuple[str, Control]:
        """A further process, which does not listen yet, and its owner's name."""


class Ears:
    """The callbacks of a listening process: counts nudges, remembers questions, answers with what it was given."""

    def __init__(self, *lines: bytes, goes_on: bool = False) -> None:
        self.lines = lines
        self.goes_on = goes_on
        self.nudges = 0
        self.questions: list[Question] = []
        self.talking = 0

    def nudged(self) -> None:
        """See `ports.Control.open`."""
        self.nudges += 1

    async def answer(self, question: Question) -> AsyncIterator[bytes]:
        """See `ports.Control.open`."""
        self.questions.append(question)
        self.talking += 1
        try:
            for line in self.lines:
                yield line
            if self.goes_on:
                await asyncio.Event().wait()
        finally:
            self.talking -= 1


async def until(condition: Callable[[], object]) -> None:
    """Return when the condition holds. Fails when that takes too long."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


def followed(control: Control, question: Question = EVENTS) -> aclosing[AsyncGenerator[bytes, None]]:
    """The lines that it follows, closed at the end of the block."""
    return aclosing(cast("AsyncGenerator[bytes, None]", control.follow(question)))


async def taken(lines: AsyncIterator[bytes], number: int) -> list[bytes]:
    """So many lines."""
    async with asyncio.timeout(PATIENCE):
        return [await anext(lines) for _ in range(number)]


class Company:
    """Processes of one database, for one scenario."""

    def __init__(self, ground: Ground, stack: AsyncExitStack) -> None:
        self._ground = ground
        self._stack = stack

    def silent(self) -> tuple[str, Control]:
        """A process that does not listen."""
        owner, control = self._ground.process()
        self._stack.push_async_callback(control.close)
        return owner, control

    async def listening(self, ears: Ears | None = None) -> tuple[str, Control]:
        """A process that listens."""
        owner, control = self.silent()
        ears = ears or Ears()
        await control.open(ears.answer, ears.nudged)
        return owner, control


class ControlContract:
    """A subclass says in the fixture `ground` how processes meet."""

    @pytest.fixture
    def ground(self) -> Ground:
        raise NotImplementedError

    def play(self, ground: Ground, scenario: Callable[[Company], Awaitable[None]]) -> None:
        """Run the scenario; all its processes are closed afterwards, and nothing is left running."""

        async def played() -> None:
            async with AsyncExitStack() as stack:
                await scenario(Company(ground, stack))
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        asyncio.run(played())

    def test_a_nudge_reaches_every_other_process(self, ground: Ground) -> None:
        """All that listen are told, the one that nudges is not; it need not listen itself."""
        first, second = Ears(), Ears()

        async def scenario(company: Company) -> None:
            _, listening = await company.listening(first)
            await company.listening(second)
            company.silent()[1].nudge()
            await until(lambda: first.nudges == second.nudges == 1)
            listening.nudge()
            await until(lambda: second.nudges == 2)
            await asyncio.sleep(0.1)
            assert (first.nudges, second.nudges) == (1, 2)

        self.play(ground, scenario)

    def test_many_nudges_become_few_and_the_last_one_arrives(self, ground: Ground) -> None:
        """A thousand in a row are one or two; those of half a second are 20 a second at most; none is late for good."""
        ears = Ears()

        async def scenario(company: Company) -> None:
            await company.listening(ears)
            _, other = company.silent()
            for _ in range(1000):
                other.nudge()
            await until(lambda: ears.nudges)
            await asyncio.sleep(0.1)
            assert ears.nudges == 1
            started = asyncio.get_running_loop().time()
            while (lasted := asyncio.get_running_loop().time() - started) < 0.5:
                other.nudge()
                await asyncio.sleep(0.001)
            seen = ears.nudges
            assert 2 <= seen <= 3 + lasted / 0.05
            other.nudge()
            await until(lambda: ears.nudges > seen)

        self.play(ground, scenario)

    def test_closing_delivers_the_last_nudge(self, ground: Ground) -> None:
        """A process that nudges and ends at once was heard; afterwards it says nothing more."""
        ears = Ears()

        async def scenario(company: Company) -> None:
            await company.listening(ears)
            for number in range(3):
                _, other = company.silent()
                other.nudge()
                await other.close()
                while ears.nudges == number:
                    await asyncio.sleep(0.005)
                other.nudge()
                await other.close()
            await asyncio.sleep(0.1)
            assert ears.nudges == 3

        self.play(ground, scenario)

    def test_nobody_there_is_no_error(self, ground: Ground) -> None:
        """Nudges, questions and following do nothing where no other process listens, or where it has ended."""

        async def scenario(company: Company) -> None:
            owner, gone = await company.listening(Ears(b"x"))
            await gone.close()
            other, control = company.silent()
            control.nudge()
            for name in (owner, other, "", "nobody", "../../etc/passwd", "1:2:3:4/..", "é"):
                assert await control.ask(name, SAMPLE) == []
            async with followed(control) as lines:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(anext(lines), 0.4)

        self.play(ground, scenario)

    def test_the_owner_is_asked_and_no_other(self, ground: Ground) -> None:
        """The lines come in order and unchanged; the question too; other processes hear nothing of it."""
        lines = (b"{}", b'{"a": "\xc3\xa9"}', b"\0\xff\r", b"x" * LARGEST, b" ")
        asked, other = Ears(*lines), Ears(b"other")
        question = Question("sample", (new_id(), DownloadId("0" * 16)))

        async def scenario(company: Company) -> None:
            owner, _ = await company.listening(asked)
            _, control = await company.listening(other)
            assert await control.ask(owner, question) == list(lines)
            assert await company.silent()[1].ask(owner, SAMPLE) == list(lines)
            assert (asked.questions, other.questions) == ([question, SAMPLE], [])

        self.play(ground, scenario)

    def test_an_answer_may_be_empty_or_long(self, ground: Ground) -> None:
        """None, and ten thousand lines."""

        async def scenario(company: Company) -> None:
            empty, _ = await company.listening()
            lines = [b"%d" % number for number in range(10_000)]
            long, _ = await company.listening(Ears(*lines))
            _, control = company.silent()
            assert await control.ask(empty, SAMPLE) == []
            assert await control.ask(long, SAMPLE) == lines

        self.play(ground, scenario)

    def test_lines_that_cannot_be_carried_are_left_out(self, ground: Ground) -> None:
        """Empty ones, those with a line break in them, and those of more than 1 MiB; the others arrive."""

        async def scenario(company: Company) -> None:
            owner, _ = await company.listening(Ears(b"1", b"", b"a\nb", b"x" * (LARGEST + 1), b"2"))
            assert await company.silent()[1].ask(owner, SAMPLE) == [b"1", b"2"]

        self.play(ground, scenario)

    def test_too_many_downloads_are_no_question(self, ground: Ground) -> None:
        """Ten thousand ids can be asked for; what no request holds is refused where it is asked."""

        async def scenario(company: Company) -> None:
            ears = Ears(b"1")
            owner, _ = await company.listening(ears)
            _, control = company.silent()
            many = tuple(new_id() for _ in range(20_000))
            assert await control.ask(owner, Question("sample", many[:10_000])) == [b"1"]
            assert ears.questions[0].ids == many[:10_000]
            with pytest.raises(InvalidRequest, match="too many"):
                await control.ask(owner, Question("sample", many))

        self.play(ground, scenario)

    def test_a_process_that_does_not_answer_in_time_has_no_answer(self, ground: Ground) -> None:
        """After 1 s the answer is empty, even if lines of it had come, and it is not gone on with."""
        ears = Ears(b"1", goes_on=True)

        async def scenario(company: Company) -> None:
            owner, _ = await company.listening(ears)
            started = asyncio.get_running_loop().time()
            assert await company.silent()[1].ask(owner, SAMPLE) == []
            assert 0.9 < asyncio.get_running_loop().time() - started < PATIENCE
            await until(lambda: ears.talking == 0)

        self.play(ground, scenario)

    def test_a_refused_question_has_no_answer(self, ground: Ground) -> None:
        """An answer that ends with an error of ours is none, whatever had been said; the process goes on listening."""

        async def refusing(question: Question) -> AsyncIterator[bytes]:
            yield b"1"
            raise DownloadNotFound("there is none")

        async def scenario(company: Company) -> None:
            owner, control = company.silent()
            ears = Ears()
            await control.open(refusing, ears.nudged)
            _, other = company.silent()
            assert await other.ask(owner, SAMPLE) == []
            other.nudge()
            await until(lambda: ears.nudges)

        self.play(ground, scenario)

    def test_followers_hear_those_who_are_there_and_those_who_come(self, ground: Ground) -> None:
        """One stream of all; each process is asked once; one that has said all, or has gone, ends nothing."""
        early, late, brief = Ears(b"early", goes_on=True), Ears(b"late", goes_on=True), Ears(b"brief")

        async def scenario(company: Company) -> None:
            _, first = await company.listening(early)
            await company.listening(brief)
            own = Ears(b"mine")
            _, control = await company.listening(own)
            async with followed(control) as lines:
                assert sorted(await taken(lines, 2)) == [b"brief", b"early"]
                await first.close()
                assert early.talking == 0
                await company.listening(late)
                assert await taken(lines, 1) == [b"late"]
                await asyncio.sleep(0.6)
                assert [len(each.questions) for each in (early, late, brief, own)] == [1, 1, 1, 0]
            await until(lambda: late.talking == 0)

        self.play(ground, scenario)

    def test_many_may_follow(self, ground: Ground) -> None:
        """Each gets all lines, with the question that it asked; the end of one is nothing to the others."""
        ears = Ears(b"1", b"2", goes_on=True)
        question = Question("events", (new_id(),))

        async def scenario(company: Company) -> None:
            await company.listening(ears)
            _, control = company.silent()
            async with followed(control) as one, followed(control, question) as other:
                assert await taken(one, 2) == [b"1", b"2"]
                assert await taken(other, 1) == [b"1"]
                await one.aclose()
                assert await taken(other, 1) == [b"2"]
                assert sorted(ears.questions, key=lambda each: len(each.ids)) == [EVENTS, question]

        self.play(ground, scenario)

    def test_a_follower_that_does_not_read_holds_up_nobody(self, ground: Ground) -> None:
        """It is dropped, so that the process stops telling it; another follower of the same process gets all."""
        talking = 0

        async def chatter(question: Question) -> AsyncIterator[bytes]:
            nonlocal talking
            talking += 1
            try:
                for number in range(100_000):
                    yield b"%d " % number + b"x" * 50_000
                    await asyncio.sleep(0.001)
            finally:
                talking -= 1

        async def scenario(company: Company) -> None:
            _, control = company.silent()
            await control.open(chatter, lambda: None)
            _, reader = company.silent()
            async with followed(reader) as slow, followed(company.silent()[1]) as quick:
                assert (await taken(slow, 1))[0].split()[0] == b"0"
                assert await taken(quick, 1)
                assert talking == 2
                async with asyncio.timeout(PATIENCE):
                    while talking == 2:
                        await taken(quick, 1)
                numbers = [int(line.split()[0]) for line in await taken(quick, 200)]
                assert numbers == list(range(numbers[0], numbers[0] + 200))
                while (await taken(slow, 1))[0].split()[0] != b"0":  # it goes on with what is said from then on
                    pass

        self.play(ground, scenario)

    def test_those_who_listen_are_known(self, ground: Ground) -> None:
        """All others, by their owners' names, while they listen."""

        async def scenario(company: Company) -> None:
            _, watcher = company.silent()
            assert await watcher.present() == []
            first, one = await company.listening()
            second, other = await company.listening()
            assert sorted(await watcher.present()) == sorted([first, second])
            assert await one.present() == [second]
            await other.close()
            assert await watcher.present() == [first]

        self.play(ground, scenario)

    def test_closing_ends_what_is_followed(self, ground: Ground) -> None:
        """The reader's loop ends when its own process closes; a closed one follows nothing."""

        async def scenario(company: Company) -> None:
            await company.listening(Ears(b"1", goes_on=True))
            _, control = company.silent()
            async with followed(control) as lines:
                assert await taken(lines, 1) == [b"1"]
                waiting = asyncio.create_task(anext(lines, None))
                await asyncio.sleep(0.05)
                await control.close()
                assert await asyncio.wait_for(waiting, PATIENCE) is None
            async with followed(control) as lines:
                assert [line async for line in lines] == []

        self.play(ground, scenario)

    def test_opening_and_closing_are_idempotent(self, ground: Ground) -> None:
        """A second `open` changes nothing; after `close` nobody is heard, answered or opened again."""
        first, second = Ears(b"first"), Ears(b"second")

        async def scenario(company: Company) -> None:
            owner, control = await company.listening(first)
            await control.open(second.answer, second.nudged)
            _, other = company.silent()
            assert await other.ask(owner, SAMPLE) == [b"first"]
            await control.close()
            await control.close()
            await control.open(second.answer, second.nudged)
            other.nudge()
            assert await other.ask(owner, SAMPLE) == []
            assert (first.nudges, second.nudges) == (0, 0)

        self.play(ground, scenario)

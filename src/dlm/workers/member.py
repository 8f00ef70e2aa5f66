"""Member: one child process as the pool sees it, and the downloads that it carries.

started            → frames go out, also before it listens
Carry              → its commitments are made durable, its news passed on
Ended              → when all its commitments are through, the carry is over
cancelled          → Halt, then Ended; a child that says nothing for `PATIENCE` is killed
silent for long    → killed: one that carries something speaks every second (`relay.BEAT`)
the socket ends    → the process is buried, and all that it carried is lost
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from dlm.model.download import DownloadId
from dlm.model.error import Conflict, WorkerLost
from dlm.model.message import Progressed, Start
from dlm.model.queue import Rates
from dlm.ports import Clock, Reporter
from dlm.workers.channel import Channel
from dlm.workers.placement import Burden
from dlm.workers.process import Spawn
from dlm.workers.wire import Acknowledge, Carry, Commit, Ended, Failure, Frame, Halt, Limit, Load, Offer, Post, Reject

PATIENCE = 5.0
"""Seconds of silence after which a child that was told to stop something is killed."""
LONGEST_HALT = 30.0
"""Seconds that stopping may take in all, while the child says that it lives: a slow disk is no dead process."""
LOOK, LOOKS = 5.0, 12
"""Seconds between two looks at whether a child that carries something has spoken, and how many in vain are too many. Looks are
counted and not seconds: when this very process was stopped for an hour, that is one."""
FAREWELL = 2.0
"""Seconds that a child without work has to end."""


@dataclass(eq=False, slots=True)
class Errand:
    """One download with a child."""

    reporter: Reporter
    over: asyncio.Future[Failure | None]
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """The commitments of one download are made durable one after the other, in their order."""
    commits: set[asyncio.Task[None]] = field(default_factory=set)


class Member:
    """Started at once; raises `WorkerLost` when that fails. `sampled` hears of progress, `gone` that it has ended."""

    def __init__(
        self, spawn: Spawn, clock: Clock, sampled: Callable[[Progressed], None], gone: Callable[[Member], None]
    ) -> None:
        self._clock = clock
        self._sampled = sampled
        self._gone = gone
        self._process, sock = spawn()
        self._channel = Channel(sock, self._received, self._bury)
        self._errands: dict[DownloadId, Errand] = {}
        self._burial: asyncio.Task[None] | None = None
        self._reason = ""
        self._spoke = True
        self._watching: asyncio.Task[None] | None = None
        self._heard = clock.monotonic()
        self._load: tuple[float, float] | None = None
        self._busy = 0.0
        self.told = Limit(Rates(), {})
        """The rates that it keeps to."""

    @property
    def burden(self) -> Burden:
        """What it has to do."""
        return Burden(len(self._errands), self._busy)

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    @property
    def living(self) -> bool:
        """Whether it can be given anything."""
        return self._burial is None

    # carrying ----------------------------------------------------------------------------------------------------------

    async def carry(self, start: Start, reporter: Reporter) -> None:
        """See `ports.Worker`."""
        id = start.download.id
        errand = Errand(reporter, asyncio.get_running_loop().create_future())
        self._errands[id] = errand
        if self._watching is None:
            self._watching = asyncio.ensure_future(self._watch())
        running = asyncio.ensure_future(self._run(start, errand))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            impatient = asyncio.ensure_future(self._halt(id))
            # However often this is cancelled: as long as the child may write, the download must not be given to another.
            while not running.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([running])
            impatient.cancel()
            running.exception()
            raise

    async def _run(self, start: Start, errand: Errand) -> None:
        try:
            self._channel.send(Carry(start))
            failure = await errand.over
            if errand.commits:
                await asyncio.wait(errand.commits)
        finally:
            del self._errands[start.download.id]
            if not self._errands:
                self._look_away()
        if failure is not None:
            raise failure.error()

    async def _halt(self, id: DownloadId) -> None:
        """Tell the child to stop it, and kill the child when that is in vain."""
        self._channel.send(Halt(id))
        begun = self._clock.monotonic()
        while (left := min(max(begun, self._heard) + PATIENCE, begun + LONGEST_HALT) - self._clock.monotonic()) > 0:
            await self._clock.sleep(left)
        self._kill("it did not stop a download when told")

    async def _watch(self) -> None:
        """Kill it when it hangs: what it carries is fetched by another then, from the checkpoints on."""
        silent = 0
        while silent < LOOKS:
            self._spoke = False
            await self._clock.sleep(LOOK)
            silent = 0 if self._spoke else silent + 1
        self._kill("it said nothing for a long time")

    def _look_away(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None

    def _kill(self, reason: str) -> None:
        self._reason = f"{reason}, and "
        self._process.kill()
        self._bury()

    def limit(self, rates: Rates, downloads: Mapping[DownloadId, int | None]) -> None:
        """Let it keep to these rates."""
        limit = Limit(Rates(rates.total, dict(rates.hosts)), downloads)
        if limit != self.told:
            self.told = limit
            self._channel.send(limit)

    def offer(self, id: DownloadId, uris: Sequence[str]) -> None:
        """Further addresses for a download that it carries."""
        self._channel.send(Offer(id, tuple(uris)))

    # what the child says -----------------------------------------------------------------------------------------------

    def _received(self, frame: Frame) -> None:
        self._heard, self._spoke = self._clock.monotonic(), True
        match frame:
            case Commit():
                self._commit(frame)
            case Post():
                for news in frame.news:
                    if (errand := self._errands.get(news.id)) is not None:
                        errand.reporter.post(news)
                        if isinstance(news, Progressed):
                            self._sampled(news)
            case Ended():
                self._settle(frame.id, frame.failure)
            case Load():
                self._weigh(frame)

    def _commit(self, frame: Commit) -> None:
        errand = self._errands.get(frame.message.id)
        if errand is None:
            self._channel.send(Reject(frame.number, Failure(Conflict, "this download is not carried here any more")))
            return

        async def commit() -> None:
            async with errand.turn:
                await errand.reporter.commit(frame.message)

        def done(task: asyncio.Task[None]) -> None:
            errand.commits.discard(task)
            if task.cancelled():
                return
            error = task.exception()
            self._channel.send(Acknowledge(frame.number) if error is None else Reject(frame.number, Failure.of(error)))

        task = asyncio.ensure_future(commit())
        errand.commits.add(task)
        task.add_done_callback(done)

    def _settle(self, id: DownloadId, failure: Failure | None) -> None:
        errand = self._errands.get(id)
        if errand is not None and not errand.over.done():
            errand.over.set_result(failure)

    def _weigh(self, load: Load) -> None:
        then, self._load = self._load, (self._heard, load.cpu)
        if not load.active:
            self._load, self._busy = None, 0.0
        elif then is not None and self._heard > then[0]:
            self._busy = (load.cpu - then[1]) / (self._heard - then[0])

    # the end -----------------------------------------------------------------------------------------------------------

    async def end(self) -> None:
        """Stop all that it carries, then the process, by force if need be. Idempotent."""
        halting = [asyncio.ensure_future(self._halt(id)) for id in self._errands]
        if halting:
            await asyncio.wait([errand.over for errand in self._errands.values()])
        for each in halting:
            each.cancel()
        self._channel.close()
        self._bury()
        assert self._burial is not None
        await asyncio.shield(self._burial)

    def _bury(self) -> None:
        if self._burial is None:
            self._burial = asyncio.ensure_future(self._see_off())

    async def _see_off(self) -> None:
        """Wait for the process's end, and tell all whose downloads it carried."""
        self._look_away()
        how = await self._process.ended(FAREWELL)
        self._channel.close()
        failure = Failure(WorkerLost, f"the process that carried it is gone: {self._reason}{how}")
        for id in list(self._errands):
            self._settle(id, failure)
        self._gone(self)

"""The child's side: carries what the parent sends, and relays what comes of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from itertools import count
from time import process_time

from dlm.model.download import DownloadId
from dlm.model.error import DlmError, WorkerLost
from dlm.model.message import (
    Commitment,
    Completing,
    ConnectionEnded,
    Gathered,
    MirrorDropped,
    News,
    Progressed,
    Published,
    Start,
)
from dlm.ports import Worker
from dlm.workers.channel import Channel
from dlm.workers.wire import Acknowledge, Carry, Commit, Ended, Failure, Frame, Halt, Limit, Load, Offer, Post, Reject

COALESCED = 0.1
"""Seconds for which news is gathered; of each download only the newest sample is sent."""
CONGESTED = 256 * 1024
"""Bytes that the parent has not taken yet, from which on news is gathered until it has."""
MOST_ENDINGS = 1000
"""Endings of connections that are kept for a parent that does not listen."""
BEAT = 1.0
"""Seconds between two words about the load, while there is any."""


class Relay:
    """`ports.Reporter` for every download of this process. Belongs to one event loop."""

    def __init__(self, sock: socket.socket, worker: Worker, cpu: Callable[[], float] = process_time) -> None:
        self._worker = worker
        self._cpu = cpu
        self._carried: dict[DownloadId, asyncio.Task[None]] = {}
        self._numbers = count(1)
        self._unanswered: dict[int, asyncio.Future[None]] = {}
        self._samples: dict[DownloadId, Progressed] = {}
        self._endings: list[ConnectionEnded] = []
        self._flush: asyncio.TimerHandle | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._gone = asyncio.Event()
        self._channel = Channel(sock, self._received, self._lost)

    async def wait_gone(self) -> None:
        """Return when the parent is gone, or has closed the channel. Everything that is carried is cancelled then."""
        await self._gone.wait()

    # what the parent says ----------------------------------------------------------------------------------------------

    def _received(self, frame: Frame) -> None:
        match frame:
            case Carry():
                self._begin(frame.start)
            case Halt():
                task = self._carried.get(frame.id)
                # A second word would break into the tidying up that the first one has begun.
                if task is not None and not task.cancelling():
                    task.cancel()
            case Limit():
                self._worker.limit(frame.rates, frame.downloads)
            case Offer():
                self._worker.offer(frame.id, frame.uris)
            case Acknowledge():
                self._unanswered.pop(frame.number).set_result(None)
            case Reject():
                self._unanswered.pop(frame.number).set_exception(frame.failure.error())

    def _begin(self, start: Start) -> None:
        id = start.download.id
        task = asyncio.ensure_future(self._worker.carry(start, self))
        self._carried[id] = task
        task.add_done_callback(lambda task: self._end(id, task))
        if self._beat is None:
            self._weigh()

    def _end(self, id: DownloadId, task: asyncio.Task[None]) -> None:
        del self._carried[id]
        self._tell()
        error = WorkerLost("the transfer was stopped") if task.cancelled() else task.exception()
        self._channel.send(Ended(id, None if error is None else Failure.of(error)))
        if not self._carried:
            self._weigh()

    def _lost(self) -> None:
        self._gone.set()
        for timer in (self._flush, self._beat):
            if timer is not None:
                timer.cancel()
        for answer in self._unanswered.values():
            answer.set_exception(WorkerLost("the process that would record it is gone"))
        for task in self._carried.values():
            task.cancel()

    # what it hears -----------------------------------------------------------------------------------------------------

    async def commit(self, message: Commitment) -> None:
        """See `ports.Reporter`."""
        if self._gone.is_set():
            raise WorkerLost("the process that would record it is gone")
        number = next(self._numbers)
        self._channel.send(Commit(number, message))
        answer = self._unanswered[number] = asyncio.get_running_loop().create_future()
        # The answer comes, also when nobody waits for it any more.
        answer.add_done_callback(asyncio.Future.exception)
        await asyncio.shield(answer)

    async def commit_all(self, messages: Sequence[Completing | Published]) -> list[DlmError | None]:
        """See `ports.Reporter`. Sent at once, they are recorded in one transaction, or few."""
        answers = await asyncio.gather(*map(self.commit, messages), return_exceptions=True)
        foreign = next((each for each in answers if each is not None and not isinstance(each, DlmError)), None)
        if foreign is not None:
            raise foreign
        return [each if isinstance(each, DlmError) else None for each in answers]

    def post(self, message: News) -> None:
        """See `ports.Reporter`."""
        match message:
            case Progressed():
                self._samples[message.id] = message
            case ConnectionEnded():
                self._endings.append(message)
                del self._endings[:-MOST_ENDINGS]
            case Gathered() | MirrorDropped():
                self._channel.send(Post((message,)))
        if self._flush is None and not self._gone.is_set():
            self._flush = asyncio.get_running_loop().call_later(COALESCED, self._flushed)

    def _flushed(self) -> None:
        self._flush = None
        if self._channel.unsent > CONGESTED:
            self._flush = asyncio.get_running_loop().call_later(COALESCED, self._flushed)
        else:
            self._tell()

    def _tell(self) -> None:
        news: tuple[News, ...] = (*self._endings, *self._samples.values())
        self._endings.clear()
        self._samples.clear()
        if news:
            self._channel.send(Post(news))

    def _weigh(self) -> None:
        self._channel.send(Load(self._cpu(), len(self._carried)))
        if self._beat is not None:
            self._beat.cancel()
        self._beat = asyncio.get_running_loop().call_later(BEAT, self._weigh) if self._carried else None


async def relay(sock: socket.socket, worker: Worker) -> None:
    """Carry what the other end of `sock` sends, until it is gone."""
    await Relay(sock, worker).wait_gone()

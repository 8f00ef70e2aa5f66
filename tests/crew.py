"""Children without processes: coroutines of this very process, or a hand that says what a test wants said."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import socket
from collections.abc import Callable

from dlm.model.download import DownloadId
from dlm.ports import Worker
from dlm.workers.channel import Channel
from dlm.workers.relay import relay
from dlm.workers.wire import Carry, Frame, Halt, Limit


class HandClock:
    """Time that passes only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def wall(self) -> float:
        """See `ports.Clock`."""
        return self.now

    def monotonic(self) -> float:
        """See `ports.Clock`."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """See `ports.Clock`."""
        waking = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._numbers), waking))
        await waking

    async def turn(self, seconds: float) -> None:
        """Let so much time pass, step by step."""
        target = self.now + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= target:
            self.now, _, waking = heapq.heappop(self._sleepers)
            if not waking.done():
                waking.set_result(None)
                await settle()
        self.now = target


async def settle() -> None:
    """Let everything happen that needs no time."""
    for _ in range(25):
        await asyncio.sleep(0)


class Crew:
    """A `Spawn` whose children are coroutines with a worker of their own."""

    def __init__(self, make: Callable[[], Worker]) -> None:
        self._make = make
        self.children: list[TwinChild] = []

    def __call__(self) -> tuple[TwinChild, socket.socket]:
        ours, theirs = socket.socketpair()
        child = TwinChild(theirs, self._make())
        self.children.append(child)
        return child, ours


class TwinChild:
    """A child that does what a real one does. Killed, it stops in the middle of whatever it does."""

    def __init__(self, sock: socket.socket, worker: Worker) -> None:
        self._sock = sock
        self._running = asyncio.ensure_future(relay(sock, worker))
        self._killed = False

    @property
    def pid(self) -> int:
        """See `Process`. It has none."""
        return 0

    def kill(self) -> None:
        """See `Process`."""
        self._killed = True
        if not self._running.done():
            self._sock.shutdown(socket.SHUT_RDWR)

    async def ended(self, seconds: float) -> str:
        """See `Process`."""
        await asyncio.wait([self._running], timeout=seconds)
        return "process 0 was ended by SIGKILL" if self._killed else "process 0 ended with exit code 0"


class HandChild:
    """A child that says what the test says. `heard` is what it was told."""

    def __init__(self, sock: socket.socket) -> None:
        self.heard: list[Frame] = []
        self._gone = False
        self._killed = False
        self._channel = Channel(sock, self.heard.append, self._lose)

    def _lose(self) -> None:
        self._gone = True

    async def say(self, *frames: Frame) -> None:
        """Send these, and let them arrive."""
        for frame in frames:
            self._channel.send(frame)
        await settle()

    async def leave(self) -> None:
        """End, as after a crash."""
        self._channel.close()
        await settle()

    @property
    def carried(self) -> list[DownloadId]:
        """What it was told to carry, in order."""
        return [frame.start.download.id for frame in self.heard if isinstance(frame, Carry)]

    @property
    def halted(self) -> list[DownloadId]:
        """What it was told to stop, in order."""
        return [frame.id for frame in self.heard if isinstance(frame, Halt)]

    @property
    def limits(self) -> list[Limit]:
        """The limits that it was told, in order."""
        return [frame for frame in self.heard if isinstance(frame, Limit)]

    def was_killed(self) -> bool:
        """Whether it was."""
        return self._killed

    def is_gone(self) -> bool:
        """Whether nothing reaches it any more."""
        return self._gone

    @property
    def pid(self) -> int:
        """See `Process`. It has none."""
        return 0

    def kill(self) -> None:
        """See `Process`."""
        self._killed = True
        self._channel.close()

    async def ended(self, seconds: float) -> str:
        """See `Process`. It takes no time."""
        self._channel.close()
        return "process 0 was ended by SIGKILL" if self._killed else "process 0 ended with exit code 3"


class HandCrew:
    """A `Spawn` of such children."""

    def __init__(self) -> None:
        self.children: list[HandChild] = []

    def __call__(self) -> tuple[HandChild, socket.socket]:
        ours, theirs = socket.socketpair()
        child = HandChild(theirs)
        self.children.append(child)
        return child, ours

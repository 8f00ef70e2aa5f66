"""The one thread that writes to the database. Commands that arrive while it is busy share a commit.

    commands:  a  b  c      d  e  f  g
    thread:    |a| |-- b c d --|  |e f g|        each |…| is one transaction, and one wait for the disk

A call that is cancelled while it waits has either not begun, and then nothing happens, or is carried to its end: never
half. What a command wrote is durable before anybody is told, and so is what a command read of another's.

Who only reads does not wait for the disk behind who writes: while there is something to be written, a second thread with a
connection of its own reads what was committed last (in WAL mode, others see a commit when it has been synced).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from copy import copy
from typing import Any, TypeVar

from dlm.model.error import DlmError, StateUnusable
from dlm.storage.database import Database, Statements
from dlm.storage.sqlite import open_database, open_for_reading

T = TypeVar("T")

_TOGETHER = 256
"""Commands that share a commit at most."""
_LONG = 0.05
"""Seconds after which no further command joins a transaction, and after which others are let in."""
_COURTESY = 0.001
"""Seconds for which other processes get the chance to write, once in `_LONG`."""


class _Command:
    """Something to be done, and the future of its result."""

    def __init__(self, work: Callable[[Statements], Any], *, writes: bool) -> None:
        self.work = work
        self.writes = writes
        self.future: Future[Any] = Future()
        self._result: Any = None
        self._error: BaseException | None = None

    def do(self, act: Callable[[Callable[[Statements], Any]], Any]) -> None:
        """Do it by `act`, and keep what came of it."""
        try:
            self._result = act(self.work)
        except BaseException as error:  # noqa: BLE001 - a unit of work ends here: its caller gets the error
            self._error = error

    def tell(self) -> None:
        """Give the caller what came of it."""
        if self._error is None:
            self.future.set_result(self._result)
        else:
            self.future.set_exception(self._error)

    def tell_error(self, error: DlmError) -> None:
        """Give the caller an error of its own: what came of it was undone."""
        own = copy(error)
        own.__cause__ = error
        self.future.set_exception(own)

    @property
    def ruin(self) -> DlmError:
        """The error by which it undid everything."""
        return self._error if isinstance(self._error, DlmError) else StateUnusable(f"the database gave up: {self._error!r}")


class StateThread:
    """Does commands on one database: writes in the order in which they came, and whoever waits for one of its own reads it.

    `committed` is told, in the thread, the seconds that each transaction took until it was durable.
    """

    def __init__(self, committed: Callable[[float], None] = lambda _seconds: None) -> None:
        self._committed = committed
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dlm-state")
        self._waiting: deque[_Command] = deque()
        self._database: Database
        self._path = ""
        self._side: _Side | None = None
        self._writes = 0
        self._abandoned: list[Future[Any]] = []
        self._closed = False
        self._last_courtesy = time.monotonic()

    async def open(self, path: str) -> None:
        """Open the database at `path`, made if there is none. Raises as `open_database` does."""
        self._path = path
        try:
            self._database = await asyncio.get_running_loop().run_in_executor(self._thread, open_database, path)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise

    async def read(self, work: Callable[[Statements], T]) -> T:
        """What `work` finds, on one unchanging view: all that was written and awaited, or given up half-way, is in it."""
        command = _Command(work, writes=False)
        result: T = await (self._aside(command) if self._may_overtake() else self._enqueue(command))
        return result

    async def write(self, work: Callable[[Statements], T]) -> T:
        """What `work` gives, when all that it wrote is durable; nothing of it is, if it raises."""
        command = _Command(work, writes=True)
        self._writes += 1
        try:
            result: T = await self._enqueue(command)
        except asyncio.CancelledError:
            # It may be under way, and who has given it up may read next how things stand.
            self._abandoned.append(command.future)
            raise
        finally:
            self._writes -= 1
        return result

    async def close(self) -> None:
        """Do what was asked for before, then close the database. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._side is not None:
            await self._side.close()
        closing = self._thread.submit(self._database.close)
        self._thread.shutdown(wait=False)
        await asyncio.wrap_future(closing)

    async def _enqueue(self, command: _Command) -> Any:
        if self._closed:
            raise StateUnusable("the database of downloads was closed already: this is a defect of dlm")
        self._waiting.append(command)
        self._thread.submit(self._serve)
        return await asyncio.wrap_future(command.future)

    def _may_overtake(self) -> bool:
        """Whether nobody who reads now can know of a write that is not through."""
        self._abandoned = [each for each in self._abandoned if not each.done()]
        return self._writes > 0 and not self._abandoned and not self._closed

    async def _aside(self, command: _Command) -> Any:
        if self._side is None:
            self._side = _Side(self._path)
        return await self._side.do(command)

    # in the thread -----------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        """Do the next command, and with one that writes those that wait behind it. Called once for each, so some calls
        find nothing left to do."""
        command = self._next()
        if command is None:
            return
        if command.writes:
            self._serve_together(command)
        else:
            command.do(self._database.read)
            command.tell()

    def _serve_together(self, first: _Command) -> None:
        done: list[_Command] = []
        began = time.monotonic()
        last = began + _LONG
        try:
            with self._database.writing():
                command: _Command | None = first
                while command is not None:
                    done.append(command)
                    command.do(self._database.attempt)
                    if not self._database.intact:
                        raise command.ruin
                    more = len(done) < _TOGETHER and time.monotonic() < last
                    command = self._next() if more else None
        except DlmError as error:
            for each in done or [first]:
                each.tell_error(error)
        else:
            self._committed(time.monotonic() - began)
            for each in done:
                each.tell()
        self._let_others_in()

    def _let_others_in(self) -> None:
        now = time.monotonic()
        if now - self._last_courtesy > _LONG:
            time.sleep(_COURTESY)
            self._last_courtesy = now

    def _next(self) -> _Command | None:
        with suppress(IndexError):
            while True:
                command = self._waiting.popleft()
                if command.future.set_running_or_notify_cancel():
                    return command
        return None


class _Side:
    """A thread that reads while the other one writes. It opens its connection when it is first needed."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dlm-read")
        self._database: Database | None = None

    async def do(self, command: _Command) -> Any:
        """What the command finds. Raises what opening raises."""
        return await asyncio.wrap_future(self._thread.submit(self._read, command))

    async def close(self) -> None:
        """Do what was asked for before, then close the connection."""
        closing = self._thread.submit(self._close)
        self._thread.shutdown(wait=False)
        await asyncio.wrap_future(closing)

    def _read(self, command: _Command) -> Any:
        if self._database is None:
            self._database = open_for_reading(self._path)
        return self._database.read(command.work)

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()

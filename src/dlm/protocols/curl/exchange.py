"""One request and its reply through libcurl, as two awaits: first the head, then the body.

What libcurl does not do is done in its callbacks, before a byte can go wrong: the head is judged as soon as it is
complete, the body waits until an Outlet is there, and whatever comes after STOP is refused. Of a small file all of it has
come before anybody has seen its head: so much is kept here, and its connection is free for the next at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import pycurl

from dlm.model.address import without_credentials
from dlm.model.download import DownloadSpec
from dlm.model.error import DlmError, ProtocolViolation, TimedOut, Untrusted
from dlm.ports import Delays, Flow, Outlet
from dlm.protocols.curl.errors import translate
from dlm.protocols.curl.head import HeadReader, Reply
from dlm.protocols.curl.multi import CurlLoop
from dlm.protocols.curl.options import BUFFER, Ask, rows

REFUSE = -1
DISCARD_LIMIT = 64 * 1024
"""Bytes of a body that nobody wants (a redirect's) that are read to keep the connection for the next request."""
EARLY = 256 * 1024
"""Bytes of a body that are kept until an Outlet is there; the rest waits in libcurl and in the kernel. Slow start goes on
meanwhile."""
EXPANSION = 100
EXPANSION_ALLOWANCE = 32 * 1024 * 1024
NARROW_BUFFER = 64 * 1024
"""Bytes read at a time, at least, while the Outlet holds back; more where a second brings more than `PIECES` of these. A
large reader makes the kernel open the window wide, and then some megabytes of each connection lie here that nobody wants
yet, and that are lost when it is stopped."""
PIECES = 64
CALM = 1.0
"""Seconds without a PAUSE after which it reads as much as there is again."""
NEGOTIATION = frozenset({401, 407})
MOMENTS = (pycurl.NAMELOOKUP_TIME, pycurl.CONNECT_TIME, pycurl.PRETRANSFER_TIME, pycurl.STARTTRANSFER_TIME)
"""Seconds from the beginning: the host's address known, TCP connected, the request sent, the first byte there."""
PAUSE, STOP = Flow.PAUSE, Flow.STOP


class Exchange:
    """One transfer of libcurl. `judge` sees the head before any byte of the body; what it raises ends the transfer."""

    def __init__(
        self, loop: CurlLoop, ask: Ask, spec: DownloadSpec, share: pycurl.CurlShare, judge: Callable[[Reply], None]
    ) -> None:
        self._loop = loop
        self._uri = ask.uri
        self._judge = judge
        self._curl = curl = pycurl.Curl()
        for option, value in rows(ask, spec):
            curl.setopt(option, value)
        curl.setopt(pycurl.SHARE, share)
        self._head = HeadReader(ask.uri, self._on_head, self._fail)
        curl.setopt(pycurl.HEADERFUNCTION, self._head.take)
        curl.setopt(pycurl.WRITEFUNCTION, self._on_body, use_memoryview=True)
        self._candidate: Reply | None = None
        self._reply: Reply | None = None
        self._outlet: Outlet | None = None
        self._early: deque[bytes] = deque()
        self._early_size = 0
        self._discarding = False
        self._paused = False
        self._held_back = False
        self._counted = 0
        self._adapting: asyncio.TimerHandle | None = None
        self._stopped = False
        self._received = 0
        self._limit: int | None = None
        self._length: int | None = None
        self._error: Exception | None = None
        self._failure: pycurl.error | None = None
        self._over = False
        self._closed = False
        self._waiter: asyncio.Future[None] | None = None
        loop.start(curl, self._on_end)

    async def head(self, patience: float) -> Reply:
        """The final head: neither a 1xx, nor a challenge that libcurl goes on to answer.

        Raises `TimedOut` when it is not there after `patience` seconds.
        """
        timer = asyncio.get_running_loop().call_later(patience, self._expire, patience)
        try:
            while self._reply is None and not self._over:
                await self._news()
        finally:
            timer.cancel()
        if self._reply is None:
            self._raise_ending()
            if self._candidate is None:
                raise ProtocolViolation(f"{self._shown} sent no reply that could be understood", uri=self._shown)
            self._settle(self._candidate)
        if self._error is not None:
            raise self._error
        assert self._reply is not None
        return self._reply

    def delays(self) -> Delays | None:
        """What the head took, once it is there; `None` when the connection was an old one."""
        if not self._curl.getinfo(pycurl.NUM_CONNECTS):
            return None
        looked_up, connected, asked, answered = (self._curl.getinfo(moment) for moment in MOMENTS)
        return Delays(connected - looked_up, asked - looked_up, answered - asked)

    async def body(self, outlet: Outlet, length: int | None, *, decoded: bool = False) -> None:
        """Pour the body into `outlet`. `length` is how many bytes were promised; a shorter body is libcurl's to notice.

        A decoded body may be a hundred times as long as the promised one, and a little: beyond that it is a bomb.
        """
        self._length = None if decoded else length
        if decoded and length is not None:
            self._limit = EXPANSION * length + EXPANSION_ALLOWANCE
        await self._pour_early(outlet)
        self._outlet = outlet
        while not self._over:
            self._unpause()
            while not self._over and not self._paused:
                await self._news()
            if not self._over:
                if self._adapting is None:
                    self._counted = self._received
                    self._read_ahead(NARROW_BUFFER)
                # Going on delivers the kept bytes at once, and they may be put off again.
                await outlet.wait_ready()
        if not self._stopped:
            self._raise_ending()

    async def discard(self) -> None:
        """Read a small body away, so that the connection can be used again; give up on a large one."""
        self._early.clear()
        self._discarding = True
        self._unpause()
        while not self._over:
            await self._news()

    def close(self) -> None:
        """End it now: no callback runs after this. Idempotent."""
        if not self._closed:
            self._closed = True
            if self._adapting is not None:
                self._adapting.cancel()
            self._cut()
            self._curl.close()

    # libcurl calls these --------------------------------------------------------------------------------------------

    def _on_head(self, reply: Reply) -> int | None:
        self._candidate = reply
        if reply.status in NEGOTIATION:
            return None  # libcurl may go on to answer the challenge; if not, a body or the end follows
        return self._settle(reply)

    def _settle(self, reply: Reply) -> int | None:
        try:
            self._judge(reply)
        except DlmError as error:
            self._error = error
        self._reply, self._head.final = reply, True
        self._wake()
        return None if self._error is None else REFUSE

    def _on_body(self, data: memoryview) -> int | None:
        """Hot: called for every 16 KiB."""
        try:
            outlet = self._outlet
            if outlet is None:
                return self._keep(data)
            return self._count(outlet.write(data), len(data))
        except Exception as error:  # noqa: BLE001 - the border to C, through which nothing can be raised
            return self._fail(error)

    def _fail(self, error: Exception) -> int:
        self._error = error
        return REFUSE

    def _keep(self, data: memoryview) -> int | None:
        """What comes before anybody has asked for it."""
        if self._reply is None and self._candidate is not None and self._settle(self._candidate) == REFUSE:
            return REFUSE
        self._early_size += len(data)
        if self._discarding:
            return None if self._early_size <= DISCARD_LIMIT else REFUSE
        if self._early_size > EARLY:
            self._early_size -= len(data)
            self._paused = True
            return pycurl.WRITEFUNC_PAUSE
        self._early.append(bytes(data))
        return None

    def _count(self, flow: Flow, size: int) -> int | None:
        """What the Outlet's answer means for libcurl."""
        if flow is PAUSE:
            self._paused = self._held_back = True
            self._wake()
            return pycurl.WRITEFUNC_PAUSE
        self._received += size
        if self._limit is not None and self._received > self._limit:
            raise Untrusted(f"{self._shown} sends a body that unpacks to more than {EXPANSION} times its size", uri=self._shown)
        if flow is STOP:
            self._stopped = True
            # At the end of what was promised libcurl ends by itself and keeps the connection; before that it must be cut.
            return None if self._received == self._length else REFUSE
        return None

    def _on_end(self, failure: pycurl.error | None) -> None:
        self._over, self._failure = True, failure
        self._wake()

    # -----------------------------------------------------------------------------------------------------------------

    @property
    def _shown(self) -> str:
        return without_credentials(self._uri)

    async def _news(self) -> None:
        """Return when something has happened."""
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _expire(self, patience: float) -> None:
        self._error = TimedOut(f"{self._shown} did not answer within {patience:g} s", uri=self._shown)
        self._cut()
        self._wake()

    def _cut(self) -> None:
        self._over = True
        self._loop.stop(self._curl)

    async def _pour_early(self, outlet: Outlet) -> None:
        """Offer what was kept. More may be kept meanwhile, where the Outlet puts it off."""
        while self._early:
            chunk = self._early[0]
            flow = outlet.write(memoryview(chunk))
            if flow is PAUSE:
                await outlet.wait_ready()
                continue
            self._early.popleft()
            if self._count(flow, len(chunk)) == REFUSE:
                self._cut()
                return

    def _adapt(self) -> None:
        """Once a second while the Outlet holds back, and once more when it does not any longer."""
        self._adapting = None
        came, self._counted = self._received - self._counted, self._received
        held_back, self._held_back = self._held_back, False
        if self._over:
            return
        if held_back:
            self._read_ahead(min(BUFFER, max(NARROW_BUFFER, came // PIECES)))
        else:
            self._curl.setopt(pycurl.BUFFERSIZE, BUFFER)

    def _read_ahead(self, size: int) -> None:
        """So many bytes at a time for the next second."""
        self._curl.setopt(pycurl.BUFFERSIZE, size)
        self._adapting = asyncio.get_running_loop().call_later(CALM, self._adapt)

    def _unpause(self) -> None:
        if self._paused and not self._over:
            self._paused = False
            try:
                self._curl.pause(pycurl.PAUSE_CONT)
            except pycurl.error:
                # The kept bytes were delivered inside pause() and refused: nothing else would end the transfer.
                self._cut()

    def _raise_ending(self) -> None:
        """Raise what ended the transfer, if it did not end well."""
        if self._error is not None:
            raise self._error
        if self._failure is not None:
            raise translate(self._failure, self._uri, self._curl.getinfo(pycurl.HTTP_CONNECTCODE)) from self._failure

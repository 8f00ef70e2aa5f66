"""One request and its reply through libcurl, as two awaits: first the head, then the body.

What libcurl does not do is done in its callbacks, before a byte can go wrong: the head is judged as soon as it is
complete, the body waits until an Outlet is there, and whatever comes after STOP is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pycurl

from dlm.model.address import without_credentials
from dlm.model.download import DownloadSpec
from dlm.model.error import DlmError, ProtocolViolation, Untrusted
from dlm.ports import Flow, Outlet
from dlm.protocols.curl.errors import translate
from dlm.protocols.curl.multi import CurlLoop
from dlm.protocols.curl.options import BUFFER, Ask, rows
from dlm.protocols.http.fields import Fields, parse_status

REFUSE = -1
DISCARD_LIMIT = 64 * 1024
"""Bytes of a body that nobody wants (a redirect's) that are read to keep the connection for the next request."""
HEAD_LIMIT = 64 * 1024
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


@dataclass(frozen=True, slots=True)
class Reply:
    """The head of a final reply."""

    status: int
    fields: Fields
    version: str
    """Of HTTP, such as `1.1` or `2`."""


class Exchange:
    """One transfer of libcurl. `judge` sees the head before any byte of the body; what it raises ends the transfer."""

    def __init__(
        self, loop: CurlLoop, ask: Ask, spec: DownloadSpec, share: pycurl.CurlShare, judge: Callable[[Reply], None]
    ) -> None:
        self._loop = loop
        self._uri = ask.uri
        self._shown = without_credentials(ask.uri)
        self._judge = judge
        self._curl = curl = pycurl.Curl()
        for option, value in rows(ask, spec):
            curl.setopt(option, value)
        curl.setopt(pycurl.SHARE, share)
        curl.setopt(pycurl.HEADERFUNCTION, self._on_header)
        curl.setopt(pycurl.WRITEFUNCTION, self._on_body, use_memoryview=True)
        self._lines: list[bytes] = []
        self._head_size = 0
        self._candidate: Reply | None = None
        self._reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._outlet: Outlet | None = None
        self._discarding = False
        self._paused = False
        self._resuming: asyncio.Task[None] | None = None
        self._held_back = False
        self._counted = 0
        self._adapting: asyncio.TimerHandle | None = None
        self._stopped = False
        self._received = 0
        self._limit: int | None = None
        self._length: int | None = None
        self._error: Exception | None = None
        self._closed = False
        self._ended: asyncio.Future[Any] = loop.start(curl)

    async def head(self) -> Reply:
        """The final head: neither a 1xx, nor a challenge that libcurl goes on to answer."""
        await asyncio.wait((self._reply, self._ended), return_when=asyncio.FIRST_COMPLETED)
        if not self._reply.done():
            self._raise_ending()
            if self._candidate is None:
                raise ProtocolViolation(f"{self._shown} sent no reply that could be understood", uri=self._shown)
            self._settle(self._candidate)
        if self._error is not None:
            raise self._error
        return self._reply.result()

    async def body(self, outlet: Outlet, length: int | None, *, decoded: bool = False) -> None:
        """Pour the body into `outlet`. `length` is how many bytes were promised; a shorter body is libcurl's to notice.

        A decoded body may be a hundred times as long as the promised one, and a little: beyond that it is a bomb.
        """
        self._outlet = outlet
        self._length = None if decoded else length
        if decoded and length is not None:
            self._limit = EXPANSION * length + EXPANSION_ALLOWANCE
        self._unpause()
        await asyncio.wait([self._ended])
        if not self._stopped:
            self._raise_ending()

    async def discard(self) -> None:
        """Read a small body away, so that the connection can be used again; give up on a large one."""
        self._discarding = True
        self._unpause()
        await asyncio.wait([self._ended])

    def close(self) -> None:
        """End it now: no callback runs after this. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._resuming is not None:
            self._resuming.cancel()
        if self._adapting is not None:
            self._adapting.cancel()
        self._loop.stop(self._curl)
        if self._ended.done() and not self._ended.cancelled():
            self._ended.exception()
        if self._reply.done() and not self._reply.cancelled():
            self._reply.exception()
        self._curl.close()

    # libcurl calls these --------------------------------------------------------------------------------------------

    def _on_header(self, line: bytes) -> int | None:
        if self._reply.done():
            return None  # trailers of a chunked body
        self._head_size += len(line)
        if self._head_size > HEAD_LIMIT:
            flood = f"{self._shown} sends more than {HEAD_LIMIT // 1024} KiB of header fields, which no honest server does"
            self._error = ProtocolViolation(flood, uri=self._shown)
            return REFUSE
        if line.startswith(b"HTTP/"):
            self._lines = [line]
        elif line not in {b"\r\n", b"\n"}:
            self._lines.append(line)
        else:
            return self._guarded(self._on_head_end)
        return None

    def _on_head_end(self) -> int | None:
        version, status = parse_status(self._lines[0].decode("latin-1"))
        if status < 200:
            return None
        self._candidate = Reply(status, Fields.parse(self._lines[1:]), version)
        if status in NEGOTIATION:
            return None  # libcurl may go on to answer the challenge; if not, a body or the end follows
        return self._settle(self._candidate)

    def _settle(self, reply: Reply) -> int | None:
        try:
            self._judge(reply)
        except DlmError as error:
            self._error = error
        if not self._reply.done():
            self._reply.set_result(reply)
        return None if self._error is None else REFUSE

    def _on_body(self, data: memoryview) -> int | None:
        return self._guarded(self._take, data)

    def _take(self, data: memoryview) -> int | None:
        if not self._reply.done() and self._candidate is not None and self._settle(self._candidate) == REFUSE:
            return REFUSE
        if self._outlet is None:
            if not self._discarding:
                self._paused = True
                return pycurl.WRITEFUNC_PAUSE
            self._received += len(data)
            return None if self._received <= DISCARD_LIMIT else REFUSE
        size = len(data)
        flow = self._outlet.write(data)
        if flow is Flow.PAUSE:
            self._paused = self._held_back = True
            if self._resuming is None or self._resuming.done():
                self._resuming = asyncio.ensure_future(self._resume(self._outlet))
            return pycurl.WRITEFUNC_PAUSE
        self._received += size
        if self._limit is not None and self._received > self._limit:
            raise Untrusted(f"{self._shown} sends a body that unpacks to more than {EXPANSION} times its size", uri=self._shown)
        if flow is Flow.STOP:
            self._stopped = True
            # At the end of what was promised libcurl ends by itself and keeps the connection; before that it must be cut.
            return None if self._received == self._length else REFUSE
        return None

    def _guarded(self, call: Callable[..., int | None], *args: memoryview) -> int | None:
        """Callbacks cannot raise through C: what they raise is kept and ends the transfer."""
        try:
            return call(*args)
        except Exception as error:  # noqa: BLE001 - the border to C: raised again by head() or body()
            self._error = error
            return REFUSE

    # -----------------------------------------------------------------------------------------------------------------

    async def _resume(self, outlet: Outlet) -> None:
        if self._adapting is None:
            self._counted = self._received
            self._read_ahead(NARROW_BUFFER)
        # Going on delivers the kept bytes at once, and they may be put off again.
        while self._paused and not self._ended.done():
            await outlet.wait_ready()
            self._unpause()

    def _adapt(self) -> None:
        """Once a second while the Outlet holds back, and once more when it does not any longer."""
        self._adapting = None
        came, self._counted = self._received - self._counted, self._received
        held_back, self._held_back = self._held_back, False
        if self._ended.done():
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
        if self._paused and not self._ended.done():
            self._paused = False
            try:
                self._curl.pause(pycurl.PAUSE_CONT)
            except pycurl.error:
                # The kept bytes were delivered inside pause() and refused: nothing else would end the transfer.
                self._loop.stop(self._curl)

    def _raise_ending(self) -> None:
        """Raise what ended the transfer, if it did not end well."""
        if self._error is not None:
            raise self._error
        if self._ended.cancelled():
            return
        error = self._ended.exception()
        if isinstance(error, pycurl.error):
            raise translate(error, self._uri, self._curl.getinfo(pycurl.HTTP_CONNECTCODE)) from error
        if error is not None:
            raise error

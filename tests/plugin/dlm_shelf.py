"""shelf://HOST[:PORT]/NAME, for dlm: a line asks for a span of a file, a line answers, then the bytes come.

> give START STOP NAME
< ok SIZE VERSION
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, unquote, urlsplit

from dlm.model.address import without_credentials
from dlm.model.download import DownloadSpec
from dlm.model.error import (
    InvalidRequest,
    NotFound,
    ProtocolViolation,
    Refused,
    ResourceChanged,
    TimedOut,
    Truncated,
    Unreachable,
)
from dlm.model.resource import Mirror, Part, Resource, Validator
from dlm.model.span import Span
from dlm.policy.segments import UNBOUNDED
from dlm.ports import Clock, Delays, Flow, Outlet

PORT = 7070
CHUNK = 256 * 1024


class ShelfSource:
    """See `dlm.ports.Source`."""

    def __init__(self, clock: Clock) -> None:
        self._replies: set[Reply] = set()

    async def open(self, uri: str, spec: DownloadSpec) -> ShelfOpening:
        """Ask for all of it, or for the range that the user wants. What comes first tells size and version."""
        wanted = spec.range or Span(0, UNBOUNDED)
        reply = await self._asked(uri, wanted, spec)
        if spec.range is not None and wanted.start >= reply.size:
            reply.close()
            raise Refused(f"{reply.shown} has no bytes from {wanted.start} on", uri=reply.shown)
        part = Part(size=min(wanted.stop, reply.size) - wanted.start)
        return ShelfOpening(Resource((Mirror(uri),), (part,), Validator(reply.version), ranged=True), reply)

    async def fetch(self, resource: Resource, mirror: Mirror, span: Span, outlet: Outlet, spec: DownloadSpec) -> None:
        """Ask for the span. Before its first byte, see that the file is still the one that was opened."""
        offset = spec.range.start if spec.range is not None else 0
        reply = await self._asked(mirror.uri, Span(span.start + offset, min(span.stop, UNBOUNDED - offset) + offset), spec)
        try:
            other_size = spec.range is None and reply.size != resource.part.size
            if other_size or resource.validator.contradicts(Validator(reply.version)):
                raise ResourceChanged(f"{reply.shown} has changed on the server", uri=reply.shown)
            await reply.pour(outlet)
        finally:
            reply.close()

    async def close(self) -> None:
        """Nothing stays open."""
        for reply in list(self._replies):
            reply.close()

    async def _asked(self, uri: str, span: Span, spec: DownloadSpec) -> Reply:
        parts, shown = urlsplit(uri), without_credentials(uri)
        if not parts.hostname or not parts.path.strip("/"):
            raise InvalidRequest(f"'{shown}' names no file on a shelf: write shelf://HOST/NAME")
        with _translated(shown):
            async with asyncio.timeout(spec.timeout):
                reader, writer = await asyncio.open_connection(parts.hostname, parts.port or PORT)
                try:
                    writer.write(f"give {span.start} {span.stop} {quote(unquote(parts.path[1:]))}\n".encode())
                    return Reply(self._replies, shown, span, reader, writer, await reader.readline())
                except BaseException:
                    writer.close()
                    raise


class ShelfOpening:
    """See `dlm.ports.Opening`."""

    delays: Delays | None = None

    def __init__(self, resource: Resource, reply: Reply) -> None:
        self.resource = resource
        self._reply = reply

    async def pour(self, outlet: Outlet) -> None:
        """Go on with the first reply."""
        try:
            await self._reply.pour(outlet)
        finally:
            self._reply.close()

    async def close(self) -> None:
        """Give it up."""
        self._reply.close()


class Reply:
    """A connection whose first line has been read, and whose bytes have not. It is among `living` until it is closed."""

    def __init__(
        self,
        living: set[Reply],
        shown: str,
        span: Span,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        line: bytes,
    ) -> None:
        self.shown, self._span = shown, span
        self._living, self._reader, self._writer = living, reader, writer
        match line.decode("latin-1").split():
            case ["ok", size, version] if size.isdecimal():
                self.size, self.version = int(size), f'"{version}"'
            case ["none"]:
                raise NotFound(f"{shown} is not on the shelf", uri=shown)
            case _:
                raise ValueError("the first line is of no known kind")
        living.add(self)

    async def pour(self, outlet: Outlet) -> None:
        """Every byte of the span, or until the outlet has enough."""
        left = min(self._span.stop, self.size) - self._span.start
        while left > 0:
            with _translated(self.shown):
                chunk = await self._reader.read(min(left, CHUNK))
            if not chunk:
                raise Truncated(f"{self.shown} ended {left} bytes early", uri=self.shown)
            while (flow := outlet.write(memoryview(chunk))) is Flow.PAUSE:
                await outlet.wait_ready()
            if flow is Flow.STOP:
                return
            left -= len(chunk)

    def close(self) -> None:
        """Idempotent."""
        self._living.discard(self)
        self._writer.close()


@contextmanager
def _translated(shown: str) -> Iterator[None]:
    """Errors of others in dlm's words, each mapped here and nowhere else."""
    try:
        yield
    except TimeoutError as error:
        raise TimedOut(f"{shown} did not answer in time", uri=shown) from error
    except OSError as error:
        raise Unreachable(f"{shown} cannot be reached: {error.strerror or error}", uri=shown) from error
    except ValueError as error:
        raise ProtocolViolation(f"{shown} is answered by what is no shelf: {error}", uri=shown) from error

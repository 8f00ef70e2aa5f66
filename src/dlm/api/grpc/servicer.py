"""What answers: methods that are asked once, the two streams, and Control, where both sides talk.

Messages come and go as bytes: nothing of a stranger's is parsed, and an event is written once for all who read it. Every write
is awaited, and gRPC ends it only when the client's window has room; meanwhile the reader's short queue fills, and what is too
much is counted as missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from typing import Annotated, Any, Never

import grpc
from msgspec import Meta

from dlm.api.command import Asked
from dlm.api.events import EventOut, ProgressEvent
from dlm.api.feed import Feed, Interest, Line, Reader
from dlm.api.grpc.doors import Behaviour, Doors, Metadata
from dlm.api.grpc.generated import downloads_pb2 as pb
from dlm.api.grpc.messages import checked, members, message_of, parsed
from dlm.api.grpc.methods import METHODS, Method
from dlm.api.grpc.statuses import refuse
from dlm.api.problem import problem
from dlm.api.reading import House
from dlm.api.refused import Refused
from dlm.api.runtime import Runtime
from dlm.api.scope import Scope
from dlm.api.streams import LARGEST_SEQ, MOST_READERS, InterestIn, lines_of
from dlm.model.error import DlmError
from dlm.ports import Downloads

_WRITTEN = 256
"""Events that are kept as bytes for those who read them next."""


class EventsIn(InterestIn, frozen=True, kw_only=True):
    """What a client wants to hear of, first of what was recorded."""

    since: Annotated[int, Meta(ge=0, le=LARGEST_SEQ)] | None = None


class Servicer:
    """The service, for one `Downloads`."""

    def __init__(self, downloads: Downloads, house: House, runtime: Runtime, feed: Feed, doors: Doors) -> None:
        self._asked = partial(Asked, downloads, house, runtime)
        self._feed = feed
        self.doors = doors
        self.stopping = asyncio.Event()
        """Set when everything that goes on has to end."""
        self._readers: set[Reader] = set()
        self._progress_bytes = lru_cache(_WRITTEN)(_progress_bytes)
        self.event_of = lru_cache(_WRITTEN)(_event_of)
        """The event of a line."""

    def handlers(self) -> dict[str, Any]:
        """What gRPC calls, by the method's name."""
        return {
            **{name: grpc.unary_unary_rpc_method_handler(self._once(method)) for name, method in METHODS.items()},
            "StreamProgress": grpc.unary_stream_rpc_method_handler(self._progress),
            "StreamEvents": grpc.unary_stream_rpc_method_handler(self._events),
            "Control": grpc.stream_stream_rpc_method_handler(self._control),
        }

    def stop(self) -> None:
        """End what goes on."""
        self.stopping.set()
        for reader in self._readers:
            reader.close()

    async def carry_out(self, method: Method, message: Any, context: Any) -> Any:
        """The reply, if the caller may. Raises `Refused` and `DlmError`s."""
        self.doors.require(context.invocation_metadata(), method.command.scope)
        return await method.carry_out(message, self._asked)

    @asynccontextmanager
    async def reading(self, interest: Interest, metadata: Metadata) -> AsyncIterator[Reader]:
        """Everything from now on, while the token may read. Raises `Refused` where too many do."""
        if self._feed.readers >= MOST_READERS:
            raise Refused(problem(503, f"{MOST_READERS} clients listen already"))
        reader = self._feed.read(interest, still=partial(self.doors.still, metadata))
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)
            self._feed.leave(reader)

    def _once(self, method: Method) -> Behaviour:
        async def answer(content: bytes, context: Any) -> bytes:
            try:
                reply = await self.carry_out(method, parsed(method.request, content), context)
            except (Refused, DlmError) as error:
                await refuse(context, error)
            written: bytes = reply.SerializeToString()
            return written

        return answer

    async def _progress(self, content: bytes, context: Any) -> None:
        await self._stream(pb.ProgressRequest, content, context, self._progress_bytes)

    async def _events(self, content: bytes, context: Any) -> None:
        await self._stream(pb.EventsRequest, content, context, lambda line: bytes(self.event_of(line).SerializeToString()))

    async def _stream(self, kind: Any, content: bytes, context: Any, written: Callable[[Line], bytes | None]) -> None:
        try:
            metadata = context.invocation_metadata()
            self.doors.require(metadata, Scope.READ)
            said = checked(members(parsed(kind, content)), EventsIn)
            async with self.reading(interest_of(said), metadata) as reader:
                await context.send_initial_metadata(())
                async for line in lines_of(self._feed, said.since, reader):
                    message = written(line)
                    if message is not None:
                        await context.write(message)
            await self._end(context)
        except (Refused, DlmError) as error:
            await refuse(context, error)

    async def _control(self, commands: AsyncIterator[bytes], context: Any) -> None:
        from dlm.api.grpc.control import Conversation

        try:
            self.doors.require(context.invocation_metadata(), Scope.READ)
            await context.send_initial_metadata(())
            if not await Conversation(self, commands, context).run():
                await self._end(context)
        except (Refused, DlmError) as error:
            await refuse(context, error)

    async def _end(self, context: Any) -> Never:
        """End what would go on: its token was revoked, or dlm stops."""
        self.doors.require(context.invocation_metadata(), Scope.READ)
        raise Refused(problem(503, "dlm is stopping"))


def interest_of(said: InterestIn) -> Interest:
    """What a reader is to get."""
    return Interest(None if said.ids is None else frozenset(said.ids), said.group)


def _progress_bytes(line: Line) -> bytes | None:
    if not isinstance(line.event, ProgressEvent):
        return None
    written: bytes = message_of(pb.Progress, line.event).SerializeToString()
    return written


def _event_of(line: Line) -> pb.Event:
    event: EventOut | None = line.event
    assert event is not None, "every line of the feed has its event"
    return message_of(pb.Event, {event.__struct_config__.tag: event})

"""Every way into the gRPC service, and what a stranger may put into every member of every message."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from dlm.api.grpc.generated import downloads_pb2 as pb
from dlm.api.grpc.methods import METHODS
from dlm.api.grpc.serving import SERVICE
from dlm.api.scope import Scope
from tests.grpc_client import Called, Metadata
from tests.house import URI

DESCRIBED = pb.DESCRIPTOR.services_by_name["Downloads"].methods
COMMANDS = {field.name: field for field in pb.Command.DESCRIPTOR.oneofs_by_name["command"].fields}
STATUSES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True)
class Way:
    """A way to one method: by its own call, or as a command of Control."""

    method: str
    command: str | None = None

    @property
    def name(self) -> str:
        """As tests are called."""
        return self.method if self.command is None else f"Control.{self.command}"

    @property
    def scope(self) -> Scope:
        """What it takes."""
        named = METHODS.get((self.command or self.method).capitalize())
        return Scope.READ if named is None else named.command.scope

    @property
    def request(self) -> Descriptor:
        """What is said there."""
        if self.command is not None:
            return COMMANDS[self.command].message_type
        return next(each.input_type for each in DESCRIBED if each.name == self.method)

    async def ended(self, called: Called, channel: grpc.aio.Channel, metadata: Metadata, content: bytes) -> grpc.StatusCode:
        """How it ends when `content` is said there; OK as well where it begins to stream, and nobody else does."""
        path = f"/{SERVICE}/{self.method}"
        while True:
            try:
                if self.method == "Control":
                    return await _talked(channel.stream_stream(path)(metadata=metadata), self._command(content))
                if self.method.startswith("Stream"):
                    return await _streamed(channel.unary_stream(path)(content, metadata=metadata), called)
                await channel.unary_unary(path)(content, metadata=metadata)
            except grpc.aio.AioRpcError as error:
                # The client's library, where the call had ended while it wrote: what it was told is lost.
                if error.details() == "Internal error from Core":
                    continue
                return error.code()
            return grpc.StatusCode.OK

    def _command(self, content: bytes) -> bytes:
        if self.command is None:
            return content
        return b"\x08\x01" + _varint(COMMANDS[self.command].number << 3 | 2) + _varint(len(content)) + content


async def _streamed(heard: Any, called: Called) -> grpc.StatusCode:
    end = asyncio.ensure_future(heard.code())
    while not end.done():
        if called.feed.readers:
            heard.cancel()
            while called.feed.readers:
                await asyncio.sleep(0.001)
            return grpc.StatusCode.OK
        await asyncio.sleep(0.001)
    code: grpc.StatusCode = end.result()
    return code


async def _talked(talk: Any, content: bytes) -> grpc.StatusCode:
    with suppress(asyncio.InvalidStateError):  # it has ended already
        await talk.write(content)
        await talk.done_writing()
    code = grpc.StatusCode.OK
    async for answer in talk:
        told = pb.Answer.FromString(answer)
        if told.HasField("failure"):
            code = STATUSES[told.failure.code]
    end: grpc.StatusCode = await talk.code()
    return code if end is grpc.StatusCode.OK else end


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])


WAYS = [*(Way(each.name) for each in DESCRIBED), *(Way("Control", name) for name in COMMANDS)]


# --- what is said -----------------------------------------------------------------------------------------------------


def harmless(way: Way, id: str) -> Message:
    """What may be said there, of the download `id`, which is paused, and of a group that has nobody."""
    match way.request.name:
        case "AddRequest":
            return pb.AddRequest(downloads=[pb.NewDownload(uris=[URI], paused=True)])
        case "GetRequest":
            return pb.GetRequest(id=id)
        case "EditRequest":
            return pb.EditRequest(id=id, change=pb.Change())
        case "OrderRequest":
            return pb.OrderRequest(group="nobody")
        case "RemoveRequest":
            return pb.RemoveRequest(group="nobody")
        case "Command":
            return pb.Command(number=1, list=pb.ListRequest())
    made: Message = getattr(pb, way.request.name)()
    return made


@dataclass(frozen=True)
class Place:
    """A member of a request, through the messages that it is in. `key`: the keys of a map, and not its values."""

    path: tuple[FieldDescriptor, ...]
    key: bool = False

    @property
    def name(self) -> str:
        """Its own."""
        name: str = self.path[-1].name
        return name

    @property
    def is_text(self) -> bool:
        """Whether a text goes there."""
        field = self.path[-1]
        return field.type == FieldDescriptor.TYPE_STRING or _is_map(field)

    def put(self, request: Message, value: object) -> None:
        """Say `value` there, alone where it is a list."""
        for field in self.path[:-1]:
            inner = getattr(request, field.name)
            if field.is_repeated:
                inner = inner[0] if len(inner) else inner.add()
            inner.SetInParent()
            request = inner
        field = self.path[-1]
        if _is_map(field):
            getattr(request, field.name).update({value: "x"} if self.key else {"X-A": value})
        elif field.is_repeated:
            del getattr(request, field.name)[:]
            getattr(request, field.name).append(value)
        else:
            setattr(request, field.name, value)


def places(kind: Descriptor, path: tuple[FieldDescriptor, ...] = ()) -> Iterator[Place]:
    """Every member of a message of that kind, and of those within."""
    for field in kind.fields:
        here = (*path, field)
        if _is_map(field):
            yield from (Place(here, key=True), Place(here))
        elif field.message_type is not None:
            yield from places(field.message_type, here)
        else:
            yield Place(here)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry

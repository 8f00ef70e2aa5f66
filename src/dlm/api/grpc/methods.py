"""The methods that are asked once and answered once: each is a row of the table of commands, in other words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Annotated, Any

import msgspec
from google.protobuf.message import Message
from msgspec import Meta

from dlm.api.answers import BulkOut, OrdersOut
from dlm.api.asks import BulkIn, ChangeIn, Incoming, OrderIn, Reference, RemoveIn, SpecIn, Text
from dlm.api.command import Asked, Command
from dlm.api.commands import COMMANDS
from dlm.api.grpc.generated import downloads_pb2 as pb
from dlm.api.grpc.messages import checked, members, message_of
from dlm.api.reading import MOST
from dlm.model.error import InvalidRequest
from dlm.model.value import dataclass

LARGEST = 4 * 1024 * 1024
"""Bytes of a message, either way, once it is unpacked."""
_FRAME, _REST = 8, 64
"""Bytes around an entry of a reply, and of what else it says, at most."""
_ROWS = {command.name: command for command in COMMANDS}


class NamedIn(Incoming, frozen=True, kw_only=True):
    """One download."""

    id: Reference


class EditIn(NamedIn, frozen=True, kw_only=True):
    """One download, and what is to be changed of it. What is named in `cleared` is taken away, as `null` does in JSON."""

    change: ChangeIn
    cleared: Annotated[list[Text], Meta(max_length=100)] = msgspec.field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Said:
    """What a message comes to, in the words of a command."""

    body: Any = None
    id: str = ""
    query: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Method:
    """A method. `reading` turns the members of its message into what its command is asked for, `telling` the answer into what
    is told of it."""

    command: Command
    request: type[Message]
    reply: type[Message]
    reading: Callable[[dict[str, Any]], Said]
    telling: Callable[[Any], object] = lambda answer: answer

    async def carry_out(self, message: Message, asked: Callable[[str, Mapping[str, str], Any], Asked]) -> Message:
        """The reply, which fits into a message. `asked` makes a request of an id, a query and a body.

        Raises what the command raises, and `InvalidRequest`.
        """
        said = self.reading(members(message))
        answer = await self.command.run(asked(said.id, said.query or {}, said.body))
        return fitted(message_of(self.reply, self.telling(answer)))


def fitted(reply: Message) -> Message:
    """The same, without the last of its entries where it would be larger than a message may be. It says so."""
    rows = {pb.Page: "downloads", pb.OrderReply: "ordered"}.get(type(reply))
    if rows is None or reply.ByteSize() <= LARGEST:
        return reply
    entries = getattr(reply, rows)
    sums = accumulate(each.ByteSize() + _FRAME for each in entries)
    kept = max(1, sum(total <= LARGEST - _REST for total in sums))
    left = len(entries) - kept
    del entries[kept:]
    if isinstance(reply, pb.Page):
        reply.next = entries[-1].download_id
    else:
        reply.left_out += left
    return reply


def _ids(answer: BulkOut) -> object:
    # Ten thousand whole downloads would not fit, when all are in the queue already.
    return {"added": [{"download_id": each.download.download_id, "known": each.known} for each in answer.added]}


def _some(answer: OrdersOut) -> object:
    return {"ordered": answer.ordered[:MOST], "left_out": max(0, len(answer.ordered) - MOST)}


def _added(said: dict[str, Any]) -> Said:
    return Said(checked(said, BulkIn))


def _named(said: dict[str, Any]) -> Said:
    return Said(id=checked(said, NamedIn).id)


def _edited(said: dict[str, Any]) -> Said:
    edit = checked({"change": {}, **said}, EditIn)
    change = said.get("change", {})
    for name in edit.cleared:
        if name not in SpecIn.__struct_fields__ or name in change:
            raise InvalidRequest(f"cleared: '{name[:80]}' cannot be taken away, or is changed as well")
    return Said(checked({**change, **dict.fromkeys(edit.cleared)}, ChangeIn), id=edit.id)


def _listed(said: dict[str, Any]) -> Said:
    query = {name: str(value) for name, value in said.items() if name != "phases"}
    return Said(query=query | ({"phase": ",".join(said["phases"])} if "phases" in said else {}))


def _ordered(order: str) -> Method:
    def reading(said: dict[str, Any]) -> Said:
        return Said(checked({**said, "order": order}, OrderIn))

    return Method(_ROWS["order"], pb.OrderRequest, pb.OrderReply, reading, _some)


def _removed(said: dict[str, Any]) -> Said:
    return Said(checked(said, RemoveIn))


METHODS: dict[str, Method] = {
    "Add": Method(_ROWS["add_many"], pb.AddRequest, pb.AddReply, _added, _ids),
    "Get": Method(_ROWS["show"], pb.GetRequest, pb.Story, _named),
    "List": Method(_ROWS["list"], pb.ListRequest, pb.Page, _listed),
    "Edit": Method(_ROWS["edit"], pb.EditRequest, pb.Download, _edited),
    "Pause": _ordered("pause"),
    "Resume": _ordered("resume"),
    "Retry": _ordered("retry"),
    "Cancel": _ordered("cancel"),
    "Remove": Method(_ROWS["remove_many"], pb.RemoveRequest, pb.OrderReply, _removed, _some),
}

"""Attacks, for every way into every method: a row is an attack, and no method is left out of any."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor

from dlm.api.attempts import FREE
from dlm.api.grpc.generated import downloads_pb2 as pb
from dlm.api.grpc.methods import LARGEST
from dlm.api.scope import Scope
from dlm.model.download import Download
from tests.grpc_attacks import WAYS, Place, Way, harmless, places
from tests.grpc_client import Called, Metadata, bearer, call, new

NO_TOKEN = grpc.StatusCode.UNAUTHENTICATED
DENIED = grpc.StatusCode.PERMISSION_DENIED
INVALID = grpc.StatusCode.INVALID_ARGUMENT
TOO_MUCH = grpc.StatusCode.RESOURCE_EXHAUSTED
TOKEN = "TOKEN"
"""Stands for a good one."""
RIGHT = (("authorization", f"Bearer {TOKEN}"),)


@dataclass(frozen=True)
class Attack:
    """What is sent: `head` as metadata, `authority` as :authority; and how it has to end."""

    name: str
    head: Metadata
    ends: grpc.StatusCode
    authority: str = "127.0.0.1"


HEADS = [
    Attack("no token", (), NO_TOKEN),
    Attack("no token, and a name that is not ours", (), NO_TOKEN, "evil.test"),
    Attack("a wrong token", bearer("dlm_wrong"), NO_TOKEN),
    Attack("a wrong token, and a name that is not ours", bearer("dlm_wrong"), NO_TOKEN, "evil.test"),
    Attack("no word for it", (("authorization", TOKEN),), NO_TOKEN),
    Attack("another way to log in", (("authorization", "Basic YTpi"),), NO_TOKEN),
    Attack("two tokens", (*RIGHT, *bearer("dlm_wrong")), NO_TOKEN),
    Attack("a token twice", (*RIGHT, *RIGHT), NO_TOKEN),
    Attack("a token elsewhere", (("token", TOKEN), ("x-authorization", f"Bearer {TOKEN}")), NO_TOKEN),
    Attack("a token and more", (("authorization", f"Bearer {TOKEN}x"),), NO_TOKEN),
    Attack("a token in a cookie", (("cookie", f"token={TOKEN}"),), NO_TOKEN),
    Attack("a foreign host", (*RIGHT, ("host", "evil.test")), DENIED),
    Attack("a page", (*RIGHT, ("origin", "http://evil.test")), DENIED),
    Attack("a page without an origin", (*RIGHT, ("origin", "null")), DENIED),
    Attack("a page, as its browser says", (*RIGHT, ("sec-fetch-site", "cross-site")), DENIED),
    Attack("too much metadata", (*RIGHT, ("x-large", "x" * 64 * 1024)), TOO_MUCH),
]


def batched(ways: list[Way], many: int) -> Iterator[list[Way]]:
    """So many at a time."""
    for begin in range(0, len(ways), many):
        yield ways[begin : begin + many]


def spoken(head: Metadata, token: str) -> Metadata:
    """With a good token where one is meant."""
    return [(name, value.replace(TOKEN, token)) for name, value in head]


async def paused(called: Called) -> str:
    """The id of a download that waits."""
    stub: Any = await called.stub()
    (added,) = (await stub.Add(new("mem://host/first", paused=True), metadata=called.pass_for())).added
    return str(added.download_id)


@pytest.mark.parametrize("attack", HEADS, ids=lambda attack: attack.name)
def test_who_does_not_get_in(tmp_path: Path, attack: Attack) -> None:
    """At every door the same answer, and nothing has happened."""

    async def story(called: Called) -> None:
        id = await paused(called)
        channel = await called.channel(default_authority=attack.authority, max_metadata_size=1 << 20)
        head = spoken(attack.head, called.served.token[Scope.ADMIN])
        for few in batched(WAYS, FREE // 2 if attack.ends is NO_TOKEN else len(WAYS)):
            called.servicer.doors._attempts._peers.clear()  # another ten wrong tokens are free
            each = [way.ended(called, channel, head, harmless(way, id).SerializeToString()) for way in few]
            assert await asyncio.gather(*each) == [attack.ends] * len(few), few
        await unharmed(called, id)

    call(tmp_path, story)


async def unharmed(called: Called, id: str) -> None:
    """What was there is as it was, and nobody listens."""
    (kept,) = await called.house.all()
    assert (kept.id, kept.phase.value, kept.spec.uris) == (id, "paused", ("mem://host/first",))
    assert called.feed.readers == 0


@pytest.mark.parametrize("scope", list(Scope), ids=lambda scope: scope.value)
def test_a_token_opens_what_it_is_for(tmp_path: Path, scope: Scope) -> None:
    """And nothing else: who may read cannot change anything, neither by a call nor on Control."""

    async def story(called: Called) -> None:
        id = await paused(called)
        channel = await called.channel()
        for way in WAYS:
            code = await way.ended(called, channel, called.pass_for(scope), harmless(way, id).SerializeToString())
            assert code is (grpc.StatusCode.OK if scope.allows(way.scope) else DENIED), way.name
        if not scope.allows(Scope.ADD):
            assert len(await called.house.all()) == 1

    call(tmp_path, story)


def test_every_change_needs_more_than_reading() -> None:
    """Whoever adds a method has to think of it."""
    reading = {"Get", "List", "StreamProgress", "StreamEvents", "Control", "Control.get", "Control.list", "Control.watch"}
    assert {way.name for way in WAYS if way.scope is Scope.READ} == reading


CONTENTS = {
    "not a message": (b"\xff" * 9, INVALID),
    "cut off": (b"\x0a\x7f", INVALID),
    "groups within groups": (b"\x0b" * 100_000, INVALID),
    "groups within groups, all closed": (b"\x0b" * 100_000 + b"\x0c" * 100_000, INVALID),
    "members that nobody knows": (b"\x98\x7d\x01" * 1000, INVALID),
    "text that is not Unicode": (b"\x0a\x02\xff\xfe", INVALID),
    "too large": (b"\x0a" + b"\0" * LARGEST, TOO_MUCH),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_what_is_no_message_is_refused(tmp_path: Path, name: str) -> None:
    """By every way, with a status of the client's, and the service goes on."""
    content, ends = CONTENTS[name]

    async def story(called: Called) -> None:
        id = await paused(called)
        channel = await called.channel(max_send_message_length=-1)
        codes = await asyncio.gather(*(way.ended(called, channel, called.pass_for(), content) for way in WAYS))
        assert dict(zip(WAYS, codes, strict=True)) == dict.fromkeys(WAYS, ends)
        await unharmed(called, id)

    call(tmp_path, story)


def test_a_stranger_s_message_is_not_looked_at(tmp_path: Path) -> None:
    """Whatever it is, the answer is that of any stranger."""

    async def story(called: Called) -> None:
        channel = await called.channel(max_send_message_length=-1)
        for content, _ in CONTENTS.values():
            for way in WAYS:
                assert await way.ended(called, channel, (), content) is NO_TOKEN, way.name

    call(tmp_path, story)


# --- what is put into members -----------------------------------------------------------------------------------------

ABOVE = ["../../etc/x", "/etc/x", "..", "a/../../b", "/d/../etc", "/d-evil", "~/../../x", "/proc/self/fd/1", "a\0b"]
INJECTIONS = ["x\r\nEvil: 1", "x\nEvil: 1", "x\rEvil: 1", "x\0y", "\r\n\r\nGET / HTTP/1.1"]
LONG = "x" * 20_000
OTHERS = ["' OR 1=1 --", "$(reboot)", "{}", "%n%s", "\u202ecod.exe", LONG, "file:///etc/passwd", "-", "."]
NUMBERS: dict[int, list[Any]] = {
    FieldDescriptor.TYPE_DOUBLE: [float("nan"), float("inf"), -float("inf"), -1.0, 1e308],
    FieldDescriptor.TYPE_UINT32: [0, 2**32 - 1],
    FieldDescriptor.TYPE_UINT64: [0, 2**53 + 1, 2**64 - 1],
    FieldDescriptor.TYPE_INT64: [-1, -(2**63), 2**63 - 1],
    FieldDescriptor.TYPE_ENUM: [0, 77, 2**31 - 1],
    FieldDescriptor.TYPE_BOOL: [True, False],
}
LINES = {"headers", "user_agent", "referer", "user", "bearer", "uris", "mirrors"}
"""What goes to a server as a line."""
NAMES = {"id", "ids", "before", "cleared"}
"""What has words of its own, of which none of these is one."""
ALLOWED = {grpc.StatusCode.OK, INVALID, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION}


def poisons(place: Place) -> list[Any]:
    """What is put there."""
    return [*ABOVE, *INJECTIONS, *OTHERS] if place.is_text else NUMBERS[place.path[-1].type]


def ends_of(place: Place, poison: object) -> set[grpc.StatusCode]:
    """How it may end."""
    is_condition = place.path[0].containing_type is pb.ListRequest.DESCRIPTOR
    refused = (
        (place.name in LINES and poison in INJECTIONS)
        or (place.name in NAMES and place.is_text)
        or (place.name in {"directory", "output"} and not is_condition and poison in ABOVE)
        or (poison == LONG and place.name != "headers" and not is_condition)
    )
    return {INVALID} if refused else ALLOWED


@pytest.mark.parametrize("way", [way for way in WAYS if way.request.name != "Command"], ids=lambda way: way.name)
def test_no_member_takes_what_it_should_not(tmp_path: Path, way: Way) -> None:
    """Paths that lead out, lines that would be two, numbers that are none: refused, or they mean nothing. Never a defect."""

    async def story(called: Called) -> None:
        id = await paused(called)
        channel, metadata = await called.channel(), called.pass_for()
        for place in places(way.request):
            for poison in poisons(place):
                request = harmless(way, id)
                place.put(request, poison)
                code = await way.ended(called, channel, metadata, request.SerializeToString())
                assert code in ends_of(place, poison), (place.name, poison, code)
        for kept in await called.house.all():
            is_sound(kept)

    call(tmp_path, story)


def is_sound(download: Download) -> None:
    """It goes where it may, under a plain name, and everything that is sent for it is one line."""
    spec = download.spec
    assert os.path.commonpath(["/d", os.path.realpath(spec.directory)]) == "/d"
    assert spec.output is None or os.path.basename(spec.output) == spec.output not in {"", ".", "..", "-"}
    lines = [*spec.uris, *(part for pair in spec.headers for part in pair)]
    lines += [getattr(spec, name) or "" for name in ("user_agent", "referer", "user", "bearer")]
    assert not [line for line in lines if set(line) & set("\r\n\0")]


def test_who_gives_orders_and_reads_no_answers_stops_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No further order is taken from it until it reads, and nobody else waits."""

    async def story(called: Called) -> None:
        asked: list[str] = []
        carry_out = called.servicer.carry_out

        async def counted(method: Any, message: Any, context: Any) -> Any:
            asked.append(context.peer())
            return await carry_out(method, message, context)

        monkeypatch.setattr(called.servicer, "carry_out", counted)
        stub, metadata = await called.stub(), called.pass_for()
        long = [pb.NewDownload(uris=[f"mem://host/{n}/" + "x" * 10_000], paused=True) for n in range(50)]
        await stub.Add(pb.AddRequest(downloads=long), metadata=metadata)
        asked.clear()
        silent = (await called.stub(http2_lookahead_bytes=1024)).Control(metadata=metadata)
        sending = asyncio.create_task(_send(silent, 200))
        for _ in range(50):
            await stub.List(pb.ListRequest(limit=1), metadata=metadata)
            await asyncio.sleep(0.01)
        others = sum(peer == asked[-1] for peer in asked)
        assert others == 50
        assert len(asked) - others < 100
        silent.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await stub.List(pb.ListRequest(limit=1), metadata=metadata)

    call(tmp_path, story)


async def _send(talk: Any, many: int) -> None:
    for number in range(many):
        await talk.write(pb.Command(number=number, list=pb.ListRequest()))

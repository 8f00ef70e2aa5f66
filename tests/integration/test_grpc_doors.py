"""Who gets in through gRPC beyond what the table of attacks has: methods that there are not, waits, hosts, TLS."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from dlm.api.attempts import FREE
from dlm.api.grpc.generated import downloads_pb2 as pb
from dlm.api.grpc.generated import downloads_pb2_grpc as stubs
from dlm.api.grpc.methods import LARGEST
from dlm.api.grpc.serving import SERVICE, serving
from dlm.api.scope import Scope
from dlm.api.serving import Listening, parse_address, within
from dlm.model.error import InvalidRequest
from dlm.model.settings import Settings
from tests.certificates import Certificates
from tests.grpc_client import Called, Metadata, bearer, call, drained, event, first, new, refused
from tests.house import House

PLAIN = Settings(directory="/d", state="/s/dlm.db")
ABSENT = [
    f"/{SERVICE}/Shutdown",
    f"/{SERVICE}/",
    "/dlm.v1.Other/Add",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
]


@pytest.mark.parametrize("metadata", [(), (("authorization", "Basic x"),), (("authorization", "Bearer dlm_wrong"),)])
def test_strangers_do_not_learn_what_there_is(tmp_path: Path, metadata: Metadata) -> None:
    """What is not there is refused as what is."""

    async def story(called: Called) -> None:
        channel = await called.channel()
        for path in ABSENT:
            code, _ = await refused(channel.unary_unary(path)(b"", metadata=metadata))
            assert code is grpc.StatusCode.UNAUTHENTICATED, path

    call(tmp_path, story)


def test_what_there_is_not_is_unimplemented(tmp_path: Path) -> None:
    """For those who may ask. Reflection is among it."""

    async def story(called: Called) -> None:
        for path in ABSENT:
            code, _ = await refused((await called.channel()).unary_unary(path)(b"", metadata=called.pass_for()))
            assert code is grpc.StatusCode.UNIMPLEMENTED, path

    call(tmp_path, story)


def test_within_control_each_command_needs_its_scope(tmp_path: Path) -> None:
    """A reader may talk, and may not change anything; a revoked token is worth nothing from then on."""

    async def story(called: Called) -> None:
        stub = await called.stub()
        talk = stub.Control(metadata=called.pass_for(Scope.READ))
        denied, gone = (code.value[0] for code in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED))
        await talk.write(pb.Command(number=1, add=new()))
        assert (await talk.read()).failure.code == denied
        await talk.write(pb.Command(number=2, list=pb.ListRequest()))
        assert (await talk.read()).WhichOneof("answer") == "list"
        called.tokens.revoke("read")
        await talk.write(pb.Command(number=3, list=pb.ListRequest()))
        assert (await talk.read()).failure.code == gone
        assert await called.house.all() == []

    call(tmp_path, story)


def test_many_wrong_tokens_have_to_wait(tmp_path: Path) -> None:
    """The right one of the same peer does not: it may be another's. To have none is no guess."""

    async def story(called: Called) -> None:
        stub = await called.stub()
        for _ in range(FREE + 1):
            await refused(stub.List(pb.ListRequest()))
        codes = [(await refused(stub.List(pb.ListRequest(), metadata=bearer("dlm_wrong"))))[0] for _ in range(FREE + 1)]
        assert codes == [grpc.StatusCode.UNAUTHENTICATED] * FREE + [grpc.StatusCode.RESOURCE_EXHAUSTED]
        _, said = await refused(stub.List(pb.ListRequest(), metadata=bearer("dlm_wrong")))
        assert "wait" in said
        await stub.List(pb.ListRequest(), metadata=called.pass_for())

    call(tmp_path, story)


def test_a_revoked_token_hears_no_more(tmp_path: Path) -> None:
    """Within a second, on every stream, and is told why; who has another hears on."""

    async def story(called: Called) -> None:
        stub = await called.stub()
        revoked, other = called.pass_for(Scope.READ), called.pass_for(Scope.ADMIN)
        talk = stub.Control(metadata=revoked)
        await talk.write(pb.Command(number=1, watch=pb.ProgressRequest()))
        assert (await talk.read()).WhichOneof("answer") == "watching"
        streams = [
            stub.StreamEvents(pb.EventsRequest(), metadata=revoked),
            stub.StreamProgress(pb.ProgressRequest(), metadata=revoked),
        ]
        heard = stub.StreamEvents(pb.EventsRequest(), metadata=other)
        for stream in (*streams, heard):
            await stream.initial_metadata()
        called.tokens.revoke("read")
        for stream in (talk, *streams):
            code, said = await refused(drained(stream))
            assert (code, "worth nothing" in said) == (grpc.StatusCode.UNAUTHENTICATED, True), said
        await stub.Add(new(paused=True), metadata=other)
        await event(heard, "download_added")

    call(tmp_path, story)


def test_who_talks_is_told_that_it_stops(tmp_path: Path) -> None:
    """Whether events come or not: the talk has not simply ended."""

    async def story(called: Called) -> None:
        talks = [(await called.stub()).Control(metadata=called.pass_for()) for _ in range(2)]
        await talks[0].write(pb.Command(number=1, watch=pb.ProgressRequest()))
        assert (await talks[0].read()).WhichOneof("answer") == "watching"
        await talks[1].write(pb.Command(number=1, list=pb.ListRequest()))
        assert (await talks[1].read()).WhichOneof("answer") == "list"
        stopping = (grpc.StatusCode.UNAVAILABLE, "dlm is stopping")
        called.served.application.end()
        assert await refused(drained(talks[0])) == stopping
        called.servicer.stop()
        assert await refused(drained(talks[1])) == stopping

    call(tmp_path, story)


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ((), None),
        ((("host", "127.0.0.1:1"),), None),
        ((("host", "nas.example.org"),), None),
        ((("host", "evil.test"),), grpc.StatusCode.PERMISSION_DENIED),
        ((("host", "nas.example.org"), ("host", "evil.test")), grpc.StatusCode.PERMISSION_DENIED),
        ((("origin", "http://evil.test"),), grpc.StatusCode.PERMISSION_DENIED),
        ((("origin", "http://127.0.0.1:8840"),), grpc.StatusCode.PERMISSION_DENIED),
        ((("sec-fetch-site", "same-origin"),), grpc.StatusCode.PERMISSION_DENIED),
    ],
)
def test_pages_and_other_hosts_are_refused(tmp_path: Path, extra: Metadata, expected: grpc.StatusCode | None) -> None:
    """What a browser would send is refused with the right token too."""

    async def story(called: Called) -> None:
        calling = (await called.stub()).List(pb.ListRequest(), metadata=(*called.pass_for(), *extra))
        if expected is None:
            await calling
        else:
            assert (await refused(calling))[0] is expected

    call(tmp_path, story)


@pytest.mark.parametrize("greeting", [b"GET / HTTP/1.1\r\n\r\n", b"POST /dlm.v1.Downloads/List HTTP/1.1\r\n\r\n"])
def test_what_a_browser_speaks_without_tls_gets_nothing(tmp_path: Path, greeting: bytes) -> None:
    """HTTP/1.1 is not served, so no name that leads here by a trick of the DNS reaches a method."""

    async def story(called: Called) -> None:
        host, _, port = called.address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(greeting)
        try:
            told = await reader.read()
        except ConnectionResetError:
            told = b""
        assert b"HTTP/1.1 200" not in told
        writer.close()

    call(tmp_path, story)


def test_a_message_that_is_too_large_is_refused(tmp_path: Path) -> None:
    """Also one that is small until it is unpacked, and nothing of it is added; the daemon goes on."""

    async def story(called: Called) -> None:
        stub = await called.stub(max_send_message_length=-1)
        large = new(group="x" * (LARGEST + 1))
        for compression in (None, grpc.Compression.Gzip):
            code, _ = await refused(stub.Add(large, metadata=called.pass_for(), compression=compression))
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await called.house.all() == []
        await stub.List(pb.ListRequest(), metadata=called.pass_for())

    call(tmp_path, story)


def test_without_tls_only_this_machine_is_served() -> None:
    """As for REST, and the sentence names the flag."""
    assert within(parse_address(":8841", "--grpc"), PLAIN, "--grpc") == ("127.0.0.1", 8841)
    with pytest.raises(InvalidRequest, match=r"--grpc: 0\.0\.0\.0 can be reached by others"):
        within(parse_address("0.0.0.0:8841", "--grpc"), PLAIN, "--grpc")
    with pytest.raises(InvalidRequest, match="--grpc: 'x' is no address"):
        parse_address("x", "--grpc")


def test_within_tls(tmp_path: Path, certificates: Certificates) -> None:
    """With the certificate of the daemon; a port that is taken is told."""

    async def story() -> None:
        called = Called(House(), str(tmp_path))
        pair = certificates.server
        uri = await called.start(Listening("", ("localhost", 0), str(pair.cert), str(pair.key)))
        assert uri.startswith("grpcs://localhost:")
        try:
            trusted = grpc.ssl_channel_credentials(certificates.ca.read_bytes())
            async with grpc.aio.secure_channel(called.address, trusted) as channel:
                stub = stubs.DownloadsStub(channel)
                assert await stub.List(pb.ListRequest(), metadata=called.pass_for()) == pb.Page()
                assert (await refused(stub.List(pb.ListRequest())))[0] is grpc.StatusCode.UNAUTHENTICATED
        finally:
            await called.stop()

    asyncio.run(story())


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    """Two never share one."""

    async def story(called: Called) -> None:
        taken = int(called.address.rpartition(":")[2])
        with pytest.raises(InvalidRequest, match="cannot be had"):
            async with serving(called.servicer, Listening("", ("127.0.0.1", taken))):
                pass

    call(tmp_path, story)


def test_a_broken_list_of_tokens_lets_nobody_in(tmp_path: Path) -> None:
    """And says what is wrong."""

    async def story(called: Called) -> None:
        (tmp_path / "tokens.json").write_text("{")
        stub: Any = await called.stub()
        code, said = await refused(stub.List(pb.ListRequest(), metadata=called.pass_for()))
        assert (code, "cannot be read" in said) == (grpc.StatusCode.UNAVAILABLE, True)
        code, _ = await refused(first(stub.StreamEvents(pb.EventsRequest(), metadata=called.pass_for())))
        assert code is grpc.StatusCode.UNAVAILABLE

    call(tmp_path, story)

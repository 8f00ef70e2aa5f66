"""HttpSource keeps the contract of Sources: over a server that can be told to fail, over nginx, and over Caddy by HTTP/3."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

import pytest

from dlm.clock import SystemClock
from dlm.model.download import DownloadSpec
from dlm.model.error import InvalidRequest, TransferError, Verdict
from dlm.model.resource import Mirror
from dlm.model.span import Span
from dlm.ports import Source
from dlm.protocols.curl.source import MULTIPLEX_FROM, HttpSource
from tests.contracts.outlets import Pail
from tests.contracts.source import SETTLING, Ground, SourceContract, fetched, play, poured
from tests.contracts.source_faults import FaultySourceContract
from tests.hostile import Content, Habits, HostileServer
from tests.programs import free_ports

if TYPE_CHECKING:
    from tests.certificates import Certificates
    from tests.peers import Caddy, Nginx

ODD = "grüße & 100% #1?.bin"
SPELLINGS = (quote(ODD), "grüße%20&%20100%25%20%231%3F.bin", quote(ODD) + "?a=b%20c&ü=[1]")


class HostileGround:
    """A server of all personalities."""

    PERSONALITIES: ClassVar[dict[str, str]] = {
        "whole": "polite",
        "empty": "zero-byte",
        "missing": "status-404",
        "denied": "status-403",
        "unsized": "no-length",
        "unranged": "no-range",
        "cut": "truncates",
        "crumbled": "drips-body",
        "silent": "stalls-after",
    }

    def __init__(self, server: HostileServer) -> None:
        self.content = server.content.data
        self._server = server
        self._changed = False

    async def source(self) -> Source:
        return HttpSource(SystemClock())

    def uri(self, kind: str) -> str:
        # It has changed for all but those who ask at this path for the first time.
        return self._server.url(f"/{kind}.bin", "changes-after-first" if kind == "changing" else self.PERSONALITIES[kind])

    def spellings(self) -> Sequence[str]:
        return [self._server.url(f"/{name}") for name in SPELLINGS]

    def spec(self, uri: str) -> DownloadSpec:
        return DownloadSpec(uris=(uri,), directory="/")

    def change(self) -> None:
        """It does so by itself."""


@dataclass
class PeerGround:
    """Files in the folder of a real server. `options` are those of the spec; `openings` are made before the scenario."""

    content: bytes
    folder: Path
    url: Callable[[str], str]
    options: DownloadSpec
    openings: int = 0

    async def source(self) -> Source:
        source = HttpSource(SystemClock())
        for _ in range(self.openings):
            uri = self.uri("whole")
            await (await source.open(uri, self.spec(uri))).close()
        return source

    def uri(self, kind: str) -> str:
        return self.url({"whole": "/file.bin", "empty": "/empty.bin"}.get(kind, f"/{kind}.bin"))

    def spellings(self) -> Sequence[str]:
        (self.folder / ODD).write_bytes(self.content)
        return [self.url(f"/{name}") for name in SPELLINGS]

    def spec(self, uri: str) -> DownloadSpec:
        return replace(self.options, uris=(uri,))

    def change(self) -> None:
        self.write_changing(self.content[::-1], 2_000_000)

    def write_changing(self, content: bytes, modified: float) -> None:
        path = self.folder / "changing.bin"
        path.with_suffix(".new").write_bytes(content)
        os.utime(path.with_suffix(".new"), (modified, modified))
        path.with_suffix(".new").replace(path)


def peer_ground(peer: Nginx | Caddy, content: Content, url: Callable[[str], str], options: DownloadSpec) -> PeerGround:
    """The files of the peer, and one that may change."""
    ground = PeerGround(content.data, peer.root, url, options)
    ground.write_changing(content.data, 1_000_000)
    return ground


def trusting(certificates: Certificates, *, http3: bool = False) -> DownloadSpec:
    """A spec that takes the certificates of the peers."""
    return DownloadSpec(uris=("https://localhost/",), directory="/", cacert=str(certificates.ca), http3=http3)


def protocols(log: Path, mark: str) -> set[str]:
    """The versions of HTTP in which a peer was asked for an address with this mark in it, by its log."""
    deadline = time.monotonic() + 60.0
    while not (lines := [line for line in log.read_text().splitlines() if mark in line]):
        assert time.monotonic() < deadline, "the log says nothing of it"
        time.sleep(0.01)
    return {json.loads(line)["request"]["proto"] if line.startswith("{") else line.split()[0] for line in lines}


class TestHttpSourceOverAServerThatFails(FaultySourceContract):
    @pytest.fixture
    def ground(self, content: Content) -> Iterator[Ground]:
        with HostileServer(content, habits=Habits(interval=0.0005)) as server:
            yield HostileGround(server)


@pytest.mark.peer
class TestHttpSourceOverNginx(SourceContract):
    @pytest.fixture
    def ground(self, nginx: Nginx, content: Content) -> Ground:
        return peer_ground(nginx, content, nginx.url, DownloadSpec(uris=("http://localhost/",), directory="/"))


@pytest.mark.peer
class TestHttpSourceOverTls(SourceContract):
    @pytest.fixture
    def ground(self, nginx: Nginx, content: Content, certificates: Certificates) -> Ground:
        return peer_ground(nginx, content, lambda path: nginx.url(path, "https"), trusting(certificates))

    def test_a_first_reply_comes_by_http_1(self, nginx: Nginx, ground: PeerGround) -> None:
        """One file takes a connection of its own."""
        play(ground, lambda source: poured(ground, source, Pail(), ground.uri("whole") + "?by-one"))
        assert protocols(nginx.log, "by-one") == {"HTTP/1.1"}


@pytest.mark.peer
class TestHttpSourceOverHttp2(SourceContract):
    @pytest.fixture
    def ground(self, nginx: Nginx, content: Content, certificates: Certificates) -> Ground:
        ground = peer_ground(nginx, content, lambda path: nginx.url(path, "https"), trusting(certificates))
        return replace(ground, openings=MULTIPLEX_FROM)

    def test_a_first_reply_comes_by_http_2(self, nginx: Nginx, ground: PeerGround) -> None:
        """When many files come from one host."""
        play(ground, lambda source: poured(ground, source, Pail(), ground.uri("whole") + "?by-two"))
        assert protocols(nginx.log, "by-two") == {"HTTP/2.0"}


@pytest.mark.peer
class TestHttpSourceOverHttp3(SourceContract):
    @pytest.fixture
    def ground(self, caddy: Caddy, content: Content, certificates: Certificates) -> Ground:
        return peer_ground(caddy, content, caddy.url, trusting(certificates, http3=True))

    def test_replies_come_by_http_3(self, caddy: Caddy, ground: PeerGround) -> None:
        """The first one and those for spans."""

        async def scenario(source: Source) -> None:
            uri = ground.uri("whole") + "?by-three"
            opening = await source.open(uri, ground.spec(uri))
            await opening.close()
            await source.fetch(opening.resource, opening.resource.mirrors[0], Span(0, 9), Pail(9), ground.spec(uri))

        play(ground, scenario)
        assert protocols(caddy.log, "by-three") == {"HTTP/3.0"}


# --- what only HTTP can do --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["never-answers", "drips-header"])
def test_waiting_for_a_head_can_be_cancelled(hostile: HostileServer, kind: str) -> None:
    """Of a server that says nothing, or never all of it."""
    ground = HostileGround(hostile)

    async def scenario(source: Source) -> None:
        uri = hostile.url("/file.bin", kind)
        opening = asyncio.ensure_future(source.open(uri, ground.spec(uri)))
        await asyncio.sleep(SETTLING)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening

    play(ground, scenario)


def test_a_server_that_is_not_there_may_be_there_later(hostile: HostileServer) -> None:
    """A refused connection is worth another try."""
    ground = HostileGround(hostile)

    async def scenario(source: Source) -> None:
        uri = f"http://127.0.0.1:{free_ports(1)[0]}/file.bin"
        with pytest.raises(TransferError, match="cannot be reached") as caught:
            await source.open(uri, ground.spec(uri))
        assert caught.value.verdict is Verdict.RETRY

    play(ground, scenario)


def test_a_reply_that_gives_less_than_was_asked_is_taken_as_far_as_it_goes(hostile: HostileServer) -> None:
    """A server may answer with a shorter range, if it says so: those bytes are good."""
    ground = HostileGround(hostile)

    async def scenario(source: Source) -> None:
        uri, pail = hostile.url("/file.bin", "short-206"), Pail()
        opening = await source.open(ground.uri("whole"), ground.spec(uri))
        await opening.close()
        await source.fetch(opening.resource, Mirror(uri), Span(7, len(ground.content)), pail, ground.spec(uri))
        assert 0 < len(pail.taken) < len(ground.content)
        assert ground.content[7:].startswith(pail.taken)

    play(ground, scenario)


def test_connections_are_used_again(hostile: HostileServer) -> None:
    """Transfers one after the other that came to their end share one connection."""
    ground = HostileGround(hostile)

    async def scenario(source: Source) -> None:
        for _ in range(5):
            await poured(ground, source, Pail(), ground.uri("whole"))
            await poured(ground, source, Pail(len(ground.content)), ground.uri("whole"))

    play(ground, scenario)
    assert len({request.connection for request in hostile.requests}) == 1


def test_nothing_is_asked_twice(hostile: HostileServer) -> None:
    """Opening and pouring is one request, a span is one more."""
    ground = HostileGround(hostile)

    async def scenario(source: Source) -> None:
        await poured(ground, source, Pail(), ground.uri("whole"))
        await fetched(ground, source, Pail(), Span(10, 20))

    play(ground, scenario)
    assert [request.range for request in hostile.requests] == ["bytes=0-", "bytes=0-", "bytes=10-19"]


@pytest.mark.parametrize("host", ["é..example", "x" * 64 + "é", "faß.example", "xn--ü.example"])
def test_a_host_that_cannot_be_asked_is_the_users_error(hostile: HostileServer, host: str) -> None:
    """It is said before any connection is made, and what was hidden in the address is not."""
    ground = HostileGround(hostile)

    async def scenario(source: Source) -> None:
        uri = f"http://me:hidden@{host}/file.bin"
        with pytest.raises(InvalidRequest) as caught:
            await source.open(uri, ground.spec(uri))
        assert "hidden" not in str(caught.value)

    play(ground, scenario)

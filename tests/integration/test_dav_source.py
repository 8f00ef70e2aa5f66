"""DavSource keeps the contract of Sources over Apache, WsgiDAV and a server that fails, and tells what folders hold."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest

from dlm.clock import SystemClock
from dlm.model.download import DownloadSpec
from dlm.model.error import Denied, DlmError, InvalidRequest, NotFound, ProtocolViolation, Untrusted
from dlm.model.listing import Entry, Kind
from dlm.ports import Source
from dlm.protocols.dav.source import DavSource
from tests.clouds import DavPeer
from tests.conftest import RunDlm
from tests.contracts.source import Ground, SourceContract
from tests.contracts.source_faults import FaultySourceContract
from tests.hostile import Content, Habits, HostileServer
from tests.hostile import content as generated
from tests.integration.test_source_contract import HostileGround
from tests.peers import PASSWORD, USER
from tests.running import RunningDlm, killed_on_the_way, until
from tests.scripted import Answer, Asked, Scripted

ODD = "grüße & 100% #1?.bin"


class HostileDavGround(HostileGround):
    """The server of all personalities, under the name of another protocol."""

    async def source(self) -> Source:
        return DavSource(SystemClock())

    def uri(self, kind: str) -> str:
        return "dav" + super().uri(kind).removeprefix("http")

    def spellings(self) -> Sequence[str]:
        return ["dav" + each.removeprefix("http") for each in super().spellings()]


@dataclass
class DavGround:
    """Files in the folder of a real server."""

    content: bytes
    peer: DavPeer
    prefix: str

    async def source(self) -> Source:
        return DavSource(SystemClock())

    def uri(self, kind: str) -> str:
        return self.peer.url({"whole": "/file.bin", "empty": "/empty.bin"}.get(kind, f"/{kind}.bin"), prefix=self.prefix)

    def spellings(self) -> Sequence[str]:
        (self.peer.root / ODD).write_bytes(self.content)
        names = (quote(ODD), "grüße%20&%20100%25%20%231%3F.bin")
        return [self.peer.url(f"/{name}", scheme, self.prefix) for name in names for scheme in ("dav", "webdav")]

    def spec(self, uri: str) -> DownloadSpec:
        return DownloadSpec(uris=(uri,), directory="/", user=f"{USER}:{PASSWORD}")

    def change(self) -> None:
        self.write_changing(self.content[::-1], 2_000_000)

    def write_changing(self, content: bytes, modified: float) -> None:
        path = self.peer.root / "changing.bin"
        path.with_suffix(".new").write_bytes(content)
        os.utime(path.with_suffix(".new"), (modified, modified))
        path.with_suffix(".new").replace(path)


def dav_ground(peer: DavPeer, content: Content, prefix: str) -> DavGround:
    """The files of the peer, and one that may change."""
    ground = DavGround(content.data, peer, prefix)
    ground.write_changing(content.data, 1_000_000)
    return ground


class TestDavSourceOverAServerThatFails(FaultySourceContract):
    @pytest.fixture
    def ground(self, content: Content) -> Iterator[Ground]:
        with HostileServer(content, habits=Habits(interval=0.0005)) as server:
            yield HostileDavGround(server)


@pytest.mark.peer
class TestDavSourceOverApacheByBasic(SourceContract):
    @pytest.fixture
    def ground(self, apache: DavPeer, content: Content) -> Ground:
        return dav_ground(apache, content, "/basic")


@pytest.mark.peer
class TestDavSourceOverApacheByDigest(SourceContract):
    @pytest.fixture
    def ground(self, apache: DavPeer, content: Content) -> Ground:
        return dav_ground(apache, content, "/digest")


@pytest.mark.peer
class TestDavSourceOverWsgidav(SourceContract):
    @pytest.fixture
    def ground(self, wsgidav: DavPeer, content: Content) -> Ground:
        return dav_ground(wsgidav, content, "")


# --- folders ----------------------------------------------------------------------------------------------------------


def spec_of(uri: str, password: str = PASSWORD) -> DownloadSpec:
    """What asks as the user."""
    return DownloadSpec(uris=(uri,), directory="/", user=f"{USER}:{password}", timeout=2.0)


def listed(uri: str, spec: DownloadSpec | None = None) -> list[Entry]:
    """What the folder holds."""

    async def scenario() -> list[Entry]:
        source = DavSource(SystemClock())
        try:
            return [entry async for entry in source.entries(uri, spec or spec_of(uri))]
        finally:
            await source.close()

    return asyncio.run(scenario())


def opened(uri: str, spec: DownloadSpec | None = None) -> DlmError | None:
    """The error that opening it ends with."""

    async def scenario() -> DlmError | None:
        source = DavSource(SystemClock())
        try:
            await (await source.open(uri, spec or spec_of(uri))).close()
        except DlmError as error:
            return error
        finally:
            await source.close()
        return None

    return asyncio.run(scenario())


@pytest.mark.peer
@pytest.mark.parametrize("kind", ["apache", "wsgidav"])
@pytest.mark.parametrize("end", ["", "/"])
def test_a_folder_tells_what_it_holds(kind: str, end: str, request: pytest.FixtureRequest) -> None:
    """Names decoded, sizes, times and validators of files, folders as such, and not the folder itself."""
    peer: DavPeer = request.getfixturevalue(kind)
    box = peer.root / "box ü"
    (box / "inner").mkdir(parents=True, exist_ok=True)
    (box / "a&b.bin").write_bytes(b"12345")
    os.utime(box / "a&b.bin", (1_000_000, 1_000_000))
    entries = {entry.name: entry for entry in listed(peer.url("/box%20%C3%BC" + end))}
    assert set(entries) == {"inner", "a&b.bin"}
    assert entries["inner"].kind is Kind.FOLDER
    file = entries["a&b.bin"]
    assert (file.kind, file.size, file.modified) == (Kind.FILE, 5, 1_000_000.0)
    assert file.validator


@pytest.mark.peer
@pytest.mark.parametrize("kind", ["apache", "wsgidav"])
def test_a_folder_is_no_file_and_a_file_no_folder(kind: str, request: pytest.FixtureRequest) -> None:
    """With a slash at the end of the address, or without; one that is not there is neither."""
    peer: DavPeer = request.getfixturevalue(kind)
    (peer.root / "folder" / "deep").mkdir(parents=True, exist_ok=True)
    for path in ("/folder", "/folder/", "/folder/deep"):
        error = opened(peer.url(path))
        assert isinstance(error, InvalidRequest), error
        assert str(error) == f"{peer.url(path)} is a folder: write -r to fetch what is in it"
    with pytest.raises(InvalidRequest, match="is a file, not a folder"):
        listed(peer.url("/file.bin"))
    with pytest.raises(NotFound):
        listed(peer.url("/nowhere/"))


@pytest.mark.peer
def test_a_wrong_password_is_tried_once(apache: DavPeer) -> None:
    """For a file and for a folder: one refusal, and no other request with it."""

    def with_user(before: int) -> list[str]:
        return [line for line in apache.log.read_text().splitlines()[before:] if line.split()[2] != "-"]

    for uri, ask in ((apache.url("/file.bin?1"), opened), (apache.url("/?1"), None)):
        before = len(apache.log.read_text().splitlines())
        if ask is not None:
            assert isinstance(ask(uri, spec_of(uri, "wrong")), Denied)
        else:
            with pytest.raises(Denied):
                listed(uri, spec_of(uri, "wrong"))
        until(partial(with_user, before))  # it is written after the reply
        assert len(with_user(before)) == 1


# --- hostile answers --------------------------------------------------------------------------------------------------

HEAD = b'<?xml version="1.0"?><D:multistatus xmlns:D="DAV:">'
TAIL = b"</D:multistatus>"


def member(href: str, *, folder: bool = False) -> bytes:
    """A `response` for one resource."""
    kind = "<D:collection/>" if folder else ""
    return (
        f"<D:response><D:href>{href}</D:href><D:propstat><D:prop><D:resourcetype>{kind}</D:resourcetype>"
        f"<D:getcontentlength>5</D:getcontentlength></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
    ).encode()


def answer(body: bytes) -> Answer:
    """A 207 with this body."""
    return Answer(207, {"Content-Type": "application/xml"}, body)


BOMB = b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><b>&b;</b>'


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (BOMB, Untrusted, "a document type"),
        (b'<!DOCTYPE d SYSTEM "file:///etc/passwd"><d/>', Untrusted, "a document type"),
        (HEAD + b"<D:a>" * 100_000, Untrusted, "nested more than"),
        (HEAD + b"<D:response>" + b"<D:a/>" * 5000, Untrusted, "elements in one entry"),
        (HEAD + b"<D:response><D:href>" + b"a" * 2_000_000, Untrusted, "an element of more than"),
        (HEAD + b"<D:a b='" + b"a" * 2_000_000, Untrusted, "an element of more than"),
        (HEAD + b"<!--" + b"a" * 2_000_000, Untrusted, "an element of more than"),
        (HEAD + member("/d/a"), ProtocolViolation, "cannot be read"),
        (b"not XML at all", ProtocolViolation, "cannot be read"),
        (b"", ProtocolViolation, "cannot be read"),
    ],
)
def test_a_hostile_document_is_refused(body: bytes, kind: type[DlmError], words: str) -> None:
    """Entities, depth, giants of every sort: one sentence that names the address as it was written."""
    with Scripted(lambda _: answer(body)) as server:
        uri = f"dav://127.0.0.1:{server.port}/d/"
        with pytest.raises(kind, match=words) as caught:
            listed(uri, replace(spec_of(uri), user=None))
        assert uri in str(caught.value)


def test_hostile_names_come_through_as_they_are() -> None:
    """They are data: whoever makes file names of them has to look."""
    hrefs = ("/d/", "/d/..%2F..%2Fetc", "/d/%00", "/d/a%0Ab", "/d//", "/other", "http://else.example/d/x", "/d/%FF")
    with Scripted(lambda _: answer(HEAD + member(hrefs[0], folder=True) + b"".join(map(member, hrefs[1:])) + TAIL)) as server:
        uri = f"dav://127.0.0.1:{server.port}/d/"
        names = [entry.name for entry in listed(uri, replace(spec_of(uri), user=None))]
    assert names == ["../../etc", "\0", "a\nb", "", "/other", "x", "\udcff"]


def test_a_list_without_end_is_read_no_faster_than_it_is_walked() -> None:
    """The server gets rid of little more than what was taken, and leaving the walk ends the transfer."""
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield HEAD + member("/d/", folder=True)
        while True:
            block = b"".join(member(f"/d/{number}") for number in range(1000))
            sent += len(block)
            yield block

    async def scenario(server: Scripted) -> int:
        uri, names = f"dav://127.0.0.1:{server.port}/d/", list[str]()
        source = DavSource(SystemClock())
        entries = source.entries(uri, replace(spec_of(uri), user=None))
        async for entry in entries:
            names.append(entry.name)
            if len(names) == 1:
                await asyncio.sleep(1.0)
                assert sent < 32 * 2**20
            if len(names) == 2500:
                break
        await entries.aclose()
        await source.close()
        return len(names)

    with Scripted(lambda _: Answer(207, {}, endless())) as server:
        assert asyncio.run(scenario(server)) == 2500


@pytest.mark.parametrize("path", ["/page", "/unsized"])
def test_a_page_may_be_a_folder_in_disguise(path: str) -> None:
    """A reply that could be a page made of a folder is asked about; what is a file is fetched, with the size that is told."""

    def script(asked: Asked) -> Answer:
        if asked.method == "PROPFIND":
            assert asked.fields["depth"] == "0"
            return answer(HEAD + member(asked.target.partition("?")[0], folder="folder" in asked.target) + TAIL)
        return Answer(200, {"Content-Type": "text/html"}, b"12345" if "page" in asked.target else iter([b"12345"]))

    with Scripted(script) as server:
        uri = f"dav://127.0.0.1:{server.port}{path}"
        spec = replace(spec_of(uri), user=None)
        assert isinstance(opened(uri + "?folder", spec), InvalidRequest)

        async def scenario() -> int | None:
            source = DavSource(SystemClock())
            opening = await source.open(uri, spec)
            await opening.close()
            await source.close()
            return opening.resource.part.size

        assert asyncio.run(scenario()) == 5


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.mark.peer
def test_the_command_fetches_from_webdav(dlm: RunDlm, apache: DavPeer, content: Content) -> None:
    """Under the name that the address has, with the exit codes of its errors."""
    user = ("--user", f"{USER}:{PASSWORD}")
    result = dlm("get", "-d", "got", *user, apache.url("/file.bin"))
    assert result.returncode == 0, result.stderr
    for path, code, words in (
        ("/nope.bin", 3, "is not there"),
        ("/folder/", 2, "is a folder"),
    ):
        result = dlm("get", *user, apache.url(path))
        assert (result.returncode, words in result.stderr) == (code, True), result.stderr
    result = dlm("get", "--user", f"{USER}:wrong", apache.url("/file.bin"))
    assert result.returncode == 4
    assert "wrong" not in result.stderr.replace(apache.url("/file.bin"), "")


@pytest.mark.peer
def test_what_a_kill_left_is_gone_on_with(apache: DavPeer, tmp_path: Path) -> None:
    """The bytes on disk are not asked for again, and the file is right."""
    whole = generated(16_000_011, seed=5)
    (apache.root / "large.bin").write_bytes(whole)
    os.utime(apache.root / "large.bin", (1_000_000, 1_000_000))  # Apache does not vouch for what has just been written
    args = ("get", "-x", "1", "--json", "--user", f"{USER}:{PASSWORD}", apache.url("/large.bin"))
    killed_on_the_way(args, tmp_path)
    before = len(apache.log.read_text().splitlines())
    with RunningDlm(*args, cwd=tmp_path) as running:
        code, _, errors = running.end()
    assert code == 0, errors
    assert (tmp_path / "large.bin").read_bytes() == whole
    asked = [line for line in apache.log.read_text().splitlines()[before:] if "/large.bin" in line]
    assert asked
    assert not [line for line in asked if line.endswith(("bytes=0-", " -"))], asked

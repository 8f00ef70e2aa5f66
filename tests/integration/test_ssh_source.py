"""SshSource keeps the contract of Sources: over OpenSSH, and over a server that can be told to fail."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import pytest

from dlm.clock import SystemClock
from dlm.model.download import DownloadSpec
from dlm.model.error import NotFound, Refused, ResourceChanged, ServerFailed, TransferError, Truncated, Verdict
from dlm.model.listing import Kind
from dlm.model.span import Span
from dlm.ports import Source
from dlm.protocols.ssh.pool import MOST
from dlm.protocols.ssh.source import SshSource
from tests.contracts.outlets import Pail
from tests.contracts.source import Ground, SourceContract, fetched, play, poured
from tests.contracts.source_faults import FaultySourceContract
from tests.hostile import Content
from tests.ssh_script import Script, scripted
from tests.sshd import Relay, Sshd, make_key, sshd

ODD = "grüße & 100% #1?;type=a.bin"
SPELLINGS = (quote(ODD), "grüße%20&%20100%25%20%231?;type=a.bin")
OLD = 1_000_000_000
CUT = 700_000
"""Bytes of a connection after which it is cut: in the third block of a file."""


@dataclass
class SshdGround:
    """Files in the folder of OpenSSH."""

    content: bytes
    peer: Sshd
    faulty: Script | None = None
    without_sftp: Sshd | None = None
    relay: Relay | None = None
    stranger: Path | None = None
    whole: str = "/file.bin"

    async def source(self) -> Source:
        return SshSource(SystemClock())

    def uri(self, kind: str) -> str:
        if kind in {"unsized", "crumbled", "silent"} and self.faulty is not None:
            return self.faulty.url(f"/{kind}", "anybody")
        if kind == "unranged" and self.without_sftp is not None:
            return self.without_sftp.url(self.whole, "scp")
        if kind == "cut" and self.relay is not None:
            return self.peer.url(self.whole, port=self.relay.port)
        if kind == "denied":
            return self.peer.url(self.whole) + "?stranger"
        return self.peer.url({"whole": self.whole, "empty": "/empty.bin"}.get(kind, f"/{kind}.bin"))

    def spellings(self) -> Sequence[str]:
        (self.peer.root / ODD).write_bytes(self.content)
        return [self.peer.url(f"/{name}") for name in SPELLINGS]

    def spec(self, uri: str) -> DownloadSpec:
        server = (
            next(each for each in (self.faulty, self.without_sftp, self.peer) if each and f":{each.port}/" in uri)
            if (self.relay is None or f":{self.relay.port}/" not in uri)
            else self.peer
        )
        key = self.stranger if uri.endswith("?stranger") else self.peer.key
        return DownloadSpec(uris=(uri,), directory="/", key=str(key), hostkey=server.fingerprint)

    def change(self) -> None:
        self.write_changing(self.content[::-1], OLD + 5)

    def write_changing(self, content: bytes, modified: float) -> None:
        path = self.peer.root / "changing.bin"
        path.with_suffix(".new").write_bytes(content)
        os.utime(path.with_suffix(".new"), (modified, modified))
        path.with_suffix(".new").replace(path)


@pytest.fixture(scope="module")
def peer(served_files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """OpenSSH with `served_files`, all of them old."""
    with sshd(served_files, tmp_path_factory.mktemp("sshd")) as running:
        for path in running.root.rglob("*"):
            os.utime(path, (OLD, OLD))
        yield running


@pytest.fixture(scope="module")
def without_sftp(served_files: dict[str, bytes], peer: Sshd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """OpenSSH that offers no SFTP, and lets the same key in."""
    directory = tmp_path_factory.mktemp("scp")
    with sshd(served_files, directory, sftp=False) as running:
        (directory / "authorized").write_text(peer.key.with_suffix(".pub").read_text())
        yield running


@pytest.fixture
def ground(peer: Sshd, content: Content) -> SshdGround:
    """The files of OpenSSH."""
    ground = SshdGround(content.data, peer)
    ground.write_changing(content.data, OLD)
    return ground


@pytest.mark.peer
class TestSftpOverOpenSsh(SourceContract):
    @pytest.fixture
    def ground(self, ground: SshdGround) -> Ground:
        return ground


@pytest.mark.peer
class TestSftpOverServersThatFail(FaultySourceContract):
    @pytest.fixture
    def ground(self, peer: Sshd, without_sftp: Sshd, content: Content, tmp_path: Path) -> Iterator[Ground]:
        long = content.data * 3
        for server in (peer, without_sftp):
            (server.root / "long.bin").write_bytes(long)
        with scripted(long) as faulty, Relay(peer.port, cut=CUT) as relay:
            stranger = make_key(tmp_path / "stranger")
            ground = SshdGround(long, peer, faulty, without_sftp, relay, stranger, "/long.bin")
            ground.write_changing(long, OLD)
            yield ground


# --- what else SFTP has to do -----------------------------------------------------------------------------------------


def asked(script: Script, path: str) -> tuple[str, DownloadSpec]:
    """The address of a scripted file, and a spec for it."""
    uri = script.url(path, "anybody")
    return uri, DownloadSpec(uris=(uri,), directory="/", hostkey=script.fingerprint)


@pytest.mark.peer
def test_one_login_serves_all(ground: SshdGround) -> None:
    """Files one after the other go over one connection, and many spans at once over few."""

    async def scenario(source: Source) -> None:
        before = ground.peer.logins()
        for _ in range(5):
            await poured(ground, source, Pail(), ground.uri("whole"))
        assert ground.peer.logins() == before + 1
        spans = [Span(start, start + 5000) for start in range(0, 100_000, 5000)]
        await asyncio.gather(*(fetched(ground, source, Pail(), span) for span in spans))
        assert before + 1 < ground.peer.logins() <= before + MOST

    play(ground, scenario)


@pytest.mark.peer
def test_a_host_that_lets_in_only_once_serves_all_over_that(ground: SshdGround) -> None:
    """A further connection that is refused is no failure: what is there is shared."""

    async def scenario(source: Source) -> None:
        with Relay(ground.peer.port) as relay:
            uri = ground.peer.url("/file.bin", port=relay.port)
            opening = await source.open(uri, ground_spec(ground, uri))
            relay.cut = 0
            pails = [Pail() for _ in range(6)]
            mirror = opening.resource.mirrors[0]
            span = Span(0, len(ground.content))
            await asyncio.gather(
                *(source.fetch(opening.resource, mirror, span, pail, ground_spec(ground, uri)) for pail in pails)
            )
            assert all(pail.taken == ground.content for pail in pails)
            await opening.close()

    play(ground, scenario)


def ground_spec(ground: SshdGround, uri: str) -> DownloadSpec:
    """A spec for an address by way of a relay."""
    return replace(ground.spec(ground.uri("whole")), uris=(uri,))


@pytest.mark.peer
def test_a_change_while_it_is_read_is_noticed(ground: SshdGround) -> None:
    """The open file is looked at again behind its last byte, so a file written to in place is never taken for good."""

    class Meddling(Pail):
        def answer(self, data: memoryview) -> object:  # type: ignore[override]  # it changes nothing of the answer
            path = ground.peer.root / "changing.bin"
            with path.open("r+b") as file:
                file.write(big[::-1])
            os.utime(path, (OLD + 9, OLD + 9))
            return super().answer(data)

    async def scenario(source: Source) -> None:
        with pytest.raises(ResourceChanged):
            await poured(ground, source, Meddling(), ground.uri("changing"))

    # Both blocks of a small file are asked for before the first is poured, so the second look comes too early there.
    big = ground.content * 40
    (ground.peer.root / "changing.bin").write_bytes(big)
    os.utime(ground.peer.root / "changing.bin", (OLD, OLD))
    play(ground, scenario)


@pytest.mark.peer
def test_a_file_that_became_shorter_is_truncated(ground: SshdGround) -> None:
    """What is missing is an error that a retry may mend, and never taken for the end."""
    with scripted(ground.content) as script:
        uri, spec = asked(script, "/short")

        async def scenario(source: Source) -> None:
            pail = Pail()
            opening = await source.open(uri, spec)
            with pytest.raises(Truncated):
                await opening.pour(pail)
            assert pail.taken == ground.content[:-1000]

        play(ground, scenario)


@pytest.mark.peer
def test_a_recent_file_is_not_split(ground: SshdGround) -> None:
    """Its time counts in seconds, so it might change within one: only an older time proves a version."""
    (ground.peer.root / "recent.bin").write_bytes(ground.content)

    async def scenario(source: Source) -> None:
        for name, strong in (("recent", False), ("whole", True)):
            opening = await source.open(ground.uri(name), ground.spec(ground.uri(name)))
            await opening.close()
            assert (opening.resource.validator.condition is not None) is strong

    play(ground, scenario)


@pytest.mark.peer
def test_what_is_no_file_is_refused_at_once(ground: SshdGround) -> None:
    """A folder, and a pipe, whose opening would have stopped the server's session for good."""
    os.mkfifo(ground.peer.root / "pipe.bin")

    async def scenario(source: Source) -> None:
        for path, words in (("/folder", "is a folder"), ("/pipe.bin", "neither a file nor a folder")):
            uri = ground.peer.url(path)
            with pytest.raises(Refused, match=words):
                await source.open(uri, ground.spec(uri))
        await poured(ground, source, Pail(), ground.uri("whole"))

    play(ground, scenario)
    (ground.peer.root / "pipe.bin").unlink()


@pytest.mark.peer
def test_paths_begin_at_the_root_or_at_home(ground: SshdGround) -> None:
    """`/~/` is the home directory, as with curl; an escaped tilde is a name like any other."""
    (ground.peer.home / "mine.txt").write_bytes(b"at home")
    (ground.peer.root / "~").mkdir(exist_ok=True)
    (ground.peer.root / "~" / "mine.txt").write_bytes(b"elsewhere")

    async def scenario(source: Source) -> None:
        place = f"sftp://{ground.peer.user}@127.0.0.1:{ground.peer.port}"
        for uri, content in (
            (f"{place}/~/mine.txt", b"at home"),
            (f"{place}{ground.peer.home}/mine.txt", b"at home"),
            (ground.peer.url("/%7E/mine.txt"), b"elsewhere"),
        ):
            pail = Pail()
            await poured(ground, source, pail, uri)
            assert pail.taken == content

    play(ground, scenario)


@pytest.mark.peer
def test_a_file_that_says_to_be_empty_and_is_not(ground: SshdGround) -> None:
    """Files of the kernel do: their size is not known, and all of them comes."""
    uri = f"sftp://{ground.peer.user}@127.0.0.1:{ground.peer.port}/proc/version"

    async def scenario(source: Source) -> None:
        opening = await source.open(uri, ground.spec(uri))
        pail = Pail()
        assert (opening.resource.part.size, opening.resource.ranged) == (None, False)
        await opening.pour(pail)
        assert pail.taken == Path("/proc/version").read_bytes()

    play(ground, scenario)


@pytest.mark.parametrize("largest", [1000, 32 * 1024, 100_000])
def test_servers_that_give_less_than_they_are_asked_for(ground: SshdGround, largest: int) -> None:
    """They get smaller requests, and every byte comes once."""
    content = ground.content * 10
    with scripted(content, largest=largest) as script:
        uri, spec = asked(script, "/plain")

        async def scenario(source: Source) -> None:
            pail = Pail()
            opening = await source.open(uri, spec)
            await opening.pour(pail)
            assert pail.taken == content
            assert all(size <= max(largest, 32 * 1024) for _, size in script.requests[-3:])

        play(ground, scenario)


def test_what_the_server_says_is_told(ground: SshdGround) -> None:
    """A failing disk over there is its failure; a file that it keeps for itself is denied."""
    with scripted(ground.content) as script:

        async def scenario(source: Source) -> None:
            uri, spec = asked(script, "/broken")
            with pytest.raises(ServerFailed, match="the disk is broken") as caught:
                await (await source.open(uri, spec)).pour(Pail())
            assert caught.value.verdict is Verdict.RETRY
            for path, kind in (("/missing", "NotFound"), ("/secret", "Denied")):
                uri, spec = asked(script, path)
                with pytest.raises(TransferError) as refused:
                    await source.open(uri, spec)
                assert refused.value.kind == kind

        play(ground, scenario)


@pytest.mark.peer
def test_scp_uses_sftp_where_there_is_one_and_its_own_protocol_elsewhere(ground: SshdGround, without_sftp: Sshd) -> None:
    """The first knows ranges, the second brings the whole file, its time and its errors."""
    ground.without_sftp = without_sftp

    async def scenario(source: Source) -> None:
        for server, ranged in ((ground.peer, True), (without_sftp, False)):
            uri, pail = server.url("/file.bin", "scp"), Pail()
            spec = replace(ground.spec(ground.uri("whole")), uris=(uri,), hostkey=server.fingerprint)
            opening = await source.open(uri, spec)
            resource = opening.resource
            assert (resource.part.size, resource.ranged) == (len(ground.content), ranged)
            assert resource.part.modified is not None
            await opening.pour(pail)
            assert pail.taken == ground.content
        for path, kind in (("/missing.bin", NotFound), ("/folder", Refused)):
            uri = without_sftp.url(path, "scp")
            with pytest.raises(kind):
                await source.open(uri, ground.spec(uri))
        uri = without_sftp.url("/file.bin")
        with pytest.raises(Refused, match=r"offers no SFTP.*scp://"):
            await source.open(uri, ground.spec(uri))

    play(ground, scenario)


@pytest.mark.peer
def test_what_a_folder_holds(ground: SshdGround) -> None:
    """Files with size and time, folders, links as links; names as they are; nothing of the folder itself."""
    folder = ground.peer.root / "many"
    folder.mkdir(exist_ok=True)
    (folder / "grüße.txt").write_bytes(b"123")
    os.utime(folder / "grüße.txt", (OLD, OLD))
    (folder / "below").mkdir(exist_ok=True)
    (folder / "link").symlink_to("/etc")
    os.mkfifo(folder / "pipe")
    uri = ground.peer.url("/many/")

    async def scenario(source: Source) -> None:
        assert isinstance(source, SshSource)
        found = {entry.name: entry async for entry in source.entries(uri, ground.spec(uri))}
        kinds = {"grüße.txt": Kind.FILE, "below": Kind.FOLDER, "link": Kind.LINK, "pipe": Kind.OTHER}
        assert {name: entry.kind for name, entry in found.items()} == kinds
        file = found["grüße.txt"]
        assert (file.size, file.modified) == (3, OLD)
        opening = await source.open(ground.peer.url("/many/gr%C3%BC%C3%9Fe.txt"), ground.spec(uri))
        await opening.close()
        assert opening.resource.validator.etag == file.validator
        missing = ground.peer.url("/nowhere/")
        with pytest.raises(NotFound):
            _ = [entry async for entry in source.entries(missing, ground.spec(missing))]

    play(ground, scenario)

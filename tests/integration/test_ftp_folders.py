"""Folders of real servers, listed by MLSD and by LIST."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlm.clock import SystemClock
from dlm.model.download import DownloadSpec
from dlm.model.error import NotFound, TransferError
from dlm.model.listing import Entry, Kind
from dlm.protocols.ftp.source import FtpSource
from tests import ftp_peers
from tests.conftest import RunDlm
from tests.contracts.outlets import Pail
from tests.contracts.source import play
from tests.fakes import some_bytes
from tests.ftp_peers import FtpPeer

CONTENT = some_bytes(5000)
MODIFIED = 1_000_000_000
NAMES = ("plain.txt", "with space", " leading", "-dash", "star*[a]?", "grüße", 'quo"te', "semi;colon=x", "a -> b", "per%20cent")
FILES = {f"fol der/{name}": CONTENT for name in NAMES} | {"fol der/deeper/x": b"", "fol der/empty": b""}
LATIN = b"gr\xfc\xdfe"
"""Not UTF-8."""

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module", params=["vsftpd", "proftpd", "pyftpdlib"])
def peer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FtpPeer]:
    """The first of them knows no MLSD."""
    with getattr(ftp_peers, request.param)(FILES, tmp_path_factory.mktemp("peer")) as peer:
        folder = peer.root / "fol der"
        for each in folder.iterdir():
            os.utime(each, (MODIFIED, MODIFIED))
        (folder / "link").symlink_to("/etc/passwd")
        if request.param != "pyftpdlib":  # it leaves such names out
            Path(os.fsdecode(os.fsencode(folder) + b"/" + LATIN)).write_bytes(CONTENT)
        yield peer


class Folders:
    """What `play` wants of a ground."""

    content = b""

    async def source(self) -> FtpSource:
        return FtpSource(SystemClock())


def listed(peer: FtpPeer, path: str) -> list[Entry]:
    """What is there, asked twice over one connection."""
    found: list[list[Entry]] = []

    async def scenario(source: FtpSource) -> None:
        for _ in range(2):
            found.append([entry async for entry in source.entries(peer.url(path), spec_of(peer))])

    play(Folders(), scenario)  # type: ignore[arg-type] # only its source is used here
    assert sorted(map(repr, found[0])) == sorted(map(repr, found[1]))
    return found[0]


def spec_of(peer: FtpPeer) -> DownloadSpec:
    """For any of its addresses."""
    return DownloadSpec(uris=(peer.url("/"),), directory="/")


def test_a_folder_is_listed_as_it_is(peer: FtpPeer) -> None:
    """Every name as it stands on the disk, with its size and its time; links are not followed, folders not entered."""
    entries = {entry.name: entry for entry in listed(peer, "/fol%20der/")}
    names = {*NAMES, "deeper", "empty", "link"}
    if (peer.root / "fol der" / os.fsdecode(LATIN)).exists():
        names.add(os.fsdecode(LATIN))
    links = {name for name, entry in entries.items() if entry.kind is Kind.LINK}
    assert links <= {"link", "a"}, "LIST cannot tell a link's name from an arrow in it"
    assert {*entries} - {"link"} == names - {"link"}
    assert entries["deeper"].kind is Kind.FOLDER
    assert entries["empty"].size == 0
    for name in NAMES:
        assert (entries[name].kind, entries[name].size) == (Kind.FILE, len(CONTENT))
        assert abs((entries[name].modified or 0) - MODIFIED) <= 86400


def test_what_is_listed_can_be_fetched(peer: FtpPeer) -> None:
    """By the address that its name makes; what MLSD says of its version is what a download will find."""
    folder = peer.url("/fol%20der/")

    async def scenario(source: FtpSource) -> None:
        entries = [entry async for entry in source.entries(folder, spec_of(peer))]
        for entry in entries:
            if entry.kind is Kind.FILE and entry.size and entry.name != "link":
                opening, pail = await source.open(source.child(folder, entry), spec_of(peer)), Pail()
                await opening.pour(pail)
                assert pail.taken == CONTENT
                assert entry.validator in {None, opening.resource.validator.etag}

    play(Folders(), scenario)  # type: ignore[arg-type] # only its source is used here


def test_the_first_folder_needs_no_name(peer: FtpPeer) -> None:
    """It is where a login begins."""
    for path in ("/", ""):
        assert [entry.name for entry in listed(peer, path)] == ["fol der"]


def test_what_is_no_folder_is_an_error(peer: FtpPeer) -> None:
    """And the connection is good for the next."""

    async def scenario(source: FtpSource) -> None:
        with pytest.raises(NotFound):
            async for _ in source.entries(peer.url("/missing/"), spec_of(peer)):
                pass
        with contextlib.suppress(TransferError):  # some list a file as if it were a folder with itself in it
            async for entry in source.entries(peer.url("/fol%20der/empty/"), spec_of(peer)):
                assert entry.name == "empty"
        assert [entry.name async for entry in source.entries(peer.url("/"), spec_of(peer))] == ["fol der"]

    play(Folders(), scenario)  # type: ignore[arg-type] # only its source is used here


@pytest.mark.parametrize("without", ["REST", "SIZE", "MDTM", "EPSV", "REST SIZE MDTM EPSV FEAT MLSD"])
def test_servers_that_lack_commands(dlm: RunDlm, tmp_path: Path, without: str) -> None:
    """They give their files all the same."""
    content = some_bytes(3_000_001)
    with ftp_peers.pyftpdlib({"file.bin": content}, tmp_path / "server", without=without.split()) as peer:
        result = dlm("get", "-q", "-x", "4", "--limit-rate", "20M", peer.url("/file.bin"))
        assert result.returncode == 0, result.stderr
        assert (tmp_path / "file.bin").read_bytes() == content
        assert [entry.name for entry in listed(peer, "/")] == ["file.bin"]

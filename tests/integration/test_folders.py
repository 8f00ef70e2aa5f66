"""Folders of every protocol keep one contract, over real servers and in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from dlm.clock import SystemClock
from dlm.model.download import DownloadSpec
from dlm.model.listing import Entry, Kind
from dlm.protocols.children import child_of
from dlm.protocols.curl.source import HttpSource
from dlm.protocols.dav.source import DavSource
from dlm.protocols.ftp.source import FtpSource
from dlm.protocols.memory import MemoryFile, MemorySource
from dlm.protocols.s3.source import S3Source
from dlm.protocols.ssh.source import SshSource
from tests import ftp_peers
from tests.clouds import ACCESS_KEY, BUCKET, SECRET_KEY, DavPeer, S3Peer
from tests.contracts.folders import BACKSLASH, LATIN, LINE, NAMES, FoldersContract, Ground, file_paths, write_odd
from tests.indexers import KINDS, indexer
from tests.peers import PASSWORD, USER
from tests.sshd import sshd

ALL = frozenset(NAMES)


@dataclass
class PlainGround:
    """A Source of a kind, and where its folders are."""

    kind: type[HttpSource | FtpSource | SshSource | DavSource | S3Source]
    base: str
    spec_of: DownloadSpec
    names: frozenset[bytes] = ALL
    content: bytes = field(default=b"", init=False)

    async def source(self) -> object:
        return self.kind(SystemClock())

    def folder(self, path: str) -> str:
        return self.base + path

    def spec(self, uri: str) -> DownloadSpec:
        return self.spec_of


def spec_with(**facts: str) -> DownloadSpec:
    """What a user asks for, beside the address."""
    return DownloadSpec(uris=("x://y/",), directory="/", timeout=5.0, **facts)  # type: ignore[arg-type] # all are text


class MemoryGround:
    """The twin."""

    content = b""
    names = ALL

    async def source(self) -> MemorySource:
        files = {}
        for path in file_paths(ALL):
            uri = self.folder("odd")
            for name in path.split(b"/"):
                uri = child_of(uri, Entry(os.fsdecode(name), Kind.FILE, None, None))
            files[uri] = MemoryFile(path)
        return MemorySource(files)

    def folder(self, path: str) -> str:
        return f"memory://host/{path}"

    def spec(self, uri: str) -> DownloadSpec:
        return DownloadSpec(uris=(uri,), directory="/")


class TestFoldersInMemory(FoldersContract):
    @pytest.fixture
    def ground(self) -> Ground:
        return MemoryGround()


FTP_UNTOLD = frozenset({LINE, BACKSLASH, b"tab\there"})
"""No command can hold a line break, and no listing of ours tells of backslashes and other controls."""


@pytest.fixture(scope="module", params=["vsftpd", "proftpd", "pyftpdlib"])
def ftp(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """The first of them hides names with a dot at the head, the last what is not UTF-8."""
    hidden = {"vsftpd": {b".hidden", b"..."}, "pyftpdlib": {LATIN}}
    untold = FTP_UNTOLD | hidden.get(request.param, set())
    with getattr(ftp_peers, request.param)({}, tmp_path_factory.mktemp("peer")) as peer:
        write_odd(peer.root, ALL - untold)
        yield PlainGround(FtpSource, peer.url("/"), spec_with(), ALL - untold)


@pytest.fixture(scope="module")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """OpenSSH."""
    with sshd({}, tmp_path_factory.mktemp("sshd")) as peer:
        write_odd(peer.root, ALL)
        yield PlainGround(SshSource, peer.url("/"), spec_with(key=str(peer.key), hostkey=peer.fingerprint))


@pytest.fixture(scope="module", params=["apache", "wsgidav"])
def dav(request: pytest.FixtureRequest) -> Ground:
    """The second fails for a whole folder in which one name is not UTF-8."""
    peer: DavPeer = request.getfixturevalue(request.param)
    names = ALL - ({LATIN} if request.param == "wsgidav" else frozenset())
    write_odd(peer.root, names)
    return PlainGround(DavSource, peer.url("/"), spec_with(user=f"{USER}:{PASSWORD}"), names)


@pytest.fixture(scope="module", params=["seaweedfs", "moto"])
def s3(request: pytest.FixtureRequest) -> Ground:
    """A key is text: bytes that are none cannot be stored. One takes a backslash for a slash, the other no line break."""
    peer: S3Peer = request.getfixturevalue(request.param)
    names = ALL - {LATIN, BACKSLASH if request.param == "seaweedfs" else LINE}
    client = peer.client()
    for path in file_paths(names):
        client.put_object(Bucket=BUCKET, Key=f"odd/{path.decode()}", Body=path)
    spec = spec_with(user=f"{ACCESS_KEY}:{SECRET_KEY}", endpoint_url=peer.endpoint)
    return PlainGround(S3Source, f"s3://{BUCKET}/", spec, names)


@pytest.fixture(scope="module", params=sorted(KINDS))
def web(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """nginx hides names with a dot at the head; lighttpd refuses what it lists; Python's server cannot write every name."""
    kind: str = request.param
    unserved = {"nginx": {b".hidden", b"..."}, "lighttpd": {LATIN, LINE, b"tab\there"}, "python": {LATIN}}
    names = ALL - unserved.get(kind.partition("-")[0], set())
    with indexer(kind, tmp_path_factory.mktemp("indexer")) as peer:
        write_odd(peer.root, names)
        yield PlainGround(HttpSource, peer.url("/"), spec_with(), names)


@pytest.mark.peer
class TestFoldersOfFtp(FoldersContract):
    @pytest.fixture
    def ground(self, ftp: Ground) -> Ground:
        return ftp


@pytest.mark.peer
class TestFoldersOfSftp(FoldersContract):
    @pytest.fixture
    def ground(self, sftp: Ground) -> Ground:
        return sftp


@pytest.mark.peer
class TestFoldersOfWebdav(FoldersContract):
    @pytest.fixture
    def ground(self, dav: Ground) -> Ground:
        return dav


@pytest.mark.peer
class TestFoldersOfS3(FoldersContract):
    @pytest.fixture
    def ground(self, s3: Ground) -> Ground:
        return s3


@pytest.mark.peer
class TestFoldersOfWebServers(FoldersContract):
    @pytest.fixture
    def ground(self, web: Ground) -> Ground:
        return web

"""FtpSource keeps the contract of Sources: over vsftpd, ProFTPD and pyftpdlib, in clear and within TLS, passive and active."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from dlm.clock import SystemClock
from dlm.model.download import DownloadSpec
from dlm.ports import Source
from dlm.protocols.ftp.source import FtpSource
from tests import ftp_peers
from tests.contracts.source import Ground, SourceContract
from tests.ftp_peers import FtpPeer
from tests.hostile import Content

if TYPE_CHECKING:
    from tests.certificates import Certificates

Files = dict[str, bytes]
ODD = "grüße & 100% #1?;x.bin"

pytestmark = pytest.mark.peer


@dataclass
class FtpGround:
    """Files in the folder of a server."""

    peer: FtpPeer
    content: bytes
    options: DownloadSpec
    userinfo: str = ""

    async def source(self) -> Source:
        return FtpSource(SystemClock())

    def uri(self, kind: str) -> str:
        path = {"whole": "/file.bin", "empty": "/empty.bin"}.get(kind, f"/folder/{kind}.bin")
        return self.peer.url(path)

    def spellings(self) -> Sequence[str]:
        (self.peer.root / "folder" / ODD).write_bytes(self.content)
        return [self.peer.url(f"/folder/{name}") for name in (quote(ODD), "grüße%20&%20100%25%20%231?;x.bin;type=i")]

    def spec(self, uri: str) -> DownloadSpec:
        return replace(self.options, uris=(uri,))

    def change(self) -> None:
        write_changing(self.peer.root, self.content[::-1], 2_000_000)


def write_changing(root: Path, content: bytes, modified: float) -> None:
    """What is at `changing` is this from now on."""
    path = root / "folder" / "changing.bin"
    path.with_suffix(".new").write_bytes(content)
    os.utime(path.with_suffix(".new"), (modified, modified))
    path.with_suffix(".new").replace(path)


@pytest.fixture(scope="module")
def files(content: Content) -> Files:
    """What the servers have."""
    return {"file.bin": content.data, "empty.bin": b"", "folder/small.txt": b"Hello.\n"}


def ground_over(peer: FtpPeer, content: Content, certificates: Certificates, *, active: bool = False) -> FtpGround:
    """The files of the peer, and one that may change."""
    write_changing(peer.root, content.data, 1_000_000)
    options = DownloadSpec(uris=(peer.url("/"),), directory="/", cacert=str(certificates.ca), ftp_active=active)
    return FtpGround(peer, content.data, options)


@pytest.fixture(scope="module")
def vsftpd(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FtpPeer]:
    """In clear."""
    with ftp_peers.vsftpd(files, tmp_path_factory.mktemp("vsftpd")) as peer:
        yield peer


@pytest.fixture(scope="module", params=["explicit", "implicit"])
def vsftpd_within_tls(
    request: pytest.FixtureRequest,
    files: dict[str, bytes],
    certificates: Certificates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[FtpPeer]:
    """It gives no data to a connection that does not resume the session of the control connection."""
    directory, implicit = tmp_path_factory.mktemp("vsftpd"), request.param == "implicit"
    with ftp_peers.vsftpd(files, directory, certificates=certificates, implicit=implicit) as peer:
        yield peer


@pytest.fixture(scope="module", params=["clear", "tls"])
def proftpd(
    request: pytest.FixtureRequest,
    files: dict[str, bytes],
    certificates: Certificates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[FtpPeer]:
    """With TLS it wants the session to be resumed, too."""
    tls = certificates if request.param == "tls" else None
    with ftp_peers.proftpd(files, tmp_path_factory.mktemp("proftpd"), certificates=tls) as peer:
        yield peer


@pytest.fixture(scope="module", params=["clear", "tls"])
def pyftpdlib(
    request: pytest.FixtureRequest,
    files: dict[str, bytes],
    certificates: Certificates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[FtpPeer]:
    """In clear, or within TLS."""
    tls = certificates if request.param == "tls" else None
    with ftp_peers.pyftpdlib(files, tmp_path_factory.mktemp("pyftpdlib"), certificates=tls) as peer:
        yield peer


class TestFtpSourceOverVsftpd(SourceContract):
    @pytest.fixture(params=["passive", "active"])
    def ground(self, request: pytest.FixtureRequest, vsftpd: FtpPeer, content: Content, certificates: Certificates) -> Ground:
        return ground_over(vsftpd, content, certificates, active=request.param == "active")


class TestFtpSourceOverVsftpdWithinTls(SourceContract):
    @pytest.fixture
    def ground(self, vsftpd_within_tls: FtpPeer, content: Content, certificates: Certificates) -> Ground:
        return ground_over(vsftpd_within_tls, content, certificates)


class TestFtpSourceOverProftpd(SourceContract):
    @pytest.fixture
    def ground(self, proftpd: FtpPeer, content: Content, certificates: Certificates) -> Ground:
        return ground_over(proftpd, content, certificates)


class TestFtpSourceOverPyftpdlib(SourceContract):
    """Passive only: of several active connections that are used again its version 2.2 forgets some."""

    @pytest.fixture
    def ground(self, pyftpdlib: FtpPeer, content: Content, certificates: Certificates) -> Ground:
        return ground_over(pyftpdlib, content, certificates)

"""Servers that take long to start, once for all tests of a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import clouds
from tests.clouds import DavPeer, S3Peer


@pytest.fixture(scope="session")
def apache(served_files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Iterator[DavPeer]:
    """A running Apache with `served_files`."""
    with clouds.apache(served_files, tmp_path_factory.mktemp("apache")) as peer:
        yield peer


@pytest.fixture(scope="session")
def wsgidav(served_files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Iterator[DavPeer]:
    """A running WsgiDAV with `served_files`."""
    with clouds.wsgidav(served_files, tmp_path_factory.mktemp("wsgidav")) as peer:
        yield peer


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Peer]:
    """A running SeaweedFS."""
    with clouds.seaweedfs(tmp_path_factory.mktemp("weed")) as peer:
        yield peer


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Peer]:
    """A running moto."""
    with clouds.moto(tmp_path_factory.mktemp("moto")) as peer:
        yield peer

"""The addresses of what folders hold, by the rules of each protocol."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.clock import SystemClock
from dlm.model.address import check_uri
from dlm.model.error import InvalidRequest
from dlm.model.listing import Entry, Kind, is_component
from dlm.ports import Folders
from dlm.protocols.curl.source import HttpSource
from dlm.protocols.dav.source import DavSource
from dlm.protocols.ftp.address import parse as parse_ftp
from dlm.protocols.ftp.source import FtpSource
from dlm.protocols.s3.address import parse as parse_s3
from dlm.protocols.s3.source import S3Source
from dlm.protocols.ssh.address import path_of
from dlm.protocols.ssh.source import SshSource

CLOCK = SystemClock()
SOURCES: dict[str, Folders] = {
    "http": HttpSource(CLOCK),
    "dav": DavSource(CLOCK),
    "ftp": FtpSource(CLOCK),
    "sftp": SshSource(CLOCK),
    "s3": S3Source(CLOCK),
}


def of(uri: str) -> Folders:
    """Who serves the address."""
    return SOURCES[uri.partition("://")[0]]


@pytest.mark.parametrize(
    ("folder", "child"),
    [
        ("http://h/d/", "http://h/d/x"),
        ("http://me:pw@h:81/d", "http://me:pw@h:81/d/x"),
        ("http://h", "http://h/x"),
        ("http://h/d/?C=M;O=A#top", "http://h/d/x"),
        ("dav://h/d/?sort", "dav://h/d/x"),
        ("ftp://h", "ftp://h/x"),
        ("ftp://h//", "ftp://h//x"),
        ("ftp://h/d?e/#f", "ftp://h/d?e/x"),
        ("ftp://h/d/;type=d", "ftp://h/d/x"),
        ("sftp://h/~", "sftp://h/~/x"),
        ("sftp://h/~/d/", "sftp://h/~/d/x"),
        ("sftp://h/d?e/#f", "sftp://h/d?e/x"),
        ("s3://bucket", "s3://bucket/x"),
        ("s3://bucket/d//", "s3://bucket/d//x"),
    ],
)
def test_a_child_stands_below_its_folder(folder: str, child: str) -> None:
    """Whatever is behind the path of a folder is the folder's own; a folder within ends with a slash."""
    assert of(folder).child(folder, Entry("x", Kind.FILE, None, None)) == child
    assert of(folder).child(folder, Entry("x", Kind.LINK, None, None)) == child
    assert of(folder).child(folder, Entry("x", Kind.FOLDER, None, None)) == child + "/"


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        *(("http://h/d/", True), ("http://h", True), ("http://h/d/?x", True), ("http://h/d", False), ("http://h/d?x/", False)),
        *(("dav://h/d/", True), ("dav://h/d", False), ("ftp://h/d/", True), ("ftp://h", True), ("ftp://h/d/;type=d", True)),
        *(("ftp://h/d?x/", True), ("ftp://h/d", False), ("sftp://h", True), ("sftp://h/", True), ("sftp://h/~", True)),
        *(
            ("sftp://h/~/", True),
            ("sftp://h/~/d/", True),
            ("sftp://h/~/d", False),
            ("sftp://h/d?/", True),
            ("sftp://h/%7E", False),
        ),
        *(("s3://bucket", True), ("s3://bucket/d/", True), ("s3://bucket/d", False)),
    ],
)
def test_an_address_says_whether_it_is_a_folders(uri: str, expected: bool) -> None:
    """By its end, where the path ends by the rules of the protocol."""
    assert of(uri).is_folder(uri) is expected


def test_a_file_called_like_a_home_is_none() -> None:
    """Right below the root a tilde would be somebody's home directory."""
    for name in ("~", "~user"):
        for kind, end in ((Kind.FILE, b""), (Kind.FOLDER, b"/")):
            assert path_of(of("sftp://h/").child("sftp://h/", Entry(name, kind, None, None))) == b"/" + name.encode() + end


@given(st.binary(min_size=1, max_size=20), st.sampled_from([Kind.FILE, Kind.FOLDER]))
def test_every_byte_of_a_name_arrives(name: bytes, kind: Kind) -> None:
    """Or there is no address: where the name is none, or no command could hold it."""
    text, end = os.fsdecode(name), b"/" if kind is Kind.FOLDER else b""
    entry = Entry(text, kind, None, None)
    for uri in ("ftp://h/a%20b/", "sftp://h/a%20b/", "s3://bucket/a%20b/"):
        if not is_component(text) or ("ftp:" in uri[:4] and set(name) & set(b"\r\n")):
            with pytest.raises(InvalidRequest):
                of(uri).child(uri, entry)
            continue
        child = of(uri).child(uri, entry)
        check_uri(child)
        assert of(uri).is_folder(child) is (kind is Kind.FOLDER)
        if uri.startswith("ftp"):
            path = parse_ftp(child, tls=False).path
        elif uri.startswith("sftp"):
            path = path_of(child).removeprefix(b"/")
        else:
            path = os.fsencode(parse_s3(child).key)
        assert path == b"a b/" + name + end

"""Servers whose folders are meant to do harm, by every protocol: what comes out of a walk is harmless, and the walk ends."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, quote, quote_from_bytes, urlsplit

import pytest

from dlm.clock import SystemClock
from dlm.model.download import DownloadSpec
from dlm.model.error import Refused, TransferError, Untrusted
from dlm.model.recursion import Folder, Found, Recursion
from dlm.policy.walking import REPEATS
from dlm.protocols.curl.source import HttpSource
from dlm.protocols.dav.source import DavSource
from dlm.protocols.ftp.source import FtpSource
from dlm.protocols.s3.source import S3Source
from dlm.protocols.ssh.source import SshSource
from dlm.transfer.walking import read_folder
from tests.hostile_ftp import Habits, HostileFtp
from tests.scripted import Answer, Asked, Scripted
from tests.ssh_script import scripted

HARM = [
    *(b"../../x", b"..", b".", b"", b"a/b", b"/etc/passwd", b"..\\..\\x", b"C:\\x", b"nul\0x", b"\xff\xfe", b"line\nbreak"),
    *(b"..%2f..%2fx", b"%2e%2e", b"con", b"aux.txt", b"desktop.ini", b" . ", b"-rf", b"~", b"x" * 300, b"\xe2\x80\xaegpj.exe"),
    *(b"?C=N;O=D", b"#x", b"javascript:alert(1)", b"http://evil.example/x", b"//evil.example/x", b"a\\b", b"a\rb"),
]
"""Names of files. Each of them, and `good`, is also the name of a folder."""
Start = tuple[Any, str, DownloadSpec]


def spec(uri: str, **facts: Any) -> DownloadSpec:
    """What a user asks for."""
    return DownloadSpec(uris=(uri,), directory="/", timeout=5.0, **facts)


@contextmanager
def by_http(names: Sequence[bytes], *, loop: bool) -> Iterator[Start]:
    """As links, escaped and not, and as nobody should write them."""

    def script(_asked: Asked) -> Answer:
        links = [b'<a href="again/">x</a>'] if loop else []
        for name in names:
            links += [
                b'<a href="%s%s">x</a> 2026-01-01 00:00 5 \n' % (each, end) for end in (b"", b"/") for each in written(name)
            ]
        return Answer(200, {"Content-Type": "text/html"}, b"".join(links))

    def written(name: bytes) -> list[bytes]:
        return [quote_from_bytes(name, safe="").encode(), name.replace(b'"', b""), b"./" + name, b"%2e%2e/" + name]

    with Scripted(script) as server:
        uri = f"http://127.0.0.1:{server.port}/d/"
        yield HttpSource(SystemClock()), uri, spec(uri)


@contextmanager
def by_json(names: Sequence[bytes], *, loop: bool) -> Iterator[Start]:
    """As nginx writes lists."""
    told = [{"name": os.fsdecode(name), "type": kind, "size": 5} for name in names for kind in ("file", "directory")]
    told += [{"name": "again", "type": "directory"}] if loop else []
    body = json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogateescape")
    with Scripted(lambda _: Answer(200, {"Content-Type": "application/json"}, body)) as server:
        uri = f"http://127.0.0.1:{server.port}/d/"
        yield HttpSource(SystemClock()), uri, spec(uri)


@contextmanager
def by_dav(names: Sequence[bytes], *, loop: bool) -> Iterator[Start]:
    """As members, below the folder that was asked for and beside it. A file in the place of the folder is another error."""

    def script(asked: Asked) -> Answer:
        base = asked.target
        members = [response(base, folder=True)] + ([response(base + "again/", folder=True)] if loop else [])
        for name in filter(None, names):
            for folder in (False, True):
                members += [
                    response(base + quote_from_bytes(name, safe=""), folder=folder),
                    response(quote(name), folder=folder),
                ]
        return Answer(207, {}, f'<D:multistatus xmlns:D="DAV:">{"".join(members)}</D:multistatus>'.encode())

    def response(href: str, *, folder: bool) -> str:
        kind = "<D:collection/>" if folder else ""
        said = f"<D:prop><D:resourcetype>{kind}</D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status>"
        return f"<D:response><D:href>{href}</D:href><D:propstat>{said}</D:propstat></D:response>"

    with Scripted(script) as server:
        uri = f"dav://127.0.0.1:{server.port}/d/"
        yield DavSource(SystemClock()), uri, spec(uri)


@contextmanager
def by_s3(names: Sequence[bytes], *, loop: bool) -> Iterator[Start]:
    """As keys and as prefixes, below the one that was asked for and not."""

    def script(asked: Asked) -> Answer:
        prefix = parse_qs(urlsplit(asked.target).query).get("prefix", [""])[0]
        keys = [quote(prefix).encode() + quote_from_bytes(name).encode() for name in names] + [
            quote_from_bytes(b"/" + HARM[0]).encode()
        ]
        body = b"".join(b"<Contents><Key>%s</Key><Size>5</Size></Contents>" % key for key in keys)
        keys += [quote(prefix).encode() + b"again"] if loop else []
        body += b"".join(b"<CommonPrefixes><Prefix>%s/</Prefix></CommonPrefixes>" % key for key in keys)
        return Answer(200, {}, b"<ListBucketResult><EncodingType>url</EncodingType>" + body + b"</ListBucketResult>")

    with Scripted(script) as server:
        endpoint = f"http://127.0.0.1:{server.port}"
        yield S3Source(SystemClock()), "s3://bkt/d/", spec("s3://bkt/d/", endpoint_url=endpoint, anonymous=True)


@contextmanager
def by_ftp(names: Sequence[bytes], *, loop: bool, facts: bool) -> Iterator[Start]:
    """As lines of MLSD or of LIST, which a line break in a name makes two of."""
    ways = (b"type=%s;size=5; %s\r\n",) if facts else (b"%srw-r--r-- 1 0 0 5 Jan  1  2026 %s\r\n",)
    kinds = (b"file", b"dir", b"OS.unix=slink:/etc") if facts else (b"-", b"d", b"l")
    lines = [way % (kind, name) for way in ways for name in names for kind in kinds]
    lines += [ways[0] % (kinds[1], b"again")] if loop else []
    habits = Habits(listing=b"".join(lines))
    if not facts:
        habits.features = b"211 None.\r\n"
    with HostileFtp(b"", habits) as server:
        uri = f"ftp://127.0.0.1:{server.port}/d/"
        yield FtpSource(SystemClock()), uri, spec(uri)


@contextmanager
def by_sftp(names: Sequence[bytes], *, loop: bool) -> Iterator[Start]:
    """As files, folders and links."""
    kinds = (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)
    held = [(name, kind | 0o644) for name in names for kind in kinds] + ([(b"again", stat.S_IFDIR | 0o755)] if loop else [])
    with scripted(b"", held=held) as server:
        uri = server.url("/d/", "anybody")
        yield SshSource(SystemClock()), uri, spec(uri, hostkey=server.fingerprint)


WAYS: dict[str, Callable[..., Any]] = {
    "http": by_http,
    "json": by_json,
    "dav": by_dav,
    "s3": by_s3,
    "mlsd": lambda names, *, loop: by_ftp(names, loop=loop, facts=True),
    "list": lambda names, *, loop: by_ftp(names, loop=loop, facts=False),
    "sftp": by_sftp,
}


def walked(start: Start, *, most: int | None = None, recursion: Recursion = Recursion()) -> list[Found | Folder]:  # noqa: B008 - frozen
    """What comes out of a walk through these folders, the first so many of them."""
    source, uri, asked = start

    async def scenario() -> list[Found | Folder]:
        waiting, met, count = [Folder(uri)], list[Found | Folder](), 0
        try:
            while waiting and (most is None or count < most):
                count += 1
                async for each in read_folder(source, waiting.pop(), asked, recursion):
                    met.append(each)
                    if isinstance(each, Folder):
                        waiting.append(each)
        finally:
            await source.close()
        return met

    return asyncio.run(scenario())


@pytest.mark.parametrize("way", sorted(WAYS))
def test_only_harmless_names_come_out(way: str) -> None:
    """One component each, below the directory, all different; and every address is below the one that was asked for."""
    with WAYS[way]([*HARM, b"good"], loop=False) as start:
        met = walked(start, most=1)
    names = [each.name if isinstance(each, Found) else each.path for each in met]
    assert {"good", "good (1)"} <= set(names)
    assert len(names) == len(set(names)) > 10
    for name in names:
        assert os.path.normpath("/directory/" + name) == "/directory/" + name
        assert name not in {"", ".", ".."}
        assert not set(name) & set("/\\\0\r\n")
        assert len(name.encode()) <= 250
    for each in met:
        assert each.uri.startswith(start[1])
        assert "/" not in each.uri.removeprefix(start[1]).removesuffix("/")
        assert each.uri.removeprefix(start[1]).removesuffix("/").lower() not in {"", ".", "..", "%2e", "%2e%2e"}


@pytest.mark.parametrize("way", sorted(WAYS))
def test_ten_thousand_entries_are_a_folder_like_any_other(way: str) -> None:
    """All of them come out."""
    with WAYS[way]([b"%d" % number for number in range(10_000)], loop=False) as start:
        met = walked(start, most=1, recursion=Recursion(depth=0))
    assert len({each.uri for each in met}) >= 10_000


@pytest.mark.parametrize("way", sorted(WAYS))
def test_a_folder_within_itself_comes_to_an_end(way: str) -> None:
    """Though the server has no end of them."""
    with WAYS[way]([], loop=True) as start:
        met = walked(start)
    folders = [each.path for each in met if isinstance(each, Folder)]
    assert folders == ["/".join(["again"] * (number + 1)) for number in range(REPEATS)]


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Answer(200, {"Content-Type": "application/pdf"}, b"%PDF"), Refused, "is no index page: it is application/pdf"),
        (Answer(200, {}, b"x"), Refused, "is no index page: the server does not say what it is"),
        (Answer(200, {"Content-Type": "application/json"}, b" " * 17_000_000), Untrusted, "more than 16 MiB"),
        (
            Answer(302, {"Location": "/page", "Content-Type": "text/html"}),
            Refused,
            "/page is no index page: the address of a folder",
        ),
        (Answer(302, {"Location": "file:///etc/"}), Untrusted, "only http and https are followed"),
        (Answer(404, {"Content-Type": "text/html"}, b'<a href="x">x</a>'), TransferError, "is not there"),
    ],
)
def test_what_is_no_index_page_is_an_error(answer: Answer, kind: type[TransferError], words: str) -> None:
    """That says what it is instead."""
    page = Answer(200, {"Content-Type": "text/html"}, b'<a href="x">x</a>')
    with Scripted(lambda asked: page if asked.target == "/page" else answer) as server:
        uri = f"http://127.0.0.1:{server.port}/d/"
        with pytest.raises(kind, match=words):
            walked((HttpSource(SystemClock()), uri, spec(uri)))


def test_a_page_behind_a_redirect_counts_from_where_it_is() -> None:
    """Its links are its own children; they are asked for below the address that the user gave."""

    def script(asked: Asked) -> Answer:
        if asked.target == "/d/":
            return Answer(302, {"Location": "/real/place/"})
        links = b'<a href="/d/x">x</a><a href="y">y</a><a href="/real/place/z/">z</a>'
        return Answer(200, {"Content-Type": "text/html"}, links)

    with Scripted(script) as server:
        uri = f"http://127.0.0.1:{server.port}/d/"
        met = walked((HttpSource(SystemClock()), uri, spec(uri)), most=1)
    assert met == [Found(uri + "y", "", "y"), Folder(uri + "z/", "z", 1)]

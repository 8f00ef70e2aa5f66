"""What FTP's pure parts make of addresses and replies, those of a malicious server included."""

from __future__ import annotations

import os
from urllib.parse import quote_from_bytes, unquote_to_bytes, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dlm.model.error import Denied, InvalidRequest, NotFound, Refused, ResourceChanged, ServerBusy, ServerFailed, TransferError
from dlm.model.listing import Entry, Kind
from dlm.protocols.ftp.address import Security, child, parse
from dlm.protocols.ftp.judgement import Facts, judge_announced, login_refusal, refusal
from dlm.protocols.ftp.replies import (
    REPLY_LIMIT,
    Garbled,
    Reply,
    ReplyReader,
    announced_size,
    extended_port,
    passive_port,
    quoted_folder,
    seconds,
    stated_size,
    stated_time,
)


@pytest.mark.parametrize(
    ("uri", "tls", "port", "security", "path"),
    [
        ("ftp://h/a/b.bin", False, 21, Security.NONE, b"a/b.bin"),
        ("FTP://h:2121/a;type=i", False, 2121, Security.NONE, b"a"),
        ("ftp://h/a;type=A", True, 21, Security.EXPLICIT, b"a"),
        ("ftpes://h//a", False, 21, Security.EXPLICIT, b"/a"),
        ("ftps://h/%2Fa", True, 990, Security.IMPLICIT, b"/a"),
        ("ftp://h/a?b=c;type=x;d#e", False, 21, Security.NONE, b"a?b=c;type=x;d"),
        ("ftp://h/gr%FC%C3%9F", False, 21, Security.NONE, b"gr\xfc\xc3\x9f"),
        ("ftp://h/gr\u00fc\u00df e".replace(" ", "%20"), False, 21, Security.NONE, "gr\u00fc\u00df e".encode()),
        ("ftp://h", False, 21, Security.NONE, b""),
    ],
)
def test_addresses(uri: str, tls: bool, port: int, security: Security, path: bytes) -> None:
    """The server's port, when TLS begins, and the path as the server gets to see it."""
    target = parse(uri, tls=tls)
    assert (target.host, target.port, target.security, target.path) == ("h", port, security, path)


@pytest.mark.parametrize(
    "uri", ["ftp:///a", "ftp://h/a%0Ab", "ftp://h/%0D", "ftp://h/a%00", "ftp://u%0Av:p@h/a", "ftp://u:p%0D@h/"]
)
def test_addresses_that_cannot_be_asked_for(uri: str) -> None:
    """No host, or what would be a second command."""
    with pytest.raises(InvalidRequest):
        parse(uri, tls=False)


@given(st.binary(max_size=40))
def test_a_path_is_any_bytes_but_those_that_end_a_command(path: bytes) -> None:
    """As they are escaped, they arrive; or nothing does."""
    uri = "ftp://h/" + quote_from_bytes(path, safe="/")
    if set(path) & {0, 10, 13}:
        with pytest.raises(InvalidRequest):
            parse(uri, tls=False)
    else:
        assert parse(uri, tls=False).path == path


@given(st.binary(min_size=1, max_size=20).filter(lambda name: not set(name) & {0, 10, 13, 47}), st.booleans())
def test_an_entrys_address_leads_to_it(name: bytes, folder: bool) -> None:
    """Whatever characters its name has, also such as mean something in addresses, and such as are not UTF-8."""
    assume(name not in {b".", b".."})
    entry = Entry(os.fsdecode(name), Kind.FOLDER if folder else Kind.FILE, None, None)
    uri = child("ftp://me@h:2121/a%20b/", entry)
    assert urlsplit(uri).netloc == "me@h:2121"
    assert parse(uri, tls=False).path == b"a b/" + name + (b"/" if folder else b"")
    assert unquote_to_bytes(uri.rstrip("/").rpartition("/")[2]) == name


def read(text: bytes, size: int = 1 << 20) -> list[Reply]:
    """The replies in it, when it comes in pieces of this size."""
    reader, replies = ReplyReader(), []
    for start in range(0, len(text), size):
        reader.feed(text[start : start + size])
        while reply := reader.take():
            replies.append(reply)
    return replies


@pytest.mark.parametrize(
    ("text", "replies"),
    [
        (b"220 Hello.\r\n", [Reply(220, "Hello.")]),
        (b"220 Hello.\n331\r\n", [Reply(220, "Hello."), Reply(331, "")]),
        (b"220-Hi\n221 no end\r\n 220 nor\n220-\n220 end\n", [Reply(220, "Hi\n221 no end\n 220 nor\n220-\nend")]),
        (b"211-a\r\n211\r\n", [Reply(211, "a\n")]),
        (b"213 \xff\r\n", [Reply(213, "\ufffd")]),
        (b"220-never", []),
    ],
)
def test_replies(text: bytes, replies: list[Reply]) -> None:
    """Of one line or several, whatever the pieces are in which they come."""
    for size in (1, 2, 7, 1000):
        assert read(text, size) == replies


@pytest.mark.parametrize(
    "text",
    [
        b"\r\n",
        b"hello\r\n",
        b"99 x\r\n",
        b"600 x\r\n",
        b"2200 x\r\n",
        b"220x\r\n",
        b"x" * 10_000,
        b"220-" + b"a\r\n" * REPLY_LIMIT,
    ],
)
def test_what_is_no_reply(text: bytes) -> None:
    """It is refused, and only so much of it is kept."""
    with pytest.raises(Garbled):
        read(text)


@given(st.binary(max_size=200), st.integers(1, 50))
def test_a_server_may_send_anything(text: bytes, size: int) -> None:
    """It is a reply, or it is said to be none; and the pieces in which it comes make no difference."""

    def outcome(size: int) -> list[Reply] | None:
        try:
            return read(text, size)
        except Garbled:
            return None

    replies = outcome(size)
    assert replies == outcome(1)
    for reply in replies or []:
        assert 100 <= reply.code < 600
        for sense in (stated_size(reply), announced_size(reply)):
            assert sense is None or sense >= 0


def test_ports() -> None:
    """Those of PASV and EPSV, with the text around them as servers have it."""
    assert passive_port(Reply(227, "Entering Passive Mode (10,0,0,1,4,210).")) == 4 * 256 + 210
    assert passive_port(Reply(227, "=10,0,0,1,4,210")) == 1234
    assert extended_port(Reply(229, "Entering Extended Passive Mode (|||1234|)")) == 1234
    assert extended_port(Reply(229, "ok (!!!65535!)")) == 65535
    for text in ("", "(1,2,3,4,5)", "(1,2,3,4,256,1)", "(1,2,3,4,0,0)"):
        with pytest.raises(Garbled):
            passive_port(Reply(227, text))
    for text in ("", "(|||0|)", "(|||65536|)", "(|||123)", "(||1.2.3.4|12|)", "(1112341)"):
        with pytest.raises(Garbled):
            extended_port(Reply(229, text))


def test_times() -> None:
    """With fractions or without; and what is none is not taken for one."""
    assert seconds("20260102030405") == 1767323045.0
    assert seconds("20260102030405.5") == 1767323045.5
    for text in (
        "",
        "191000102030405",
        "20261302030405",
        "20260230030405",
        "00000102030405",
        "20260102240405",
        "2026010203040",
        "x",
    ):
        assert seconds(text) is None
    assert stated_time(Reply(213, " 20260102030405\n".strip())) == "20260102030405"
    assert stated_time(Reply(550, "20260102030405")) is None


def test_sizes() -> None:
    """Numbers that can be a size, and only in the replies that state one."""
    assert stated_size(Reply(213, "12")) == 12
    assert stated_size(Reply(550, "12")) is None
    assert stated_size(Reply(213, str(2**63))) is None
    assert stated_size(Reply(213, "-1")) is None
    assert announced_size(Reply(150, "Opening BINARY mode data connection for x(1).bin (12 bytes).")) == 12
    assert announced_size(Reply(150, "Opening for x (12).")) is None


def test_folders() -> None:
    """As PWD quotes them."""
    assert quoted_folder(Reply(257, '"/a ""b""" is here')) == b'/a "b"'
    assert quoted_folder(Reply(257, "/a")) is None
    assert quoted_folder(Reply(257, '"/\ufffd"')) is None


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(550, "No such file or directory"), NotFound),
        (Reply(550, "x: Permission denied"), Denied),
        (Reply(550, "Failed to open file."), NotFound),
        (Reply(501, "No such directory."), NotFound),
        (Reply(501, "What?"), Refused),
        (Reply(450, "busy"), ServerBusy),
        (Reply(451, "failed"), ServerFailed),
        (Reply(552, "no"), Refused),
        (Reply(421, "bye"), ServerBusy),
    ],
)
def test_refusals_of_files(reply: Reply, kind: type[TransferError]) -> None:
    """What is not there, what may not be read, and what may come later are three things."""
    assert type(refusal(reply, "ftp://h/a")) is kind


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(530, "Login incorrect."), Denied),
        (Reply(530, "Sorry, the maximum number of clients (3) from your host are already connected."), ServerBusy),
        (Reply(530, "Too many users logged in, closing control connection"), ServerBusy),
        (Reply(530, "Non-anonymous sessions must use encryption."), Denied),
        (Reply(421, "There are too many connections from your internet address."), ServerBusy),
        (Reply(432, "later"), ServerBusy),
    ],
)
def test_refusals_of_logins(reply: Reply, kind: type[TransferError]) -> None:
    """A crowd is waited for, a wrong password is not."""
    assert type(login_refusal(reply, "ftp://h/a", anonymous=False)) is kind


def test_a_server_that_wants_tls_is_said_to() -> None:
    """With the address that would do."""
    reply = Reply(530, "Non-anonymous sessions must use encryption.")
    assert "ftpes://" in str(login_refusal(reply, "ftp://h/a", anonymous=False))


def test_versions() -> None:
    """Time and size together tell versions apart; either alone proves only that something has changed."""
    whole = Facts(12, "20260102030405").validator
    assert whole.condition is not None
    assert whole.contradicts(Facts(13, "20260102030405").validator)
    assert whole.contradicts(Facts(12, "20260102030406").validator)
    assert not whole.contradicts(Facts(12, "20260102030405").validator)
    for partly in (Facts(12, None), Facts(None, "20260102030405"), Facts(None, None)):
        assert partly.validator.condition is None


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 2000))
def test_a_size_that_is_announced_is_that_of_the_file_or_of_the_rest(total: int, start: int, announced: int) -> None:
    """Anything else is another file."""
    if announced in {total, total - start}:
        judge_announced(announced, Facts(total, None), start, "ftp://h/a")
    else:
        with pytest.raises(ResourceChanged):
            judge_announced(announced, Facts(total, None), start, "ftp://h/a")
    judge_announced(announced, Facts(None, None), start, "ftp://h/a")
    judge_announced(None, Facts(total, None), start, "ftp://h/a")

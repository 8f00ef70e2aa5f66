"""What a table cannot say of the personalities: proofs, chains, crowds and pace."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
import time
import zlib

import pytest

from tests.hostile import COOKIE, PASSWORD, PERSONALITIES, TOKEN, USER, Content, Habits, HostileServer, content
from tests.hostile.client import FIN, Answer, fetch

FILE = Content(content(40_000, seed=5))
HABITS = Habits(interval=0.002, bomb_size=2 << 20, endless_limit=1 << 20, crawl_rate=400_000)
MIDDLE = "20000-29999"


def test_if_range_is_honoured_or_not() -> None:
    """After the change a range under the old ETag gets the new whole, or the new range from who ignores If-Range."""
    with HostileServer(FILE) as server:
        for name, status in (("changes-midway", 200), ("changes-midway-ignores-if-range", 206), ("polite", 206)):
            fetch(server.url("/f", name))
            answer = fetch(server.url("/f", name), MIDDLE, ("If-Range", FILE.etag))
            assert answer.status == status, name
        weak = fetch(server.url("/f", "weak-etag"), MIDDLE, ("If-Range", f"W/{FILE.etag}"))
        assert weak.status == 200


def test_the_change_cuts_everybody_off() -> None:
    """What `changes-midway` sends before its change never adds up to more than half of the file and a step."""
    with HostileServer(FILE) as server:
        for start in range(0, 40_000, 10_000):
            fetch(server.url("/f", "changes-midway"), f"{start}-{start + 9_999}")
        old = [record.bytes_sent for record in server.requests]
        assert old[:2] == [10_000, 10_000]
        assert fetch(server.url("/f", "changes-midway")).body == FILE.changed.data


def test_multipart_is_well_formed() -> None:
    """The part carries its Content-Range and the bytes."""
    with HostileServer(FILE) as server:
        answer = fetch(server.url("/f", "multipart-byteranges"), MIDDLE)
    head, _, rest = answer.body.partition(b"\r\n\r\n")
    assert b"Content-Range: bytes 20000-29999/40000" in head
    assert rest == FILE.data[20_000:30_000] + b"\r\n--0123456789abcdef--\r\n"


def test_lengths_are_sent_twice() -> None:
    """Two Content-Lengths stand in the head, equal or not."""
    with HostileServer(FILE) as server:
        assert fetch(server.url("/f", "two-lengths")).values("Content-Length") == ["40000", "10"]
        assert fetch(server.url("/f", "two-equal-lengths")).values("Content-Length") == ["40000", "40000"]


def test_chains_end_in_the_file() -> None:
    """A chain of N has N redirects, by all five statuses, and then the file."""
    with HostileServer(FILE) as server:
        for length in (5, 10, 11):
            url, statuses = server.url("/f", f"redirect-chain-{length}"), []
            while (answer := fetch(url)).status != 200:
                statuses.append(answer.status)
                url = f"http://127.0.0.1:{server.port}{answer.header('Location')}"
            assert (len(statuses), len(set(statuses)), answer.body) == (length, 5, FILE.data)


def test_redirects_lead_to_the_other_port() -> None:
    """Both redirects to another origin name the other port, and what arrives there is recorded with its headers."""
    with HostileServer(FILE) as server:
        assert server.other_port != server.port
        there = f"127.0.0.1:{server.other_port}/cross-origin-target/f"
        assert fetch(server.url("/f", "cross-origin-redirect")).header("Location") == f"http://{there}"
        assert fetch(server.url("/f", "cross-origin-user")).header("Location") == f"http://planted:secret@{there}"
        assert fetch(f"http://{there}", None, ("X-Api-Key", "k")).body == FILE.data
        assert (server.requests[-1].port, server.requests[-1].headers["x-api-key"]) == (server.other_port, "k")


@pytest.mark.parametrize(
    ("name", "header", "wrong"),
    [
        ("basic-auth", ("Authorization", "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()), "Basic AAAA"),
        ("bearer", ("Authorization", f"Bearer {TOKEN}"), "Bearer nothing"),
        ("cookie-file", ("Cookie", COOKIE), "pass=another"),
        ("needs-cookie", ("Cookie", "a=b; session=given-on-the-way"), "a=b"),
    ],
)
def test_gates_open_to_the_right_key_only(name: str, header: tuple[str, str], wrong: str) -> None:
    """The right header gets the file, a wrong one does not."""
    with HostileServer(FILE) as server:
        assert fetch(server.url("/f", name), None, header).body == FILE.data
        assert fetch(server.url("/f?given", name), None, (header[0], wrong)).status in {401, 403}


def test_digest_wants_a_proof() -> None:
    """Digest authentication accepts the proof of RFC 7616 and no other."""

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    with HostileServer(FILE) as server:
        url = server.url("/f", "digest-auth")
        challenge = fetch(url).header("WWW-Authenticate") or ""
        nonce = challenge.partition('nonce="')[2].partition('"')[0]
        secrets = {PASSWORD: 200, "guess": 401}
        for secret, status in secrets.items():
            first, second = md5(f"{USER}:hostile:{secret}"), md5("GET:/digest-auth/f")
            proof = md5(f"{first}:{nonce}:00000001:abc:auth:{second}")
            claim = f'username="{USER}", realm="hostile", nonce="{nonce}", uri="/digest-auth/f", qop=auth'
            line = f'Digest {claim}, nc=00000001, cnonce="abc", response="{proof}"'
            assert fetch(url, None, ("Authorization", line)).status == status


def test_disposition_is_sent_raw() -> None:
    """The value of `name` is sent as it is after percent-decoding, any octet included."""
    with HostileServer(FILE) as server:
        url = server.url("/file?name=attachment%3B%20filename%3D%22..%2F..%2Fa+b%FF%22", "disposition")
        assert fetch(url).header("Content-Disposition") == 'attachment; filename="../../a+b\xff"'
        url = server.url("/file?name=inline%0D%0AX-Injected:%201", "disposition")
        assert fetch(url).header("X-Injected") == "1"
        assert fetch(server.url("/file?text%2Fhtml", "media-type")).header("Content-Type") == "text/html"


def test_interim_replies_come_first() -> None:
    """100, 102 and 103 come before the file."""
    with HostileServer(FILE) as server:
        interim = fetch(server.url("/f", "sends-1xx")).interim
    assert [line.split()[1] for line in interim.split(b"\r\n") if line.startswith(b"HTTP/")] == [b"100", b"102", b"103"]


def test_head_gets_no_body() -> None:
    """HEAD gets the head of GET and no body, where it is not refused."""
    with HostileServer(FILE) as server:
        for name in ("polite", "no-length", "drips-body", "changes-midway", "endless", "redirect-with-fat-body"):
            answer = fetch(server.url("/f", name), method="HEAD")
            assert (answer.raw, answer.end) == (b"", FIN), name
        assert fetch(server.url("/f", "head-refused"), method="HEAD").status == 405
        assert fetch(server.url("/f", "polite"), method="POST").status == 405


@pytest.mark.parametrize(
    ("name", "status"), [("too-many-connections", 503), ("too-many-connections-429", 429), ("too-many-connections-reset", 0)]
)
def test_two_at_once_are_enough(name: str, status: int) -> None:
    """A third request gets its refusal while two are answered, and the file afterwards."""
    with HostileServer(FILE, connection_bytes_per_second=100_000) as server:
        early: list[Answer] = []
        clients = [threading.Thread(target=lambda: early.append(fetch(server.url("/f", name)))) for _ in range(2)]
        for client in clients:
            client.start()
        while len([record for record in server.requests if record.bytes_sent]) < 2:
            time.sleep(0.001)
        assert fetch(server.url("/f", name)).status == status
        for client in clients:
            client.join()
        assert [answer.body for answer in early] == [FILE.data, FILE.data]
        assert fetch(server.url("/f", name)).status == 200


def _drain(sock: socket.socket, received: bytearray) -> None:
    while piece := sock.recv(65536):
        received += piece


def test_a_reset_comes_after_the_bytes() -> None:
    """Even a client with a small window, that reads late, gets all that was sent before the reset."""
    large = content(2 << 20)
    with HostileServer(large) as server, socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", server.port))
        sock.sendall(b"GET /resets/f HTTP/1.1\r\n\r\n")
        while server.bytes_sent() < len(large) // 4:
            time.sleep(0.001)
        time.sleep(0.05)
        received = bytearray()
        with pytest.raises(ConnectionResetError):
            _drain(sock, received)
    assert received.partition(b"\r\n\r\n")[2] == large[: len(large) // 4]


def test_one_crawls_and_the_others_do_not() -> None:
    """Only the second GET is held to `crawl_rate`."""
    with HostileServer(FILE, habits=Habits(crawl_rate=20_000)) as server:
        ends = [fetch(server.url("/f", "one-crawls"), "0-", most=9_000) for _ in range(3)]
        deadline = time.monotonic() + 60
        # The client has what it wanted sooner than the server has counted what it sent.
        while server.requests[2].bytes_sent < FILE.size and time.monotonic() < deadline:
            time.sleep(0.005)
        sent = [record.bytes_sent for record in server.requests]
    assert [len(answer.raw) >= 8_000 for answer in ends] == [True, True, True]
    assert sent[0] == sent[2] == FILE.size
    assert sent[1] < 20_000


def test_gzip_is_sound() -> None:
    """What `gzip-always` sends unpacks to the file."""
    with HostileServer(FILE) as server:
        assert zlib.decompress(fetch(server.url("/f", "gzip-always")).body, 31) == FILE.data


@pytest.mark.parametrize("size", [0, 1, 2, 3])
def test_tiny_files_break_nobody(size: int) -> None:
    """Every personality can serve a file of a few bytes, or none."""
    with HostileServer(content(size), habits=HABITS) as server:
        for name, row in PERSONALITIES.items():
            if not row.tls:
                fetch(server.url("/f", name), "0-", silence=0.01, patience=0.05, most=1 << 20)
                fetch(server.url("/f", name), "1-", silence=0.01, patience=0.05, most=1 << 20)

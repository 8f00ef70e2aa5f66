"""The attack table in bytes: a real daemon with its database, its log and its sockets, and clients that no library is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemons import RunningDaemon
from tests.running import until
from tests.wire import answered, asked, closed, connected, first_response, frame, head, opened_socket, status

DOWNLOADS = "/api/v1/downloads"
CANARY = "CANARY"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    """One for all, so that what an attack leaves behind is met by the next. It says nothing on its standard error."""
    folder = tmp_path_factory.mktemp("besieged")
    log = folder / "log.json"
    with RunningDaemon(folder, "--log-file", str(log), "--log-format", "json", "--jobs", "2") as running:
        yield running
        assert running.process.poll() is None
        running.process.terminate()
        code, _, err = running.end()
        assert (code, err) == (0, "")
        assert CANARY not in log.read_text()
        assert all(json.loads(line) for line in log.read_text().splitlines())


# --- requests that are not what they seem -----------------------------------------------------------------------------

SMUGGLED = "\r\nGET /api/v1/queue HTTP/1.1\r\n\r\n"
AMBIGUOUS = {
    "two lengths": ("Content-Length: 5", "Content-Length: 6"),
    "a length in two": ("Content-Length: 5, 6",),
    "both ways": ("Content-Length: 5", "Transfer-Encoding: chunked"),
    "both ways, turned": ("Transfer-Encoding: chunked", "Content-Length: 5"),
    "chunked by another name": ("Transfer-Encoding: xchunked",),
    "chunked twice": ("Transfer-Encoding: chunked, chunked",),
    "compressed and chunked": ("Transfer-Encoding: gzip, chunked",),
    "a space before the colon": ("Content-Length : 5",),
    "a negative length": ("Content-Length: -5",),
    "a length with a sign": ("Content-Length: +5",),
    "a hexadecimal length": ("Content-Length: 0x5",),
    "a zero byte": ("X-A: a\0b",),
    "a bare return": ("X-A: a\rContent-Length: 5",),
    "no name": (": 5",),
    "a long one": ("X-A: " + "a" * 70_000,),
    "many": tuple(f"X-{number}: {'a' * 500}" for number in range(400)),
}


@pytest.mark.parametrize("fields", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_d15_smuggling(daemon: RunningDaemon, fields: tuple[str, ...]) -> None:
    """D15: a head that two servers could read in two ways is refused, with the connection and all that comes after."""
    kind = ("Content-Type: application/json",)
    sent = head(daemon, "PUT /api/v1/limits HTTP/1.1", *kind, *fields)
    answer = answered(daemon, sent + b"0\r\n\r\n" + head(daemon, "GET /api/v1/queue HTTP/1.1"))
    assert status(answer) in {400, 411, 431, 501}, answer
    assert answer.count(b"HTTP/1.1 ") == 1, answer


@pytest.mark.parametrize("line", ["GET /health", "GET  /health HTTP/1.1", "\0\1\2", "PRI * HTTP/2.0", "A" * 70_000])
def test_d15_no_request(daemon: RunningDaemon, line: str) -> None:
    """D15: what is no request of HTTP/1.1 gets one short answer and no more."""
    answer = answered(daemon, head(daemon, line, "Connection: close"))
    assert status(answer) in {0, 400, 404}, answer
    assert len(answer) < 1000


def test_d13_another_address_in_the_request(daemon: RunningDaemon) -> None:
    """D13: a request in the form for proxies reaches nothing, whomever it names, and the daemon is nobody's proxy."""
    for line in ("GET http://evil.test/health HTTP/1.1", "CONNECT evil.test:443 HTTP/1.1", "GET http:/health HTTP/1.1"):
        with connected(daemon) as made:
            made.sendall(head(daemon, line))
            assert first_response(made)[0] in {400, 404}, line


@pytest.mark.parametrize("upgrade", ["h2c", "websocket", "TLS/1.3"])
def test_d20_upgrades(daemon: RunningDaemon, upgrade: str) -> None:
    """D20: no other protocol is changed to, but for WebSocket where events are."""
    answer = answered(daemon, head(daemon, "GET /health HTTP/1.1", "Connection: Upgrade, close", f"Upgrade: {upgrade}"))
    assert status(answer) in {200, 400, 403}, answer


@pytest.mark.parametrize(
    "path",
    ["/../../../../etc/passwd", "/web/../../../etc/passwd", "/web/%2e%2e/%2e%2e/tokens.py", "/web/..%2f..%2fapi/tokens.py"]
    + [
        "/web/..%252f..%252fetc/passwd",
        "/web/%5c..%5c..%5cmain.js",
        "/web/main.js%00.css",
        "/web/main.js%0d%0aX:%20y",
        "//etc/passwd",
    ]
    + [
        "/web/%c0%ae%c0%ae/x",
        "/web/%ff",
        "/%2fetc%2fpasswd",
        "/web/main.js/",
        "/file:///etc/passwd",
        "/api/v1/downloads/",
        "/;/x",
    ],
)
def test_d8_paths_on_the_wire(daemon: RunningDaemon, path: str) -> None:
    """D8: however an address is written, and whatever a library would make of it, there is nothing beside the table."""
    answer = answered(daemon, head(daemon, f"GET {path} HTTP/1.1", "Connection: close"))
    assert status(answer) == 404, answer
    assert b"root:" not in answer
    assert b"\r\nlocation:" not in answer.lower()
    assert b"\r\nx: y" not in answer.lower()


# --- words of strangers in the database, the log, the answers ---------------------------------------------------------

SQL = ["' OR 1=1 --", "'); DROP TABLE downloads; --", "%", "_", "\\", "a%' ESCAPE '", "\u0000", "\ud7ff", "x" * 5000]


@pytest.mark.parametrize("word", SQL, ids=lambda word: ascii(word)[:20])
def test_d10_words_of_sql(daemon: RunningDaemon, word: str) -> None:
    """D10: in every place where a client's word reaches the database it is a word."""
    from urllib.parse import quote

    kept, body = asked(daemon, "POST", DOWNLOADS, {"uris": ["http://127.0.0.1:1/kept"], "paused": True})
    assert kept == 201
    coded = quote(word)
    for name in ("text", "group", "directory", "phase", "before", "limit"):
        found, told = asked(daemon, "GET", f"{DOWNLOADS}?{name}={coded}")
        assert found in {200, 400}, told
        if found == 200 and word not in "%_\\":
            assert json.loads(told)["downloads"] == [], (name, told)
    for method, tail in (("GET", ""), ("DELETE", ""), ("POST", "/pause"), ("GET", "/explain"), ("GET", "/standing")):
        assert asked(daemon, method, f"{DOWNLOADS}/{coded}{tail}")[0] in {404, 405}
    for path, wanted in (("orders", {"order": "cancel", "group": word}), ("removals", {"group": word})):
        found, told = asked(daemon, "POST", f"/api/v1/{path}", wanted)
        assert found in {200, 400}
        assert found == 400 or json.loads(told)["ordered"] == []
    assert asked(daemon, "POST", "/api/v1/removals", {"ids": [word]})[0] == 400
    assert asked(daemon, "GET", f"{DOWNLOADS}/{json.loads(body)['download']['download_id']}")[0] == 200


@pytest.mark.parametrize(
    "uri",
    ["file:///etc/passwd", "FILE:///etc/passwd", "data:text/plain,x", "javascript:alert(1)", "gopher://h/x", "dict://h:11211/stat"]
    + ["ldap://h/x", "smb://h/x", "jar:http://h!/x", "unix:///run/docker.sock", "http+unix://%2Frun/x", "/etc/passwd", "-", "mem://h/x"]
    + ["http://[::1", "http:///x", "http://h:99999/x", "http://a@b@c:d/x", "http://h /x", "s3://", "--config"],
)  # fmt: skip
def test_d6_schemes(daemon: RunningDaemon, uri: str) -> None:
    """D6: a file of this machine, a local service or no address at all is refused by every command that takes an address."""
    (one,) = json.loads(
        asked(daemon, "POST", f"{DOWNLOADS}/bulk", {"downloads": [{"uris": ["http://127.0.0.1:1/z"], "paused": True}]})[1]
    )["added"]
    for method, path, body in (
        ("POST", DOWNLOADS, {"uris": [uri]}),
        ("POST", DOWNLOADS, {"uris": ["http://127.0.0.1:1/x", uri]}),
        ("POST", f"{DOWNLOADS}/bulk", {"downloads": [{"uris": [uri]}]}),
        ("POST", "/api/v1/preview", {"uris": [uri]}),
        ("POST", "/api/v1/bench", {"uris": [uri], "counts": [1], "seconds": 0.1}),
        ("PATCH", f"{DOWNLOADS}/{one['download']['download_id']}", {"mirrors": [uri]}),
        ("PATCH", f"{DOWNLOADS}/{one['download']['download_id']}", {"uris": [uri]}),
    ):
        found, told = asked(daemon, method, path, body)
        assert found in {400, 422}, (path, told)


def test_d18_no_secret_is_told_anywhere(daemon: RunningDaemon) -> None:
    """D18, D11: whatever a download was given, no answer, event, number, log or process title has it, also when it fails."""
    spec = {"user": f"me:{CANARY}1", "headers": {"X-Key": f"{CANARY}2"}, "referer": f"http://h/?token={CANARY}3"}
    bad = f"http://you:{CANARY}4@127.0.0.1:1/file%0a2026-01-01 INFO fake?X-Amz-Signature={CANARY}5#{CANARY}6".replace(
        " ", "%20"
    )
    found, told = asked(daemon, "POST", DOWNLOADS, {"uris": [bad], "retries": 0, "group": "g", **spec})
    assert found == 201, told
    id = json.loads(told)["download"]["download_id"]
    until(lambda: json.loads(asked(daemon, "GET", f"{DOWNLOADS}/{id}")[1])["download"]["status"] in {"waiting", "failed"})
    heard = [told]
    for path in (
        f"{DOWNLOADS}/{id}",
        DOWNLOADS,
        f"{DOWNLOADS}/{id}/explain",
        "/api/v1/settings",
        "/api/v1/limits",
        "/api/v1/queue",
    ):
        heard.append(asked(daemon, "GET", path)[1])
    for path in ("/health", "/metrics", "/openapi.json", "/api/v1/doctor", "/api/v1/samples"):
        heard.append(asked(daemon, "GET", path)[1])
    heard.append(answered(daemon, head(daemon, "GET /api/v1/events/stream?since=0&follow=false HTTP/1.1", "Connection: close")))
    for uri in (bad.replace("http", "nowhere"), bad.replace(":1/", ":99999/"), bad.replace("file", "fi le")):
        found, told = asked(daemon, "POST", DOWNLOADS, {"uris": [uri], **spec})
        assert 400 <= found < 500
        heard.append(told)
    children = Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children").read_text().split()
    heard += [Path(f"/proc/{each}/cmdline").read_bytes() for each in (str(daemon.process.pid), *children)]
    assert [each for each in heard if CANARY.encode() in each or daemon.token.encode() in each] == []


# --- WebSockets -------------------------------------------------------------------------------------------------------


def test_d15_websockets_are_not_compressed(daemon: RunningDaemon) -> None:
    """D15: no client can send a message that grows a thousandfold when it is unpacked: that is not agreed to."""
    with opened_socket(daemon, "Sec-WebSocket-Extensions: permessage-deflate") as made:
        made.sendall(b"\xc1" + frame(1, b"{}")[1:])  # the bit that says it is compressed
        assert closed(made) in {0, 1002}


def test_d15_a_message_that_makes_no_sense(daemon: RunningDaemon) -> None:
    """D15: whatever is said over a WebSocket, its end has a code of the protocol, and a reason that fits."""
    for payload in (b"[" * 60_000, b"{" * 3, b'{"\xc3\xa9' + b"\xc3\xa9" * 300 + b'": 1}', b'{"ids": ["zz"]}'):
        with opened_socket(daemon) as made:
            made.sendall(frame(1, payload))
            assert closed(made) in {1002, 1007, 1008}, payload[:20]
    for whole in (frame(2, b"\0\1"), frame(1, b"\xff\xfe"), frame(0, b"{}"), frame(3, b"{}"), b"\x81\x02{}"):
        with opened_socket(daemon) as made:
            made.sendall(whole)
            assert closed(made) in {0, 1000, 1002, 1003, 1007, 1008}

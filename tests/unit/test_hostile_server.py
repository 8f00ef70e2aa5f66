"""The hostile server itself: what it remembers, how it paces, how it ends, and that its table is whole."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.certificates import Certificates
from tests.hostile import PERSONALITIES, Content, Habits, HostileServer, content
from tests.hostile.client import FIN, SILENT, Answer, fetch

ROOT = Path(__file__).resolve().parent.parent.parent
SMALL = Content(content(40_000, seed=3))
HANGING = ("never-answers", "stalls-after", "drips-header", "drips-body", "endless", "redirect-with-fat-body")


def _hang(url: str, ready: threading.Semaphore) -> None:
    parts = url.removeprefix("http://").partition("/")
    host, _, port = parts[0].partition(":")
    with socket.create_connection((host, int(port))) as sock:
        sock.sendall(f"GET /{parts[2]} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        ready.release()
        try:
            while sock.recv(65536):
                time.sleep(0.001)
        except ConnectionResetError:
            pass


# --- life -------------------------------------------------------------------------------------------------------------


def test_it_closes_at_once_whoever_hangs() -> None:
    """Closing takes no long time and leaves no thread, whatever personalities are under way."""
    before = set(threading.enumerate())
    ready = threading.Semaphore(0)
    with HostileServer(SMALL) as server:
        clients = [threading.Thread(target=_hang, args=(server.url("/x", name), ready)) for name in HANGING]
        for client in clients:
            client.start()
        for _ in clients:
            assert ready.acquire(timeout=60.0)
        while len(server.requests) < len(HANGING):
            time.sleep(0.005)
        start = time.monotonic()
    assert time.monotonic() - start < 10.0
    for client in clients:
        client.join(60.0)
    assert set(threading.enumerate()) == before


def test_a_client_that_goes_frees_its_connection() -> None:
    """A connection that hangs ends when the client leaves, not only when the server closes."""
    with HostileServer(SMALL) as server:
        fetch(server.url(personality="never-answers"), silence=0.05)
        fetch(server.url(personality="stalls-after"), silence=0.05)
        deadline = time.monotonic() + 60.0
        while any(thread.name.startswith(f"hostile-{server.port}-") for thread in threading.enumerate()):
            assert time.monotonic() < deadline
            time.sleep(0.005)


def test_an_idle_connection_does_not_keep_it_open() -> None:
    """A connection without a request, and one in the middle of a TLS handshake, do not delay the end."""
    with HostileServer(SMALL) as server, socket.create_connection(("127.0.0.1", server.port)):
        start = time.monotonic()
        server.close()
        assert time.monotonic() - start < 10.0


def test_a_stuck_handshake_does_not_keep_it_open(certificates: Certificates) -> None:
    """A client that connects to the TLS port and says nothing does not delay the end."""
    tls = certificates.server_context()
    with HostileServer(SMALL, tls=tls) as server, socket.create_connection(("127.0.0.1", server.port)):
        start = time.monotonic()
        server.close()
        assert time.monotonic() - start < 10.0


def test_connections_are_kept_alive() -> None:
    """Two requests of one client come over one connection, and the records say so."""
    with HostileServer(SMALL) as server:
        client = http.client.HTTPConnection("127.0.0.1", server.port)
        for _ in range(2):
            client.request("GET", "/polite/file.bin", headers={"Range": "bytes=10-19"})
            assert client.getresponse().read() == SMALL.data[10:20]
        client.close()
        assert [record.connection for record in server.requests] == [1, 1]


def test_unknown_personalities_are_refused_early() -> None:
    """A misspelt name fails in the test, not on the wire."""
    with pytest.raises(KeyError):
        HostileServer(SMALL, "polit")
    with HostileServer(SMALL) as server, pytest.raises(KeyError):
        server.url(personality="polit")


def test_a_path_without_a_personality_gets_the_default() -> None:
    """The personality of the server answers where the path names none."""
    with HostileServer(SMALL, "status-404") as server:
        assert fetch(f"http://127.0.0.1:{server.port}/some/file.bin").status == 404
        assert fetch(server.url()).status == 404
        assert fetch(server.url(personality="polite")).status == 200


# --- what it remembers ------------------------------------------------------------------------------------------------


def test_records_say_what_was_asked_and_sent() -> None:
    """A record has personality, path, method, headers, range, connection, port, status and bytes."""
    with HostileServer(SMALL) as server:
        before = time.monotonic()
        fetch(server.url(), "100-199", ("X-Api-Key", "1"))
        fetch(server.url(personality="truncates"), method="HEAD")
        fetch(server.url("/a.bin", personality="truncates"))
        ranged, head, cut = server.requests
    assert (ranged.personality, ranged.path, ranged.method) == ("polite", "/polite/file.bin", "GET")
    assert (ranged.range, ranged.headers["x-api-key"]) == ("bytes=100-199", "1")
    assert (ranged.status, ranged.bytes_sent, ranged.port) == (206, 100, server.port)
    assert before <= ranged.time <= head.time <= cut.time
    assert (head.method, head.bytes_sent, head.connection) == ("HEAD", 0, 2)
    assert cut.bytes_sent == SMALL.size // 4
    assert server.bytes_sent("truncates") == SMALL.size // 4
    assert server.bytes_sent() == SMALL.size // 4 + 100


def test_requests_under_way_are_recorded() -> None:
    """A request that hangs has a record already, with the bytes sent so far."""
    with HostileServer(SMALL, habits=Habits(stall_after=123)) as server:
        fetch(server.url(personality="stalls-after"), silence=0.05)
        assert [(record.status, record.bytes_sent) for record in server.requests] == [(200, 123)]


def test_each_path_has_a_story_of_its_own() -> None:
    """What happened at one path, or on another server, does not change another path."""
    with HostileServer(SMALL) as server, HostileServer(SMALL) as second:
        statuses = [fetch(server.url(path, "busy-twice")).status for path in ("/a", "/a", "/a", "/b")]
        assert statuses == [503, 503, 200, 503]
        assert fetch(second.url("/a", "busy-twice")).status == 503


def test_peak_counts_requests_answered_at_once() -> None:
    """`peak` is the most requests that were under way together."""
    ready = threading.Semaphore(0)
    with HostileServer(SMALL) as server:
        url = server.url(personality="never-answers")
        clients = [threading.Thread(target=_hang, args=(url, ready)) for _ in range(3)]
        for client in clients:
            client.start()
        deadline = time.monotonic() + 60.0
        while server.peak("never-answers") < 3 and time.monotonic() < deadline:
            time.sleep(0.005)
        assert server.peak("never-answers") == 3
        assert server.peak() == 0
    for client in clients:
        client.join(60.0)


def test_complaints_follow_the_table() -> None:
    """`complaint` accepts what the outcome allows, and nothing else."""
    right, changed = SMALL.data, SMALL.changed.data
    cases = [
        ("polite", 0, right, True),
        ("polite", 0, changed, False),
        ("polite", 0, None, False),
        ("polite", 5, None, False),
        ("changes-midway", 0, changed, True),
        ("changes-midway", 0, right, False),
        ("changes-midway", 7, None, True),
        ("changes-midway", 7, right, False),
        ("status-404", 3, None, True),
        ("zero-byte", 0, b"", True),
    ]
    with HostileServer(SMALL) as server:
        for name, code, produced, fine in cases:
            assert (server.complaint(name, code, produced) is None) is fine, (name, code)


# --- pace -------------------------------------------------------------------------------------------------------------


def test_the_whole_server_keeps_to_its_rate() -> None:
    """Two connections together get `bytes_per_second`."""
    with HostileServer(SMALL, bytes_per_second=200_000) as server:
        start = time.monotonic()
        clients = [threading.Thread(target=fetch, args=(server.url(),)) for _ in range(2)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert 0.38 < time.monotonic() - start < 20.0


def test_each_connection_keeps_to_its_rate() -> None:
    """Two connections get `connection_bytes_per_second` each."""
    with HostileServer(SMALL, connection_bytes_per_second=100_000) as server:
        for _ in range(5):  # a machine that stands still makes one measurement wrong
            start = time.monotonic()
            clients = [threading.Thread(target=fetch, args=(server.url(),)) for _ in range(2)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            took = time.monotonic() - start
            assert took > 0.38
            if took < 0.75:
                break
        assert took < 0.75


def test_it_can_begin_quickly_and_hurry_at_the_end() -> None:
    """The rest of a file that would take minutes comes at once when it is told to; until then it is under way."""
    with HostileServer(SMALL, bytes_per_second=100, headstart=SMALL.size // 2) as server:
        answers: list[Answer] = []
        client = threading.Thread(target=lambda: answers.append(fetch(server.url())))
        client.start()
        while server.bytes_sent() < SMALL.size // 2:
            time.sleep(0.005)
        assert client.is_alive()
        server.hurry()
        client.join(60.0)
        assert answers[0].body == SMALL.data


# --- TLS --------------------------------------------------------------------------------------------------------------


def test_tls_ports_speak_tls_and_the_plain_port_does_not(certificates: Certificates) -> None:
    """With `tls`, `url` is https, and `plain_port` serves the same personalities without it."""
    context = ssl.create_default_context(cafile=str(certificates.ca))
    with HostileServer(SMALL, tls=certificates.server_context()) as server:
        assert server.url().startswith("https://")
        answer = fetch(server.url(host="localhost"), tls=context)
        assert (answer.status, answer.body, answer.end) == (200, SMALL.data, FIN)
        assert fetch(f"http://127.0.0.1:{server.plain_port}/polite/file.bin").body == SMALL.data


@pytest.mark.parametrize("name", ["expired", "wrong_host", "stranger"])
def test_bad_certificates_are_bad(certificates: Certificates, name: str) -> None:
    """A client that trusts the authority refuses the expired, the wrong host's and the stranger's certificate."""
    context = ssl.create_default_context(cafile=str(certificates.ca))
    with HostileServer(SMALL, tls=getattr(certificates, name).server_context()) as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            fetch(server.url(host="localhost"), tls=context)
        assert server.requests == []


def test_a_client_certificate_can_be_wanted(certificates: Certificates) -> None:
    """A server context with `client_ca` serves who has the client certificate, and nobody else."""
    wanting = certificates.server.server_context(client_ca=certificates.ca)
    bare = ssl.create_default_context(cafile=str(certificates.ca))
    armed = ssl.create_default_context(cafile=str(certificates.ca))
    armed.load_cert_chain(certificates.client.cert, certificates.client.key)
    with HostileServer(SMALL, tls=wanting) as server:
        assert fetch(server.url(host="localhost"), tls=armed).body == SMALL.data
        with pytest.raises(ssl.SSLError):
            _read_one(server, bare)


def _read_one(server: HostileServer, context: ssl.SSLContext) -> None:
    # Only the first read tells: in TLS 1.3 the handshake is over for the client before the server has judged it.
    plain = socket.create_connection(("127.0.0.1", server.port))
    with plain, context.wrap_socket(plain, server_hostname="localhost") as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        sock.recv(1)


# --- the table and the command ----------------------------------------------------------------------------------------


def test_names_are_unique_and_every_row_of_the_catalogue_is_there() -> None:
    """B1 to B26 have a personality each, but for B24, which needs HTTP/2."""
    from tests.hostile.table import MODULES

    assert sum(len(module.PERSONALITIES) for module in MODULES) == len(PERSONALITIES)
    assert {row.row for row in PERSONALITIES.values()} >= {f"B{number}" for number in range(1, 27) if number != 24}
    for row in PERSONALITIES.values():
        assert row.sentence.endswith("."), row.name
        assert (0 in row.outcome.exits) == bool(row.outcome.wholes), row.name


def test_the_command_lists_all_personalities() -> None:
    """`python -m tests.hostile --list` has a line for each."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.hostile", "--list"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=90
    )
    assert [line.split()[0] for line in result.stdout.splitlines()] == list(PERSONALITIES)


def test_the_command_serves_until_it_is_told_to_stop() -> None:
    """`python -m tests.hostile` serves, and ends in order at SIGTERM."""
    command = [sys.executable, "-m", "tests.hostile", "--port", "0", "--personality", "truncates", "--size", "1000"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[0]
            answer = fetch(url)
            assert (answer.status, len(answer.body), answer.end) == (200, 250, FIN)
        finally:
            process.terminate()
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def test_silence_is_seen() -> None:
    """The raw client tells a silent server from one that has closed."""
    with HostileServer(SMALL) as server:
        assert fetch(server.url(personality="never-answers"), silence=0.05).end == SILENT

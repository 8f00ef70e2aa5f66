"""Each personality does on the wire what its row says: a table of requests, and what must come back."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.certificates import Certificates
from tests.hostile import PERSONALITIES, Content, Habits, HostileServer, bomb, content
from tests.hostile.client import FIN, RST, RUDE, SILENT, Answer, fetch

FILE = Content(content(40_000, seed=5))
HABITS = Habits(interval=0.002, bomb_size=2 << 20, endless_limit=1 << 20, crawl_rate=400_000)
Body = Callable[[Content], bytes]


@dataclass(frozen=True)
class Step:
    """One request, and what must come back. `headers` are compared exactly; `None` says that a header must be absent."""

    range: str | None
    status: int
    body: Body | None
    end: str
    headers: dict[str, str | None]


def gets(status: int, body: Body | None = None, range: str | None = None, end: str = FIN, **headers: str | None) -> Step:
    """A step. Names of headers have underscores for hyphens."""
    return Step(range, status, body, end, {name.replace("_", "-"): value for name, value in headers.items()})


def part(start: int, stop: int) -> Body:
    """These bytes of the file."""
    return lambda file: file.data[start:stop]


def whole(file: Content) -> bytes:
    """The file."""
    return file.data


def flipped(file: Content) -> bytes:
    """The file, with a byte in the middle that is wrong."""
    return file.flipped


def flipped_middle(file: Content) -> bytes:
    """The part in the middle of that."""
    return file.flipped[20_000:30_000]


def nothing(_: Content) -> bytes:
    """No bytes."""
    return b""


HALF, QUARTER = part(0, 20_000), part(0, 10_000)
MIDDLE = "20000-29999"
IN_MIDDLE = part(20_000, 30_000)
GOOD = (
    gets(200, whole, ETag=FILE.etag),
    gets(206, whole, "0-"),
    gets(206, IN_MIDDLE, MIDDLE, Content_Range=f"bytes {MIDDLE}/40000"),
)
CUT_FIRST = gets(206, HALF, "0-")
FOUND = gets(302)


def spoken(text: str) -> str:
    """A Content-Range of the file."""
    return f"bytes {text}/40000"


def changed(start: int, stop: int) -> Body:
    """These bytes of the version that comes next."""
    return lambda file: file.changed.data[start:stop]


def garbage(start: bytes) -> Step:
    """A chunked reply whose raw body begins so, and never gives the whole in sound chunks."""
    return gets(200, lambda file: start + file.data, Transfer_Encoding="chunked")


TABLE: dict[str, tuple[Step, ...]] = {
    "polite": (*GOOD, gets(206, part(39_900, 40_000), "-100"), gets(416, None, "40000-", Content_Range="bytes */40000")),
    "no-range": (gets(200, whole, MIDDLE, Accept_Ranges="none", Content_Range=None),),
    "no-length": (gets(200, whole, MIDDLE, Content_Length=None, Transfer_Encoding="chunked"),),
    "ranges-without-saying": (gets(206, IN_MIDDLE, MIDDLE, Accept_Ranges=None),),
    "unknown-total": (gets(206, IN_MIDDLE, MIDDLE, Content_Range=f"bytes {MIDDLE}/*"),),
    "http10-close": (gets(200, whole, MIDDLE, Content_Length=None, Transfer_Encoding=None),),
    "zero-byte": (gets(200, nothing, "0-", Content_Length="0"),),
    "zero-byte-416": (gets(200, nothing, Content_Length="0"), gets(416, None, "0-", Content_Range="bytes */0")),
    "head-refused": GOOD,
    "lower-case": (gets(206, IN_MIDDLE, MIDDLE, etag=FILE.etag),),
    "unasked-206": (gets(206, whole, None, Content_Range=spoken("0-39999")),),
    "disposition": GOOD,
    "media-type": GOOD,
    "last-modified-old": (gets(206, IN_MIDDLE, MIDDLE, ETag=None, Last_Modified="Sun, 06 Nov 1994 08:49:37 GMT"),),
    "last-modified-now": (gets(206, IN_MIDDLE, MIDDLE, ETag=None),),
    "last-modified-future": GOOD,
    "last-modified-junk": (gets(200, whole, Last_Modified="the day before yesterday"),),
    # B1 to B4
    "ignores-range-sometimes": (
        gets(206, IN_MIDDLE, MIDDLE),
        gets(206, IN_MIDDLE, MIDDLE),
        gets(200, whole, MIDDLE),
        gets(206, None, "9-"),
    ),
    "ignores-range-later": (CUT_FIRST, gets(200, whole, MIDDLE), gets(200, whole, "0-")),
    "wrong-content-range": (CUT_FIRST, gets(206, QUARTER, MIDDLE, Content_Range=spoken("0-9999")), gets(200, whole)),
    "wrong-content-range-chunked": (CUT_FIRST, gets(206, QUARTER, MIDDLE, Content_Range=spoken("0-9999"), Content_Length=None)),
    "less-than-claimed": (
        CUT_FIRST,
        gets(206, part(20_000, 30_000), "20000-", Content_Range=spoken("20000-39999"), Content_Length="10000"),
    ),
    "starts-early": (CUT_FIRST, gets(206, part(19_488, 30_000), MIDDLE, Content_Range=spoken("19488-29999"))),
    "no-content-range": (CUT_FIRST, gets(206, IN_MIDDLE, MIDDLE, Content_Range=None)),
    "other-unit": (CUT_FIRST, gets(206, IN_MIDDLE, MIDDLE, Content_Range=f"lines {MIDDLE}/40000")),
    "short-206": (gets(206, QUARTER, "0-", Content_Range=spoken("0-9999")), gets(206, part(39_999, 40_000), "39999-")),
    "overlong-206": (gets(206, part(20_000, 40_000), MIDDLE, Content_Range=spoken("20000-39999")),),
    "overlong-206-lying": (gets(206, part(20_000, 40_000), MIDDLE, Content_Range=spoken(MIDDLE), Content_Length="20000"),),
    "multipart-byteranges": (
        gets(200, whole),
        gets(206, None, "0-", Content_Range=None),
        gets(206, None, MIDDLE, Content_Range=None),
    ),
    "multipart-on-resume": (CUT_FIRST, gets(206, None, MIDDLE, Content_Type="multipart/byteranges; boundary=0123456789abcdef")),
    # B5 to B9
    "changes-midway": (gets(200, HALF, ETag=FILE.etag), gets(206, changed(20_000, 30_000), MIDDLE, ETag=FILE.changed.etag)),
    "changes-after-first": (gets(200, whole, ETag=FILE.etag), gets(200, changed(0, 40_000), ETag=FILE.changed.etag)),
    "no-validators-changes": (
        gets(200, HALF, ETag=None, Last_Modified=None),
        gets(206, changed(20_000, 30_000), MIDDLE, ETag=None),
    ),
    "no-validators": (gets(206, IN_MIDDLE, MIDDLE, ETag=None, Last_Modified=None),),
    "weak-etag": (gets(206, IN_MIDDLE, MIDDLE, ETag=f"W/{FILE.etag}", Last_Modified=None),),
    "weak-etag-changes": (CUT_FIRST, gets(206, changed(20_000, 30_000), MIDDLE, ETag=f"W/{FILE.changed.etag}")),
    "changes-midway-ignores-if-range": (gets(200, HALF), gets(206, changed(20_000, 30_000), MIDDLE, ETag=FILE.changed.etag)),
    "etag-per-request": (gets(200, whole, ETag='"1"'), gets(206, IN_MIDDLE, MIDDLE, ETag='"2"')),
    "total-changes": (
        CUT_FIRST,
        gets(206, lambda file: file.grown.data[20_000:30_000], MIDDLE, Content_Range=f"bytes {MIDDLE}/80000"),
    ),
    "416-with-size": (CUT_FIRST, gets(416, None, MIDDLE, Content_Range="bytes */40000"), gets(206, whole, "0-")),
    "416-without-size": (CUT_FIRST, gets(416, nothing, MIDDLE, Content_Range=None)),
    "416-wrong-size": (CUT_FIRST, gets(416, None, MIDDLE, Content_Range="bytes */20000")),
    "416-always": (gets(416, None, "0-"), gets(200, whole)),
    # B10 to B14
    "truncates": (
        gets(200, QUARTER, Content_Length="40000"),
        gets(206, IN_MIDDLE, "20000-"),
        gets(206, part(30_000, 40_000), "30000-"),
    ),
    "truncates-once": (gets(206, QUARTER, "0-"), gets(206, part(10_000, 40_000), "10000-")),
    "truncates-no-range": (gets(200, QUARTER, Content_Length="40000"), gets(200, QUARTER, "10000-")),
    "resets": (gets(200, QUARTER, end=RST), gets(206, IN_MIDDLE, "20000-", end=RST)),
    "resets-once": (gets(200, QUARTER, end=RST), gets(206, part(10_000, 40_000), "10000-")),
    "chunk-size-huge": (garbage(b"FFFFFFFE\r\n"),),
    "chunk-size-overflow": (garbage(b"F" * 17 + b"\r\n"),),
    "chunk-size-negative": (garbage(b"-1\r\n"),),
    "chunk-size-junk": (garbage(b"zz\r\n"),),
    "chunk-missing-crlf": (gets(200, lambda file: b"9c40\r\n" + file.data + b"0\r\n\r\n"),),
    "chunk-cut": (gets(200, lambda file: b"9c40\r\n" + file.data[:20_000]),),
    "chunk-no-end": (gets(200, lambda file: b"9c40\r\n" + file.data + b"\r\n"),),
    "chunk-cut-once": (gets(200, lambda file: b"9c40\r\n" + file.data[:20_000]), gets(200, whole)),
    "longer-than-length": (gets(206, None, MIDDLE, Content_Length="10000"),),
    "endless": (gets(200, lambda _: bytes(1 << 20), Content_Length=None),),
    "two-lengths": (gets(200, whole, Content_Length="40000"),),
    "two-equal-lengths": (gets(200, whole, Content_Length="40000"),),
    "length-and-chunked": (gets(200, whole, Content_Length="10", Transfer_Encoding="chunked"),),
    "junk-length": (gets(200, whole, Content_Length="twelve"),),
    "negative-length": (gets(200, whole, Content_Length="-1"),),
    "overflow-length": (gets(200, whole, Content_Length="9" * 30),),
    "petabyte": (gets(200, whole, Content_Length="1000000000000000"),),
    "tls-rude-close": (gets(200, whole, end=RUDE, Content_Length="40000"),),
    "tls-truncation": (gets(200, HALF, end=RUDE, Content_Length=None),),
    # B15 to B18
    "gzip-always": (gets(200, lambda file: file.gzipped, MIDDLE, Content_Encoding="gzip"),),
    "gzip-on-resume": (
        gets(206, HALF, "0-", Content_Encoding=None),
        gets(206, lambda file: file.gzipped[20_000:30_000], MIDDLE, Content_Encoding="gzip", ETag=FILE.etag),
    ),
    "says-gzip": (gets(200, whole, MIDDLE, Content_Encoding="gzip"),),
    "bomb": (gets(200, lambda _: bomb(2 << 20), Content_Encoding="gzip"),),
    "many-headers": (gets(200, whole, X_Flood_39="x" * 1024),),
    "header-flood": (gets(200, whole, X_Flood_399="x" * 1024),),
    "endless-header": (gets(0),),
    "endless-redirects": (gets(302, None, Location="/endless-redirects/1", X_Fat_89="x" * 1024),),
    "drips-header": (gets(0, end=SILENT),),
    "drips-body": (gets(206, part(0, 20), "0-19"),),
    "stalls-after": (
        gets(200, QUARTER, end=SILENT),
        gets(206, part(10_000, 20_000), "10000-", end=SILENT),
        gets(206, None, "30000-"),
    ),
    "stalls-once": (gets(200, QUARTER, end=SILENT), gets(206, part(10_000, 40_000), "10000-")),
    "never-answers": (gets(0, nothing, end=SILENT),),
    "never-answers-once": (gets(0, nothing, end=SILENT), gets(200, whole)),
    "answers-late": (gets(200, whole),),
    "one-crawls": GOOD,
    # B19, B20, B25, C3, C4
    "redirect-loop": (gets(302, None, Location="/redirect-loop/f"),),
    "redirect-to-and-fro": (gets(302, None, Location="/redirect-to-and-fro/f.fro"),),
    "redirect-chain-5": (gets(301, None, Location="/redirect-chain-5/f?1"),),
    "redirect-chain-10": (gets(301, None, Location="/redirect-chain-10/f?1"),),
    "redirect-chain-11": (gets(301, None, Location="/redirect-chain-11/f?1"),),
    "redirect-relative": (gets(302, None, Location="../polite/f"),),
    "redirect-with-fat-body": (gets(302, None, end=SILENT, Location="/polite/f", Content_Length=str(1 << 30)),),
    "redirect-nowhere": (gets(302, None, Location=None),),
    "redirect-on-resume": (CUT_FIRST, gets(302, None, MIDDLE, Location="/decoy/f"), gets(206, whole, "0-")),
    "redirect-nowhere-on-resume": (CUT_FIRST, gets(302, None, MIDDLE)),
    "decoy": (
        gets(206, lambda file: file.decoy.data[20_000:30_000], MIDDLE, ETag=FILE.decoy.etag, Content_Range=spoken(MIDDLE)),
    ),
    "link-and-location": (gets(302, None, Location="/polite/f", Link="</polite/f>; rel=duplicate; pri=1"),),
    "redirect-to-file": (gets(302, None, Location="file:///etc/hostname"),),
    "redirect-to-ftp": (gets(302, None, Location="ftp://127.0.0.1:9/file.bin"),),
    "downgrade": (FOUND,),
    "cross-origin-redirect": (FOUND,),
    "cross-origin-user": (FOUND,),
    "cross-origin-target": GOOD,
    # B21 to B23
    "login-page-on-retry": (CUT_FIRST, *(gets(200, None, MIDDLE, Content_Type="text/html; charset=utf-8", ETag=None),) * 2),
    "login-page-once": (
        CUT_FIRST,
        gets(200, None, MIDDLE, Content_Type="text/html; charset=utf-8"),
        gets(206, IN_MIDDLE, MIDDLE),
    ),
    "busy-twice": (gets(503, None, Retry_After="0"), gets(503), gets(200, whole)),
    "busy-twice-date": (gets(503), gets(503), gets(200, whole)),
    "busy-forever": (gets(503, None, Retry_After="99999"),) * 3,
    "too-many-connections": GOOD,
    "too-many-connections-429": GOOD,
    "too-many-connections-reset": GOOD,
    "rate-limited-429": (*(gets(206, IN_MIDDLE, MIDDLE),) * 4, gets(429, None, MIDDLE, Retry_After="1")),
    "status-204": (gets(204, nothing, Content_Length=None),),
    "status-205": (gets(205, nothing),),
    "status-304": (gets(304, nothing),),
    "sends-1xx": GOOD,
    **{f"status-{status}": (gets(status),) for status in (400, 401, 403, 404, 407, 410, 451, 999)},
    **{f"status-{status}-once": (gets(status), gets(200, whole)) for status in (408, 425, 500, 502)},
    "status-500-forever": (gets(500),) * 3,
    "not-http": (gets(0, part(0, 4096)),),
    "junk-status": (gets(0),),
    "closes-at-once": (gets(0, nothing),),
    "empty-head": (gets(200, whole, MIDDLE, Content_Length=None, Date=None),),
    # Gates and digests
    "basic-auth": (gets(401, None, WWW_Authenticate='Basic realm="hostile"'),),
    "digest-auth": (gets(401),),
    "bearer": (gets(401, None, WWW_Authenticate='Bearer realm="hostile"'),),
    "needs-cookie": (gets(302, None, Location="/needs-cookie/f?given"),),
    "cookie-file": (gets(403),),
    "one-time": (gets(206, whole, "0-"), gets(403), gets(403, None, MIDDLE)),
    "one-time-cut": (CUT_FIRST, gets(403, None, MIDDLE)),
    "expiring-redirect": (gets(302, None, Location="/one-time/1/f"), gets(302, None, Location="/one-time/2/f")),
    "expiring-redirect-cut": (gets(302, None, Location="/one-time-cut/1/f"), gets(302, None, Location="/one-time/2/f")),
    "digest-headers-right": (gets(206, IN_MIDDLE, MIDDLE, Repr_Digest=f"sha-256=:{FILE.digest('sha256')}:"),),
    "digest-headers-two": GOOD,
    "digest-headers-wrong": (gets(200, whole, Repr_Digest=f"sha-256=:{FILE.decoy.digest('sha256')}:"),),
    "digest-headers-junk": GOOD,
    "digest-old-right": (gets(200, whole, Digest=f"SHA-256={FILE.digest('sha256')}"),),
    "content-md5-right": (
        gets(206, whole, "0-", Content_MD5=FILE.digest("md5")),
        gets(206, IN_MIDDLE, MIDDLE, Content_MD5=None),
    ),
    "content-md5-wrong": (gets(200, whole, Content_MD5=FILE.decoy.digest("md5")),),
    "flips-byte": (gets(200, flipped), gets(206, flipped_middle, MIDDLE)),
    "flips-byte-once": (gets(206, HALF, "0-19999"), gets(200, flipped), gets(206, IN_MIDDLE, MIDDLE)),
    "x-goog-hash": (gets(206, IN_MIDDLE, MIDDLE, x_goog_hash=f"md5={FILE.digest('md5')}"),),
    "x-goog-hash-wrong": (gets(206, IN_MIDDLE, MIDDLE, x_goog_hash=f"md5={FILE.decoy.digest('md5')}"),),
}


def _matches(answer: Answer, step: Step) -> None:
    assert (answer.status, answer.end) == (step.status, step.end)
    for name, value in step.headers.items():
        assert answer.header(name) == value, name
    if step.body is not None:
        assert step.body(FILE) in (answer.body, answer.raw)


def test_the_table_has_every_personality() -> None:
    """Nobody misbehaves without a test."""
    assert TABLE.keys() == PERSONALITIES.keys()


@pytest.mark.parametrize("name", [name for name, row in PERSONALITIES.items() if not row.tls])
def test_it_does_what_its_row_says(name: str) -> None:
    """Status, body, headers and end of the connection are those of the table, request after request."""
    if any(step.end == SILENT for step in TABLE[name]):
        # What a short silence is on a machine that stands still, a longer one is not: whatever is right once is right.
        with contextlib.suppress(AssertionError):
            return _performs(name, silence=0.1, patience=0.5)
    return _performs(name, silence=5.0, patience=10.0)


def _performs(name: str, *, silence: float, patience: float) -> None:
    with HostileServer(FILE, habits=HABITS) as server:
        for step in TABLE[name]:
            waits = (silence, patience) if step.end == SILENT else (30.0, 60.0)
            answer = fetch(server.url("/f", name), step.range, silence=waits[0], patience=waits[1], most=3 << 20)
            _matches(answer, step)


@pytest.mark.parametrize("name", [name for name, row in PERSONALITIES.items() if row.tls])
def test_it_does_over_tls_what_its_row_says(name: str, certificates: Certificates) -> None:
    """The same for those that need TLS, where an end without close_notify is another end."""
    trust = ssl.create_default_context(cafile=str(certificates.ca))
    with HostileServer(FILE, tls=certificates.server_context(), habits=HABITS) as server:
        for step in TABLE[name]:
            answer = fetch(server.url("/f", name), step.range, tls=trust)
            _matches(answer, step)
        if name == "downgrade":
            assert answer.header("Location") == f"http://127.0.0.1:{server.plain_port}/cross-origin-target/f"

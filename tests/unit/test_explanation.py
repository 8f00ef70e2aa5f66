"""Why a download stands where it stands: from facts to sentences."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.download import Download, DownloadId, DownloadSpec, Fault
from dlm.model.message import ConnectionView, Progressed
from dlm.model.phase import CLAIMED_PHASES, Cause, Intent, Phase
from dlm.model.queue import Rates, Standing
from dlm.model.rank import Lane
from dlm.model.span import Span
from dlm.policy.constraints import Kind
from dlm.policy.explanation import Facts, explain
from dlm.policy.windows import Regime
from tests.conftest import SOURCES

NOW = 1_000_000.0
KIB, MIB = 1024, 1024 * 1024
ID = DownloadId("00112233445566ff")
HOST = "example.org:443"
SHUT = Regime(open=False, until=NOW + 7200, reason="sat,sun stop")
BOOK = SOURCES.parent / "docs" / "book" / "queue.md"


def download(phase: Phase, *, limit_rate: int | None = None, retries: int = 5, **facts: Any) -> Download:
    """A download in this phase."""
    spec = DownloadSpec(uris=("https://example.org/f",), directory="/d", limit_rate=limit_rate, retries=retries)
    if phase in CLAIMED_PHASES:
        facts = {"owner": "4711:1", **facts}
    return Download(id=ID, spec=spec, added=NOW - 9, phase=phase, **facts)


def sample(*speeds: float, total: int | None = 10**9, **facts: Any) -> Progressed:
    """A sample of a transfer with one connection for each of these speeds."""
    views = tuple(ConnectionView(n, Span(0, 10**9), 0, speed) for n, speed in enumerate(speeds))
    values: dict[str, Any] = {"id": ID, "downloaded": 10**6, "eta": None, "connections": views, "total": total}
    values |= {"instantaneous_speed": sum(speeds), "smoothed_speed": sum(speeds)}
    return Progressed(**(values | facts))


def facts_of(phase: Phase, *, of: dict[str, Any] | None = None, **known: Any) -> Facts:
    """Facts about a download in this phase; `of` are facts of the download itself."""
    if "sample" in known:
        known = {"sampled": NOW - 0.2, **known}
    return Facts(now=NOW, download=download(phase, **(of or {})), **known)


PENDING = [
    (
        facts_of(Phase.PENDING, running=3, jobs=3, per_host=4, standing=Standing(42, 900, (DownloadId("a"),))),
        ["queue: 3 of 3 slots are taken; it is number 42 of 900 in the queue."],
    ),
    (
        facts_of(Phase.PENDING, running=1, jobs=1, per_host=4, standing=Standing(1, 9)),
        ["queue: 1 of 1 slot is taken; it is next."],
    ),
    (
        facts_of(Phase.PENDING, running=2, jobs=3, per_host=4, standing=Standing(1, 1)),
        ["queue: 2 of 3 slots are taken; it is next."],
    ),
    (facts_of(Phase.PENDING, worked=False), ["queue: No dlm process works the queue: 'dlm run' does."]),
    (
        facts_of(Phase.PENDING, running=2, jobs=3, host_running=2, per_host=2, standing=Standing(1, 1)),
        ["host_cap: 2 downloads of example.org:443 run, and 2 may at once."],
    ),
    (
        facts_of(Phase.PENDING, running=3, jobs=3, host_running=1, per_host=1, standing=Standing(2, 3)),
        [
            "queue: 3 of 3 slots are taken; it is number 2 of 3 in the queue.",
            "host_cap: 1 download of example.org:443 runs, and 1 may at once.",
        ],
    ),
    (
        facts_of(Phase.PENDING, jobs=3, busy_until=NOW + 42, per_host=4),
        ["host_busy: example.org:443 asked to be left in peace; nothing of it starts for another 0:42."],
    ),
    (
        facts_of(Phase.PENDING, jobs=3, busy_until=NOW, per_host=4),
        ["queue: 0 of 3 slots are taken."],
    ),
    (
        facts_of(Phase.PENDING, jobs=3, per_host=4, regime=SHUT),
        ["window: The queue stands still for another 2:00:00 (sat,sun stop)."],
    ),
    (
        facts_of(Phase.PENDING, jobs=3, per_host=4, regime=replace(SHUT, until=None), running=3, standing=Standing(1, 1)),
        ["window: The queue stands still (sat,sun stop).", "queue: 3 of 3 slots are taken; it is next."],
    ),
    (
        facts_of(Phase.PENDING, of={"lane": Lane.NOW}, jobs=3, per_host=4, regime=SHUT, standing=Standing(1, 1)),
        ["queue: 0 of 3 slots are taken; it is next."],
    ),
]

FAULT = Fault("TimedOut", "example.org was silent for 30 s", 5)
FULL = Fault("DiskFull", "/d has no space left.", 6)

WAITING = [
    (
        facts_of(Phase.WAITING, of={"due": NOW + 42, "attempts": 2, "fault": FAULT}, cause=Cause.BACKED_OFF, per_host=4),
        ["retry_at: It is tried again in 0:42 (retry 2 of 5). It failed: example.org was silent for 30 s."],
    ),
    (
        facts_of(Phase.WAITING, of={"due": NOW - 1, "attempts": 5, "fault": FAULT}, cause=Cause.BACKED_OFF, per_host=4),
        ["retry_at: It is tried again at once (retry 5 of 5). It failed: example.org was silent for 30 s."],
    ),
    (
        facts_of(Phase.WAITING, of={"due": NOW + 30, "attempts": 8, "fault": FULL}, cause=Cause.BACKED_OFF, per_host=4),
        ["retry_at: It is tried again in 0:30 (for as long as it takes). It failed: /d has no space left."],
    ),
    (
        facts_of(
            Phase.WAITING, of={"due": NOW + 5, "attempts": 1, "fault": FAULT}, busy_until=NOW + 60, regime=SHUT, per_host=4
        ),
        [
            "retry_at: It is tried again in 0:05 (retry 1 of 5). It failed: example.org was silent for 30 s.",
            "window: The queue stands still for another 2:00:00 (sat,sun stop).",
            "host_busy: example.org:443 asked to be left in peace; nothing of it starts for another 1:00.",
        ],
    ),
    (
        facts_of(Phase.WAITING, of={"due": NOW + 7200}, cause=Cause.DEFERRED, per_host=4),
        ["start_at: It was asked to wait: it may start in 2:00:00."],
    ),
    (
        facts_of(Phase.WAITING, of={"due": NOW + 7200, "attempts": 2, "fault": FAULT}, cause=Cause.DEFERRED, per_host=4),
        ["start_at: It was asked to wait: it may start in 2:00:00."],
    ),
    (
        facts_of(Phase.WAITING, online=False, cause=Cause.DISCONNECTED, per_host=4),
        ["network: This machine has no network: it waits for one."],
    ),
    (
        facts_of(Phase.WAITING, cause=Cause.DISCONNECTED, per_host=4),
        ["network: The network is back; it goes on at once."],
    ),
]

AT_REST = [
    (facts_of(Phase.PAUSED), [f"paused: It is paused; 'dlm resume {ID}' goes on with it."]),
    (
        facts_of(Phase.FAILED, of={"fault": FAULT}),
        [f"failed: It failed: example.org was silent for 30 s. 'dlm retry {ID}' tries again."],
    ),
    (facts_of(Phase.FAILED), [f"failed: It failed. 'dlm retry {ID}' tries again."]),
    (facts_of(Phase.COMPLETED, of={"path": "/d/f\x1b[31m"}), ["completed: It is complete: /d/f\N{REPLACEMENT CHARACTER}[31m"]),
    (facts_of(Phase.COMPLETED), ["completed: It is complete."]),
    (facts_of(Phase.CANCELLED), [f"cancelled: It was cancelled; 'dlm retry {ID}' fetches it after all."]),
]

CARRIED = [
    (facts_of(Phase.SCHEDULED), ["starting: It has a slot, and nothing has been measured yet."]),
    (facts_of(Phase.RUNNING), ["starting: It has a slot, and nothing has been measured yet."]),
    (
        facts_of(Phase.RUNNING, here=False),
        ["other_process: It is carried by process 4711 and has told nothing of it yet."],
    ),
    (
        facts_of(Phase.RUNNING, here=False, sample=sample(MIB)),
        [
            "link_or_server: Nothing of dlm's holds it back: 1 connection brings 1.0 MiB/s, which the link or the server sets.",
            "other_process: It is carried by process 4711.",
        ],
    ),
    (
        facts_of(Phase.RUNNING, of={"intent": Intent.PAUSE}, sample=sample(MIB)),
        ["paused: It is being paused: its transfer has yet to stop."],
    ),
    (
        facts_of(Phase.RUNNING, of={"intent": Intent.CANCEL}, sample=sample(MIB)),
        ["cancelled: It is being cancelled: its transfer has yet to stop."],
    ),
    (
        facts_of(Phase.COMPLETING, sample=sample(MIB)),
        ["disk: All its bytes are there and verified; the file is being given its name."],
    ),
    (
        facts_of(Phase.RUNNING, sample=sample(total=10**6)),
        ["disk: All its bytes have come; they are verified and made durable."],
    ),
    (
        facts_of(Phase.RUNNING, sample=sample(9 * MIB, limited="disk")),
        ["disk: Bytes come faster than the disk makes them durable: 9.0 MiB/s measured."],
    ),
    (
        facts_of(Phase.RUNNING, sample=sample(MIB), sampled=NOW - 12),
        ["stalled: Nothing has been heard of its transfer for 0:12."],
    ),
    (facts_of(Phase.RUNNING, sample=sample(0.0, 0.0)), ["stalled: No bytes come: 2 connections bring 0 B/s."]),
    (
        facts_of(Phase.RUNNING, sample=sample(note="the server is busy; trying again in 2 s")),
        ["stalled: No bytes come: the server is busy; trying again in 2 s."],
    ),
]

EVEN = (MIB, 1.1 * MIB, 0.95 * MIB, 0.95 * MIB)

LIMITS = [
    (
        facts_of(Phase.RUNNING, of={"limit_rate": 500 * KIB}, sample=sample(498 * KIB, limited="download")),
        ["own_limit: Its own limit, 500.0 KiB/s, holds it back: 498.0 KiB/s measured."],
    ),
    (
        facts_of(
            Phase.RUNNING,
            of={"limit_rate": 9 * MIB},
            rates=Rates(5 * MIB, {HOST: 2 * MIB, "other:80": 1}),
            sample=sample(MIB, MIB, limited="host"),
        ),
        [
            "host_limit: The limit for example.org:443, 2.0 MiB/s, holds it back: 2.0 MiB/s measured.",
            "total_limit: The limit for all together, 5.0 MiB/s, would bind next.",
            "own_limit: Its own limit, 9.0 MiB/s, would bind next.",
        ],
    ),
    (
        facts_of(
            Phase.RUNNING,
            rates=Rates(5 * MIB),
            regime=Regime(rate=2 * MIB, reason="mon limit 2M"),
            sample=sample(MIB, limited="total"),
        ),
        [
            "total_limit: The window's limit for all together (mon limit 2M), 2.0 MiB/s, holds it back: 1.0 MiB/s measured.",
        ],
    ),
    (
        facts_of(Phase.RUNNING, rates=Rates(MIB), regime=Regime(rate=2 * MIB), sample=sample(MIB, limited="total")),
        ["total_limit: The limit for all together, 1.0 MiB/s, holds it back: 1.0 MiB/s measured."],
    ),
    (
        facts_of(Phase.RUNNING, sample=sample(MIB, limited="total")),
        ["total_limit: A limit that has just changed holds it back: 1.0 MiB/s measured."],
    ),
    (
        facts_of(Phase.RUNNING, of={"limit_rate": 9 * MIB}, sample=sample(MIB)),
        [
            "link_or_server: Nothing of dlm's holds it back: 1 connection brings 1.0 MiB/s, which the link or the server sets.",
            "own_limit: Its own limit, 9.0 MiB/s, would bind next.",
        ],
    ),
]

CAPPED = (
    "server_cap_per_connection: The server seems to cap each connection: each of 4 brings 1.0 MiB/s, "
    "and with 2 it was 1.0 MiB/s. As many are open as are allowed."
)
UNBOUND = "link_or_server: Nothing of dlm's holds it back: 4 connections bring 4.0 MiB/s, which the link or the server sets."
BEFORE = ((1, MIB), (2, 2 * MIB))

SERVERS = [
    (
        facts_of(Phase.RUNNING, sample=sample(*EVEN, ceiling=4, refused=True), trials=BEFORE),
        ["server_connections: The server refuses further connections; 4 connections bring 4.0 MiB/s."],
    ),
    (facts_of(Phase.RUNNING, sample=sample(*EVEN, ceiling=4), trials=BEFORE), [CAPPED]),
    # without each of the reasons for it, the claim is not made
    (facts_of(Phase.RUNNING, sample=sample(*EVEN, ceiling=4)), [UNBOUND]),
    (facts_of(Phase.RUNNING, sample=sample(*EVEN, ceiling=8), trials=BEFORE), [UNBOUND]),
    (facts_of(Phase.RUNNING, sample=sample(*EVEN), trials=BEFORE), [UNBOUND]),
    (facts_of(Phase.RUNNING, sample=sample(MIB, MIB, 1.5 * MIB, 0.5 * MIB, ceiling=4), trials=BEFORE), [UNBOUND]),
    (facts_of(Phase.RUNNING, sample=sample(*EVEN, ceiling=4), trials=((2, 4 * MIB),)), [UNBOUND]),
    (facts_of(Phase.RUNNING, sample=sample(*EVEN, ceiling=4), trials=((3, 3 * MIB),)), [UNBOUND]),
    (facts_of(Phase.RUNNING, sample=sample(*EVEN, ceiling=4), trials=((0, MIB), (1, 0.0))), [UNBOUND]),
    (
        facts_of(Phase.RUNNING, sample=sample(4 * MIB, ceiling=1), trials=BEFORE),
        ["link_or_server: Nothing of dlm's holds it back: 1 connection brings 4.0 MiB/s, which the link or the server sets."],
    ),
    (
        facts_of(Phase.RUNNING, sample=sample(smoothed_speed=MIB, ceiling=0), trials=BEFORE),
        ["link_or_server: Nothing of dlm's holds it back: the transfer brings 1.0 MiB/s, which the link or the server sets."],
    ),
]

TABLE = [*PENDING, *WAITING, *AT_REST, *CARRIED, *LIMITS, *SERVERS]


@pytest.mark.parametrize(("facts", "told"), TABLE, ids=[told[0][:60] for _, told in TABLE])
def test_facts_become_sentences(facts: Facts, told: list[str]) -> None:
    """What binds now is told first, then what would bind next; each with its word."""
    assert [f"{each.kind}: {each.sentence}" for each in explain(facts)] == told


def test_the_figures_go_along() -> None:
    """Whoever wants to check the sentence finds in `facts` what it was made from."""
    (queue,) = explain(facts_of(Phase.PENDING, running=3, jobs=3, per_host=4, standing=Standing(2, 9, (ID,))))
    assert queue.facts == {"running": 3, "jobs": 3, "position": 2, "of": 9, "ahead": [ID]}
    (capped,) = explain(facts_of(Phase.RUNNING, sample=sample(*EVEN, ceiling=4), trials=BEFORE))
    assert capped.facts["speeds"] == list(EVEN)
    assert (capped.facts["earlier_connections"], capped.facts["earlier_speed"]) == (2, 2 * MIB)


@given(
    phase=st.sampled_from(Phase),
    intent=st.sampled_from(Intent),
    lane=st.sampled_from(Lane),
    cause=st.none() | st.sampled_from(Cause),
    due=st.none() | st.floats(0, 2 * NOW),
    fault=st.none() | st.builds(Fault, st.text(max_size=5), st.text(max_size=20), st.integers(0, 9)),
    numbers=st.tuples(*[st.integers(0, 5)] * 4),
    busy=st.none() | st.floats(0, 2 * NOW),
    regime=st.builds(Regime, st.booleans(), st.none() | st.integers(1, 10**9), st.none(), st.none() | st.floats(0, 2 * NOW)),
    flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    speeds=st.none() | st.lists(st.floats(0, 1e9), max_size=4),
    limited=st.none() | st.sampled_from(["total", "host", "download", "disk", "something new"]),
    note=st.none() | st.text(max_size=20),
)
def test_every_download_is_explained(
    phase: Phase,
    intent: Intent,
    lane: Lane,
    cause: Cause | None,
    due: float | None,
    fault: Fault | None,
    numbers: tuple[int, int, int, int],
    busy: float | None,
    regime: Regime,
    flags: tuple[bool, bool, bool],
    speeds: list[float] | None,
    limited: str | None,
    note: str | None,
) -> None:
    """Whatever is known, something is said, each thing once, in one printable sentence."""
    told = explain(
        facts_of(
            phase,
            of={"intent": intent, "lane": lane, "due": due, "fault": fault},
            cause=cause,
            running=numbers[0],
            jobs=numbers[1],
            host_running=numbers[2],
            per_host=numbers[3],
            busy_until=busy,
            regime=regime,
            worked=flags[0],
            online=flags[1],
            here=flags[2],
            sample=None if speeds is None else sample(*speeds, limited=limited, note=note),
        )
    )
    assert told
    kinds = [each.kind for each in told]
    assert len(set(kinds)) == len(kinds)
    assert all(each.kind in set(Kind) and each.sentence.isprintable() for each in told)


def test_the_book_explains_every_word() -> None:
    """The table of words in the chapter about the queue has a row for each kind, and no other."""
    rows = re.findall(r"^\| `(\w+)` \|", BOOK.read_text().partition("## Why does it stand there?")[2], re.M)
    assert sorted(rows) == sorted(Kind)

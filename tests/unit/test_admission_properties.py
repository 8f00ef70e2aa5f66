"""What holds of every decision about slots, whatever stands; and of a queue that is worked for long."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from dlm.model.download import DownloadId
from dlm.model.queue import Candidate
from dlm.model.rank import Lane, Priority
from dlm.policy.admission import AGED, TURN, Allowance, Decision, Running, admit
from tests.examples import examples

NOW = 1_000_000.0
HOSTS = st.sampled_from(["a", "b", "c", "d"])
GROUPS = st.sampled_from([None, "g", "h"])
LANES = st.sampled_from(Lane)
PRIORITIES = st.sampled_from(Priority)


@dataclass(frozen=True)
class World:
    """All that a decision depends on."""

    candidates: list[Candidate]
    running: list[Running]
    allowance: Allowance
    busy: dict[str, float]
    starts: int

    def decide(self) -> Decision:
        """The decision."""
        return admit(self.candidates, self.running, self.allowance, self.busy, self.starts, NOW)

    @property
    def after(self) -> list[Running]:
        """What holds a slot when the decision has been carried out, those that stop included."""
        decision = self.decide()
        started = [row for row in self.candidates if row.id in decision.start]
        return [*self.running, *(Running(row.id, row.host, row.group, row.lane, row.priority, NOW) for row in started)]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Few hosts and small limits, so that everything binds; in half of them all are of one class, where fairness decides."""
    mixed = draw(st.booleans())
    lanes, priorities = (LANES, PRIORITIES) if mixed else (st.just(Lane.AUTOMATIC), st.just(Priority.NORMAL))
    positions = st.none() | st.floats(-10, 10) if mixed else st.none()
    allowance = Allowance(draw(st.integers(0, 6)), draw(st.integers(1, 4)), draw(st.booleans()))
    candidates = [
        Candidate(
            DownloadId(f"d{n}"),
            n,
            draw(HOSTS),
            draw(lanes),
            draw(priorities),
            NOW - draw(st.sampled_from([0.0, 300.0, 601.0, 5000.0])),
            draw(positions),
            draw(GROUPS),
        )
        for n in range(draw(st.integers(0, 12)))
    ]
    running = [
        Running(
            DownloadId(f"r{n}"),
            draw(HOSTS),
            draw(GROUPS),
            draw(LANES),
            draw(PRIORITIES),
            NOW - draw(st.floats(0, 1000)),
            draw(st.none() | st.floats(0, 1e6)),
            draw(st.booleans()),
        )
        for n in range(draw(st.integers(0, 6)))
    ]
    busy = draw(st.dictionaries(HOSTS, st.sampled_from([NOW - 5, NOW, NOW + 5, NOW + 60]), max_size=3))
    return World(candidates, running, allowance, busy, draw(st.integers(0, 30)))


@given(worlds())
def test_no_cap_is_exceeded_by_a_start(world: World) -> None:
    """Whoever starts finds a slot in all and of its host, those that are still stopping counted."""
    started = world.after[len(world.running) :]
    hosts = Counter(row.host for row in world.after)
    assert not started or len(world.after) <= world.allowance.jobs
    assert all(hosts[row.host] <= world.allowance.per_host for row in started)


@given(worlds())
def test_when_those_that_stop_have_ended_all_caps_hold(world: World) -> None:
    """What is left is no more than may run."""
    stop = world.decide().stop
    left = [row for row in world.after if row.id not in stop and not row.stopping]
    assert len(left) <= world.allowance.jobs
    assert all(count <= world.allowance.per_host for count in Counter(row.host for row in left).values())
    assert world.allowance.open or all(row.lane is Lane.NOW for row in left)


@given(worlds())
def test_only_what_may_start_starts_and_once(world: World) -> None:
    """Starts are candidates, each once, none that runs, none of a busy host; stops run, each once, and stop not yet."""
    decision = world.decide()
    known = {row.id: row for row in world.candidates}
    assert len(set(decision.start)) == len(decision.start)
    assert len(set(decision.stop)) == len(decision.stop)
    assert set(decision.start) <= set(known) - {row.id for row in world.running}
    assert set(decision.stop) <= {row.id for row in world.running if not row.stopping}
    assert all(world.busy.get(known[id].host, NOW) <= NOW for id in decision.start)


@given(worlds())
def test_no_slot_stays_idle_while_somebody_could_use_it(world: World) -> None:
    """Whoever does not start has no slot, no room at its host, a host that wants peace, or a closed window before it."""
    started, hosts = world.decide().start, Counter(row.host for row in world.after)
    for row in world.candidates:
        assert (
            row.id in started
            or len(world.after) >= world.allowance.jobs
            or hosts[row.host] >= world.allowance.per_host
            or world.busy.get(row.host, NOW) > NOW
            or (not world.allowance.open and row.lane is not Lane.NOW)
        )


@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_in_which_rows_come_does_not_matter(world: World, dice: random.Random) -> None:
    """The same state gives the same decision."""
    shuffled = World(
        dice.sample(world.candidates, len(world.candidates)),
        dice.sample(world.running, len(world.running)),
        world.allowance,
        world.busy,
        world.starts,
    )
    assert shuffled.decide() == world.decide()


@given(worlds())
def test_the_first_is_found_as_by_looking_through_all(world: World) -> None:
    """Each slot goes to the least by lane, priority, place, what runs of its host, of its group, and age: no shortcut shows."""
    fresh = [replace(row, ready=NOW) for row in world.candidates]
    hosts = Counter(row.host for row in world.running)
    groups = Counter(row.group for row in world.running)
    expected: list[DownloadId] = []
    while len(expected) + len(world.running) < world.allowance.jobs:
        able = [row for row in fresh if row.id not in expected and hosts[row.host] < world.allowance.per_host]
        if not able:
            break
        row = min(
            able,
            key=lambda row: (
                (row.lane, row.priority, row.position is None, row.position or 0.0),
                (hosts[row.host], groups[row.group], row.seq),
            ),
        )
        hosts[row.host] += 1
        groups[row.group] += 1
        expected.append(row.id)
    allowance = replace(world.allowance, open=True)
    assert admit(fresh, world.running, allowance, {}, world.starts, NOW).start == tuple(expected)


@given(worlds())
def test_nobody_leaves_in_vain(world: World) -> None:
    """Where nothing else forces anybody out, no more leave than are wanted now, without a slot that is being freed."""
    world = replace(world, allowance=Allowance(len(world.running), 9))
    decision = world.decide()
    wanted = [row for row in world.candidates if row.lane is Lane.NOW and world.busy.get(row.host, NOW) <= NOW]
    lacking = sum(row.id not in decision.start for row in wanted)
    freed = sum(row.stopping for row in world.running)
    assert len(decision.stop) <= max(0, lacking - freed)
    assert not any(row.lane is Lane.NOW for row in world.running if row.id in decision.stop)


@given(worlds())
def test_it_wakes_when_the_first_host_may_be_asked_again(world: World) -> None:
    """The next look is when a host whose downloads wait has been left in peace long enough; else there is none."""
    hosts = {row.host for row in world.candidates if world.allowance.open or row.lane is Lane.NOW}
    times = [until for host, until in world.busy.items() if host in hosts and until > NOW]
    assert world.decide().next_wake == min(times, default=None)


@given(st.integers(1, 12), st.integers(1, 6), st.integers(1, 4), st.integers(1, 3))
def test_hosts_and_groups_get_the_same_share(jobs: int, hosts: int, groups: int, per_host: int) -> None:
    """With equals waiting, no host has two more than another; nor has a group, where one host is all there is."""
    rows = [
        Candidate(
            DownloadId(f"d{h}-{g}-{n}"), h * 10_000 + g * 100 + n, f"h{h}", Lane.AUTOMATIC, Priority.NORMAL, NOW, None, f"g{g}"
        )
        for h in range(hosts)
        for g in range(groups)
        for n in range(12)
    ]
    started = set(admit(rows, [], Allowance(jobs, per_host * 4), {}, 0, NOW).start)
    counts = Counter(row.host for row in rows if row.id in started)
    assert max(counts.values()) - min(counts[f"h{h}"] for h in range(hosts)) <= 1
    alone = set(admit([row for row in rows if row.host == "h0"], [], Allowance(jobs, 40), {}, 0, NOW).start)
    shares = Counter(row.group for row in rows if row.id in alone)
    assert max(shares.values()) - min(shares[f"g{g}"] for g in range(groups)) <= 1


# --- for long ---------------------------------------------------------------------------------------------------------


@dataclass
class Shop:
    """A queue that is worked for long. Each download takes `length` seconds; candidates are seen as the database gives them."""

    allowance: Allowance
    length: float
    now: float = NOW
    starts: int = 0
    waiting: dict[DownloadId, Candidate] = field(default_factory=dict)
    running: dict[DownloadId, Running] = field(default_factory=dict)
    left: dict[DownloadId, float] = field(default_factory=dict)
    began: set[DownloadId] = field(default_factory=set)
    story: list[str] = field(default_factory=list)
    seqs: dict[DownloadId, int] = field(default_factory=dict)

    def add(self, name: str, lane: Lane, host: str = "a", priority: Priority = Priority.NORMAL) -> DownloadId:
        """One more waits."""
        id = DownloadId(name)
        self.seqs[id] = len(self.seqs) + 1
        self.waiting[id] = Candidate(id, self.seqs[id], host, lane, priority, self.now)
        self.left[id] = self.length
        return id

    def step(self, seconds: float) -> None:
        """Let time pass, and decide."""
        self.now += seconds
        for id, row in list(self.running.items()):
            self.left[id] -= seconds
            if row.stopping and self.left[id] > 0:
                lane = row.lane if row.lane is Lane.NOW else Lane.RETURNING
                self.waiting[id] = Candidate(id, self.seqs[id], row.host, lane, row.priority, self.now)
            if row.stopping or self.left[id] <= 0:
                del self.running[id]
        decision = admit(list(self.waiting.values()), list(self.running.values()), self.allowance, {}, self.starts, self.now)
        for id in decision.stop:
            self.story.append(f"-{id}")
            self.running[id] = replace(self.running[id], stopping=True)
        for id in decision.start:
            begun = self.waiting.pop(id)
            self.story.append(f"+{id}")
            self.began.add(id)
            self.starts += begun.lane is not Lane.NOW
            self.running[id] = Running(id, begun.host, begun.group, begun.lane, begun.priority, self.now)


@settings(max_examples=examples(30))
@given(
    jobs=st.integers(1, 4),
    old=st.lists(st.tuples(LANES.filter(lambda lane: lane is not Lane.NOW), PRIORITIES), min_size=1, max_size=6),
    dice=st.randoms(use_true_random=False),
)
def test_nobody_starves(jobs: int, old: list[tuple[Lane, Priority]], dice: random.Random) -> None:
    """However many of better lanes keep coming, everybody starts, and within a bound.

    The bound: of the starts that come when a download has been ready for ten minutes, it gets one of the first
    `TURN * (w + 1)`, where `w` were waiting already when it became ready.
    """
    shop = Shop(Allowance(jobs, 9), length=10.0)
    ids = [shop.add(f"old{n}", lane, "b", priority) for n, (lane, priority) in enumerate(old)]
    crowd = len(old) + 3 * jobs
    bound = None
    while not all(id in shop.began for id in ids):
        while len(shop.waiting) < crowd:
            lane = dice.choice([Lane.RETURNING, Lane.INTERACTIVE])
            shop.add(f"new{len(shop.left)}", lane, dice.choice("abc"), Priority.HIGH)
        shop.step(10.0)
        if bound is None and shop.now - NOW > AGED:
            bound = shop.starts + TURN * (crowd + 1)
        assert bound is None or shop.starts <= bound, "somebody has waited beyond the bound"


@given(jobs=st.integers(1, 4), rounds=st.integers(1, 5))
def test_what_had_to_leave_comes_back_first(jobs: int, rounds: int) -> None:
    """A pre-empted download goes on before anything that waits, as soon as a slot is free, and everything is finished."""
    rounds = min(rounds, jobs)
    shop = Shop(Allowance(jobs, 99), length=60.0)
    for n in range(jobs):
        shop.add(f"first{n}", Lane.AUTOMATIC, priority=Priority.LOW)
    shop.step(0)
    for n in range(3):
        shop.add(f"later{n}", Lane.INTERACTIVE, priority=Priority.HIGH)
    for n in range(rounds):
        shop.add(f"now{n}", Lane.NOW)
        shop.step(1)
        shop.step(1)
        assert f"now{n}" in shop.began
    while shop.running or shop.waiting:
        shop.step(1)
    left = [id[1:] for id in shop.story if id.startswith("-")]
    assert 1 <= len(left) <= rounds
    for n in range(3):
        began = shop.story.index(f"+later{n}")
        assert all(began > max(at for at, word in enumerate(shop.story) if word == f"+{id}") for id in left)
    assert all(seconds <= 0 for seconds in shop.left.values())

"""How many connections, and which are no good any more: each rule by itself. What they do together, the simulator shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.policy.controller import POLITE, TINY, Controller, Stage
from dlm.policy.goodput import BURST_WINDOW, Goodput, Measuring
from dlm.policy.meter import Expectation, Meter, Newcomer, Standing
from dlm.policy.past import Past
from dlm.policy.replacement import FREE, Replacement, Verdict
from dlm.policy.segments import Lease, SegmentMap
from dlm.policy.staffing import Staffing

MB = 1e6
HUGE = 10**12
KNOWN = Newcomer(5 * MB, 0.1)


def flowing(speed: float, *, silent: float = 0.0, age: float = 10.0, best: float | None = None, rest: int = 10**8) -> Standing:
    """A connection at work."""
    return Standing(Lease(0, rest), speed, True, None, silent, age, speed if best is None else best)


def waiting(seconds: float, rest: int = 10**8) -> Standing:
    """A connection without its first byte."""
    return Standing(Lease(0, rest), waited=seconds, silent=seconds)


class Host:
    """Drives a Controller: the goodput of so many connections is what `rate` says."""

    def __init__(self, rate: Callable[[int], float], bound: int = 64, size: int = HUGE) -> None:
        self.controller = Controller(bound, size)
        self.rate = rate
        self.remaining = size
        self.leases: list[Lease] = []
        self.most = 0
        self.now = self.count = 0.0
        self.held = False

    def run(self, seconds: float) -> Host:
        """So many seconds in tenths; connections are there at once, and end at once when they are too many."""
        end = self.now + seconds
        while self.now < end:
            self.leases += [Lease(0, HUGE) for _ in range(self.controller.target - len(self.leases))]
            del self.leases[self.controller.target :]
            self.most = max(self.most, len(self.leases))
            came = self.rate(len(self.leases)) * 0.1
            self.now += 0.1
            self.count += came
            for lease in self.leases:
                lease.position += int(came / len(self.leases))
            standings = [Standing(lease, came * 10 / len(self.leases), True, None, 0.0, 5.0) for lease in self.leases]
            self.controller.sample(self.now, int(self.count), standings, self.remaining - int(self.count), 0.05, held=self.held)
        return self


# --- how many ---------------------------------------------------------------------------------------------------------


def test_one_connection_that_fills_the_link_gets_few_others() -> None:
    """They are tried, they do not pay, and no more are wanted."""
    host = Host(lambda _: 10 * MB).run(20)
    assert host.most <= POLITE
    assert host.controller.target <= POLITE


def test_a_cap_is_answered_in_one_step_and_with_what_the_work_is_worth() -> None:
    """Each gets the same as the first did: four times as many at once, but none that had less than four seconds of work."""
    assert len(Host(lambda n: n * MB).run(1.2).leases) == 4 * POLITE
    assert len(Host(lambda n: n * MB, size=int(100 * MB)).run(2.0).leases) < 30


def test_growth_stops_where_it_no_longer_pays() -> None:
    """A link that twenty connections fill gets about as many in the end."""
    host = Host(lambda n: min(n, 20) * MB).run(10)
    assert 20 <= host.controller.target <= 26


def test_beyond_what_is_polite_each_step_must_pay_well() -> None:
    """Where sixteen bring less than half of their proportional share more than eight, there are no more than sixteen."""
    assert Host(lambda n: MB * n**0.5).run(60).most <= POLITE
    assert len(Host(lambda n: MB * n**0.9).run(60).leases) > POLITE


def test_a_path_that_gets_better_is_noticed() -> None:
    """A few more are tried now and then."""
    host = Host(lambda _: 10 * MB).run(6)
    few = host.controller.target
    host.rate = lambda n: n * 3 * MB
    assert host.run(30).controller.target > few


@given(bound=st.integers(1, 256), served=st.integers(0, 300), seconds=st.floats(0, 3))
def test_after_a_refusal_there_are_never_more_than_were_served(bound: int, served: int, seconds: float) -> None:
    """Whatever it was at, and however long it goes on."""
    host = Host(lambda n: n * MB, bound).run(seconds)
    host.controller.refused(served)
    host.run(20)
    assert host.controller.ceiling <= max(1, min(served, bound))
    assert host.controller.limit <= host.controller.ceiling
    assert host.controller.target <= host.controller.ceiling


def test_one_refusal_at_fewer_is_not_believed_yet() -> None:
    """The server may not have noticed that a connection had ended; a second one is believed."""
    controller = Controller(64, HUGE)
    controller.refused(16)
    controller.refused(15)
    assert controller.ceiling == 16
    controller.refused(15)
    assert controller.ceiling == 15


def test_those_that_were_asked_for_together_may_be_served_after_all() -> None:
    """The refusal of one comes before the first bytes of another."""
    controller = Controller(64, HUGE)
    controller.refused(16)
    controller.sample(1.0, 0, [flowing(MB)] * 18, HUGE, 0.1, held=False)
    assert controller.ceiling == 18


def test_our_own_limit_teaches_nothing_about_the_host() -> None:
    """While dlm holds the transfer back, no connection is added."""
    host = Host(lambda n: n * MB)
    host.held = True
    assert host.run(20).controller.target == 1


@pytest.mark.parametrize(("size", "speed"), [(TINY, 1000.0), (10**6, MB), (10**9, 1000 * MB)])
def test_what_is_over_soon_gets_no_second_connection(size: int, speed: float) -> None:
    """A tiny file, and one that is there in a moment."""
    assert len(Host(lambda n: n * speed, size=size).run(0.5).leases) == 1


def test_an_unknown_size_and_a_bound_of_one_are_one_connection() -> None:
    """Nothing can be shared out."""
    assert Controller(64, None).stage is Stage.SETTLED
    assert len(Host(lambda n: n * MB, bound=1).run(5).leases) == 1


def test_bursts_are_measured_for_longer() -> None:
    """A server that sends once a second is given two seconds before anything is believed."""
    measuring, lease = Measuring(), Lease(0, HUGE)
    standing = Standing(lease, MB, True, None, 0.0, 5.0)
    found: list[Goodput] = []
    for step in range(30):
        lease.position += 10**6 if step % 10 == 0 else 0
        got = measuring.sample(step / 10, lease.position, [standing], 1, 0.05)
        found += [got] if got is not None else []
    assert found[0].bursts
    assert found[0].seconds >= BURST_WINDOW - 0.05
    assert found[0].total == pytest.approx(MB, rel=0.1)


def test_a_first_connection_that_still_speeds_up_gets_no_company_yet() -> None:
    """Slow start says nothing about the path; where it ends there are as many as leave two seconds of work for each."""
    began = [0.0]

    def doubling(_: int) -> float:
        began[0] += 0.1
        return min(0.1 * MB * 2 ** (began[0] / 0.1), 10 * MB)

    host = Host(doubling, size=int(100 * MB)).run(0.6)
    assert host.controller.target == 1
    assert host.run(0.8).most in {3, 4, 5}


def test_company_that_would_come_too_late_is_not_sent_for() -> None:
    """Five seconds of work, and two until a new connection brings its first byte."""
    controller, lease = Controller(64, HUGE), Lease(0, HUGE)
    for step in range(20):
        standing = Standing(lease, MB, True, None, 0.0, 1.0)
        controller.sample(step / 10, int(MB * step / 10), [standing], int(5 * MB), 2.0, held=False)
    assert controller.target == 1


def test_less_than_before_is_answered_without_waiting() -> None:
    """Sixteen brought ten megabytes a second and bring four now: twice as many are tried, and stay where they pay."""
    host = Host(lambda n: min(10 * MB, n * MB)).run(6)
    assert host.controller.target <= 24
    host.rate = lambda n: min(10 * MB, n * 0.25 * MB)
    host.run(4)
    assert host.controller.target >= 32


def test_no_company_where_nothing_moves_at_all() -> None:
    """A network that is gone is not a network that needs more connections."""
    host = Host(lambda n: min(10 * MB, n * MB)).run(6)
    before = host.controller.target
    host.rate = lambda _: 0.0
    assert host.run(6).controller.target <= max(before, POLITE)


def test_where_connections_break_there_are_more_of_them() -> None:
    """Each loses less then. Never more than is polite, nor than are allowed."""
    host = Host(lambda _: 10 * MB, bound=6, size=int(60 * MB)).run(1.5)
    assert 1 < host.controller.target < 6
    for _ in range(5):
        host.controller.broken()
    assert host.controller.target == 6


@given(st.lists(st.tuples(st.floats(0.01, 0.5), st.integers(0, 10**6)), min_size=2, max_size=60))
def test_the_past_tells_what_came_between_two_moments(steps: list[tuple[float, int]]) -> None:
    """From the first sample that is remembered to the last, and nothing of what it does not reach."""
    past, now, count = Past(), 0.0, 0
    past.begin(now, count)
    samples = [(now, count)]
    for seconds, size in steps:
        now, count = now + seconds, count + size
        past.add(now, count)
        samples.append((now, count))
    assert past.speed(-1.0, now) is None
    begin = next(each for each in samples if now - each[0] <= 2.0)
    found = past.speed(begin[0], now)
    if begin[0] < now - 0.1:
        nearest = max(each for each in samples if each[0] <= begin[0] + 0.01)
        assert found == pytest.approx((count - nearest[1]) / (now - nearest[0]))


# --- which are no good ------------------------------------------------------------------------------------------------


def judge(*rows: Standing, room: int = 4, held: bool = False, replacement: Replacement | None = None) -> Verdict:
    """One look, after some seconds."""
    return (replacement or Replacement(30.0)).judge(100.0, rows, KNOWN, measured=True, room=room, held=held)


def test_a_crawler_among_others_is_relieved_first_and_broken_only_where_there_is_no_room() -> None:
    """Make before break."""
    crawler = flowing(0.02 * MB)
    others = [flowing(5 * MB), flowing(4 * MB), flowing(6 * MB)]
    assert judge(crawler, *others) == Verdict(frozenset(), frozenset({crawler.lease}))
    assert judge(crawler, *others, room=0) == Verdict(frozenset({crawler.lease}), frozenset())


@given(st.lists(st.floats(1.0, 1e9), min_size=1, max_size=8), st.floats(1e-6, 1.0))
def test_no_speed_is_slow_by_itself(speeds: list[float], factor: float) -> None:
    """When all are slower by the same factor, the verdict is the same: nothing here knows a fixed speed."""
    leases = [Lease(0, 10**13) for _ in speeds]

    def found(by: float) -> Verdict:
        rows = [
            Standing(lease, by * speed, True, None, 0.0, 10.0, by * speed) for lease, speed in zip(leases, speeds, strict=True)
        ]
        return Replacement(30.0).judge(0.0, rows, Newcomer(by * max(speeds), 0.0), measured=True, room=8, held=False)

    if factor * min(speeds) > 1.0:
        assert found(1.0) == found(factor)


def test_when_all_are_slow_nobody_is() -> None:
    """Ten bytes a second each: it is the host, or the network."""
    assert judge(*(flowing(10.0, best=5 * MB) for _ in range(8))) == Verdict(frozenset(), frozenset())


def test_a_silent_one_is_given_up_while_others_go_on() -> None:
    """After two seconds, long before the time-out; not while dlm holds the transfer back."""
    silent = flowing(0.0, silent=2.5, best=5 * MB)
    assert judge(silent, flowing(5 * MB)).given_up == {silent.lease}
    assert judge(flowing(0.0, silent=1.5), flowing(5 * MB)).given_up == set()
    assert judge(silent, flowing(5 * MB), held=True).given_up == set()


def test_a_host_that_pauses_is_known_for_it() -> None:
    """Who has been quiet for 1.8 s and has gone on teaches that 2.5 s of silence mean nothing."""
    replacement, pausing = Replacement(30.0), flowing(MB, silent=1.8)
    other = flowing(MB)
    replacement.judge(0.0, [pausing, other], KNOWN, measured=True, room=4, held=False)
    again = Standing(pausing.lease, MB, True, None, 0.1, 10.0, MB)
    replacement.judge(0.2, [again, other], KNOWN, measured=True, room=4, held=False)
    assert judge(flowing(0.0, silent=2.5), other, replacement=replacement).given_up == set()
    assert judge(flowing(0.0, silent=5.6), other, replacement=replacement).given_up != set()


def test_general_silence_costs_one_connection_at_a_time_and_three_in_all() -> None:
    """After 5, 10 and 20 seconds; then the time-out alone decides."""
    replacement, lost = Replacement(300.0), []
    rows = [Lease(0, 10**9) for _ in range(6)]
    for second in range(200):
        standings = [Standing(lease, 0.0, True, None, float(second), 300.0, MB) for lease in rows]
        given_up = replacement.judge(1000.0 + second, standings, KNOWN, measured=True, room=4, held=False).given_up
        assert len(given_up) <= 1
        rows = [lease for lease in rows if lease not in given_up]
        lost += [second] * len(given_up)
    assert lost == [5, 15, 35]


def test_giving_up_becomes_rarer_and_ends() -> None:
    """A host that silences every connection but one is not asked for ever: the silence that counts grows."""
    replacement, alive, lost = Replacement(30.0), flowing(MB), 0
    silent, since = Lease(0, 10**9), 0.0
    for step in range(5 * 3600):
        now = step / 5
        standing = Standing(silent, 0.0, True, None, now - since, now - since, MB)
        if replacement.judge(now, [alive, standing], KNOWN, measured=True, room=4, held=False).given_up:
            silent, since, lost = Lease(0, 10**9), now, lost + 1
    assert lost <= FREE + 16


def test_of_two_that_both_fail_one_makes_room_for_a_third() -> None:
    """Both wait for the same bytes, far longer than is usual: the older wait ends."""
    segments = SegmentMap(10**8)
    first = segments.claim()
    assert first is not None
    twin = segments.hedge(first)
    verdict = judge(Standing(first, waited=4.0, silent=4.0), Standing(twin, waited=2.0, silent=2.0), flowing(MB))
    assert verdict.given_up == {first}


def test_a_late_first_byte_is_relieved_not_killed() -> None:
    """It may come yet; beside it another is opened."""
    late = waiting(3.0)
    assert judge(late, flowing(5 * MB), room=0) == Verdict(frozenset(), frozenset({late.lease}))
    assert judge(waiting(1.0), flowing(5 * MB)) == Verdict(frozenset(), frozenset())
    assert judge(waiting(3.0)) == Verdict(frozenset(), frozenset())


# --- what they are measured by ----------------------------------------------------------------------------------------


def test_a_meter_tells_the_wait_the_speed_and_the_silence() -> None:
    """Two seconds of speed, from the first byte on."""
    meter, lease = Meter(0.0, 0), Lease(0, 10**9)
    meter.sample(0.2, 0)
    assert meter.standing(0.2, lease).waited == pytest.approx(0.2)
    for step in range(2, 32):
        meter.sample(step / 10, (step - 1) * 10**5)
    assert meter.first_byte == pytest.approx(0.2)
    assert meter.standing(3.1, lease).speed == pytest.approx(MB, rel=0.01)
    for step in range(32, 62):
        meter.sample(step / 10, 30 * 10**5)
    found = meter.standing(6.1, lease)
    assert (found.speed, found.known) == (0.0, True)
    assert found.best == pytest.approx(MB, rel=0.01)
    assert found.silent == pytest.approx(3.0)


def test_a_machine_that_slept_cannot_tell_who_was_silent() -> None:
    """After a sample that comes late, or while dlm holds back, silence begins anew."""
    meter, lease = Meter(0.0, 0), Lease(0, 10**9)
    meter.sample(0.1, 100)
    meter.sample(5.0, 100)
    assert meter.standing(5.0, lease).silent == 0.0
    meter.sample(5.5, 100, held=True)
    assert meter.standing(5.6, lease).silent == pytest.approx(0.1)


def test_slow_ones_that_are_left_are_no_measure_for_a_new_one() -> None:
    """The fast have ended; only when new ones are slow, too, is less expected."""
    expectation = Expectation()
    expectation.sample([flowing(5 * MB) for _ in range(6)], KNOWN)
    crawlers = [flowing(1000.0), flowing(1000.0)]
    for _ in range(100):
        expectation.sample(crawlers, KNOWN)
    assert expectation.speed == 5 * MB
    expectation.sample([flowing(1000.0) for _ in range(12)], KNOWN)
    assert expectation.speed == 1000.0


def test_where_replies_may_not_be_joined_nothing_is_given_up() -> None:
    """Without proof that replies belong together there is one connection, and its silence is the time-out's business."""
    segments = SegmentMap(10**9)
    staffing = Staffing(segments, connections=64, patience=30.0, joins=False)
    lease = staffing.next_lease([])
    assert lease is not None
    silent = Standing(lease, 0.0, True, None, 20.0, 30.0, MB)
    assert list(staffing.sample(100.0, [silent], held=False)) == []
    assert staffing.next_lease([silent]) is None


def test_a_piece_suits_the_speed_that_was_shown() -> None:
    """A new connection takes a little; one that is left open and has shown its speed four seconds of work, from the end."""
    segments = SegmentMap(10**9)
    staffing = Staffing(segments, connections=64, patience=30.0, joins=True)
    staffing.opened(0.05, 0.05, 0.05)
    first = staffing.next_lease([])
    assert first is not None
    staffing.controller.target = 4
    standing = Standing(first, MB, True, None, 0.0, 10.0, MB)
    new = staffing.next_lease([standing])
    assert new is not None
    assert new.remaining <= 1.5 * 2**20
    kept = staffing.next_lease([standing, Standing(new, MB, True, None, 0.0, 10.0, MB)], ready=5 * MB)
    assert kept is not None
    assert kept.stop == new.start
    assert kept.remaining == pytest.approx(20 * MB, rel=0.01)


def test_what_a_request_costs_is_told_apart() -> None:
    """A connection that is open already pays for the reply alone."""
    staffing = Staffing(SegmentMap(10**9), connections=64, patience=30.0, joins=True)
    staffing.opened(0.1, 0.2, 0.1)
    assert staffing.cost == pytest.approx(0.3)
    for _ in range(9):
        staffing.answered(0.1, ready=True)
    assert staffing.cost == pytest.approx(0.3)
    assert staffing.newcomer.trip == 0.1


def test_a_first_byte_is_counted_from_when_it_came() -> None:
    """Not from the sample that found it."""
    meter = Meter(0.0, 0)
    meter.answered(0.13)
    meter.answered(0.2)
    meter.sample(0.3, 1000)
    assert meter.first_byte == pytest.approx(0.13)

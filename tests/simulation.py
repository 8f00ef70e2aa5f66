"""A network and a server in discrete time, and a thin loop that drives the policies of a transfer over them.

The network is a fluid: each connection would send at its own rate (slow start, then what its window, its loss and the
server allow), and the link is shared so that nobody gets more than somebody who wants more. Randomness is seeded.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from dlm.policy.controller import Stage
from dlm.policy.meter import Meter, Standing
from dlm.policy.segments import Lease, SegmentMap
from dlm.policy.staffing import Staffing

KB, MB, MIB = 1000.0, 1e6, 1024 * 1024
STEP = 0.02
TICK = 0.2
OPENING_TICK = 0.04
QUICK_TICK = 0.1
SEGMENT = 1448
FIRST_WINDOW = 10 * SEGMENT
MOST_CONNECTIONS = 64


@dataclass(frozen=True)
class Model:
    """A network, a server and a file. Rates in bytes a second, times in seconds."""

    size: int
    link: float
    rtt: float
    round_trips: int = 2
    """Before the first byte of a new connection: two for http, three for https."""
    steps: tuple[tuple[float, float], ...] = ()
    """(time, rate) at which the link or the server changes."""
    cap: float = math.inf
    """Of each connection."""
    burst: float = 0.0
    """A capped server sends once in so many seconds, all that it allows for them."""
    loss: float = 0.0
    limit: int = MOST_CONNECTIONS
    """Connections that are served; one more is refused."""
    retry_after: float | None = None
    stragglers: float = 0.0
    """Probability that a connection crawls."""
    crawl: float = 20 * KB
    silences: float = 0.0
    """Probability that a connection falls silent for ever, after up to 2 MiB."""
    resets: tuple[int, int] | None = None
    """Bytes after which every connection is reset, drawn between these."""
    first_byte: float = 0.0
    slow_first_bytes: tuple[float, float] = (0.0, 0.0)
    """Probability and duration of a slow first byte."""
    hiccup: tuple[float, float] | None = None
    """From when on, and for how long, nothing moves at all."""
    own_limit: float = math.inf
    """dlm's own limit on the rate."""
    connections: int = MOST_CONNECTIONS
    seed: int = 0

    def rate_at(self, now: float) -> float:
        """What the link carries."""
        rate = self.link
        for begin, then in self.steps:
            if now >= begin:
                rate = then
        if self.hiccup and self.hiccup[0] <= now < sum(self.hiccup):
            return 0.0
        return min(rate, self.own_limit)

    @property
    def loss_rate(self) -> float:
        """What one connection makes of a lossy path (Mathis et al.)."""
        return 1.22 * SEGMENT / (self.rtt * math.sqrt(self.loss)) if self.loss else math.inf

    def bound(self) -> float:
        """The least time that it can take, whoever fetches."""
        most = min(self.limit, self.connections, MOST_CONNECTIONS)
        begin = self.rtt * self.round_trips + self.first_byte
        spent, sent, window = 0.0, 0.0, FIRST_WINDOW * min(most, 16)
        while self.rtt and window < self.rate_at(0.0) * self.rtt and sent < self.size:
            spent, sent, window = spent + self.rtt, sent + window, window * 2
        now, left = begin + max(0.0, spent - sent / self.rate_at(0.0)), float(self.size)
        moments = sorted({at for at, _ in self.steps} | (set() if not self.hiccup else {self.hiccup[0], sum(self.hiccup)}))
        while True:
            rate = min(self.rate_at(now), most * min(self.cap, self.loss_rate))
            until = next((at for at in moments if at > now), math.inf)
            if rate * (until - now) >= left:
                return now + left / rate
            left -= max(0.0, rate * (until - now)) if math.isfinite(until) else 0.0
            now = until


@dataclass
class Link:
    """One connection as the network sees it."""

    lease: Lease
    began: float
    flows_at: float
    meter: Meter
    refused: bool = False
    crawls: bool = False
    silent_after: float = math.inf
    reset_after: float = math.inf
    window: float = float(FIRST_WINDOW)
    noise: float = 1.0
    moved: float = 0.0
    residue: float = 0.0
    allowed: float = 0.0
    answered: bool = False
    ready: bool = False
    reach: int = 0
    """Where its reply ends: one that has come there is left open for another request."""


@dataclass
class Outcome:
    """What came of it."""

    model: Model
    bound: float
    finished: float = math.inf
    opened: int = 0
    refusals: int = 0
    most: int = 0
    most_after_refusal: int = 0
    served_at_refusal: int = 0
    given_up: int = 0
    fetched_twice: int = 0
    hedges: int = 0
    violations: int = 0
    """Requests made while the server asked for peace."""
    targets: list[tuple[float, int]] = field(default_factory=list)
    tail: float = 0.0
    """Seconds that the last hundredth took."""

    @property
    def ratio(self) -> float:
        """How many times the bound it took."""
        return self.finished / self.bound

    @property
    def turns(self) -> int:
        """How often the number of connections went from growing to shrinking or back."""
        values = [target for _, target in self.targets]
        moves = [b - a for a, b in pairwise(values) if b != a]
        return sum((a > 0) != (b > 0) for a, b in pairwise(moves))


class Simulation:
    """One run."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.random = random.Random(model.seed)
        self.segments = SegmentMap(model.size)
        self.staffing = Staffing(self.segments, connections=model.connections, patience=30.0, joins=True)
        handshakes = (model.round_trips - 1) * model.rtt
        self.staffing.opened(model.rtt, handshakes, model.rtt + model.first_byte)
        self.links: list[Link] = []
        self.idle: list[tuple[float, Link]] = []
        self.out = Outcome(model, model.bound())
        self.now = 0.0
        self.sampled = 0.0
        self.hold_until = 0.0
        self.peace_until = 0.0
        self.poured = 0

    def run(self) -> Outcome:
        """Until the file is there, or far too much time has gone by."""
        longest, last_hundredth = 20 * self.out.bound + 60, None
        while not self.segments.complete and self.now < longest:
            self.staff()
            self.now = round(self.now + STEP, 6)
            self.flow()
            stage = self.staffing.controller.stage
            tick = OPENING_TICK if stage is Stage.OPENING else QUICK_TICK if stage is Stage.GROWING else TICK
            if self.now - self.sampled >= tick - 0.001:
                self.sample()
            if last_hundredth is None and self.segments.downloaded() >= 0.99 * self.model.size:
                last_hundredth = self.now
        if self.segments.complete:
            self.out.finished = self.now
            self.out.tail = self.now - (last_hundredth or self.now)
        self.out.fetched_twice = self.poured - self.segments.downloaded()
        self.out.given_up = self.staffing.replacement.given_up
        return self.out

    # the driver's part --------------------------------------------------------------------------------------------------

    def standings(self) -> list[Standing]:
        """Of all connections."""
        return [link.meter.standing(self.now, link.lease) for link in self.links]

    def staff(self) -> None:
        """As the driver does: start what is wanted."""
        while self.now >= self.hold_until:
            lease = self.staffing.next_lease(self.standings(), ready=self.idle[-1][0] if self.idle else None)
            if lease is None:
                return
            self.out.hedges += lease.twin is not None
            self.open(lease)

    def sample(self) -> None:
        """As the driver does: measure, and end what shall be ended."""
        self.sampled = self.now
        for link in self.links:
            link.meter.sample(self.now, link.lease.position)
            if link.meter.first_byte is not None and not link.answered:
                link.answered = True
                self.staffing.answered(link.meter.first_byte, ready=link.ready)
        held = self.model.own_limit < math.inf
        ending = set(self.staffing.sample(self.now, self.standings(), held=held))
        for link in [each for each in self.links if each.lease in ending]:
            self.end(link)
        target = self.staffing.controller.target
        if not self.out.targets or self.out.targets[-1][1] != target:
            self.out.targets.append((self.now, target))

    def leave_open(self, link: Link) -> None:
        """One that has brought all that it was asked for is there for another request."""
        if link.lease.position == link.reach and link.moved and link.moved < link.reset_after:
            self.idle.append((link.moved / (self.now - link.flows_at + STEP), link))

    def end(self, link: Link) -> None:
        """It is over, however."""
        self.links.remove(link)
        self.segments.release(link.lease)

    # the network's part -------------------------------------------------------------------------------------------------

    def open(self, lease: Lease) -> None:
        """A connection is made; whether it is served shows when the request arrives."""
        model, out = self.model, self.out
        wait = model.round_trips * model.rtt + model.first_byte
        chance, delay = model.slow_first_bytes
        if self.random.random() < chance and self.out.opened:
            wait += delay
        link = Link(lease, self.now, self.now + wait, Meter(self.now, lease.position))
        link.reach, link.refused = lease.stop, len(self.links) >= model.limit
        if self.idle:
            self.go_on(link, self.idle.pop()[1])
        else:
            self.decide_fate(link)
        if self.now < self.peace_until:
            out.violations += 1
        self.links.append(link)
        out.opened += 1
        out.most = max(out.most, len(self.links))
        if out.refusals:
            out.most_after_refusal = max(out.most_after_refusal, len(self.links))

    def go_on(self, link: Link, before: Link) -> None:
        """The connection is one that has been there before, with the same fate."""
        link.ready = True
        link.flows_at -= (self.model.round_trips - 1) * self.model.rtt
        link.window, link.crawls, link.noise = before.window, before.crawls, before.noise
        link.silent_after = before.silent_after - before.moved
        link.reset_after = before.reset_after - before.moved

    def decide_fate(self, link: Link) -> None:
        """What will become of a new connection."""
        model = self.model
        link.crawls = self.random.random() < model.stragglers
        if self.random.random() < model.silences:
            link.silent_after = self.random.uniform(256 * 1024, 2 * MIB)
        if model.resets:
            link.reset_after = self.random.uniform(*model.resets)

    def flow(self) -> None:
        """`STEP` seconds pass."""
        ended: list[Link] = []
        flowing = [link for link in self.links if link.flows_at <= self.now and not link.refused]
        demands = [self.demand(link) for link in flowing]
        for link, demand, rate in zip(flowing, demands, shared(self.model.rate_at(self.now), demands), strict=True):
            self.pour(link, demand, rate)
            if not link.lease.remaining or link.moved >= link.reset_after:
                ended.append(link)
        for link in ended:
            if link in self.links:
                self.leave_open(link)
                self.end(link)
                if link.lease.remaining:
                    self.staffing.controller.broken()
        for link in [each for each in self.links if each.refused and each.flows_at <= self.now]:
            self.refuse(link)

    def demand(self, link: Link) -> float:
        """What it would send, if the link were its own."""
        model = self.model
        if link.moved >= link.silent_after:
            return 0.0
        if self.random.random() < STEP:
            link.noise = self.random.uniform(0.5, 1.5) if model.loss else 1.0
        rate = min(link.window / max(model.rtt, 0.001), model.loss_rate * link.noise)
        if link.crawls:
            return min(rate, model.crawl)
        if model.burst and model.cap < math.inf:
            phase = int(self.now / model.burst)
            if phase != int((self.now - STEP) / model.burst) or not link.moved:
                link.allowed = min(link.allowed + model.cap * model.burst, 2 * model.cap * model.burst)
            return min(rate, max(0.0, link.allowed / STEP))
        return min(rate, model.cap)

    def pour(self, link: Link, demand: float, rate: float) -> None:
        """It brings what it can."""
        if rate > 0:
            link.meter.answered(self.now)
        if rate >= demand * 0.999:
            link.window *= 2 ** (STEP / max(self.model.rtt, STEP))
            link.window = min(link.window, 1e9)
        else:
            link.window = max(FIRST_WINDOW, rate * self.model.rtt * 1.25)
        link.residue += rate * STEP
        link.allowed -= rate * STEP
        size = min(int(link.residue), link.lease.remaining)
        link.residue -= int(link.residue)
        link.lease.position += size
        link.moved += size
        self.poured += size

    def refuse(self, link: Link) -> None:
        """503: what it was to fetch goes back, to a neighbour whose reply brings it anyhow if there is one."""
        self.end(link)
        served = sum(each.moved > 0 for each in self.links)
        self.out.served_at_refusal = served
        self.out.refusals += 1
        self.staffing.controller.refused(served)
        if self.model.retry_after is not None:
            self.hold_until = self.peace_until = self.now + self.model.retry_after


def shared(link: float, demands: Sequence[float]) -> list[float]:
    """Max-min fair: nobody gets more than somebody who wants more."""
    if sum(demands) <= link:
        return list(demands)
    rates, left = [0.0] * len(demands), link
    order = sorted(range(len(demands)), key=lambda at: demands[at])
    for place, at in enumerate(order):
        rates[at] = min(demands[at], left / (len(order) - place))
        left -= rates[at]
    return rates


def simulate(model: Model) -> Outcome:
    """Run it."""
    return Simulation(model).run()

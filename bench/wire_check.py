"""Does the wire do what it says? Rate within 1 %, delay within 1 ms at the 99th percentile, loss within three deviations.

Each claim is measured from outside, by a program that sends and receives UDP packets. The wire tells how late it was itself:
on a machine that was too busy to deliver packets in time a check is repeated, and in the end called busy, not wrong.
"""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from bench import network
from bench.model import MB, Wire
from bench.native import Native

TRIES = 3
LATE = 0.0008
"""Seconds. A wire that is later than this by itself, with one packet in a hundred, cannot keep its promise of a millisecond."""
RATE_ERROR = 0.01
DELAY_ERROR = 0.001
SIGMAS = 3.0
BUSY = 75
"""Exit status: nothing proven, try later (EX_TEMPFAIL)."""
Verdict = Literal["right", "wrong", "busy"]


@dataclass(frozen=True)
class Check:
    """A wire, what is sent through it, and what has to come out."""

    name: str
    wire: Wire
    length: int
    per_second: float
    count: int
    judge: Callable[[Wire, dict[str, Any]], tuple[bool, str]]


def rate_is_right(wire: Wire, seen: dict[str, Any]) -> tuple[bool, str]:
    """More is sent than the wire can carry; what comes out has its rate."""
    error = seen["rate"] / wire.rate - 1
    return abs(error) <= RATE_ERROR, f"{seen['rate'] / MB:.2f} Mbit/s, {error:+.2%}"


def delay_is_right(wire: Wire, seen: dict[str, Any]) -> tuple[bool, str]:
    """Few packets are sent; each takes half the round trip."""
    worst = max(abs(seen[name] - wire.rtt / 2) for name in ("p01", "p50", "p99"))
    return (
        worst <= DELAY_ERROR,
        f"median {seen['p50'] * 1e3:.2f} ms, p99 {seen['p99'] * 1e3:.2f} ms, at most {seen['most'] * 1e3:.2f} ms",
    )


def loss_is_right(wire: Wire, seen: dict[str, Any]) -> tuple[bool, str]:
    """So many packets are lost as chance allows."""
    share = 1 - seen["received"] / seen["sent"]
    sigma = deviation(wire, seen["sent"])
    return abs(share - wire.lost) <= SIGMAS * sigma, f"{share:.3%} lost, meant {wire.lost:.3%} ± {sigma:.3%}"


def deviation(wire: Wire, count: int) -> float:
    """Standard deviation of the lost share of so many packets; bursts make it larger."""
    lost = wire.lost
    variance = lost * (1 - lost)
    if wire.burst:
        to_bad, to_good, while_bad = wire.burst
        bad, memory = to_bad / (to_bad + to_good), 1 - to_bad - to_good
        variance += 2 * while_bad**2 * bad * (1 - bad) * memory / (1 - memory)
    return math.sqrt(variance / count)


FAST = Wire(rate=200 * MB, rtt=0.050)
SLOW = Wire(rate=5 * MB, rtt=0.080)
FREE = Wire(rate=1000 * MB, rtt=0.020, queue=20)
CHECKS = (
    Check("rate, 200 Mbit/s", FAST, 1500, 20_000, 60_000, rate_is_right),
    Check("rate, 5 Mbit/s", SLOW, 1500, 500, 1_500, rate_is_right),
    Check("rate, 20 Mbit/s of small packets", replace(SLOW, rate=20 * MB), 200, 15_000, 45_000, rate_is_right),
    Check("delay, 25 ms", FAST, 1500, 1_000, 3_000, delay_is_right),
    Check("delay, 75 ms", replace(FAST, rtt=0.150), 100, 1_000, 3_000, delay_is_right),
    Check("loss, 0.5 %", replace(FREE, loss=0.005), 100, 20_000, 100_000, loss_is_right),
    Check("loss in bursts", replace(FREE, burst=(0.002, 0.2, 0.5)), 100, 20_000, 100_000, loss_is_right),
)


def main(built: Native) -> int:
    """Run every check and tell; 0 if all are right, 1 if one is wrong, 75 if the machine was too busy to say."""
    (end,) = network.lay_out(1, "cubic")
    verdicts: list[Verdict] = []
    for number, check in enumerate(CHECKS):
        verdict, words = checked(built, end, check, number + 1)
        print(f"{check.name:34} {verdict:6} {words}", flush=True)
        verdicts.append(verdict)
    return 1 if "wrong" in verdicts else BUSY if "busy" in verdicts else 0


def checked(built: Native, end: network.End, check: Check, seed: int) -> tuple[Verdict, str]:
    """The check's verdict; again while the machine is too busy."""
    words = ""
    for _ in range(TRIES):
        with network.joined(built.wire, end, check.wire, seed) as running:
            seen = probed(built, end, check)
        right, words = check.judge(check.wire, seen)
        if right:
            return "right", words
        late, overflowed = running.statistics["down"]["late_p99"], running.statistics["down"]["overflowed"]
        words += f"; the wire was {late * 1e3:.2f} ms late at p99"
        if late <= LATE and not overflowed:
            return "wrong", words
    return "busy", words


def probed(built: Native, end: network.End, check: Check) -> dict[str, Any]:
    """What the probe has seen in the client's namespace."""
    address = end.address.rsplit(".", 1)[0] + ".2"
    numbers = [str(check.length), str(check.per_second), str(check.count)]
    told = subprocess.run(
        [built.probe, end.space, network.CLIENT, address, *numbers], check=True, capture_output=True, text=True
    )
    seen: dict[str, Any] = json.loads(told.stdout)
    return seen

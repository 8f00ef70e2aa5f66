"""The least time that a scenario can take, whoever fetches: handshakes, slow start, and the bytes at the path's rate."""

from __future__ import annotations

from bench.model import Path, Scenario, Wire

SEGMENT = 1448
"""Payload of a full packet."""
PACKET = 1500
"""Its length on the wire."""
WINDOW = 10 * SEGMENT
"""What a sender may send at first (RFC 6928)."""
CONNECTIONS = 64
"""As many as any tool may sensibly open; with a limit of the server, that."""
SLOW_START_CONNECTIONS = 16
TRIPS = {"http": 2, "https": 3, "h2": 3, "ftp": 8, "sftp": 11, "s3": 2}
"""Round trips to the first byte, of a client that waits for each reply it needs: TCP, TLS 1.3, the request.

For FTP: TCP and the greeting (2), USER, PASS, TYPE, EPSV, TCP, RETR. For SFTP: TCP, versions, key exchange (2), login (2),
channel, SFTP (2), open, read."""


def bound(scenario: Scenario) -> float | None:
    """Seconds; None where nothing but the machine is the limit."""
    wires = [path.wire for path in scenario.paths if path.wire is not None]
    if not wires:
        return None
    size = scenario.files * scenario.size
    wire = wires[0]
    start = handshakes(wire, scenario.scheme) + max(path.faults.first_byte if path.faults else 0.0 for path in scenario.paths)
    if scenario.files > 1:
        return start + max(filled(scenario, size), scenario.files * wire.rtt / CONNECTIONS)
    return start + slow_start(wire.rate, wire.rtt, SLOW_START_CONNECTIONS) + filled(scenario, size)


def handshakes(wire: Wire, scheme: str) -> float:
    """All that comes before the first byte, at a round trip each."""
    return wire.rtt * TRIPS[scheme]


def slow_start(rate: float, rtt: float, connections: int) -> float:
    """Seconds lost until so many connections together fill the path, each doubling its window every round trip."""
    full = rate / 8 * rtt
    window, spent, sent = float(WINDOW * connections), 0.0, 0.0
    while window < full:
        sent += window
        spent += rtt
        window *= 2
    return spent - sent / (rate / 8)


def filled(scenario: Scenario, size: int) -> float:
    """Seconds for so many bytes of body when all the paths are full all the time."""
    changes = sorted({0.0, *(at for path in scenario.paths for at in changing(path))})
    left = float(size)
    for begin, end in zip(changes, [*changes[1:], float("inf")], strict=True):
        rate = sum(goodput(path, begin) for path in scenario.paths)
        if rate > 0 and left <= rate * (end - begin):
            return begin + left / rate
        left -= rate * (end - begin)
    return float("inf")


def changing(path: Path) -> list[float]:
    """The moments at which what the path can carry changes."""
    steps = [at for at, _ in path.wire.steps] if path.wire else []
    if path.faults:
        steps += [at for at, _ in path.faults.total]
        steps += [path.faults.dies_after] if path.faults.dies_after else []
    return steps


def goodput(path: Path, at: float) -> float:
    """Bytes of body per second that the path can carry from this moment on."""
    assert path.wire is not None
    rates = [latest(path.wire.steps, at, path.wire.rate) / 8 * SEGMENT / PACKET * (1 - path.wire.lost)]
    faults = path.faults
    if faults:
        if faults.dies_after and at >= faults.dies_after:
            return 0.0
        if faults.connection_rate:
            rates.append(faults.connection_rate * (faults.connection_limit or CONNECTIONS))
        if faults.total:
            rates.append(latest(faults.total, at, faults.total[0][1]))
    return min(rates)


def latest(steps: tuple[tuple[float, float], ...], at: float, first: float) -> float:
    """The rate of the last step that has begun."""
    for begin, rate in steps:
        if begin <= at:
            first = rate
    return first

"""What a scenario is made of: wires, servers, files. Plain values; times in seconds, rates of wires in bits per second."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, Literal

MB = 1_000_000
KIB = 1024
MIB = 1024 * KIB

Scheme = Literal["http", "https", "h2", "ftp", "sftp", "s3"]
"""`https` offers HTTP/1.1 only; `h2` offers both. `s3` is over plain HTTP, the object uploaded in one piece."""


@dataclass(frozen=True)
class Wire:
    """A path of its own between the client and one server."""

    rate: float
    rtt: float
    loss: float = 0.0
    """Probability with which a packet to the client is lost."""
    burst: tuple[float, float, float] | None = None
    """Gilbert-Elliott: good to bad, bad to good, loss while bad; instead of `loss`."""
    queue: float = 1.0
    """What may wait, as a multiple of rate times round trip."""
    steps: tuple[tuple[float, float], ...] = ()
    """(time, rate) from the first packet on."""

    @property
    def lost(self) -> float:
        """The share of packets that are lost in the long run."""
        if self.burst is None:
            return self.loss
        to_bad, to_good, while_bad = self.burst
        return while_bad * to_bad / (to_bad + to_good)

    @property
    def queue_bytes(self) -> int:
        """What may wait; never less than a short burst."""
        return max(50_000, int(self.queue * self.rate * self.rtt / 8))


@dataclass(frozen=True)
class Fault:
    """What happens to some connections, or to some requests: of each group of `among`, one that chance picks."""

    among: int = 1
    after: tuple[int, int] = (0, 0)
    """Body bytes of the connection before it happens; drawn between these."""


@dataclass(frozen=True)
class Faults:
    """How a server misbehaves. Rates are in bytes per second of body; 0 is no limit."""

    connection_rate: float = 0
    connection_limit: int = 0
    """Requests at once; one more is answered with 503."""
    total: tuple[tuple[float, float], ...] = ()
    """(time, rate for all connections together) from the first request on."""
    crawl: Fault | None = None
    crawl_rate: float = 20_000
    silence: Fault | None = None
    reset: Fault | None = None
    truncation: Fault | None = None
    first_byte: float = 0
    """Seconds that every request waits for its first byte."""
    dies_after: float = 0
    """Seconds after the first request: every connection is reset, new ones are refused."""


@dataclass(frozen=True)
class Path:
    """One server and the way to it. Without a wire it is the loopback; without faults it is nginx. `scheme` is that of the
    scenario, unless said."""

    wire: Wire | None = None
    faults: Faults | None = None
    scheme: Scheme | None = None


@dataclass(frozen=True)
class Scenario:
    """One thing to measure."""

    name: str
    title: str
    size: int
    """Bytes of each file."""
    paths: tuple[Path, ...] = (Path(),)
    files: int = 1
    scheme: Scheme = "http"
    control: Literal["cubic", "bbr"] = "cubic"
    """Congestion control of the servers."""
    patience: float = 4.0
    """A tool that takes so many times the bound, and never less than 20 s, is stopped and has failed."""
    seconds: float = 0.0
    """Instead of `patience`, where there is no bound."""
    quick: float = 0.25
    """Share of the work that `--quick` leaves."""
    kind: Literal["one", "many", "mirrors", "queue"] = "one"
    groups: tuple[str, ...] = field(default=())


def quickened(scenario: Scenario) -> Scenario:
    """The same with less work."""
    if scenario.quick == 1:
        return scenario
    title = f"{scenario.title}; of this {scenario.quick:.0%}"
    if scenario.kind == "many":
        return replace(scenario, title=title, files=int(scenario.files * scenario.quick))
    return replace(scenario, title=title, size=int(scenario.size * scenario.quick))


def faults_from(text: str) -> Faults:
    """The inverse of `json.dumps(asdict(faults))`."""
    values: dict[str, Any] = json.loads(text)
    for name in ("crawl", "silence", "reset", "truncation"):
        if values[name] is not None:
            values[name] = Fault(values[name]["among"], tuple(values[name]["after"]))
    values["total"] = tuple((float(at), float(rate)) for at, rate in values["total"])
    return Faults(**values)

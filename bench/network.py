"""Network namespaces, joined by wires. The names live in a private mount namespace, so all of it goes with the last process."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.model import Wire

CLIENT = "client"
NAMES = Path("/run/netns")
SETTINGS = {
    "net.ipv4.tcp_no_metrics_save": "1",
    # What a Debian of today gives a client, and what somebody who runs a file server would allow it.
    "net.ipv4.tcp_rmem": "4096 131072 6291456",
    "net.ipv4.tcp_wmem": "4096 65536 67108864",
    "net.ipv4.ip_local_port_range": "10000 65000",
    "net.ipv4.tcp_tw_reuse": "1",
}


@dataclass(frozen=True)
class End:
    """A server's namespace, as the client sees it."""

    space: str
    address: str
    device: str | None
    """The TUN device at both ends; None for the loopback of the client."""


def lay_out(count: int, control: str) -> list[End]:
    """The client's namespace and `count` servers' namespaces, each with a pair of TUN devices and addresses."""
    add_space(CLIENT)
    ends = []
    for number in range(count):
        end = End(f"server{number}", f"10.77.{number}.1", f"wire{number}")
        add_space(end.space)
        for space, address in ((CLIENT, f"10.77.{number}.2"), (end.space, end.address)):
            ip("-n", space, "tuntap", "add", "dev", str(end.device), "mode", "tun")
            ip("-n", space, "address", "add", f"{address}/30", "dev", str(end.device))
            ip("-n", space, "link", "set", str(end.device), "mtu", "1500", "txqueuelen", "20000", "up")
        # By the route, because a namespace may choose only what the whole machine allows to everybody.
        ip("-n", end.space, "route", "replace", f"10.77.{number}.0/30", "dev", str(end.device), "congctl", control)
        ends.append(end)
    return ends


def loopback() -> list[End]:
    """One namespace for both, with the kernel's congestion control: nothing is congested there."""
    add_space(CLIENT)
    return [End(CLIENT, "127.0.0.1", None)]


def add_space(name: str) -> None:
    """A namespace with a loopback and our settings."""
    ip("netns", "add", name)
    ip("-n", name, "link", "set", "lo", "up")
    words = [f"{key}={value}" for key, value in SETTINGS.items()]
    subprocess.run([*inside(name), "sysctl", "-qw", *words], check=True)


def clear() -> None:
    """Take all namespaces of an earlier scenario away."""
    for path in NAMES.iterdir():
        ip("netns", "delete", path.name)


def inside(space: str) -> list[str]:
    """What to write before a command to run it in a namespace."""
    return ["nsenter", f"--net={NAMES / space}", "--"]


def ip(*words: str) -> None:
    """Run ip."""
    subprocess.run(["ip", *words], check=True)


@dataclass
class Running:
    """A wire at work; `statistics` are there when it has ended."""

    statistics: dict[str, Any] = field(default_factory=dict)


@contextmanager
def joined(program: Path, end: End, wire: Wire, seed: int) -> Iterator[Running]:
    """Carry packets between the client and one server."""
    command = [str(program), CLIENT, str(end.device), end.space, str(end.device), *described(wire, seed)]
    running = Running()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("the wire did not start")
        try:
            yield running
        finally:
            process.send_signal(signal.SIGTERM)
            running.statistics = json.loads(process.stdout.read())


def described(wire: Wire, seed: int) -> list[str]:
    """The program's arguments. The way up has the same rate, a generous queue and no loss: it carries acknowledgements."""
    words = [f"seed={seed}", f"down.rate={wire.rate:.0f}", f"down.queue={wire.queue_bytes}", f"up.rate={wire.rate:.0f}"]
    words += [f"{way}.delay={wire.rtt / 2:.6f}" for way in ("down", "up")]
    if wire.burst:
        words.append("down.burst=" + ":".join(map(str, wire.burst)))
    elif wire.loss:
        words.append(f"down.loss={wire.loss}")
    if wire.steps:
        words.append("down.steps=" + ",".join(f"{at}:{rate:.0f}" for at, rate in wire.steps))
    return words

"""Every scenario, as one table."""

from __future__ import annotations

from typing import Any

from bench.model import KIB, MB, MIB, Fault, Faults, Path, Scenario, Scheme, Wire

SHORT = Wire(rate=200 * MB, rtt=0.020)
MIDDLE = Wire(rate=200 * MB, rtt=0.050)
LONG = Wire(rate=200 * MB, rtt=0.150)
LOSSY = Wire(rate=100 * MB, rtt=0.080, loss=0.005)
BURSTY = Wire(rate=100 * MB, rtt=0.080, burst=(0.002, 0.2, 0.5))
HOME = Wire(rate=200 * MB, rtt=0.030)
VARYING = Wire(rate=100 * MB, rtt=0.060, steps=tuple((4.0 * n, (100 if n % 2 == 0 else 20) * MB) for n in range(1, 60)))
COLD = Wire(rate=100 * MB, rtt=0.040)

FOURTH = Fault(among=4)
FOURTH_LATER = Fault(among=4, after=(256 * KIB, 2 * MIB))
EACH_LATER = Fault(among=1, after=(4 * MIB, 12 * MIB))

MIRRORS = (
    Path(Wire(rate=80 * MB, rtt=0.020), Faults()),
    Path(Wire(rate=40 * MB, rtt=0.120), Faults(dies_after=4)),
    Path(Wire(rate=5 * MB, rtt=0.300, loss=0.02), Faults()),
)
MIXED = (
    Path(Wire(rate=10 * MB, rtt=0.030), scheme="http"),
    Path(Wire(rate=40 * MB, rtt=0.030), scheme="ftp"),
    Path(Wire(rate=100 * MB, rtt=0.030), scheme="s3"),
)


def wan(name: str, title: str, wire: Wire, size: int = 128 * MIB, **facts: Any) -> Scenario:
    """One large file from nginx over a wire."""
    return Scenario(name, title, size, (Path(wire),), groups=("wan",), **facts)


def spoken(scheme: Scheme, name: str) -> tuple[Scenario, Scenario]:
    """One large file by another protocol than HTTP: as fast as the machine can, and with a distance."""
    ways: dict[str, Any] = {"scheme": scheme, "groups": ("protocols",)}
    return (
        Scenario(f"loopback-{scheme}", f"1 GiB over loopback, {name}", 1024 * MIB, seconds=120, **ways),
        Scenario(f"wan-{scheme}", f"128 MiB over {name}, 200 Mbit/s, 50 ms", 128 * MIB, (Path(MIDDLE),), **ways),
    )


def faulty(name: str, title: str, faults: Faults, size: int = 128 * MIB, wire: Wire = HOME) -> Scenario:
    """One large file from a server that misbehaves."""
    return Scenario(name, title, size, (Path(wire, faults),), groups=("faults",))


def small(name: str, title: str, files: int, scheme: Scheme) -> Scenario:
    """Many files of 16 KiB at 20 ms."""
    return Scenario(
        name, title, 16 * KIB, (Path(SHORT),), files, scheme, kind="many", seconds=60 + files / 50, groups=("small",)
    )


SCENARIOS = (
    Scenario("loopback-http", "1 GiB over loopback, http", 1024 * MIB, seconds=60, groups=("loopback",)),
    Scenario("loopback-https", "1 GiB over loopback, https", 1024 * MIB, scheme="https", seconds=60, groups=("loopback",)),
    *spoken("ftp", "FTP"),
    *spoken("sftp", "SFTP"),
    *spoken("s3", "S3"),
    wan("wan-short", "128 MiB, 200 Mbit/s, 20 ms", SHORT),
    wan("wan-middle", "128 MiB, 200 Mbit/s, 50 ms", MIDDLE),
    wan("wan-middle-bbr", "128 MiB, 200 Mbit/s, 50 ms, bbr", MIDDLE, control="bbr"),
    wan("wan-long", "128 MiB over https, 200 Mbit/s, 150 ms", LONG, scheme="https"),
    wan("wan-long-bbr", "128 MiB over https, 200 Mbit/s, 150 ms, bbr", LONG, scheme="https", control="bbr"),
    wan("lossy", "64 MiB, 100 Mbit/s, 80 ms, 0.5 % lost", LOSSY, 64 * MIB, quick=0.5),
    wan("lossy-bbr", "64 MiB, 100 Mbit/s, 80 ms, 0.5 % lost, bbr", LOSSY, 64 * MIB, quick=0.5, control="bbr"),
    wan("lossy-burst", "64 MiB, 100 Mbit/s, 80 ms, 0.5 % lost in bursts", BURSTY, 64 * MIB, quick=0.5),
    wan("varying", "48 MiB, 100 and 20 Mbit/s in turn every 4 s, 60 ms", VARYING, 48 * MIB, quick=0.5),
    wan("cold", "10 MiB over https, 100 Mbit/s, 40 ms, from a cold start", COLD, 10 * MIB, quick=1.0, scheme="https"),
    faulty("cap", "128 MiB, 1 MiB/s a connection", Faults(connection_rate=MIB)),
    faulty("cap-503", "128 MiB, 1 MiB/s a connection, 503 beyond 16", Faults(connection_rate=MIB, connection_limit=16)),
    faulty("stragglers", "128 MiB, every fourth connection crawls at 20 KB/s", Faults(crawl=FOURTH)),
    faulty("silent", "128 MiB, every fourth connection falls silent", Faults(silence=FOURTH_LATER)),
    faulty("resets", "128 MiB, every connection is reset after 4 to 12 MiB", Faults(reset=EACH_LATER)),
    faulty("truncations", "128 MiB, every connection is closed after 4 to 12 MiB", Faults(truncation=EACH_LATER)),
    faulty("first-byte", "128 MiB, every request waits 2 s", Faults(first_byte=2)),
    faulty("starved", "8 MiB, 250 KB/s in all, 50 KB/s a connection", Faults(50_000, total=((0, 250_000),)), 8 * MIB),
    faulty("step-down", "8 MiB, 1 MB/s in all, after 5 s 100 KB/s", Faults(total=((0, 1_000_000), (5, 100_000))), 8 * MIB),
    small("small-http", "1,000 files of 16 KiB, http, 20 ms", 1_000, "http"),
    small("small-https", "1,000 files of 16 KiB, https, HTTP/1.1, 20 ms", 1_000, "https"),
    small("small-h2", "1,000 files of 16 KiB, https, HTTP/2, 20 ms", 1_000, "h2"),
    small("small10k-http", "10,000 files of 16 KiB, http, 20 ms", 10_000, "http"),
    small("small10k-https", "10,000 files of 16 KiB, https, HTTP/1.1, 20 ms", 10_000, "https"),
    small("small10k-h2", "10,000 files of 16 KiB, https, HTTP/2, 20 ms", 10_000, "h2"),
    Scenario("mirrors", "96 MiB from three unequal mirrors, one dies after 4 s", 96 * MIB, MIRRORS, kind="mirrors"),
    Scenario("mirrors-mixed", "192 MiB from http, ftp and s3 at 10, 40 and 100 Mbit/s", 192 * MIB, MIXED, kind="mirrors"),
    Scenario("busy", "128 MiB, 200 Mbit/s, 50 ms, a queue of 10,000 and readers", 128 * MIB, (Path(MIDDLE),), kind="queue"),
)


def named(words: list[str]) -> list[Scenario]:
    """Those with these names or in these groups, in the table's order; all if no word is given. KeyError: no such one."""
    known = {name for one in SCENARIOS for name in (one.name, *one.groups)}
    for word in words:
        if word not in known:
            raise KeyError(word)
    return [one for one in SCENARIOS if not words or {one.name, *one.groups} & set(words)]

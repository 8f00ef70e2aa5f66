"""The daemon under load, as its users meet it: 8 downloads that take all they can get, and 10,000 that wait.

Run it with `pytest -m slow -s tests/slow/test_daemon_load.py`; it prints what it measured, and takes about five minutes.
`DLM_LOAD_SECONDS` is how long it is asked and listened to (60), `DLM_LOAD_LONG` how long a hundred clients listen (60; the
promise is for 600), `DLM_LOAD_ROUNDS` how often speeds are compared (5), `DLM_LOAD_MIB` the size of each of eight files (256).
`DLM_SLACK` is how many times worse than promised it may be, for machines that are busy with something else. All of it goes
through the disk of the temporary directory, which needs room for sixteen such files, and 1 MB a second of `DLM_LOAD_LONG` for
each of eight.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any

import pytest

from tests.conftest import SOURCES
from tests.daemons import RunningDaemon
from tests.flood import Flood
from tests.machine import seconds_until
from tests.running import RunningDlm

SECONDS = float(os.environ.get("DLM_LOAD_SECONDS", "60"))
LONG = float(os.environ.get("DLM_LOAD_LONG", "60"))
ROUNDS = int(os.environ.get("DLM_LOAD_ROUNDS", "5"))
MIB = int(os.environ.get("DLM_LOAD_MIB", "256"))
SLACK = float(os.environ.get("DLM_SLACK", "1"))

MIBIBYTE = 1024**2
QUEUED = 10_000
AT_ONCE = 8

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


# --- what is measured -------------------------------------------------------------------------------------------------


def part(values: list[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def shown(values: list[float]) -> str:
    """Seconds as milliseconds: the median, the 99th percentile and the worst."""
    p50, p99, worst = (part(values, share) * 1000 for share in (0.5, 0.99, 1.0))
    return f"p50 {p50:.1f}, p99 {p99:.1f}, worst {worst:.1f} ms of {len(values)}"


def family(pid: int) -> list[int]:
    """The process and those that it has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def resident(pid: int) -> float:
    """MiB that a process has resident."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024**2


def cpu(pid: int) -> float:
    """Seconds of CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- who asks ---------------------------------------------------------------------------------------------------------


class Client:
    """A process that asks or listens; see `tests/load_client.py`."""

    def __init__(self, *args: str, ids: list[str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.load_client", *args],
            cwd=SOURCES.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if ids is not None:
            self._process.stdin.write(json.dumps(ids) + "\n")
            self._process.stdin.flush()
        assert self._process.stdout.readline() == "ready\n"

    def told(self, *, stop: bool = False) -> dict[str, Any]:
        """What it measured, once it has ended; with `stop` it is told to."""
        assert self._process.stdin is not None
        if stop:
            self._process.stdin.close()
            self._process.stdin = None
        out, _ = self._process.communicate(timeout=120)
        assert self._process.returncode == 0
        found: dict[str, Any] = json.loads(out)
        return found


class Caller:
    """Asks the daemon from this process."""

    def __init__(self, daemon: RunningDaemon) -> None:
        self._daemon = daemon

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """The answer, decoded where it is JSON."""
        connection = http.client.HTTPConnection(self._daemon.url.removeprefix("http://"), timeout=60)
        headers = {"Authorization": f"Bearer {self._daemon.token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body).encode(), headers)
            response = connection.getresponse()
            content = response.read()
            assert response.status < 400, (method, path, response.status, content)
            return json.loads(content) if "json" in response.headers["Content-Type"] else content.decode()
        finally:
            connection.close()

    def add(self, *uris: str, **options: object) -> list[str]:
        """Queue these, and give their ids."""
        told = self.ask("POST", "/api/v1/downloads/bulk", {"downloads": [{"uris": [uri], **options} for uri in uris]})
        return [each["download"]["download_id"] for each in told["added"]]

    def all_of(self, order: str, group: str) -> None:
        """Give an order for a group."""
        self.ask("POST", "/api/v1/orders", {"order": order, "group": group})

    def remove(self, ids: list[str]) -> None:
        """Forget them, with their files."""
        if ids:
            self.ask("POST", "/api/v1/removals", {"ids": ids, "delete_files": True})

    def queue(self) -> Any:
        """The queue in numbers."""
        return self.ask("GET", "/api/v1/queue")

    def in_phase(self, phase: str) -> list[str]:
        """The ids of the downloads in this phase."""
        return [each["download_id"] for each in self.ask("GET", f"/api/v1/downloads?phase={phase}&limit=1000")["downloads"]]


# --- what it has to do ------------------------------------------------------------------------------------------------


class _Busy(BaseHTTPRequestHandler):
    """A server that wants to be left in peace for an hour."""

    def do_GET(self) -> None:
        self.send_response(503)
        self.send_header("Retry-After", "3600")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def busy_daemon(folder: Path, *, needed: int) -> Iterator[tuple[RunningDaemon, Caller, list[str]]]:
    """A daemon with 10,000 downloads that are pending, because their host wants to be left in peace, and their ids. Its files
    are deleted at the end; `needed` are the bytes that they may have."""
    free = shutil.disk_usage(folder).free
    assert free > 2 * needed, f"{folder} needs room for {needed / 1024**3:.1f} GiB, twice: {free / 1024**3:.1f} GiB are free"
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder / "files", ignore_errors=True)
        busy = stack.enter_context(ThreadingHTTPServer(("127.0.1.2", 0), _Busy))
        Thread(target=busy.serve_forever, daemon=True).start()
        stack.callback(busy.shutdown)
        daemon = stack.enter_context(RunningDaemon(folder, "--jobs", str(AT_ONCE), "--per-host", str(AT_ONCE)))
        caller = Caller(daemon)
        began = time.perf_counter()
        ids = caller.add(*(f"http://127.0.1.2:{busy.server_port}/{number}.bin" for number in range(QUEUED)))
        print(f"\n{QUEUED} queued in one request: {time.perf_counter() - began:.2f} s", end="")
        seconds_until(lambda: caller.queue()["phases"].get("waiting", 0) > 0, 60.0)
        seconds_until(lambda: caller.queue()["active"] == 0, 60.0)
        yield daemon, caller, ids


@contextmanager
def saturated(caller: Caller, flood: Flood) -> Iterator[None]:
    """Eight downloads that take all they can get: whatever is complete makes room for another."""
    ended = Event()
    numbers = iter(range(1_000_000))

    def another(count: int) -> None:
        caller.add(*(flood.url(MIB * MIBIBYTE, f"{next(numbers)}.bin") for _ in range(count)))

    def feed() -> None:
        while not ended.wait(0.25):
            complete = caller.in_phase("completed")
            if complete:
                another(len(complete))
                caller.remove(complete)

    # Some wait behind those that move, so that no slot is ever free.
    another(AT_ONCE + AT_ONCE // 2)
    feeding = Thread(target=feed)
    feeding.start()
    try:
        seconds_until(lambda: caller.queue()["active"] == AT_ONCE, 60.0)
        yield
    finally:
        ended.set()
        feeding.join()


def buckets(text: str, name: str) -> dict[float, float]:
    """The cumulative counts of a histogram of /metrics, by their upper bounds."""
    lines = (line for line in text.splitlines() if line.startswith(f'{name}_bucket{{le="'))
    return {float(line.split('"')[1]): float(line.rsplit(" ", 1)[1]) for line in lines}


def between(before: str, after: str, name: str) -> dict[float, float]:
    """Which share of what came between two readings of /metrics was not above each bound."""
    first, last = buckets(before, name), buckets(after, name)
    counts = {bound: last[bound] - first.get(bound, 0.0) for bound in last}
    return {bound: count / max(1.0, counts[float("inf")]) for bound, count in counts.items()}


def told(shares: dict[float, float]) -> str:
    """Shares by their bounds, up to the first that all are below."""
    rows, full = [], False
    for bound, share in shares.items():
        if not full:
            rows.append(f"<= {bound * 1000:g} ms {share:.2%}")
        full = full or share >= 1
    return ", ".join(rows)


# --- the promises -----------------------------------------------------------------------------------------------------


def test_it_is_ready_soon_and_costs_nothing_while_idle(tmp_path: Path) -> None:
    """Ready within a second; 80 MB and no CPU time while nobody wants anything."""
    walls, cpus = [], []
    for number in range(6):
        folder = tmp_path / str(number)
        folder.mkdir()
        began = time.perf_counter()
        with RunningDaemon(folder) as daemon:
            walls.append(time.perf_counter() - began)
            cpus.append(cpu(daemon.process.pid))
    del walls[0], cpus[0]  # the first one compiles what it loads
    print(f"\nready: best {min(walls):.2f} s, median {median(walls):.2f} s; CPU best {min(cpus):.2f} s", end="")
    with RunningDaemon(tmp_path) as daemon:
        time.sleep(2)
        used, began = cpu(daemon.process.pid), time.perf_counter()
        time.sleep(10)
        share = (cpu(daemon.process.pid) - used) / (time.perf_counter() - began)
        memory = sum(map(resident, family(daemon.process.pid)))
    print(f"; idle: {memory:.0f} MiB, {share:.2%} of a core")
    assert min(walls) <= 1.0 * SLACK
    assert memory * MIBIBYTE <= 80_000_000
    assert share <= 0.01 * SLACK


def test_answers_and_events_come_soon(tmp_path: Path) -> None:
    """REST p99 50 ms, events p99 150 ms, the loop's lag p99 20 ms, while eight downloads take all they can get."""
    needed = 2 * AT_ONCE * MIB * MIBIBYTE
    with Flood() as flood, busy_daemon(tmp_path, needed=needed) as (daemon, caller, ids), saturated(caller, flood):
        pids = family(daemon.process.pid)
        listener = Client("listen", daemon.url, daemon.token, "1", "0")
        before, count, began = caller.ask("GET", "/metrics"), flood.count(), time.perf_counter()
        used = [cpu(pid) for pid in pids]
        waited = waiting(daemon.process.pid)
        asked = Client("ask", daemon.url, daemon.token, str(SECONDS), "0.02", ids=ids).told()
        took = time.perf_counter() - began
        waited = (waiting(daemon.process.pid) - waited) / took
        after, speed = caller.ask("GET", "/metrics"), (flood.count().left - count.left) / took
        shares = [f"{(cpu(pid) - was) / took:.2f}" for pid, was in zip(pids, used, strict=True)]
        runtime = caller.ask("GET", "/api/v1/runtime")
        heard = listener.told(stop=True)
    answers = [each for kind in asked["seconds"].values() for each in kind]
    moments = {(kind, id): moment for kind, id, moment in asked["sent"]}
    sent = [moment - moments[kind, id] for kind, id, moment in heard["heard"] if (kind, id) in moments]
    lag = between(before, after, "dlm_loop_lag_seconds")
    print(f"\n{AT_ONCE} downloads, {speed / 1e6:.0f} MB/s, {QUEUED} queued, {took:.0f} s")
    print(
        f"  cores used: daemon {shares[0]}, workers {', '.join(shares[1:])}; the daemon waited {waited:.2f} s a second for one"
    )
    for kind, values in asked["seconds"].items():
        print(f"    {kind:9} {shown(values)}")
    print(f"  answers     {shown(answers)}")
    print(f"  events      {shown(heard['late'])}, after they happened")
    print(f"  commands    {shown(sent)}, from sending to the event")
    print(f"  loop lag    {told(lag)}; runtime says {runtime['loop_lag']}")
    print(f"  commits     {told(between(before, after, 'dlm_commit_seconds'))}")
    print(f"  checkpoints {told(between(before, after, 'dlm_checkpoint_seconds'))}")
    assert part(answers, 0.99) <= 0.050 * SLACK
    assert part(heard["late"], 0.99) <= 0.150 * SLACK
    assert heard["backwards"] == heard["lagged"] == 0
    assert lag[min((bound for bound in lag if bound >= 0.020 * SLACK), default=float("inf"))] >= 0.99


def test_a_pause_stops_the_traffic(tmp_path: Path) -> None:
    """Within a second of the command nothing leaves the server any more, of eight downloads that take all they can get."""
    with Flood() as flood, busy_daemon(tmp_path, needed=AT_ONCE * 512 * MIBIBYTE) as (_, caller, _ids):
        caller.add(*(flood.url(512 * MIBIBYTE, f"{number}.bin") for number in range(AT_ONCE)), group="flood")
        stops = []
        for _ in range(3):
            seconds_until(lambda: flood.count().busy >= AT_ONCE // 2, 60.0)
            time.sleep(0.3)
            began = last = time.perf_counter()
            caller.all_of("pause", "flood")
            answered, sent = time.perf_counter() - began, -1
            while time.perf_counter() < last + 1.0:
                if (now := flood.count().sent) != sent:
                    sent, last = now, time.perf_counter()
            stops.append(last - began)
            print(f"\npause of {AT_ONCE}: answered after {answered:.2f} s, the last byte left after {stops[-1]:.2f} s", end="")
            caller.all_of("resume", "flood")
    assert max(stops) <= 1.0 * SLACK


def test_it_downloads_as_fast_as_the_command(tmp_path: Path) -> None:
    """Eight files at once, 10,000 queued behind them, against one `dlm get` of the same eight: within 3 %."""
    size = MIB * MIBIBYTE
    ours, theirs = [], []
    with Flood() as flood, busy_daemon(tmp_path, needed=2 * AT_ONCE * size) as (daemon, caller, _ids):
        for number in range(ROUNDS + 1):
            urls = [flood.url(size, f"{number}-{each}.bin") for each in range(AT_ONCE)]
            os.sync()
            ours.append(by_daemon(daemon, caller, urls, flood))
            os.sync()
            theirs.append(by_get(tmp_path / "got", urls, flood))
    del ours[0], theirs[0]
    total = AT_ONCE * size / 1e6
    for name, runs in (("daemon", ours), ("dlm get", theirs)):
        speeds = ", ".join(f"{total / wall:.0f}" for wall, _ in runs)
        print(f"\n{name:8} {speeds} MB/s; CPU best {min(used for _, used in runs):.2f} s", end="")
    best, middle = (each(wall for wall, _ in theirs) / each(wall for wall, _ in ours) for each in (min, median))
    print(f"\nspeed of the daemon by that of dlm get: best by best {best:.3f}, median by median {middle:.3f}")
    assert max(best, middle) >= 0.97 / SLACK


def by_daemon(daemon: RunningDaemon, caller: Caller, urls: list[str], flood: Flood) -> tuple[float, float]:
    """Seconds from the first byte until all are complete, and of CPU time. The files are deleted."""
    sent, used = flood.count().sent, sum(map(cpu, family(daemon.process.pid)))
    ids = caller.add(*urls)
    seconds_until(lambda: flood.count().sent > sent, 60.0)
    began = time.perf_counter()
    while caller.queue()["phases"].get("completed", 0) < len(urls):
        time.sleep(0.05)
        assert time.perf_counter() < began + 300.0, "it took too long"
    took = time.perf_counter() - began
    used = sum(map(cpu, family(daemon.process.pid))) - used
    caller.remove(ids)
    return took, used


def by_get(folder: Path, urls: list[str], flood: Flood) -> tuple[float, float]:
    """The same of a `dlm get`."""
    sent = flood.count().sent
    with RunningDlm("get", "-q", "-j", str(len(urls)), "-d", str(folder), *urls, cwd=folder.parent) as running:
        seconds_until(lambda: flood.count().sent > sent, 60.0)
        began = time.perf_counter()
        _, status, usage = os.wait4(running.process.pid, 0)
        took = time.perf_counter() - began
        running.process.returncode = os.waitstatus_to_exitcode(status)
    assert running.process.returncode == 0
    shutil.rmtree(folder)
    return took, usage.ru_utime + usage.ru_stime


def test_a_hundred_clients_listen(tmp_path: Path) -> None:
    """Who reads is told of progress in order, at most 15 times a second for a download; ten never read, and memory is flat."""
    size = int((LONG + 90) * 1_000_000)
    with Flood() as flood, busy_daemon(tmp_path, needed=AT_ONCE * size) as (daemon, caller, _ids):
        caller.add(*(flood.url(size, f"{number}.bin", each=1_000_000) for number in range(AT_ONCE)), connections=1)
        seconds_until(lambda: caller.queue()["active"] == AT_ONCE, 60.0)
        listener = Client("listen", daemon.url, daemon.token, "100", "10")
        time.sleep(min(10.0, LONG / 4))
        began, used, memory = time.perf_counter(), cpu(daemon.process.pid), []
        while time.perf_counter() < began + LONG:
            memory.append(resident(daemon.process.pid))
            time.sleep(1)
        share = (cpu(daemon.process.pid) - used) / (time.perf_counter() - began)
        lag, readers = (caller.ask("GET", "/api/v1/runtime")[name] for name in ("loop_lag", "readers"))
        heard = listener.told(stop=True)
    quarter = max(1, len(memory) // 4)
    first, last = median(memory[:quarter]), median(memory[-quarter:])
    print(
        f"\n100 clients, 10 of them deaf, {LONG:.0f} s: {min(heard['samples'])} to {max(heard['samples'])} samples each, "
        f"{heard['most']} of one download in a second at most, {heard['backwards']} backwards, {heard['lagged']} lagged\n"
        f"  daemon: {first:.1f} MiB in the first quarter, {last:.1f} in the last, {share:.2f} cores; lag {lag}"
    )
    assert 90 <= readers <= 100  # who answers no ping is sent away after a while
    assert heard["backwards"] == 0
    assert min(heard["samples"]) > LONG * AT_ONCE / SLACK
    assert heard["most"] <= 15 * SLACK  # a client that was kept from its core reads what has gathered at once
    assert last - first <= max(2.0, 0.03 * first) * min(SLACK, 3.0)


def waiting(pid: int) -> float:
    """Seconds that a process's threads have waited for a core (proc(5), schedstat)."""
    found = 0
    for each in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            found += int((each / "schedstat").read_text().split()[1])
    return found / 1e9

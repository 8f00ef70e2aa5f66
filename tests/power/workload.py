"""Eight downloads in a real dlm, commands that go on meanwhile, and what they were told. I4, I5 and I10 are measured here."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dlm.model.phase import CLAIMED_PHASES, Intent, Phase
from dlm.policy.crowd import SMALL
from dlm.storage.folders import make_folders
from tests.conftest import SOURCES
from tests.hostile import HostileServer, content
from tests.power.acknowledged import Acknowledged, Aspect, Key, Value
from tests.power.invariants import is_held, read, violations
from tests.power.processes import Processes

MIB = 1024 * 1024
WINDOW = 16 * MIB
"""What may be fetched again of a download after a kill."""
IN_FLIGHT = 4 * MIB
"""Bytes that a server has handed to the kernel, and so counts as sent, and that dlm has not read."""
READY = 5.0
"""Seconds after which a dlm that was started again moves bytes, or has ended."""
READY_TO_GO = CLAIMED_PHASES | {Phase.PENDING}
_PATIENCE = 60.0
_MUTATIONS = Path(__file__).parent / "mutation"


@dataclass(frozen=True)
class Plan:
    """How large a workload is. `mutation` names what dlm forgets to do; `tracing` is put before its command."""

    downloads: int = 8
    smallest: int = MIB // 2
    largest: int = 12 * MIB
    small: float = 0.3
    """The share of downloads that are so small that they have no partial file."""
    rates: tuple[int, ...] = (2 * MIB, 5 * MIB, 12 * MIB)
    """Bytes a second; each server has one of them."""
    workers: int = 0
    mutation: str | None = None


class Workload:
    """dlm with its queue in `state` and its files in `downloads`. Everything random is of `luck`. A context manager."""

    def __init__(self, state: Path, downloads: Path, elsewhere: Path, luck: random.Random, plan: Plan | None = None) -> None:
        self.plan = plan or Plan()
        self.acknowledged = Acknowledged()
        self.truth: dict[str, bytes] = {}
        self.interruptions = 0
        self.refetched: list[int] = []
        self.readiness: list[float] = []
        self._state, self._downloads, self._elsewhere, self._luck = state, downloads, elsewhere, luck
        self._servers: dict[str, HostileServer] = {}
        self._ids: dict[str, str] = {}
        self._complaints: list[str] = []
        self._lock = threading.Lock()
        self._promised = threading.Event()
        self._stopped = threading.Event()
        self._runner: subprocess.Popen[str] | None = None
        self._command: subprocess.Popen[str] | None = None
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        for folder in (self._state, self._downloads, self._elsewhere):
            make_folders(str(folder))  # which does so durably: that they are there is not to be tested
        environment = {
            **os.environ,
            "HOME": str(self._elsewhere),
            "TMPDIR": str(self._elsewhere),
            "PYTHONPATH": os.pathsep.join([str(_MUTATIONS), str(SOURCES)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "DLM_STATE": str(self._state / "dlm.db"),
            **({"DURABILITY_MUTATION": self.plan.mutation} if self.plan.mutation else {}),
        }
        self._processes = Processes(self._elsewhere, environment)
        with contextlib.ExitStack() as opened:
            for number in range(self.plan.downloads):
                data = content(self._size(), seed=self._luck.randrange(2**32))
                server = opened.enter_context(HostileServer(data, bytes_per_second=self._luck.choice(self.plan.rates)))
                address = server.url(f"/d{number}.bin", "polite")
                self.truth[address], self._servers[address] = data, server
            opened.callback(self._processes.close)
            opened.callback(self._join)
            self._opened = opened.pop_all()
        return self

    def _size(self) -> int:
        small = self._luck.random() < self.plan.small
        return self._luck.randrange(*((1, SMALL) if small else (self.plan.smallest, self.plan.largest)))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._processes.kill()
        self._opened.close()
        for folder in (self._state, self._downloads):
            shutil.rmtree(folder, ignore_errors=True)

    # --- dlm begins and ends ------------------------------------------------------------------------------------------

    def start(self, *before: str, command: Sequence[str] | None = None) -> subprocess.Popen[str]:
        """Start `dlm run`, and a thread that notes what it says. `before` is put before the command line."""
        verb = command or ["run", "--json", "--workers", str(self.plan.workers), "-j", str(self.plan.downloads)]
        runner = self._processes.start([*before, sys.executable, "-m", "dlm", *verb])
        self._runner = runner
        self._follow(self._listen, runner)
        self._follow(self._read_errors, runner)
        return runner

    def command_along(self) -> None:
        """Give one random command after the other, until dlm is killed."""
        self._follow(self._command_on)

    def wait_ready(self) -> None:
        """Return when a server was asked for something, or dlm has ended; I5 says how soon that must be.

        Where everything that is left waits for its time, there is nothing to be seen.
        """
        began, before, runner = time.monotonic(), self._requests(), self._runner
        assert runner is not None
        while self._requests() == before and runner.poll() is None:
            if time.monotonic() > began + READY:
                stuck = [record.label for record in read(self._state)[0] if record.download.phase in READY_TO_GO]
                if stuck:
                    self._complaints.append(f"I5: after {READY:.0f} s nothing moves, and it could: {', '.join(stuck)}")
                return
            time.sleep(0.01)
        self.readiness.append(time.monotonic() - began)

    def wait_for_promise(self, seconds: float) -> None:
        """Return at the very moment at which dlm says that it has done something, or after so many seconds."""
        self._promised.clear()
        self._promised.wait(seconds)

    def pass_time(self, seconds: float) -> None:
        """Let it run."""
        time.sleep(seconds)

    def await_end(self, runner: subprocess.Popen[str]) -> None:
        """Return when it has ended, whatever ended it."""
        runner.wait(_PATIENCE)

    def freeze(self) -> None:
        """Stop every process where it is."""
        self._stopped.set()
        with self._lock:
            self._processes.freeze()

    def halted(self, meanwhile: Callable[[], None]) -> None:
        """Stop every process where it is, do something, and let them go on."""
        with self._lock:
            self._processes.freeze()
            meanwhile()
            self._processes.thaw()

    def kill(self) -> None:
        """Kill every process, and take in what they said before."""
        self._stopped.set()
        with self._lock:
            self._processes.kill()
        self._join()
        self._stopped.clear()
        self.interruptions += 1

    def kill_runner(self) -> None:
        """Kill `dlm run` only: its children must end by themselves (I10)."""
        assert self._runner is not None
        self._stopped.set()
        self._processes.send(signal.SIGKILL, [self._runner.pid])
        if left := self._processes.all_end(READY):
            self._complaints.append(f"I10: {left} go on without their parent")
        self.kill()

    def kill_command(self) -> None:
        """Kill the command that is being given, if one is; `dlm run` goes on."""
        command = self._command
        if command is not None and command.poll() is None:
            self._processes.send(signal.SIGKILL, [command.pid])

    def kill_child(self) -> bool:
        """Kill one of the children of `dlm run`; says whether there was one."""
        assert self._runner is not None
        children = self._processes.children_of(self._runner.pid)
        if children:
            self._processes.send(signal.SIGKILL, [self._luck.choice(children)])
            self.interruptions += 1
        return bool(children)

    def finish(self) -> None:
        """Lift what holds downloads back, and work the queue until it is empty."""
        for record in read(self._state)[0]:
            if record.download.phase is Phase.CANCELLED or record.download.intent is Intent.CANCEL:
                self.give("remove", record.address)  # a removal that was cut off had come so far
                self._ids.pop(record.address, None)
        for address in self._present():
            self.give("resume", address)
        self.give("limit", None)
        runner = self.start()
        self.wait_ready()
        with contextlib.suppress(subprocess.TimeoutExpired):
            runner.wait(_PATIENCE)
        if runner.poll() is None:
            self._complaints.append(f"dlm has not come to its end after {_PATIENCE:.0f} s")
        elif left := self._processes.all_end():
            self._complaints.append(f"I10: {left} are left")
        self.kill()
        self.interruptions -= 1

    # --- what is checked ----------------------------------------------------------------------------------------------

    def take_stock(self, *, ended: bool = False) -> list[str]:
        """All that does not hold, `ended` after `finish`. Then what was uncertain is taken as it was found."""
        found = violations(
            self._state, self._downloads, self.truth, self.acknowledged, elsewhere=[self._elsewhere], ended=ended
        )
        found += self._complaints
        if not found:
            found += self._unfinished() if ended else ()
            self._observe()
        return found

    def _unfinished(self) -> Iterator[str]:
        records, _ = read(self._state)
        for record in records:
            if record.download.phase.value != "completed":
                yield f"{record.label} was not completed: {record.download.fault}"
        for address, server in self._servers.items():
            again = server.bytes_sent() - len(self.truth[address])
            self.refetched.append(again)
            if again > self.interruptions * (WINDOW + IN_FLIGHT):
                yield f"I4: {again / MIB:.1f} MiB of {address} were fetched again after {self.interruptions} interruptions"

    def _observe(self) -> None:
        if not (self._state / "dlm.db").exists():
            return
        records, total = read(self._state)
        by_address = {record.address: record.download for record in records}
        self.acknowledged.acknowledge((Aspect.TOTAL, ""), total)
        for address in self.truth:
            download = by_address.get(address)
            self.acknowledged.acknowledge((Aspect.EXISTS, address), download is not None)
            if download is None:
                self.acknowledged.forget(address)
                self._ids.pop(address, None)
                continue
            self._ids[address] = download.id
            if len(self.acknowledged.admissible((Aspect.INTENT, address))) > 1:
                self.acknowledged.acknowledge((Aspect.INTENT, address), "pause" if is_held(download) else "run")
            self.acknowledged.acknowledge((Aspect.RATE, address), download.spec.limit_rate)

    # --- commands -----------------------------------------------------------------------------------------------------

    def give(self, verb: str, address: str | None, *arguments: str, before: Sequence[str] = ()) -> bool | None:
        """Give dlm a command and note what it says to it. Says whether it was carried out; `None` when it was killed.

        `before` is put before the command line.
        """
        key, value, line = self._wording(verb, address, arguments)
        admissible = self.acknowledged.begin(key, value)
        with self._lock:
            if self._stopped.is_set():
                self.acknowledged.restore(key, admissible)
                return False
            process = self._command = self._processes.start([*before, sys.executable, "-m", "dlm", *line])
        out, errors = process.communicate(timeout=_PATIENCE)
        if "Traceback" in errors:
            self._complaints.append(f"dlm {' '.join(line)}: {errors}")
        if process.returncode < 0:
            return None
        if process.returncode:
            self.acknowledged.restore(key, admissible)
            return False
        # One that stands in its place already is given none, so what was promised has to be looked up.
        self.acknowledged.acknowledge(key, value if verb != "move" else self._has_place(key[1]))
        self._promised.set()
        for facts in _objects(out):
            if verb == "add" and "download_id" in facts and address is not None:
                self._ids[address] = facts["download_id"]
        if verb == "remove" and address is not None:
            self.acknowledged.forget(address)
        return True

    def _wording(self, verb: str, address: str | None, arguments: Sequence[str]) -> tuple[Key, Value, list[str]]:
        """What it changes, to which value, and the command line."""
        about = address or ""
        id = self._ids.get(about, "")
        match verb:
            case "add":
                line = ["add", "--json", "-x", "4", "-d", str(self._downloads), about]
                return (Aspect.EXISTS, about), True, line
            case "remove":
                return (Aspect.EXISTS, about), False, ["remove", id]
            case "pause":
                return (Aspect.INTENT, about), "pause", ["pause", id]
            case "resume":
                return (Aspect.INTENT, about), "run", ["resume", id]
            case "move":
                return (Aspect.PLACED, about), True, ["move", id, "1"]
            case "limit" if address is not None:
                rate = int(arguments[0])
                return (Aspect.RATE, about), rate, ["limit", str(rate), "--download", id]
            case _:
                rate = int(arguments[0]) if arguments else 0
                return (Aspect.TOTAL, ""), rate or None, ["limit", str(rate)]

    def _has_place(self, address: str) -> bool:
        return any(record.address == address and record.download.position is not None for record in read(self._state)[0])

    def _command_on(self) -> None:
        while not self._stopped.is_set():
            present, absent = self._present(), [address for address in self.truth if address not in self._ids]
            verb = self._luck.choices(
                ["add", "pause", "resume", "remove", "move", "limit", "total"], [4 if absent else 0, 4, 5, 1, 2, 2, 1]
            )[0]
            if verb == "total":
                self.give("limit", None, str(self._luck.choice([0, 20 * MIB, 40 * MIB])))
            elif verb == "add":
                self.give("add", self._luck.choice(absent))
            elif present:
                rate = (str(self._luck.randrange(MIB, 9 * MIB)),) if verb == "limit" else ()
                address = self._luck.choice(present)
                if self.give(verb, address, *rate) and verb == "remove":
                    self._ids.pop(address, None)

    def _present(self) -> list[str]:
        return list(self._ids)

    # --- what dlm says ------------------------------------------------------------------------------------------------

    def _listen(self, runner: subprocess.Popen[str]) -> None:
        """Note every completion that it announces: each is a promise."""
        assert runner.stdout is not None
        addresses = {id: address for address, id in self._ids.items()}
        for line in runner.stdout:
            for facts in _objects(line):
                id = facts.get("download_id", "")
                if facts.get("event") == "download_added":
                    addresses[id] = facts["uri"]
                    self.acknowledged.acknowledge((Aspect.EXISTS, facts["uri"]), True)
                if facts.get("to") == "completed" and id in addresses:
                    self.acknowledged.acknowledge((Aspect.COMPLETED, addresses[id]), True)
                    self._promised.set()

    def _read_errors(self, runner: subprocess.Popen[str]) -> None:
        assert runner.stderr is not None
        said = runner.stderr.read()
        if "Traceback" in said:
            self._complaints.append(said)

    def _requests(self) -> int:
        return sum(len(server.requests) for server in self._servers.values())

    def _follow(self, what: Any, *arguments: object) -> None:
        thread = threading.Thread(target=what, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _join(self) -> None:
        for thread in self._threads:
            thread.join(_PATIENCE)
        self._threads.clear()


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects, one a line; a line that a kill has cut short is none."""
    for line in text.splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            found = json.loads(line)
            if isinstance(found, dict):
                yield found

"""What the server remembers: a record of every request, and a ledger for every path. Safe for many threads."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request and what it got. `status` is 0 until a head was sent.

    `bytes_sent` counts bytes of the body that were given to the kernel, without chunk sizes; a client that went away
    need not have got them all. `time` is that of `time.monotonic()` when the request had been read.
    """

    personality: str
    path: str
    method: str
    headers: Mapping[str, str]
    range: str | None
    connection: int
    time: float
    port: int
    status: int = 0
    bytes_sent: int = 0


@dataclass
class Ledger:
    """What has happened at one path of one personality. Change it only under `lock`."""

    gets: int = 0
    """GET requests so far."""
    sent: int = 0
    """Bytes of bodies so far."""
    open: int = 0
    """Requests that are being answered now."""
    peak: int = 0
    """The most that were ever answered at once."""
    turned: bool = False
    """Whether the file has changed already, or the one chance is gone."""
    arrivals: list[float] = field(default_factory=list)
    """When the requests that were let in came; for rate limits."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def enter(self, method: str) -> int:
        """A request comes. Returns which GET it is, or how many there were before it."""
        with self.lock:
            self.gets += method == "GET"
            self.open += 1
            self.peak = max(self.peak, self.open)
            return self.gets

    def leave(self) -> None:
        """A request has been answered, or has failed."""
        with self.lock:
            self.open -= 1

    def turn_once(self) -> bool:
        """Whether this is the first call."""
        with self.lock:
            before, self.turned = self.turned, True
            return not before


class Journal:
    """All records and ledgers of one server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: list[RequestRecord] = []
        self._ledgers: dict[tuple[str, str], Ledger] = {}

    def ledger(self, personality: str, path: str) -> Ledger:
        """The ledger of that path, made when it is first asked for."""
        with self._lock:
            return self._ledgers.setdefault((personality, path), Ledger())

    def begin(self, record: RequestRecord) -> int:
        """Write a record down and return its number."""
        with self._lock:
            self._records.append(record)
            return len(self._records) - 1

    def record(self, number: int) -> RequestRecord:
        """The record of that number, as it stands."""
        with self._lock:
            return self._records[number]

    def answer(self, number: int, status: int) -> None:
        """Note the status that a request got."""
        with self._lock:
            self._records[number] = replace(self._records[number], status=status)

    def add(self, number: int, count: int) -> None:
        """Note that `count` more bytes of the body went out."""
        with self._lock:
            record = self._records[number]
            self._records[number] = replace(record, bytes_sent=record.bytes_sent + count)

    def records(self) -> list[RequestRecord]:
        """All records so far, in the order in which the requests came."""
        with self._lock:
            return list(self._records)

    def peak(self, personality: str) -> int:
        """The most requests that were ever answered at once at one path of the personality."""
        with self._lock:
            return max((ledger.peak for (name, _), ledger in self._ledgers.items() if name == personality), default=0)

"""Token buckets in a tree: total → host → download. Pure: the time is an argument, in monotonic seconds.

Debt
----
A chunk is never split, so it is taken whole and whoever took it waits until it is paid for. A bucket counts two
numbers that only grow: the bytes that were taken, and the bytes that the rate has allowed. A taker remembers the count
at its take, its *mark*, and may go on when the allowance has reached it. That is a queue: takers go on in the order in
which they took, each for one chunk, so that all of them get equal shares, however many connections they have. And
because a mark is in bytes, what is left to wait follows a new rate at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dlm.model.download import DownloadId
from dlm.model.queue import Rates

BURST_SECONDS = 0.1
"""Worth of bytes that may be taken late, because a busy machine came late to what was allowed. More than that is lost."""


class Bucket:
    """So many bytes a second. It begins empty: nothing is allowed in advance."""

    def __init__(self, rate: int, now: float) -> None:
        self._rate = rate
        self._taken = 0.0
        self._allowed = 0.0
        self._refilled = now

    def set_rate(self, rate: int, now: float) -> None:
        """Another rate from now on; what was taken before and is not paid for is paid for at the new one."""
        self._refill(now)
        self._rate = rate

    def take(self, size: int, now: float) -> float:
        """Take `size` bytes, allowed or not, and return the mark by which to ask how long to `wait`."""
        self._refill(now)
        self._taken += size
        return self._taken

    def wait(self, mark: float, now: float) -> float:
        """Seconds until what was taken at `mark` is paid for; 0 when it is."""
        self._refill(now)
        return max(0.0, (mark - self._allowed) / self._rate)

    def _refill(self, now: float) -> None:
        most = self._taken + self._rate * BURST_SECONDS
        self._allowed = min(most, self._allowed + (now - self._refilled) * self._rate)
        self._refilled = now


class Wait(NamedTuple):
    """How many seconds to take nothing, and which level asks for that: `total`, `host` or `download`; `None` for 0."""

    seconds: float
    level: str | None


class _Stage:
    """One bucket on a path, and the path's last mark in it."""

    __slots__ = ("bucket", "level", "mark")

    def __init__(self, level: str, bucket: Bucket, mark: float) -> None:
        self.level = level
        self.bucket = bucket
        self.mark = mark


class Path:
    """One download's way through the buckets. Made by `RateTree.enter`, which also changes it."""

    def __init__(self, id: DownloadId, host: str, rate: int | None) -> None:
        self.id = id
        self.host = host
        self.rate = rate
        self.own: Bucket | None = None
        self._stages: tuple[_Stage, ...] = ()

    @property
    def bound(self) -> bool:
        """Whether there is any rate to keep."""
        return bool(self._stages)

    @property
    def level(self) -> str:
        """The outermost level at which there is a rate to keep; empty where there is none."""
        return next((stage.level for stage in self._stages), "")

    def take(self, size: int, now: float) -> Wait:
        """Take `size` bytes at each level; the longest wait of them."""
        for stage in self._stages:
            stage.mark = stage.bucket.take(size, now)
        return self.wait(now)

    def wait(self, now: float) -> Wait:
        """What is left to wait for what was taken, by the rates as they are now."""
        longest, level = 0.0, None
        for stage in self._stages:
            seconds = stage.bucket.wait(stage.mark, now)
            if seconds > longest:
                longest, level = seconds, stage.level
        return Wait(longest, level)

    def lead(self, buckets: Iterable[tuple[str, Bucket | None]]) -> None:
        """Go through these from now on. What is owed to one that stays is still owed; a new one is owed nothing."""
        marks = {stage.bucket: stage.mark for stage in self._stages}
        self._stages = tuple(_Stage(level, each, marks.get(each, 0.0)) for level, each in buckets if each is not None)


class RateTree:
    """All buckets, and the paths that lead through them."""

    def __init__(self) -> None:
        self._total: Bucket | None = None
        self._hosts: dict[str, Bucket] = {}
        self._paths: set[Path] = set()
        self._named: Mapping[DownloadId, int | None] = {}

    def enter(self, id: DownloadId, host: str, rate: int | None, now: float) -> Path:
        """A path for one more download. `rate` is its own, unless the last `limit` named it with another."""
        path = Path(id, host, self._named.get(id, rate))
        self._paths.add(path)
        self._lead(path, now)
        return path

    def move(self, path: Path, host: str, now: float) -> None:
        """The download is fetched from another host from now on."""
        path.host = host
        self._lead(path, now)

    def leave(self, path: Path) -> None:
        """The download is over. Idempotent. What it took and others wait for stays owed."""
        self._paths.discard(path)

    def limit(self, rates: Rates, downloads: Mapping[DownloadId, int | None], now: float) -> None:
        """Keep these rates from now on. Downloads that are not named keep the rate that they have."""
        self._total = _adjusted(self._total, rates.total, now)
        hosts = {host: _adjusted(self._hosts.get(host), rate, now) for host, rate in rates.hosts.items()}
        self._hosts = {host: bucket for host, bucket in hosts.items() if bucket is not None}
        self._named = dict(downloads)
        for path in self._paths:
            path.rate = downloads.get(path.id, path.rate)
            self._lead(path, now)

    def _lead(self, path: Path, now: float) -> None:
        path.own = _adjusted(path.own, path.rate, now)
        path.lead((("total", self._total), ("host", self._hosts.get(path.host)), ("download", path.own)))


def _adjusted(bucket: Bucket | None, rate: int | None, now: float) -> Bucket | None:
    if rate is None:
        return None
    if bucket is None:
        return Bucket(rate, now)
    bucket.set_rate(rate, now)
    return bucket

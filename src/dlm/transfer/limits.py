"""The rate limits of this process: one tree of buckets, and a tap on it for each download that runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from dlm.model.download import DownloadId
from dlm.model.queue import Rates
from dlm.policy.rate import Path, RateTree, Wait
from dlm.ports import Clock


class Limiter:
    """Shared by all lives of a process; belongs to one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tree = RateTree()
        self._taps: set[Tap] = set()

    def limit(self, rates: Rates, downloads: Mapping[DownloadId, int | None]) -> None:
        """See `ports.Worker`. When it has returned, all that wait do so by the new rates."""
        self._tree.limit(rates, downloads, self._clock.monotonic())
        for tap in tuple(self._taps):
            tap.changed()

    def tap(self, id: DownloadId, host: str, own_rate: int | None) -> Tap:
        """A download's tap. Close it at the end, or use it as a context manager."""
        tap = Tap(self._tree, self._clock, self._tree.enter(id, host, own_rate, self._clock.monotonic()), self._taps.discard)
        self._taps.add(tap)
        return tap


class Tap:
    """What one download takes its bytes through, for as long as it runs, whatever connections and mirrors it has."""

    def __init__(self, tree: RateTree, clock: Clock, path: Path, closed: Callable[[Tap], None]) -> None:
        self.changed: Callable[[], None] = _nothing
        """Called whenever the rates have changed."""
        self._tree = tree
        self._clock = clock
        self._path = path
        self._closed = closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def bound(self) -> bool:
        """Whether there is any rate to keep."""
        return self._path.bound

    @property
    def level(self) -> str:
        """The outermost level at which there is a rate to keep."""
        return self._path.level

    def take(self, size: int) -> Wait:
        """`size` bytes were taken from the network: how long to take no more."""
        return self._path.take(size, self._clock.monotonic())

    def wait(self) -> Wait:
        """How long is left to wait, by the rates as they are now."""
        return self._path.wait(self._clock.monotonic())

    def aim(self, host: str) -> None:
        """The bytes come from `host` (`name:port`) from now on."""
        self._tree.move(self._path, host, self._clock.monotonic())
        self.changed()

    def close(self) -> None:
        """The download is over. Idempotent."""
        self._tree.leave(self._path)
        self._closed(self)


def _nothing() -> None:
    """Nobody waits."""

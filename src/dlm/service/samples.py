"""What was measured last of everything that moves, and which speeds how many connections have brought."""

from __future__ import annotations

from dlm.model.download import DownloadId
from dlm.model.message import Progressed
from dlm.model.value import dataclass

STEADY = 5
"""Samples with as many connections, one after the other, before their speed says something of them."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """The latest sample of a download, when it came (seconds since the epoch), and the best speed of each number of
    connections (bytes a second)."""

    progress: Progressed
    at: float
    trials: tuple[tuple[int, float], ...] = ()


class Samples:
    """The samples of what one process carries."""

    def __init__(self) -> None:
        self._latest: dict[DownloadId, Sampled] = {}
        self._lasting: dict[DownloadId, int] = {}

    def note(self, progress: Progressed, now: float) -> None:
        """A newer sample."""
        former = self._latest.get(progress.id)
        trials = dict(former.trials) if former else {}
        count = len(progress.connections)
        lasts = former is not None and len(former.progress.connections) == count
        self._lasting[progress.id] = lasting = self._lasting.get(progress.id, 0) + 1 if lasts else 1
        if count and lasting >= STEADY and not progress.limited:
            trials[count] = max(trials.get(count, 0.0), progress.smoothed_speed)
        self._latest[progress.id] = Sampled(progress, now, tuple(sorted(trials.items())))

    def of(self, id: DownloadId) -> Progressed | None:
        """The latest of a download, `None` when nothing was measured yet."""
        sampled = self._latest.get(id)
        return sampled.progress if sampled else None

    def all(self) -> dict[DownloadId, Sampled]:
        """Those of everything that moves."""
        return dict(self._latest)

    def forget(self, id: DownloadId) -> None:
        """It moves no more."""
        self._latest.pop(id, None)
        self._lasting.pop(id, None)

"""Asking again: as often and after as long a wait as policy says, and with a word to whoever looks on."""

from __future__ import annotations

from contextlib import suppress
from random import Random

from dlm.model.address import host_of
from dlm.model.download import DownloadSpec
from dlm.model.error import DlmError, TransferError
from dlm.model.message import PATIENCE, ConnectionEnded, Progressed, Start
from dlm.policy.retry import pause_before_retry
from dlm.ports import Clock, Opening, Reporter, Source
from dlm.transfer.learning import Lessons


class Patience:
    """What one run of a download may sleep before it tries again.

    One that has less patience than a foreground has come from a queue and may wait outside. There a try that took longer
    than that, and brought nothing, was wait enough.
    """

    def __init__(self, start: Start, clock: Clock, random: Random, reporter: Reporter) -> None:
        self._download = start.download
        self._most = start.patience
        self._queued = start.patience < PATIENCE
        self._clock = clock
        self._random = random
        self._reporter = reporter

    def pause(self, error: DlmError, failures: int, spent: float = 0.0) -> float | None:
        """Seconds to wait before try number `failures + 1`, `None` to give up; the last one took `spent` seconds in vain."""
        if self._queued and spent > self._most:
            return None
        retries = self._download.spec.retries
        return pause_before_retry(error, failures, retries, self._random.random(), patience=self._most)

    async def open(self, source: Source, uri: str, spec: DownloadSpec) -> Opening:
        """The first reply of `uri`. Raises what the last try ended with; a host that wants peace is told of first."""
        lessons, host, failures = Lessons(), host_of(uri), 0
        while True:
            began = self._clock.monotonic()
            try:
                return await source.open(uri, spec)
            except TransferError as error:
                now, failures = self._clock.monotonic(), failures + 1
                lessons.heard(error, now)
                self._reporter.post(ConnectionEnded(self._download.id, 0, host, 0, now - began, str(error)))
                if await self.rest(error, failures, now - began):
                    continue
                if lessons.asks_peace(now) is not None:
                    # Whether it serves ranges was not seen; that it does is what is assumed of a stranger.
                    with suppress(DlmError):
                        await self._reporter.commit(lessons.told(self._download.id, host, None, now, ranges=True))
                raise

    def bears(self, seconds: float) -> bool:
        """Whether it waits so long for a server that asks for it."""
        return seconds <= self._most

    def moment(self) -> float:
        """A short while, drawn at random, that is not too long in any case."""
        return min(self._most, self._random.random())

    async def rest(self, error: DlmError, failures: int, spent: float = 0.0) -> bool:
        """Wait before the next try and say why. `False`, at once, when there is to be none."""
        seconds = self.pause(error, failures, spent)
        if seconds is None:
            return False
        self._reporter.post(
            Progressed(
                id=self._download.id,
                total=self._download.size,
                downloaded=0,
                instantaneous_speed=0.0,
                smoothed_speed=0.0,
                eta=None,
                note=note_of(error, seconds),
            )
        )
        await self._clock.sleep(seconds)
        return True


def note_of(error: DlmError, seconds: float) -> str:
    """What is being waited for, in words."""
    return f"{error}; trying again in {seconds:.0f} s" if seconds >= 1 else f"{error}; trying again"

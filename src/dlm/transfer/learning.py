"""What a transfer teaches about its host."""

from __future__ import annotations

from dlm.model.download import DownloadId
from dlm.model.error import ServerBusy
from dlm.model.message import Observed


class Lessons:
    """What the replies of one host have shown so far. Times are in monotonic seconds."""

    def __init__(self) -> None:
        self.connections: int | None = None
        """How many it served when it would not serve one more, `None` while it was not pushed to a limit."""
        self._peace_until: float | None = None

    def served(self, connections: int) -> None:
        """It serves so many, and would not serve one more."""
        self.connections = connections

    def heard(self, error: BaseException, now: float) -> None:
        """A request ended with `error`."""
        if isinstance(error, ServerBusy) and error.retry_after is not None:
            self._peace_until = max(self._peace_until or 0.0, now + error.retry_after)

    def asks_peace(self, now: float) -> float | None:
        """For how many seconds from now on the host wants to be left in peace, `None` when it does not ask for that."""
        if self._peace_until is None or self._peace_until <= now:
            return None
        return self._peace_until - now

    def told(self, id: DownloadId, host: str, version: str | None, now: float, *, ranges: bool) -> Observed:
        """All of it, for those who come later."""
        return Observed(id, host, self.connections, ranges, version, self.asks_peace(now))

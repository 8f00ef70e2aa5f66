"""The first Ctrl-C stops cleanly, the second leaves at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType

from dlm.model.error import ExitCode

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class TwoStage:
    """While entered, takes SIGINT and SIGTERM. Only in the main thread.

    These are plain handlers, not the loop's: they run between two bytecodes, also when the loop is stuck in something.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._stop: Callable[[], object] | None = None
        self._former: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def on_stop(self, stop: Callable[[], object]) -> None:
        """Call `stop` at the first signal; at once, if that has come and nobody was told. It runs inside the handler."""
        unheard = self.stopped and self._stop is None
        self._stop = stop
        if unheard:
            stop()

    def __enter__(self) -> TwoStage:
        for number in _SIGNALS:
            # A shell starts background commands with SIGINT ignored: that is to stay so.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._former[number] = signal.signal(number, self._first)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _first(self, _number: int, _frame: FrameType | None) -> None:
        for number in self._former:
            signal.signal(number, self._second)
        self.stopped = True
        if self._stop is not None:
            self._stop()

    def _second(self, _number: int, _frame: FrameType | None) -> None:
        os.write(2, b"\n")
        os._exit(ExitCode.INTERRUPTED)

"""The log: one line for each event, as text or as JSON, appended by a thread of its own.

Rules
-----
* Nothing that befalls the log touches a transfer: `write` takes no longer than making the line. Lines that find no room,
  or that a full disk refuses, are dropped and counted, and the count is the first thing that is said afterwards.
* Lines are appended whole, so several processes may write to one file.
* A file that was renamed or deleted (logrotate) is opened anew under its old name.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from dlm.model.error import InvalidRequest, StorageError
from dlm.model.event import Event
from dlm.model.text import printable
from dlm.observing.facts import Fact, Record, record_of

MOST_WAITING = 10_000
"""Lines kept for a disk that is slow."""
_BATCH = 200
_LAST_WAIT = 1.0
"""Seconds that `close` gives the last lines."""
_NOWHERE = -1


class Journal:
    """An open log. Thread-safe. `dropped` counts the lines that were lost."""

    def __init__(self, path: str | None, layout: Callable[[float, Record], str], wall: Callable[[], float]) -> None:
        self._path = path
        self._layout = layout
        self._wall = wall
        self._file = _standard_error() if path is None else _open(path)
        self._torn = False
        self._lines: deque[str] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._admitted = 0
        self.dropped = 0
        self._thread = threading.Thread(target=self._append_all, name="dlm-log", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, path: str | None, format: str, *, wall: Callable[[], float] = time.time) -> Journal:
        """The log in the file `path`, standard error without one; `format` is `text` or `json`.

        Raises `InvalidRequest` for another format, and `StorageError` when the file cannot be opened.
        """
        if format not in _LAYOUTS:
            raise InvalidRequest(f"'{format}' is not a format of the log: write text or json")
        return cls(path, _LAYOUTS[format], wall)

    def write(self, event: Event) -> None:
        """Append the event, unless it is one that the log leaves out. Never blocks on the disk, never raises."""
        record = record_of(event)
        if record is None:
            return
        line = self._layout(self._wall(), record)
        with self._changed:
            if self._closed or len(self._lines) >= MOST_WAITING:
                self.dropped += 1
            else:
                self._lines.append(line)
                self._changed.notify()

    def close(self) -> None:
        """Append what is waiting, for a second at most, and close the file. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(_LAST_WAIT)

    def _append_all(self) -> None:
        while text := self._next():
            lost = self._append(text)
            with self._changed:
                self.dropped += lost
        with suppress(OSError):
            os.close(self._file)

    def _next(self) -> str:
        """The lines that wait, when there are any; none when the log is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._closed)
            lines = [self._lines.popleft() for _ in range(min(_BATCH, len(self._lines)))]
            if lines and self.dropped > self._admitted:
                lost: dict[str, Fact] = {"missed": self.dropped - self._admitted}
                lines.insert(0, self._layout(self._wall(), Record("warning", "lines_dropped", lost)))
                self._admitted = self.dropped
            return "".join(f"{line}\n" for line in lines)

    def _append(self, text: str) -> int:
        """How many of the lines are not in the file now."""
        # What a full disk took of a line is ended before the next one begins.
        rest = (("\n" if self._torn else "") + text).encode("utf-8", "backslashreplace")
        try:
            self._follow_rotation()
            while rest:
                written = os.write(self._file, rest)
                self._torn = not rest[:written].endswith(b"\n")
                rest = rest[written:]
        except OSError:
            return rest.count(b"\n")
        return 0

    def _follow_rotation(self) -> None:
        if self._path is None:
            return
        here = os.fstat(self._file)
        with suppress(FileNotFoundError):
            there = os.stat(self._path)
            if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino):
                return
        file = _open_file(self._path)
        os.close(self._file)
        self._file, self._torn = file, False


def as_text(at: float, record: Record) -> str:
    """`TIME LEVEL EVENT name=value…`, in one line without control characters; values with spaces are quoted."""
    members = " ".join(f"{name}={_quoted(value)}" for name, value in _told(record).items())
    return f"{_stamp(at)} {record.level} {record.event} {members}".rstrip()


def as_json(at: float, record: Record) -> str:
    """One JSON object in ASCII, with `time`, `level` and `event` first."""
    facts = {"time": _stamp(at), "level": record.level, "event": record.event, **_told(record)}
    return json.dumps(facts, ensure_ascii=True, allow_nan=False)


_LAYOUTS: dict[str, Callable[[float, Record], str]] = {"text": as_text, "json": as_json}


def _told(record: Record) -> dict[str, Fact]:
    return {**record.facts, "process": os.getpid()}


def _stamp(at: float) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _quoted(value: Fact) -> str:
    text = printable(str(value))
    if text and not any(char in ' "=\\' for char in text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _standard_error() -> int:
    """A descriptor of it. Where there is none, number 2 may be any file by now, so nothing is written."""
    return _NOWHERE if sys.stderr is None else os.dup(2)


def _open(path: str) -> int:
    try:
        return _open_file(path)
    except OSError as error:
        raise StorageError(
            f"the log {path} cannot be opened: {error.strerror}; choose another with log_file", path=path
        ) from error


def _open_file(path: str) -> int:
    # Addresses tell what somebody fetches, so only they may read the log. A pipe that nobody reads must not block.
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)

"""Replies on the control connection (RFC 959, section 4.2), and the facts that stand in some of them. Pure.

A server's text is hostile: its length is bounded, and what is read from it is a number or nothing.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass

LINE_LIMIT = 8 * 1024
REPLY_LIMIT = 64 * 1024
"""Bytes of one reply. A greeting of a few screens is polite, one without an end is an attack."""

_FIRST = re.compile(rb"([1-5]\d\d)(?:([ -])(.*))?", re.DOTALL)
_PASSIVE = re.compile(r"(?<!\d)(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3})(?!\d)")
_EXTENDED = re.compile(r"\(([!-/:-~])\1\1(\d{1,5})\1\)")
_SIZE = re.compile(r"\s*(\d{1,19})\s*")
_TIME = re.compile(r"\s*(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9}))?\s*")
_ANNOUNCED = re.compile(r"\((\d{1,19}) bytes?\)", re.IGNORECASE)
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


class Garbled(ValueError):
    """What came is no reply of FTP."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete reply: its code, and its lines without that."""

    code: int
    text: str

    @property
    def is_preliminary(self) -> bool:
        """Whether another reply to the same command follows."""
        return self.code < 200

    @property
    def is_good(self) -> bool:
        """Whether the command was carried out."""
        return 200 <= self.code < 300

    def __str__(self) -> str:
        return f"{self.code} {self.text.splitlines()[-1]}" if self.text else str(self.code)


class ReplyReader:
    """Cuts what comes on the control connection into replies."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._code: bytes | None = None
        self._lines: list[bytes] = []
        self._size = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing has come that was not taken."""
        return not self._pending and self._code is None

    def feed(self, received: bytes | memoryview) -> None:
        """More bytes have come."""
        self._pending += received

    def take(self) -> Reply | None:
        """The next reply, `None` while it is not complete. Raises `Garbled`."""
        while (end := self._pending.find(b"\n")) >= 0:
            line = bytes(self._pending[:end]).rstrip(b"\r")
            del self._pending[: end + 1]
            reply = self._line(line)
            if reply is not None:
                return reply
        if len(self._pending) > LINE_LIMIT:
            raise Garbled("a line without an end")
        return None

    def _line(self, line: bytes) -> Reply | None:
        self._size += len(line)
        if len(line) > LINE_LIMIT or self._size > REPLY_LIMIT:
            raise Garbled(f"a reply of more than {REPLY_LIMIT // 1024} KiB")
        match = _FIRST.fullmatch(line)
        if self._code is None:
            if match is None:
                raise Garbled("a line that does not begin with a reply code")
            if match[2] == b"-":
                self._code = match[1]
                self._lines = [match[3]]
                return None
            return self._complete(match[1], [match[3] or b""])
        if match is not None and match[1] == self._code and match[2] != b"-":
            return self._complete(match[1], [*self._lines, match[3] or b""])
        self._lines.append(line)
        return None

    def _complete(self, code: bytes, lines: list[bytes]) -> Reply:
        self._code, self._lines, self._size = None, [], 0
        return Reply(int(code), b"\n".join(lines).decode("utf-8", "replace"))


def passive_port(reply: Reply) -> int:
    """The port of a 227. The address before it is ignored: it may be wrong, or lead elsewhere. Raises `Garbled`."""
    match = _PASSIVE.search(reply.text)
    numbers = [int(each) for each in match.groups()] if match else []
    if not numbers or max(numbers) > 255 or not (port := numbers[4] * 256 + numbers[5]):
        raise Garbled("no port in the reply to PASV")
    return port


def extended_port(reply: Reply) -> int:
    """The port of a 229 (RFC 2428). Raises `Garbled`."""
    match = _EXTENDED.search(reply.text)
    if match is None or not 0 < int(match[2]) < 65536:
        raise Garbled("no port in the reply to EPSV")
    return int(match[2])


def stated_size(reply: Reply) -> int | None:
    """The bytes of a file, from the reply to SIZE (RFC 3659, section 4)."""
    match = _SIZE.fullmatch(reply.text) if reply.code == 213 else None
    return int(match[1]) if match and int(match[1]) < 2**63 else None


def stated_time(reply: Reply) -> str | None:
    """When a file was modified, as 14 digits with or without a fraction, from the reply to MDTM (RFC 3659, section 3)."""
    return reply.text.strip() if reply.code == 213 and seconds(reply.text) is not None else None


def seconds(text: str) -> float | None:
    """A time of RFC 3659 (section 2.3, always UTC) in seconds since the epoch, `None` for what is none."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if not (1 <= month <= 12 and 1 <= day <= calendar.monthrange(max(1, year), month)[1]):
        return None
    if not (year >= 1 and hour < 24 and minute < 60 and second <= 60):
        return None
    return calendar.timegm((year, month, day, hour, minute, second)) + float(f"0.{match[7] or 0}")


def announced_size(reply: Reply) -> int | None:
    """The bytes that the reply to RETR names: those of the file, or those that are to come. Most servers name some."""
    match = _ANNOUNCED.search(reply.text)
    return int(match[1]) if match else None


def quoted_folder(reply: Reply) -> bytes | None:
    """The folder in a 257; a doubled quotation mark stands for one (RFC 959, appendix II)."""
    match = _QUOTED.search(reply.text) if reply.code == 257 else None
    return match[1].replace('""', '"').encode() if match and "\N{REPLACEMENT CHARACTER}" not in match[1] else None

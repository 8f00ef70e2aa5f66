"""The head of a reply, line by line as libcurl tells it, until it is complete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dlm.model.address import without_credentials
from dlm.model.error import ProtocolViolation
from dlm.protocols.http.fields import Fields, parse_status

HEAD_LIMIT = 64 * 1024
_BLANK = frozenset({b"\r\n", b"\n"})


@dataclass(frozen=True, slots=True)
class Reply:
    """The head of a reply."""

    status: int
    fields: Fields
    version: str
    """Of HTTP, such as `1.1` or `2`."""


class HeadReader:
    """`complete` is told each head but those of 1xx, and `failed` what that or the reading raised; what they return is the
    answer to libcurl."""

    def __init__(self, uri: str, complete: Callable[[Reply], int | None], failed: Callable[[Exception], int]) -> None:
        self._uri = uri
        self._complete = complete
        self._failed = failed
        self._lines: list[bytes] = []
        self._size = 0
        self.final = False
        """Whether the head that was wanted is complete: lines that follow are trailers of a chunked body, and are ignored."""

    def take(self, line: bytes) -> int | None:
        """One line, with its end."""
        if self.final:
            return None
        try:
            self._size += len(line)
            if line not in _BLANK and self._size <= HEAD_LIMIT:
                if line.startswith(b"HTTP/"):
                    self._lines = [line]
                else:
                    self._lines.append(line)
                return None
            return self._end()
        except Exception as error:  # noqa: BLE001 - the border to C, through which nothing can be raised
            return self._failed(error)

    def _end(self) -> int | None:
        if self._size > HEAD_LIMIT:
            shown = without_credentials(self._uri)
            flood = f"{shown} sends more than {HEAD_LIMIT // 1024} KiB of header fields, which no honest server does"
            raise ProtocolViolation(flood, uri=shown)
        version, status = parse_status(self._lines[0].decode("latin-1"))
        return None if status < 200 else self._complete(Reply(status, Fields.parse(self._lines[1:]), version))

"""The head of a reply: the status line, the fields, and the length that they promise (RFC 9112)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from functools import lru_cache

from dlm.model.error import ProtocolViolation

LARGEST_HEAD = 64 * 1024
"""Bytes of field lines that are read; real replies have one or two KiB."""

_STATUS = re.compile(r"HTTP/([0-9](?:\.[0-9])?) +([1-9][0-9]{2})(?: [^\r\n]*)?[\r\n]*")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH = re.compile(r"[0-9]{1,18}")


class Fields:
    """The fields of one reply: names in any case, values as Latin-1 without control characters, in the order they came."""

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name.lower(), []).append(value)

    @classmethod
    def parse(cls, lines: Iterable[bytes]) -> Fields:
        """From raw lines, with or without their line ends. Lines that are no field, as the status line, count for nothing.

        A folded line (RFC 9112, section 5.2) continues the value before it. A space before the colon makes a line no
        field, as libcurl has it. Raises `ProtocolViolation` beyond `LARGEST_HEAD` bytes.
        """
        fields = cls()
        size = 0
        latest: list[str] | None = None
        for line in lines:
            size += len(line)
            if size > LARGEST_HEAD:
                raise ProtocolViolation(f"the server sent more than {LARGEST_HEAD // 1024} KiB of header fields")
            text = line.decode("latin-1").rstrip("\r\n")
            if text[:1] in {" ", "\t"}:
                if latest is not None:
                    latest[-1] = f"{latest[-1]} {_clean(text)}".strip()
                continue
            written, colon, value = text.partition(":")
            name = _field_name(written) if colon else None
            latest = None
            if name is not None:
                latest = fields._values.setdefault(name, [])
                latest.append(_clean(value))
        return fields

    def get(self, name: str) -> str | None:
        """The first value of this field, `None` when the reply has none."""
        values = self._values.get(name.lower())
        return values[0] if values else None

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of this field, in the order they came."""
        return tuple(self._values.get(name.lower(), ()))

    def lacks(self, names: Set[str]) -> bool:
        """Whether the reply has none of these fields. The names are in lower case."""
        return self._values.keys().isdisjoint(names)


def parse_status(line: str) -> tuple[str, int]:
    """Version and status of `HTTP/1.1 206 Partial Content`: `("1.1", 206)`. Raises `ProtocolViolation` for another line."""
    match = _STATUS.fullmatch(line)
    if match is None:
        raise ProtocolViolation("the server's answer does not begin as HTTP does")
    return match[1], int(match[2])


def content_length(fields: Fields) -> int | None:
    """The length of the body that the head promises; `None` when it is open (RFC 9112, section 6.3).

    Transfer-Encoding overrules Content-Length. Raises `ProtocolViolation` for lengths that differ or are no number.
    """
    if fields.all("transfer-encoding"):
        return None
    values = fields.all("content-length")
    if len(values) == 1 and _LENGTH.fullmatch(values[0]):
        return int(values[0])
    stated = [length.strip(" \t") for value in values for length in value.split(",")]
    if not all(_LENGTH.fullmatch(length) for length in stated):
        raise ProtocolViolation("the server sent a Content-Length that is no length")
    lengths = {int(length) for length in stated}
    if len(lengths) > 1:
        raise ProtocolViolation("the server sent several Content-Length fields that differ")
    return lengths.pop() if lengths else None


@lru_cache(maxsize=1024)
def _field_name(written: str) -> str | None:
    """The name in lower case, `None` for what is none. The same few come with every reply."""
    return written.lower() if _NAME.fullmatch(written) else None


def _clean(value: str) -> str:
    # The test is quick, and hardly any value fails it; what it takes for odd beyond the controls does no harm.
    return (value if value.isprintable() else _CONTROL.sub(" ", value)).strip(" \t")

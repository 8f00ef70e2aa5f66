"""The elements of one array deep in a JSON document, one after the other: the document need not fit into memory.

Nothing is kept but the element under way, and of that no string longer than `LONGEST_STRING`: it becomes empty. So the bodies
of replies, which are most of a browser's recording, pass by. Depth is counted, not recursed into.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dlm.model.error import InvalidRequest

LONGEST_STRING = 64 << 10
DEEPEST = 100
LARGEST_ELEMENT = 16 << 20
"""Characters, long strings not counted."""
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")
_MARK = re.compile(r'["\[\]{}]')
_SCALAR = re.compile(r"[^\s,\]}]*")
_INSIDE = re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL)


def elements(chunks: Iterable[str], path: Sequence[str], source: str) -> Iterator[Any]:
    """The elements of the array at `path`, a sequence of keys from the top. Raises `InvalidRequest` that names `source`."""
    scanner = _Scanner(chunks, source)
    yield from scanner.walk(path)
    scanner.end()
    if not scanner.found:
        raise InvalidRequest(f"{source} has no '{'.'.join(path)}': it is not what it should be")


class _Scanner:
    """A window on the text. What is before `_at` is done with."""

    def __init__(self, chunks: Iterable[str], source: str) -> None:
        self._chunks = iter(chunks)
        self._source = source
        self._text = ""
        self._at = 0
        self._elements = 0
        self.found = False

    def walk(self, path: Sequence[str]) -> Iterator[Any]:
        """The elements of the array at `path`; `found` says whether there was one."""
        if not path:
            self.found = True
            for _ in self._members("[", "]"):
                self._elements += 1
                yield self._element()
            return
        for _ in self._members("{", "}"):
            if self._peek() != '"':
                raise self._broken("a key is missing")
            key = self._parsed(self._value())
            if self._peek() != ":":
                raise self._broken("a colon is missing")
            self._at += 1
            if key == path[0]:
                yield from self.walk(path[1:])
            else:
                self._value(keep=False)

    def end(self) -> None:
        """Raises unless nothing follows."""
        if self._peek():
            raise self._broken("something follows behind its end")

    def _element(self) -> Any:
        """The value that begins here."""
        if self._peek() == "{":
            try:  # at once, which is fast; it fails where the value does not end within the window
                value, self._at = _DECODER.raw_decode(self._text, self._at)
                return value
            except (ValueError, RecursionError):
                pass
        return self._parsed(self._value())

    def _parsed(self, text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError as error:
            raise self._broken(error.msg if isinstance(error, json.JSONDecodeError) else "a number is too long") from error

    def _members(self, opening: str, closing: str) -> Iterator[None]:
        if self._peek() != opening:
            raise self._broken(f"'{opening}' is missing")
        self._at += 1
        if self._peek() == closing:
            self._at += 1
            return
        while True:
            yield
            char = self._peek()
            self._at += 1
            if char == closing:
                return
            if char != ",":
                raise self._broken("a comma is missing" if char else "it ends too early")

    def _peek(self) -> str:
        """The next character that is no space, empty at the end of the text."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # it matches the empty text
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _more(self) -> bool:
        """Let the window go on: what is left of it, and the next chunk."""
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        self._text, self._at = self._text[self._at :] + chunk, 0
        return True

    def _value(self, *, keep: bool = True) -> str:
        """The text of the value that begins here."""
        kept = _Kept(keep)
        depth = 0
        if self._peek() not in {'"', "[", "{"}:
            return self._scalar()
        while True:
            mark = _MARK.search(self._text, self._at)
            kept.add(self._text[self._at : mark.end() if mark else len(self._text)])
            self._at = mark.end() if mark else len(self._text)
            if kept.size > LARGEST_ELEMENT:
                raise self._broken("a part of it is too large")
            if mark is None:
                if not self._more():
                    raise self._broken("it ends too early")
                continue
            if mark[0] == '"':
                self._string(kept)
            else:
                depth += 1 if mark[0] in "[{" else -1
                if depth > DEEPEST:
                    raise self._broken("it is too deep")
            if depth <= 0:
                return kept.text()

    def _string(self, kept: _Kept) -> None:
        """Take a string whose opening quote is taken, up to its closing one."""
        kept.begin()
        while True:
            end = _INSIDE.match(self._text, self._at).end()  # type: ignore[union-attr]  # it matches the empty text
            kept.add(self._text[self._at : end])
            self._at = end
            if end < len(self._text) and self._text[end] == '"':
                self._at += 1
                kept.finish()
                return
            if not self._more():
                raise self._broken("it ends too early")

    def _scalar(self) -> str:
        text = ""
        while True:
            end = _SCALAR.match(self._text, self._at).end()  # type: ignore[union-attr]  # it matches the empty text
            text += self._text[self._at : end]
            self._at = end
            if end < len(self._text) or not self._more():
                return text
            if len(text) > LONGEST_STRING:
                raise self._broken("a number is too long")

    def _broken(self, why: str) -> InvalidRequest:
        place = f" in entry {self._elements}" if self._elements else ""
        return InvalidRequest(f"{self._source} is not JSON that can be read: {why}{place}")


class _Kept:
    """The pieces of a value, without its long strings; nothing at all when it is only passed over."""

    def __init__(self, keep: bool) -> None:
        self._keep = keep
        self._pieces: list[str] = []
        self._began: int | None = None
        self._length = 0
        self.size = 0

    def add(self, piece: str) -> None:
        """Take a piece; of a string that has become too long none."""
        if not self._keep:
            return
        if self._began is not None:
            self._length += len(piece)
            if self._length > LONGEST_STRING:
                del self._pieces[self._began :]
                return
        else:
            self.size += len(piece)
        self._pieces.append(piece)

    def begin(self) -> None:
        """What follows is the inside of a string."""
        self._began, self._length = len(self._pieces), 0

    def finish(self) -> None:
        """The string has ended."""
        self._began = None
        if self._keep:
            self.size += min(self._length, LONGEST_STRING)
            self._pieces.append('"')

    def text(self) -> str:
        """Everything that was kept."""
        return "".join(self._pieces)

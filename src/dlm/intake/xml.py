"""XML from strangers, as a stream of elements: no document types, no entities, no external anything, all within bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from dlm.model.error import InvalidRequest

LARGEST = 10 << 20
"""Bytes of a document."""
DEEPEST = 64
MOST_ELEMENTS = 200_000
"""Elements of a document. One of a whole disk states a digest for each of its pieces."""
LONGEST_TEXT = 64 << 10
"""Characters right inside one element, of those that are read."""

OnStart = Callable[[int, tuple[str, ...], Mapping[str, str]], None]
"""Told of an element: its line, its path from the root on (`namespace local` each), its attributes."""
OnEnd = Callable[[int, tuple[str, ...], str], None]
"""Told of its end: its line, its path, the text right inside it, without space around it."""


class _Refused(Exception):
    """What a document may not have. The parser is stopped by it."""


def walk(blocks: Iterable[bytes], source: str, on_start: OnStart, on_end: OnEnd, encoding: str | None = None) -> None:
    """Tell of every element of a document, in order. `encoding` overrides what the document says of itself.

    Raises `InvalidRequest` that names `source` and the line for what is no XML, is hostile, or is beyond the bounds above.
    """
    from xml.parsers import expat

    parser = expat.ParserCreate(encoding, namespace_separator=" ")
    parser.buffer_text = True
    elements = _Elements(parser, on_start, on_end)
    parser.StartDoctypeDeclHandler = elements.refuse_doctype
    parser.StartElementHandler = elements.start
    parser.EndElementHandler = elements.end
    parser.CharacterDataHandler = elements.take_text
    fed = 0
    try:
        for block in blocks:
            fed += len(block)
            if fed > LARGEST:
                raise _Refused(f"it is larger than {LARGEST >> 20} MiB: no honest document of this kind is")
            parser.Parse(block, False)
        parser.Parse(b"", True)
    except _Refused as error:
        raise InvalidRequest(f"{source}:{parser.CurrentLineNumber}: {error}") from error
    except expat.ExpatError as error:
        raise InvalidRequest(f"{source}:{error.lineno}: this is not XML: {expat.ErrorString(error.code)}") from error
    # What Python knows as an encoding, or does not, and expat cannot use.
    except (LookupError, ValueError) as error:
        raise InvalidRequest(f"{source}:1: its encoding is not known: save it as UTF-8") from error


class _Elements:
    """Keeps the path and the text of what is open."""

    def __init__(self, parser: object, on_start: OnStart, on_end: OnEnd) -> None:
        self._parser = parser
        self._on_start = on_start
        self._on_end = on_end
        self._path: tuple[str, ...] = ()
        self._texts: list[list[str]] = []
        self._lengths: list[int] = []
        self._count = 0

    def _line(self) -> int:
        line: int = self._parser.CurrentLineNumber  # type: ignore[attr-defined]  # the type of a parser has no public name
        return line

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MOST_ELEMENTS:
            raise _Refused(f"it has more than {MOST_ELEMENTS} elements: no honest document of this kind has")
        if len(self._path) == DEEPEST:
            raise _Refused(f"its elements are nested more than {DEEPEST} deep: no honest document is")
        self._path = (*self._path, name)
        self._texts.append([])
        self._lengths.append(0)
        self._on_start(self._line(), self._path, attributes)

    def end(self, _name: str) -> None:
        text = "".join(self._texts.pop()).strip()
        self._lengths.pop()
        path, self._path = self._path, self._path[:-1]
        self._on_end(self._line(), path, text)

    def take_text(self, text: str) -> None:
        self._lengths[-1] += len(text)
        if self._lengths[-1] > LONGEST_TEXT:
            # Space between elements may add up to any amount; it says nothing.
            if text.isspace():
                return
            raise _Refused(f"an element holds more than {LONGEST_TEXT} characters: no honest document has such a one")
        self._texts[-1].append(text)

    def refuse_doctype(self, *_declaration: object) -> None:
        raise _Refused("it has a document type, which can hold entities: no honest document of this kind has")

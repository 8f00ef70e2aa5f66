"""XML from strangers, as a stream of small records: no document types, no entities, no external anything, all within bounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from dlm.model.error import ProtocolViolation, Untrusted

DEEPEST = 64
LARGEST_RECORD = 256 * 1024
"""Bytes of one record, its marks included. Also what may pass without any record: nothing else is kept."""
MOST_NODES = 1000
"""Elements in one record."""
_OURS = ("DAV:", "http://s3.amazonaws.com/doc/2006-03-01/", "")
"""Namespaces whose elements go by their local names."""


@dataclass(slots=True)
class Node:
    """An element: its name, the text right inside it, and the elements in it."""

    name: str
    text: str = ""
    children: list[Node] = field(default_factory=list)

    def all(self, *path: str) -> Iterator[Node]:
        """The nodes at this path below it."""
        if not path:
            yield self
            return
        for child in self.children:
            if child.name == path[0]:
                yield from child.all(*path[1:])

    def get(self, *path: str) -> str | None:
        """The text of the first node at this path, without space around it; `None` when there is none."""
        return next((node.text.strip() for node in self.all(*path)), None)


class Records:
    """Reads a document piece by piece. A record is an outermost element of one of the `names`.

    Names of foreign namespaces are `namespace local`, so that they are mistaken for none of ours. `shown` is whose document
    it is, for the errors.
    """

    def __init__(self, names: Iterable[str], shown: str) -> None:
        from xml.parsers import expat

        self._names = frozenset(names)
        self._shown = shown
        self._malformed = expat.ExpatError
        self._parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.StartElementHandler = self._on_start
        parser.EndElementHandler = self._on_end
        parser.CharacterDataHandler = self._on_text
        self._depth = 0
        self._open: list[Node] = []
        self._nodes = 0
        self._fed = 0
        self._mark = 0
        self._ready: list[Node] = []

    def feed(self, piece: bytes) -> list[Node]:
        """The records that this piece completes. Raises `Untrusted` for what is hostile, `ProtocolViolation` for no XML."""
        for start in range(0, len(piece), LARGEST_RECORD):
            self._parse(piece[start : start + LARGEST_RECORD], final=False)
        taken, self._ready = self._ready, []
        return taken

    def end(self) -> None:
        """Raises `ProtocolViolation` unless the document is complete."""
        self._parse(b"", final=True)

    def _parse(self, piece: bytes, *, final: bool) -> None:
        self._fed += len(piece)
        try:
            self._parser.Parse(piece, final)
        except self._malformed as error:
            raise ProtocolViolation(f"{self._shown} sends XML that cannot be read: {error}", uri=self._shown) from error
        # What Python knows as an encoding, or does not, and expat cannot use.
        except (LookupError, ValueError) as error:
            raise ProtocolViolation(f"{self._shown} sends XML in an encoding that is not known", uri=self._shown) from error
        if self._fed - self._mark > 2 * LARGEST_RECORD:
            raise self._hostile(f"an element of more than {LARGEST_RECORD // 1024} KiB")

    def _on_start(self, name: str, _attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._hostile(f"elements nested more than {DEEPEST} deep")
        namespace, _, local = name.rpartition(" ")
        node = Node(local if namespace in _OURS else name)
        if self._open:
            self._nodes += 1
            if self._nodes > MOST_NODES:
                raise self._hostile(f"more than {MOST_NODES} elements in one entry")
            self._open[-1].children.append(node)
        elif node.name not in self._names:
            self._mark = self._parser.CurrentByteIndex
            return
        else:
            self._nodes = 0
            self._mark = self._parser.CurrentByteIndex
        self._open.append(node)

    def _on_end(self, _name: str) -> None:
        self._depth -= 1
        if self._open:
            node = self._open.pop()
            if not self._open:
                self._ready.append(node)
        if not self._open:
            self._mark = self._parser.CurrentByteIndex

    def _on_text(self, text: str) -> None:
        if self._open:
            self._open[-1].text += text

    def _refuse_doctype(self, *_declaration: object) -> None:
        raise self._hostile("a document type, which can hold entities")

    def _hostile(self, what: str) -> Untrusted:
        return Untrusted(f"{self._shown} sends XML with {what}: no honest server does", uri=self._shown)

"""Metalink: a document that names files, with mirrors, digests and digests of pieces. Version 4 (RFC 5854) and version 3.

Rules
-----
* The document is a stranger's. Its names become harmless ones below one folder; one that leads out of it is skipped.
* Mirrors go by what the document thinks of them: `priority` (the smallest first), in version 3 `preference` (the largest).
* What is not understood or not served is skipped, and told: a hash of an unknown kind, an address of an unknown scheme.
* Of digests the strongest is kept. Those of pieces only when they fit the size that is stated.
* Elements of other namespaces, with all that is in them, mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from dlm.intake.entry import Entry, Skipped, shown
from dlm.intake.xml import walk
from dlm.model.address import check_uri
from dlm.model.error import InvalidRequest
from dlm.model.resource import STRENGTH, Digest, Pieces, strongest
from dlm.model.text import printable
from dlm.policy.naming import safe_name

MOST_MIRRORS = 100
"""Addresses of one file. More do not make it faster."""
DEEPEST_NAME = 16
"""Components of a name."""

_FOURTH = "urn:ietf:params:xml:ns:metalink"
_SPACES = frozenset({_FOURTH, "http://www.metalinker.org/", "http://www.metalinker.org"})
_SERVED = frozenset({"http", "https", "ftp", "ftpes", "ftps", "sftp"})
"""Schemes that a stranger may name: no local files, and nothing that asks with the credentials of a cloud."""
_WRAPPERS = frozenset({"files", "verification", "resources"})
"""What version 3 has around what version 4 says without."""
_RANKS = {name: rank for rank, name in enumerate((*STRENGTH, "sha-1", "md5"))}
_LAST = 1_000_000
"""The priority of who has none: behind the largest that there is (RFC 5854, 4.2.16.1)."""


@dataclass(frozen=True, slots=True)
class LinkedFile:
    """A file of a Metalink. `name` is a relative path of harmless components, with slashes between; mirrors best first.

    `size` is in bytes. What the document does not state is `None`.
    """

    line: int
    name: str
    uris: tuple[str, ...]
    size: int | None = None
    digest: Digest | None = None
    pieces: Pieces | None = None


def read_metalink(chunks: Iterable[str], source: str) -> Iterator[Entry | Skipped]:
    """The files of a document whose text has been decoded, as entries of a list. Raises `InvalidRequest`, with the line."""
    for each in parse((chunk.encode() for chunk in chunks), source, encoding="utf-8"):
        yield each if isinstance(each, Skipped) else _entry(each)


def _entry(file: LinkedFile) -> Entry:
    # What a Metalink names is fetched as it is: else one that names itself had no end.
    options = [(file.line, "out", file.name), (file.line, "follow", "no")]
    if file.digest is not None:
        options.append((file.line, "checksum", str(file.digest)))
    return Entry(file.line, file.uris, tuple(options), file.pieces, file.size)


def parse(blocks: Iterable[bytes], source: str, encoding: str | None = None) -> list[LinkedFile | Skipped]:
    """The files of a document in order, and what was skipped. `encoding` overrides what the document says of itself.

    Raises `InvalidRequest` that names `source` and the line: for what is no Metalink, names no file, or is hostile.
    """
    reading = _Reading(source)
    walk(blocks, source, reading.start, reading.end, encoding)
    if not any(isinstance(each, LinkedFile) for each in reading.found) and not reading.found:
        raise InvalidRequest(f"{source} is a Metalink that names no file")
    return reading.found


@dataclass(slots=True)
class _Hashes:
    """A list of digests of pieces as it is being read."""

    line: int
    algorithm: str
    length: str
    digests: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _File:
    """A file as it is being read."""

    line: int
    name: str
    size: int | None = None
    mirrors: list[tuple[int, int, str]] = field(default_factory=list)
    digests: list[Digest] = field(default_factory=list)
    hashes: list[_Hashes] = field(default_factory=list)


class _Reading:
    """Takes in one document, element by element."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._file: _File | None = None
        self._attributes: list[Mapping[str, str]] = []
        self._names: set[str] = set()
        self.found: list[LinkedFile | Skipped] = []

    def start(self, line: int, path: tuple[str, ...], attributes: Mapping[str, str]) -> None:
        self._attributes.append(attributes)
        if len(path) == 1:
            self._check_root(line, path[0])
        place = _place(path)
        if place == ("file",):
            self._file = _File(line, attributes.get("name", ""))
        elif place == ("file", "pieces") and self._file is not None:
            self._file.hashes.append(_Hashes(line, attributes.get("type", ""), attributes.get("length", "").strip()))

    def end(self, line: int, path: tuple[str, ...], text: str) -> None:
        attributes = self._attributes.pop()
        place = _place(path)
        read = _READERS.get(place) if place is not None else None
        if self._file is None or read is None:
            return
        if place == ("file",):
            self._finish(self._file)
            self._file = None
        else:
            self.found += [Skipped(line, what, why) for what, why in read(self._file, text, attributes)]

    def _check_root(self, line: int, name: str) -> None:
        space, _, local = name.rpartition(" ")
        if local != "metalink" or space not in _SPACES:
            raise InvalidRequest(
                f"{self._source}:{line}: this is XML, but not a Metalink: its root is not <metalink> of RFC 5854"
            )

    def _finish(self, file: _File) -> None:
        name = _harmless(file.name)
        label = shown(printable(file.name))
        if name is None:
            self._skip(file, label, "its name leads out of the folder, or is none")
        elif not file.mirrors:
            self._skip(file, label, "it has no address that is served")
        elif name.casefold() in self._names:
            self._skip(file, label, "a file before it has the same name")
        else:
            self._names.add(name.casefold())
            uris = list(dict.fromkeys(uri for _, _, uri in sorted(file.mirrors)))
            if len(uris) > MOST_MIRRORS:
                self._skip(file, label, f"it has more mirrors than the {MOST_MIRRORS} that are kept")
            pieces = self._pieces(file, label)
            self.found.append(
                LinkedFile(file.line, name, tuple(uris[:MOST_MIRRORS]), file.size, strongest(tuple(file.digests)), pieces)
            )

    def _pieces(self, file: _File, label: str) -> Pieces | None:
        """The strongest list of digests that is whole, and fits the size."""
        lists = [each for each in map(_whole, file.hashes) if each is not None]
        fitting = [each for each in lists if file.size is None or -(-file.size // each.length) == len(each.digests)]
        if len(fitting) < len(file.hashes):
            self._skip(
                file, label, "digests of its pieces are of no use: of an unknown kind, unreadable, or not as many as pieces"
            )
        return min(fitting, key=lambda each: _RANKS[each.algorithm], default=None)

    def _skip(self, file: _File, what: str, why: str) -> None:
        self.found.append(Skipped(file.line, what, why))


@lru_cache(maxsize=128)
def _place(path: tuple[str, ...]) -> tuple[str, ...] | None:
    """Where an element stands below the root, without the wrappers of version 3; `None` for these and in what is foreign."""
    names = []
    for name in path[1:]:
        space, _, local = name.rpartition(" ")
        if space not in _SPACES:
            return None
        names.append(local)
    return None if path[-1].rpartition(" ")[2] in _WRAPPERS else tuple(name for name in names if name not in _WRAPPERS)


def _harmless(name: str) -> str | None:
    """`name` with each of its components made harmless; `None` when it is absolute, or leads upwards, or is too deep."""
    parts = name.split("/")
    if len(parts) > DEEPEST_NAME or "\\" in name or any(part.strip() in {"", ".", ".."} for part in parts):
        return None
    return "/".join(safe_name(part, "") if part != "-" else "_" for part in parts)


# --- the elements of a file: each reader takes the file, the text and the attributes, and tells what it skips and why ------

_Skips = Iterable[tuple[str, str]]


def _read_size(file: _File, text: str, _attributes: Mapping[str, str]) -> _Skips:
    if not re.fullmatch(r"\d{1,18}", text, re.ASCII):
        return [(shown(printable(file.name)), "its size is not a number")]
    file.size = int(text)
    return ()


def _read_hash(file: _File, text: str, attributes: Mapping[str, str]) -> _Skips:
    digest = _digest(attributes.get("type", ""), text)
    if digest is None:
        return [(shown(printable(file.name)), "a hash of it is of an unknown kind, or unreadable")]
    file.digests.append(digest)
    return ()


def _read_piece(file: _File, text: str, attributes: Mapping[str, str]) -> _Skips:
    hashes = file.hashes[-1].digests
    hashes.setdefault(attributes.get("piece", str(len(hashes))).strip(), text)
    return ()


def _read_url(file: _File, text: str, attributes: Mapping[str, str]) -> _Skips:
    if attributes.get("type") == "bittorrent":
        return _read_metaurl(file, text, attributes)
    scheme = text.partition(":")[0].lower()
    if scheme not in _SERVED:
        return [(_address(text), "an address of a scheme that is not fetched from here")]
    try:
        check_uri(text)
    except InvalidRequest:
        return [(_address(text), "an address that cannot be read")]
    file.mirrors.append((_priority(attributes), len(file.mirrors), text))
    return ()


def _read_metaurl(_file: _File, text: str, _attributes: Mapping[str, str]) -> _Skips:
    return [(_address(text), "a torrent, or another description of the file, which is not used yet")]


_READERS: dict[tuple[str, ...], Callable[[_File, str, Mapping[str, str]], _Skips]] = {
    ("file",): lambda _file, _text, _attributes: (),
    ("file", "size"): _read_size,
    ("file", "hash"): _read_hash,
    ("file", "pieces", "hash"): _read_piece,
    ("file", "url"): _read_url,
    ("file", "metaurl"): _read_metaurl,
}


def _address(text: str) -> str:
    return shown(printable(text))


def _priority(attributes: Mapping[str, str]) -> int:
    for name, sign in (("priority", 1), ("preference", -1)):
        said = attributes.get(name, "").strip()
        if re.fullmatch(r"\d{1,6}", said, re.ASCII):
            return sign * int(said)
    return _LAST


def _digest(kind: str, text: str) -> Digest | None:
    try:
        return Digest.parse(f"{kind.strip()}={text}")
    except InvalidRequest:
        return None


def _whole(hashes: _Hashes) -> Pieces | None:
    """The list, when its kind is known, none of it is missing, and each has the length that it must have."""
    if not re.fullmatch(r"[1-9]\d{0,17}", hashes.length, re.ASCII) or not hashes.digests:
        return None
    digests = [_digest(hashes.algorithm, hashes.digests.get(str(number), "")) for number in range(len(hashes.digests))]
    known = [digest for digest in digests if digest is not None]
    if len(known) != len(digests):
        return None
    return Pieces(known[0].algorithm, int(hashes.length), tuple(digest.value for digest in known))

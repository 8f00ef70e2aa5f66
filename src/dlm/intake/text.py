"""From bytes to text, and from text to lines, piece by piece: a list need not fit into memory."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from itertools import chain

from dlm.model.error import InvalidRequest

LONGEST_LINE = 8 << 20
"""Characters. No URL with all its options comes near."""
_TORRENT = "it is a torrent, and dlm does not speak BitTorrent yet: fetch the file from a web address"
_FOREIGN = {
    b"\x1f\x8b": "it is compressed: unpack it first",
    b"BZh": "it is compressed: unpack it first",
    b"\xfd7zXZ": "it is compressed: unpack it first",
    b"\x28\xb5\x2f\xfd": "it is compressed: unpack it first",
    b"d8:announce": _TORRENT,
    b"d13:announce-list": _TORRENT,
    b"d4:info": _TORRENT,
    b"d7:comment": _TORRENT,
    b"d10:created by": _TORRENT,
    b"PK\x03\x04": "it is an archive or a spreadsheet: unpack it, or save it as CSV",
    b"SQLite format 3": "it is a database: export a list from it",
    b"%PDF-": "it is a PDF: copy the URLs out of it",
}


def decoded(blocks: Iterable[bytes], source: str) -> Iterator[str]:
    """The text of a file: UTF-8, or what a byte order mark says. Raises `InvalidRequest` for what is no text."""
    source_blocks = iter(blocks)
    first = next(source_blocks, b"")
    for magic, hint in _FOREIGN.items():
        if first.startswith(magic):
            raise InvalidRequest(f"{source} is not text: {hint}")
    utf16 = first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    decoder = codecs.getincrementaldecoder("utf-16" if utf16 else "utf-8-sig")()
    try:
        for block in chain([first], source_blocks):
            yield _checked(decoder.decode(block), source)
        yield _checked(decoder.decode(b"", final=True), source)
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{source} is not UTF-8 text: save it as UTF-8") from error


def lines(chunks: Iterable[str], source: str) -> Iterator[str]:
    """The lines, without their ends (LF, or CR and LF). Raises `InvalidRequest` for a line longer than `LONGEST_LINE`."""
    rest = ""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split("\n")
        for line in whole:
            yield line.removesuffix("\r")
        if len(rest) > LONGEST_LINE:
            raise InvalidRequest(f"{source} has a line of more than {LONGEST_LINE >> 20} million characters: it is not a list")
    if rest:
        yield rest.removesuffix("\r")


def _checked(text: str, source: str) -> str:
    if "\0" in text:
        raise InvalidRequest(f"{source} is not text: it holds zero bytes")
    return text

"""Reads a file and takes its digest, and shows on a terminal how far it is."""

from __future__ import annotations

import os
from time import monotonic
from typing import TextIO

from dlm.cli.line import glyphs_for
from dlm.cli.sentences import percent
from dlm.cli.terminal import size_of
from dlm.cli.widths import shorten
from dlm.model.checksums import growing
from dlm.model.text import printable
from dlm.model.units import format_rate

_BLOCK = 1 << 20


def digest_of(path: str, algorithm: str, stream: TextIO | None, beat: float = 0.2) -> bytes:
    """The digest of the file by an algorithm of `ALGORITHMS`. Raises `OSError`.

    How far it is goes to `stream`, a terminal, every `beat` seconds.
    """
    state = growing(algorithm)
    began = shown = monotonic()
    read = 0
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        while block := file.read(_BLOCK):
            state.update(block)
            read += len(block)
            now = monotonic()
            if stream is not None and now - shown >= beat:
                shown = now
                _show(stream, path, f"  {percent(read, size):>3} %  {format_rate(read / (now - began))}")
    if stream is not None and shown != began:
        _clear(stream)
    return state.digest()


def _show(stream: TextIO, path: str, figures: str) -> None:
    width = size_of(stream)[0] - 2
    name = shorten(printable(os.path.basename(path)), max(1, width - len(figures)), glyphs_for(stream.encoding).gap)
    stream.write(f"\r\x1b[K{name}{figures}")
    stream.flush()


def _clear(stream: TextIO) -> None:
    stream.write("\r\x1b[K")
    stream.flush()

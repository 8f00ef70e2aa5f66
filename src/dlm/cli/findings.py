"""The findings of `dlm doctor` as aligned lines, and a last one that sums them up. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dlm.cli.line import Glyphs, Line, Piece, line
from dlm.model.queue import Finding
from dlm.model.text import printable

_LEAST = 30
"""Columns for sentences, below which they are left to the terminal to break."""


def lines_of(findings: Sequence[Finding], width: int | None, glyphs: Glyphs) -> Iterator[Line]:
    """Mark, name and sentence of each; sentences longer than a line of `width` columns go on below their beginning."""
    marks = {"good": glyphs.tick, "warning": "!", "bad": glyphs.cross.rstrip(":")}
    wide = max(map(len, marks.values()))
    names = max((len(printable(each.name)) for each in findings), default=0)
    margin = wide + 1 + names + 2
    for each in findings:
        first, *rest = _broken(printable(each.sentence), None if width is None else width - margin)
        mark = marks.get(each.state, "?")
        yield line(
            Piece(f"{mark:<{wide}}", each.state if each.state in marks else ""), f" {printable(each.name):<{names}}  ", first
        )
        for text in rest:
            yield line(" " * margin + text)
    yield _sum(findings)


def _broken(sentence: str, width: int | None) -> list[str]:
    if width is None or width < _LEAST:
        return [sentence]
    from textwrap import wrap

    return wrap(sentence, width, break_long_words=False, break_on_hyphens=False) or [""]


def _sum(findings: Sequence[Finding]) -> Line:
    bad, warnings = (sum(each.state == state for each in findings) for state in ("bad", "warning"))
    if bad:
        more = f", {_counted(warnings, 'warning')}" if warnings else ""
        return line(Piece(f"{_counted(bad, 'problem')}{more}.", "bad"))
    if warnings:
        return line(Piece(f"{_counted(warnings, 'warning')}, nothing bad.", "warning"))
    return line(Piece("All is well.", "good"))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

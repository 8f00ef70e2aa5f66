"""From bytes to text and lines."""

from __future__ import annotations

from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.intake.text import LONGEST_LINE, decoded, lines
from dlm.model.error import InvalidRequest

TEXT = "url\r\nhttps://h/é\U0001f600\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_text_is_read_in_any_pieces(encoding: str, size: int) -> None:
    """UTF-8 with and without a mark, and UTF-16 with one, wherever the pieces are cut."""
    content = TEXT.encode(encoding)
    head = max(size, 4)  # the first block of a file is never as short as its mark
    blocks = [content[:head], *(content[at : at + size] for at in range(head, len(content), size))]
    assert "".join(decoded(blocks, "x")) == TEXT


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"https://h/\xff", "UTF-8"),
        (b"https://h/\xc3", "UTF-8"),
        (b"https://h/\0", "zero bytes"),
        (b"\x1f\x8b\x08\x00", "compressed"),
        (b"PK\x03\x04xl/", "spreadsheet"),
        (b"SQLite format 3\0", "database"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes, word: str) -> None:
    """One sentence says what the file is instead."""
    with pytest.raises(InvalidRequest, match=word):
        list(decoded([content], "x"))


def test_an_empty_file_is_empty_text() -> None:
    """Nothing comes to nothing."""
    assert "".join(decoded([], "x")) == ""
    assert list(lines(decoded([], "x"), "x")) == []


@given(st.text(st.sampled_from("ab\r\n\x85\u2028"), max_size=40), st.integers(1, 9))
def test_lines_do_not_depend_on_pieces(text: str, size: int) -> None:
    """Lines end at LF, or at CR and LF, and nowhere else."""
    *expected, last = text.replace("\r\n", "\n").split("\n")
    expected += [last.removesuffix("\r")] if last else []
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert list(lines(pieces, "x")) == expected


def test_an_endless_line_is_refused() -> None:
    """What never ends its line is no list; it is noticed long before memory is full."""
    with pytest.raises(InvalidRequest, match="not a list"):
        list(lines(chain(["a\n"], repeat("b" * 65536, 2 * LONGEST_LINE // 65536)), "x"))

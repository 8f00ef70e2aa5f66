"""Content-Disposition as servers write it, right and wrong."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlm.protocols.http.disposition import suggested_name
from tests.examples import examples

relaxed = settings(deadline=None, max_examples=examples(400))


@pytest.mark.parametrize(
    ("header", "name"),
    [
        # as the standard has it
        ('attachment; filename="report.pdf"', "report.pdf"),
        ("attachment; filename=report.pdf", "report.pdf"),
        ("inline; filename=report.pdf", "report.pdf"),
        ("ATTACHMENT; FILENAME=report.pdf", "report.pdf"),
        ('attachment;filename="two words.txt";size=5', "two words.txt"),
        ('attachment; filename="a \\"quoted\\" name.txt"', 'a "quoted" name.txt'),
        ('attachment; filename="semi;colon.txt"', "semi;colon.txt"),
        ("attachment; filename*=UTF-8''na%C3%AFve%20file.txt", "naïve file.txt"),
        ("attachment; filename*=utf-8'en'%E2%82%AC%20rates.txt", "€ rates.txt"),
        ("attachment; filename*=ISO-8859-1''%A3%20rates.txt", "£ rates.txt"),
        ("attachment; filename=\"EURO.txt\"; filename*=utf-8''%e2%82%ac.txt", "€.txt"),
        ("attachment; filename*=utf-8''%e2%82%ac.txt; filename=\"EURO.txt\"", "€.txt"),
        ("attachment; filename = spaced.txt", "spaced.txt"),
        ('attachment; name="x; filename=evil.exe"; filename="good.txt"', "good.txt"),
        ('attachment; filename="first.txt"; filename="second.txt"', "first.txt"),
        # no name
        (None, None),
        ("", None),
        ("attachment", None),
        ("inline;", None),
        ("attachment; filename=", None),
        ('attachment; filename=""', None),
        ("attachment; xfilename=x.txt", None),
        ("attachment; filename", None),
        (";;;===", None),
        # wrong in the usual ways
        ("filename=no-type.txt", "no-type.txt"),
        ('"attachment; filename=x.txt"', "x.txt"),
        ('attachment; filename="unfinished.txt', "unfinished.txt"),
        ('attachment; filename="trailing backslash\\', "trailing backslash"),
        ("attachment; filename=two words.txt; size=1", "two words.txt"),
        ("attachment, filename=x.txt; filename=y.txt", "y.txt"),
        ("attachment; filename='single.txt'", "'single.txt'"),
        ('attachment; filename="C:\\Users\\me\\file.txt"', "C:\\Users\\me\\file.txt"),
        ('attachment; filename="..\\\\..\\\\x"', "..\\..\\x"),
        ('attachment; filename="../../.ssh/authorized_keys"', "../../.ssh/authorized_keys"),
        ("attachment; filename*=UTF-8''..%2F..%2Fx", "../../x"),
        ('attachment; filename="na\u00c3\u00afve.txt"', "naïve.txt"),
        ('attachment; filename="na\u00efve.txt"', "naïve.txt"),
        ('attachment; filename="名前.txt"', "名前.txt"),
        ('attachment; filename="na%C3%AFve%20file.txt"', "naïve file.txt"),
        ("attachment; filename=two%20words%2B1.txt", "two words+1.txt"),
        ('attachment; filename="100% sure.txt"', "100% sure.txt"),
        ('attachment; filename="foo-%41.txt"', "foo-%41.txt"),
        ('attachment; filename="%E9.txt"', "%E9.txt"),
        ('attachment; filename="a%2Fb.txt"', "a%2Fb.txt"),
        ('attachment; filename="a%00b.txt"', "a%00b.txt"),
        ('attachment; filename="=?UTF-8?B?bmHDr3ZlLnR4dA==?="', "naïve.txt"),
        ('attachment; filename="=?UTF-8?B?bmHDr3ZlLnR4dA?="', "naïve.txt"),
        ('attachment; filename="=?utf-8?Q?na=C3=AFve_file.txt?="', "naïve file.txt"),
        ('attachment; filename="=?iso-8859-1?q?na=EFve?= =?utf-8?q?.txt?="', "naïve.txt"),
        ("attachment; filename==?gb2312?B?w/u7rw==?=.txt", "名化.txt"),
        ('attachment; filename="=?nonsense?B?eHg=?="', "=?nonsense?B?eHg=?="),
        ('attachment; filename="=?unicode_escape?B?eHg=?="', "=?unicode_escape?B?eHg=?="),
        ('attachment; filename="=?utf-8?B?/w==?="', "=?utf-8?B?/w==?="),
        ("attachment; filename*=\"UTF-8''quoted%20anyway.txt\"", "quoted anyway.txt"),
        ("attachment; filename*=UTF-8''raw space.txt", "raw space.txt"),
        # an extended name that cannot be read leaves the plain one
        ("attachment; filename*=UTF-8''%E9; filename=plain.txt", "plain.txt"),
        ("attachment; filename*=UTF-8''%zz; filename=plain.txt", "plain.txt"),
        ("attachment; filename*=UTF-8''; filename=plain.txt", "plain.txt"),
        ("attachment; filename*=unknown''x; filename=plain.txt", "plain.txt"),
        ("attachment; filename*=punycode''x; filename=plain.txt", "plain.txt"),
        ("attachment; filename*=x.txt; filename=plain.txt", "plain.txt"),
        ("attachment; filename*=UTF-8''%E9; filename*=UTF-8''second.txt", "second.txt"),
    ],
)
def test_headers_suggest_these_names(header: str | None, name: str | None) -> None:
    """Each header suggests exactly this name."""
    assert suggested_name(header) == name


parts = st.sampled_from(
    [
        "filename",
        "filename*",
        "=",
        ";",
        '"',
        "\\",
        "'",
        "UTF-8''",
        "%",
        "%41",
        "%FF",
        "=?",
        "?=",
        "?B?",
        "?q?",
        "utf-8",
        "utf-7",
        "\x00",
        " ",
        "/",
    ],
)


@relaxed
@given(st.one_of(st.text(st.characters(codec=None)), st.lists(st.one_of(parts, st.text(max_size=2))).map("".join)))
def test_any_text_suggests_something_or_nothing(header: str) -> None:
    """No header raises, and a suggestion is never empty."""
    for text in (
        header,
        f"attachment; filename={header}",
        f"attachment; filename*={header}",
        f"attachment; filename*=utf-8''{header}",
    ):
        assert suggested_name(text) != ""


@relaxed
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda name: name == name.strip()))
def test_what_a_good_server_writes_is_read_back(name: str) -> None:
    """A name written by the book, in either form, comes back as it was."""
    assert suggested_name(f"attachment; filename*=UTF-8''{quote(name, safe='')}") == name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    if name.isascii() and "%" not in name and "=?" not in name:
        assert suggested_name(f'attachment; filename="{escaped}"') == name


@pytest.mark.parametrize("piece", ["a", '"', "\\", ";", "=", "=?", "=?a?Q?", "%41", "'", " ", "?= ", '\\"', "=?utf-8?Q?a?= "])
def test_long_headers_take_no_long_time(piece: str) -> None:
    """64 KiB of anything is read in a moment: no pattern backtracks without end."""
    long = piece * (65536 // len(piece))
    started = time.process_time()
    for header in (long, f"filename={long}", f'filename="{long}', f"filename*={long}", f"filename*=utf-8''{long}%"):
        suggested_name(header)
    assert time.process_time() - started < 20

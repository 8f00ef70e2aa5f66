"""The sanitiser of file names: a table of what servers send, and what holds for any text at all."""

from __future__ import annotations

import os.path
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dlm.model.error import InvalidRequest
from dlm.model.text import printable
from dlm.policy.naming import NAME_LIMIT, NUMBERED_LIMIT, check_output, numbered, safe_name
from tests.examples import examples

relaxed = settings(deadline=None, max_examples=examples(400))

NOWHERE = "https://example.org"
GUID = "{645ff040-5081-101b-9f08-00aa002f954e}"
LONG_STEM = "x" * 400

SUGGESTIONS = [
    # separators
    ("report.pdf", "report.pdf"),
    ("../../.ssh/authorized_keys", "authorized_keys"),
    ("..\\..\\x", "x"),
    ("/etc/passwd", "passwd"),
    ("C:\\Windows\\system32\\drivers.sys", "drivers.sys"),
    ("\\\\server\\share\\file.bin", "file.bin"),
    ("..%2F..%2Fx", "..%2F..%2Fx".lstrip(".")),
    ("directory/", "directory"),
    ("a/b\\c/", "c"),
    ("AC/DC.mp3", "DC.mp3"),
    # dots and spaces at the ends
    (".netrc", "netrc"),
    ("..test", "test"),
    (".bash_profile", "bash_profile"),
    (". .hidden", "hidden"),
    ("name.", "name"),
    ("name. . .", "name"),
    ("  two words.txt  ", "two words.txt"),
    ("\u3000wide.txt\u00a0", "wide.txt"),
    (". ./x", "x"),
    # what Windows reserves
    ("con", "_con"),
    ("con.htm", "_con.htm"),
    ("NUL.tar.gz", "_NUL.tar.gz"),
    ("aux .txt", "_aux .txt"),
    ("prn", "_prn"),
    ("COM1.log", "_COM1.log"),
    ("com¹.log", "_com¹.log"),
    ("LPT9", "_LPT9"),
    ("conin$", "_conin$"),
    ("CONOUT$.txt", "_CONOUT$.txt"),
    ("clock$", "_clock$"),
    (".con", "_con"),
    ("console.log", "console.log"),
    ("com10", "com10"),
    ("desktop.ini", "_desktop.ini"),
    ("Thumbs.db", "_Thumbs.db"),
    ("a:b", "a_b"),
    ("x.txt:stream", "x.txt_stream"),
    ("x.txt::$DATA", "x.txt__$DATA"),
    ('<>:"|?*.txt', "_______.txt"),
    ("what?.html", "what_.html"),
    ("%USERPROFILE%.txt", "%USERPROFILE%.txt"),
    ("100%.txt", "100%.txt"),
    # endings that a shell acts upon
    ("holiday.lnk", "holiday.lnk.download"),
    ("holiday.LNK", "holiday.LNK.download"),
    ("holiday.ln\u212a", "holiday.lnK.download"),
    ("app.exe.local", "app.exe.local.download"),
    ("icon.scf", "icon.scf.download"),
    ("page.url", "page.url.download"),
    ("search.library-ms", "search.library-ms.download"),
    (f"letter.{GUID}", f"letter.{GUID}.download"),
    (".lnk", "lnk"),
    ("setup.lnk. ", "setup.lnk.download"),
    # characters that hide or forge
    ("a\u202egnp.exe", "agnp.exe"),
    ("x\x1b[2J.txt", "x[2J.txt"),
    ("line\r\nbreak.txt", "linebreak.txt"),
    ("nul\x00byte.txt", "nulbyte.txt"),
    ("c1\x9bcsi.txt", "c1csi.txt"),
    ("zero\u200bwidth.txt", "zerowidth.txt"),
    ("\ufeffbom.txt", "bom.txt"),
    ("soft\u00adhyphen.txt", "softhyphen.txt"),
    ("photo.jpg\u3164.exe", "photo.jpg.exe"),
    ("isolate\u2066\u2069.txt", "isolate.txt"),
    ("tag\U000e0041.txt", "tag.txt"),
    ("half\ud800.txt", "half\ufffd.txt"),
    (".\u200b./x\u200b/", "x"),
    # Unicode forms
    ("cafe\u0301.txt", "café.txt"),
    ("名前.zip", "名前.zip"),
    ("a\u037eb", "a;b"),
    # length
    (LONG_STEM + ".tar.gz", "x" * (NAME_LIMIT - 7) + ".tar.gz"),
    (LONG_STEM + ".pdf", "x" * (NAME_LIMIT - 4) + ".pdf"),
    ("漢" * 300 + ".tar.gz", "漢" * ((NAME_LIMIT - 7) // 3) + ".tar.gz"),
    ("x." + "e" * 400, "x." + "e" * (NAME_LIMIT - 2)),
    (LONG_STEM + ".lnk", "x" * (NAME_LIMIT - 9) + ".download"),
    ("x" * (NAME_LIMIT - 4) + ".lnk" + "y" * 100, "x" * (NAME_LIMIT - 9) + ".download"),
    ("e\u0301" * 3 + "q\u0307\u0323" * 100, "é" * 3 + "q\u0323\u0307" * 47),
    # nothing left
    ("", "download"),
    ("..", "download"),
    (".", "download"),
    ("/", "download"),
    ("\u202e\u200b", "download"),
]


@pytest.mark.parametrize(("suggestion", "name"), SUGGESTIONS)
def test_suggestions_become_these_names(suggestion: str, name: str) -> None:
    """Each suggestion becomes exactly this name, and that name is kept."""
    assert safe_name(suggestion, NOWHERE) == name
    assert safe_name(name, NOWHERE) == name


def test_the_table_is_long_enough() -> None:
    """The table has at least 60 names, each once."""
    assert len({suggestion for suggestion, _ in SUGGESTIONS}) == len(SUGGESTIONS) >= 60


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("https://h/a/b/c.txt", "c.txt"),
        ("https://h/a/b/", "b"),
        ("https://h/a//", "a"),
        ("https://h/", "download"),
        ("https://h", "download"),
        ("https://h/f.zip?x=/y/z#w", "f.zip"),
        ("https://h/.netrc", "netrc"),
        ("https://h/caf%C3%A9.txt", "café.txt"),
        ("https://h/caf%E9.txt", "café.txt"),
        ("https://h/café.txt", "café.txt"),
        ("https://h/100%2525.txt", "100%25.txt"),
        ("https://h/a/..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("https://h/%2e%2e", "download"),
        ("https://h/a%00b", "ab"),
        ("https://h/%", "%"),
        ("https://[::1/file", "download"),
        ("ftp://h/d/file.iso", "file.iso"),
        ("https://h/\udcff.txt", "\ufffd.txt"),
        ("", "download"),
    ],
)
def test_an_address_names_the_file_when_nobody_else_does(uri: str, name: str) -> None:
    """Without a suggestion the last component of the address counts, decoded once."""
    assert safe_name(None, uri) == name


def test_a_suggestion_that_leaves_nothing_gives_way() -> None:
    """A suggestion of which nothing is left gives way to the address, and that to the fallback."""
    assert safe_name("..", "https://h/real.bin") == "real.bin"
    assert safe_name("..", "https://h/", fallback="index.html") == "index.html"
    assert safe_name("..", "https://h/", fallback="/") == "download"


awkward = st.sampled_from(
    [
        *"/\\. :%{}~_$\0\x1b\u202e\u200b\ufeff\u0301\u212a\u3000漢\udcff\ud83d",
        *("con", "nul", ".lnk", ".url", ".tar.gz", f".{GUID}", "desktop.ini", "x" * 120, "e\u0301" * 40),
    ],
)
any_name = st.one_of(
    st.text(st.characters(codec=None), max_size=300),
    st.lists(st.one_of(awkward, st.text(max_size=3)), max_size=12).map("".join),
)


@relaxed
@given(any_name, any_name)
@example("x" * 235 + ".lnk" + "y" * 40, "")
def test_no_text_makes_a_harmful_name(suggestion: str, path: str) -> None:
    """Whatever is suggested, the name is one harmless component, short enough, and a fixed point."""
    uri = f"https://example.org/{path}"
    name = safe_name(suggestion, uri)
    assert name
    assert name not in {".", ".."}
    assert not set(name) & set('/\\\0<>:"|?*')
    assert not name.startswith((".", " "))
    assert not name.endswith((".", " "))
    for character in name:
        assert unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}
        assert unicodedata.bidirectional(character) not in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "BN"}
    assert len(name.encode()) <= NAME_LIMIT
    assert unicodedata.is_normalized("NFC", name)
    assert safe_name(name, uri) == name
    assert os.path.dirname(os.path.normpath(os.path.join("/downloads", name))) == "/downloads"


@relaxed
@given(any_name, st.integers(1, 999))
def test_a_number_always_fits(suggestion: str, n: int) -> None:
    """A numbered name is another one, still fits beside its partial file, and differs for every number."""
    name = safe_name(suggestion, NOWHERE)
    result = numbered(name, n)
    assert f" ({n})" in result
    assert result != name
    assert len(result.encode()) <= NUMBERED_LIMIT
    assert len({numbered(name, other) for other in (n, n + 1, n + 2)}) == 3


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("file.txt", "file (1).txt"),
        ("file", "file (1)"),
        ("file.tar.gz", "file (1).tar.gz"),
        ("dump.sql.zst", "dump (1).sql.zst"),
        ("release.tar.xz.asc", "release (1).tar.xz.asc"),
        ("version-1.2.gz", "version-1.2 (1).gz"),
        ("file (1).txt", "file (1) (1).txt"),
        (".bashrc", ".bashrc (1)"),
        ("Mr. Smith goes", "Mr. Smith goes (1)"),
        ("x" * 255, "x" * 246 + " (1)"),
        ("漢" * 83 + ".txt", "漢" * 80 + " (1).txt"),
    ],
)
def test_the_number_stands_before_the_extension(name: str, expected: str) -> None:
    """The number stands before the whole extension."""
    assert numbered(name, 1) == expected


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("file.txt", ("", "file.txt")),
        ("a/b/file.txt", ("a/b", "file.txt")),
        ("../file.txt", ("..", "file.txt")),
        ("/tmp/file.txt", ("/tmp", "file.txt")),
        ("/file.txt", ("/", "file.txt")),
        (".hidden", ("", ".hidden")),
        ("what?.txt", ("", "what?.txt")),
    ],
)
def test_the_users_own_name_is_taken_as_it_is(name: str, parts: tuple[str, str]) -> None:
    """What the user chose is split into directory and file, nothing else."""
    assert check_output(name) == parts


@pytest.mark.parametrize("name", ["", "directory/", "/", ".", "..", "a/..", "a\nb", "a\x00b", "a\x1b[2J", "a\x85b", "a\udcffb"])
def test_names_that_no_file_can_have_are_refused(name: str) -> None:
    """What cannot name a file is refused with a sentence that is fit for a screen."""
    with pytest.raises(InvalidRequest) as raised:
        check_output(name)
    assert str(raised.value) == printable(str(raised.value))


@relaxed
@given(any_name)
def test_check_output_raises_nothing_else(name: str) -> None:
    """Any text is either split into a file name or refused by `InvalidRequest`."""
    try:
        _, file = check_output(name)
    except InvalidRequest:
        return
    assert file not in {"", ".", ".."}
    assert "/" not in file


@relaxed
@given(any_name)
def test_nothing_that_drives_a_terminal_is_printed(text: str) -> None:
    """Printed text has no control, no line break, no turned direction, and can be encoded."""
    shown = printable(text)
    assert len(shown) == len(text)
    shown.encode()
    for character in shown:
        assert unicodedata.category(character) not in {"Cc", "Zl", "Zp"}
        assert unicodedata.bidirectional(character) not in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def test_printable_leaves_ordinary_text_alone() -> None:
    """Letters of any language and emoji are printed as they are."""
    for text in ("plain.txt", "naïve 名前.zip", "family \U0001f468\U0001f469\U0001f467", "علامة.pdf"):
        assert printable(text) == text
    assert printable("a\x1b[31mb\nc\u202ed") == "a\ufffd[31mb c\ufffdd"

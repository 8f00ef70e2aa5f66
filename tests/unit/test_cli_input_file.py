"""The input file, in aria2's format."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.cli.input_file import Entry, fields_of, read_entries
from dlm.model.error import InvalidRequest
from dlm.model.resource import Digest


def test_an_input_file_is_read() -> None:
    """Lines are downloads, tabs separate mirrors, indented lines are options, comments and blank lines are nothing."""
    text = (
        "# a list\nhttps://a/1\thttps://b/1\r\n  out=one.bin\n\tsplit = 4 \n\nhttps://a/2\n#  out=not-this\n  header=X: a=b\n"
    )
    assert read_entries(text, "list") == [
        Entry(2, ("https://a/1", "https://b/1"), ((3, "out", "one.bin"), (4, "split", "4"))),
        Entry(6, ("https://a/2",), ((8, "header", "X: a=b"),)),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("  out=x\nhttps://a/1\n", "list:1: the option 'out' stands before the first URL"),
        ("https://a/1\n  nonsense\n", "list:2: 'nonsense' is not an option"),
    ],
)
def test_a_bad_line_is_named(text: str, sentence: str) -> None:
    """A line that means nothing is an error with its number."""
    with pytest.raises(InvalidRequest) as caught:
        read_entries(text, "list")
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({"out": "a/b.bin"}, {"output": "a/b.bin"}),
        ({"dir": "/x"}, {"directory": "/x"}),
        ({"checksum": "md5=" + "0" * 32}, {"checksum": Digest("md5", bytes(16))}),
        ({"header": "A: b"}, {"headers": ("A: b",)}),
        ({"max-connection-per-server": "8", "split": "5"}, {"connections": 5}),
        ({"connections": "7"}, {"connections": 7}),
        ({"max-download-limit": "1M"}, {"limit_rate": 1024**2}),
        ({"user-agent": "me"}, {"user_agent": "me"}),
        ({"http-user": "u", "http-passwd": "p=:"}, {"name": "u", "password": "p=:"}),
        ({"all-proxy": "http://h:1"}, {"proxy": "http://h:1"}),
        ({"check-certificate": "false"}, {"insecure": True}),
        ({"continue": "false"}, {"resume": False}),
        ({"allow-overwrite": "true"}, {"overwrite": True}),
        ({"max-tries": "3"}, {"retries": 2}),
        ({"timeout": "60"}, {"timeout": 60.0}),
        ({"referer": "https://r/"}, {"referer": "https://r/"}),
        ({"load-cookies": "jar"}, {"cookies": "jar"}),
    ],
)
def test_options_mean_fields(options: dict[str, str], fields: dict[str, object]) -> None:
    """aria2's names and our own flags set the fields of a spec."""
    entry = Entry(1, ("https://a/1",), tuple((2, name, value) for name, value in options.items()))
    assert fields_of(entry, "list") == fields


def test_headers_add_up() -> None:
    """`header` may stand several times."""
    entry = Entry(1, ("https://a/1",), ((2, "header", "A: 1"), (3, "header", "B: 2")))
    assert fields_of(entry, "list") == {"headers": ("A: 1", "B: 2")}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bt-tracker", "x"),
        ("jobs", "4"),
        ("state", "x"),
        ("split", "none"),
        ("max-tries", "0"),
        ("out", "-"),
        ("checksum", "md5=1"),
        ("continue", "maybe"),
    ],
)
def test_what_cannot_be_done_is_refused(name: str, value: str) -> None:
    """An option that is not known, or not for one download, or has a bad value, is an error that names the line."""
    with pytest.raises(InvalidRequest, match=r"^list:9: "):
        fields_of(Entry(8, ("https://a/1",), ((9, name, value),)), "list")


@given(st.text(alphabet=st.sampled_from("ab:/ \t\n\r=#~-'\x00\x85\u2028é"), max_size=200) | st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever stands in a file, it is a list of entries with URIs, or one sentence."""
    sentence = "list:"
    try:
        for entry in read_entries(text, "list"):
            assert entry.uris
            fields_of(entry, "list")
    except InvalidRequest as error:
        sentence = str(error)
    assert sentence.startswith("list:")

"""aria2's input file and session, and what the options of an entry mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.intake.aria2 import BOOKKEEPING, read_entries, read_session
from dlm.intake.entry import Entry, Skipped
from dlm.intake.options import QUEUE, Wishes, fields_of, known_options, parted
from dlm.model.error import InvalidRequest
from dlm.model.rank import Priority
from dlm.model.resource import Digest
from dlm.model.span import Span


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
        ({"no-netrc": "false"}, {"netrc": True}),
        ({"range": "0-9"}, {"range": Span(0, 10)}),
        ({"user": "u:p:q"}, {"name": "u", "password": "p:q"}),
        ({"bearer": "t"}, {"bearer": "t"}),
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
        ("range", "9-1"),
        ("user", "nobody"),
        ("pause", "true"),
        ("gid", "0123456789abcdef"),
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


def test_a_near_name_is_offered() -> None:
    """A slip of the pen is answered with the name that was meant."""
    with pytest.raises(InvalidRequest, match="did you mean 'checksum'"):
        fields_of(Entry(1, ("https://a/1",), ((2, "cheksum", "x"),)), "list")


@pytest.mark.parametrize(
    "line", ["  Authorization: Bearer SECRET=", "  https://u:SECRET@h/x?a=b", "  Cookie: SECRET", "  https://u:SECRET@h/x"]
)
def test_what_is_no_option_is_not_repeated(line: str) -> None:
    """A header or a URL that slipped under a URL may hold a secret: the sentence names the line only."""
    sentence = ""
    try:
        for entry in read_entries(f"https://a/1\n{line}\n", "list"):
            fields_of(entry, "list")
    except InvalidRequest as error:
        sentence = str(error)
    assert sentence.startswith("list:2: ")
    assert "SECRET" not in sentence


# --- what orders a download -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "wishes"),
    [
        ("pause", "true", Wishes(paused=True)),
        ("paused", "no", Wishes(paused=False)),
        ("priority", "High", Wishes(priority=Priority.HIGH)),
        ("group", " films ", Wishes(group="films")),
        ("start", "22:30", Wishes(start=("list:2: start", "22:30"))),
        ("start-at", "+2h", Wishes(start=("list:2: start-at", "+2h"))),
    ],
)
def test_the_queue_has_options_of_its_own(name: str, value: str, wishes: Wishes) -> None:
    """What orders a download is taken out of the options, and the others stay."""
    entry = Entry(1, ("https://a/1",), ((2, name, value), (3, "out", "x")))
    assert parted(entry, "list") == (Entry(1, ("https://a/1",), ((3, "out", "x"),)), wishes)


@pytest.mark.parametrize(("name", "value"), [("pause", "maybe"), ("priority", "urgent"), ("priority", "0"), ("group", " ")])
def test_a_wish_that_means_nothing_is_refused(name: str, value: str) -> None:
    """A bad value is an error that names the line."""
    with pytest.raises(InvalidRequest, match=f"^list:2: {name}: "):
        parted(Entry(1, ("https://a/1",), ((2, name, value),)), "list")


def test_the_tables_do_not_contradict_each_other() -> None:
    """No option both means something and is passed over in a session."""
    assert known_options() & BOOKKEEPING == set()
    assert set(QUEUE) <= known_options()


# --- sessions ---------------------------------------------------------------------------------------------------------

SESSION = """\
http://127.0.0.1:9/c.iso\t
 gid=da318ef60cf1776c
 connect-timeout=1
 max-tries=0
 max-connection-per-server=3
 user-agent=me
http://127.0.0.1:9/a.iso\thttp://127.0.0.1:9/b.iso\thttp://127.0.0.1:9/a.iso\t
 gid=4510d1dd15a2efb9
 pause=true
 dir=/downloads
 out=a.iso
 referer=*
 max-download-limit=1048576
 file-allocation=none
 piece-length=1048576
 rpc-save-upload-metadata=true
 bt-tracker=udp://t:1
 parameterized-uri=false
 checksum=sha-256={digest}
 http-user=me
 http-passwd=pw
 header=X-A: b
 header=Cookie: c=d
magnet:?xt=urn:btih:0123456789012345678901234567890123456789\t
 gid=0000000000000001
 select-file=1,2
/home/me/.aria2/x.torrent\t
 gid=0000000000000002
""".replace("{digest}", "ab" * 32)
"""As aria2 1.36 has written it."""


def test_a_session_is_read() -> None:
    """Bookkeeping is passed over, aria2's own notions become ours, torrents are told."""
    first, second, magnet, torrent = read_session([SESSION], "s")
    assert isinstance(first, Entry)
    assert isinstance(second, Entry)
    assert fields_of(first, "s") == {"retries": 10_000, "connections": 3, "user_agent": "me"}
    second, wishes = parted(second, "s")
    assert wishes == Wishes(paused=True)
    assert second.uris == ("http://127.0.0.1:9/a.iso", "http://127.0.0.1:9/b.iso")
    assert fields_of(second, "s") == {
        "directory": "/downloads",
        "output": "a.iso",
        "referer": "http://127.0.0.1:9/a.iso",
        "limit_rate": 1 << 20,
        "checksum": Digest("sha-256", b"\xab" * 32),
        "name": "me",
        "password": "pw",
        "headers": ("X-A: b", "Cookie: c=d"),
    }
    assert isinstance(magnet, Skipped)
    assert isinstance(torrent, Skipped)
    assert magnet.why == torrent.why


@pytest.mark.parametrize("option", ["parameterized-uri=true", "index-out=1=x", "nonsense=1"])
def test_a_session_may_not_hide_what_matters(option: str) -> None:
    """What would change what is fetched, and what nobody knows, is refused in a session too."""
    (entry,) = read_session([f"https://h/a\t\n gid=0000000000000001\n {option}\n"], "s")
    assert isinstance(entry, Entry)
    with pytest.raises(InvalidRequest, match=r"^s:3: "):
        fields_of(entry, "s")


names = st.sampled_from(["out", "dir", "header", "checksum", "referer", "x-y"])
values = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), max_size=20)
uris = st.from_regex(r"https://[a-z]{1,5}/[!-~]{0,20}", fullmatch=True)
written = st.lists(
    st.tuples(st.lists(uris, min_size=1, max_size=3), st.lists(st.tuples(names, values), max_size=4)), max_size=5
)


@given(written, st.sampled_from(["\n", "\r\n"]), st.integers(1, 50))
def test_what_is_written_is_read(downloads: list[tuple[list[str], list[tuple[str, str]]]], end: str, size: int) -> None:
    """Entries written as an input file are read back the same, in whatever pieces the text comes."""
    rows = [row for uris, options in downloads for row in ("\t".join(uris), *(f" {name}={value}" for name, value in options))]
    text = "".join(f"# comment{end}{row}{end}{end}" for row in rows)
    read = read_entries(text, "list")
    assert [(list(entry.uris), [(name, value) for _, name, value in entry.options]) for entry in read] == downloads
    assert list(read_session([text[at : at + size] for at in range(0, len(text), size)], "list")) == list(
        read_session([text], "list")
    )

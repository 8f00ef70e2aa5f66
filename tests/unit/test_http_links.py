"""Link fields are read as RFC 8288 has them, however they are garbled, and name mirrors only within bounds (RFC 6249)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.resource import Digest, Mirror, Part, Resource
from dlm.policy.hearsay import may_name
from dlm.protocols.http.fields import Fields
from dlm.protocols.http.links import MOST_LINKS, Link, links, mirrors
from dlm.protocols.http.mirrors import MOST_NAMED, with_named_mirrors

BASE = "https://origin.example/dir/file.iso"


def read(*values: str) -> list[tuple[str, set[str], dict[str, str]]]:
    return [(link.target, set(link.relations), dict(link.parameters)) for link in links(values)]


def mirrors_in(*values: str, base: str = BASE, proved: bool = False) -> list[str]:
    return mirrors(base, Fields([("Link", value) for value in values]), proved=proved)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("<https://h/a>; rel=duplicate", [("https://h/a", {"duplicate"}, {})]),
        ('<a>; rel="duplicate  Next"; pri=1; geo=de', [("a", {"duplicate", "next"}, {"pri": "1", "geo": "de"})]),
        ("<a>;rel=x,<b> ; rel = y ,, <c>", [("a", {"x"}, {}), ("b", {"y"}, {}), ("c", set(), {})]),
        ('<a,b;c>; title="x, <y>; rel=no \\" z"; rel=x', [("a,b;c", {"x"}, {"title": 'x, <y>; rel=no " z'})]),
        ("<a>; rel=x; rel=y; REL=z; pref", [("a", {"x"}, {"pref": ""})]),
        ("<a>;; rel=x;", [("a", {"x"}, {})]),
        ("<>; rel=x", [("", {"x"}, {})]),
        ("<a>; rel=x; anchor=b, <c>; rel=y", [("c", {"y"}, {})]),
        ("<a>; rel=x, b; rel=y, <c>; rel=z", [("a", {"x"}, {})]),
        ('<a>; rel="x', []),
        ("<a>; rel=x y, <b>", []),
        ("<a; rel=x", []),
        ("a", []),
        ("", []),
    ],
)
def test_links_are_read(value: str, wanted: list[tuple[str, set[str], dict[str, str]]]) -> None:
    """Targets, relations, parameters; what cannot be read ends the field."""
    assert read(value) == wanted


@given(st.lists(st.text("<>;,=\"\\ abc/:*'\t", max_size=60), max_size=5))
def test_nothing_is_raised(values: list[str]) -> None:
    """Whatever a server writes."""
    for link in links(values):
        assert isinstance(link, Link)
    mirrors_in(*values)


@given(st.text(max_size=60))
def test_no_target_is_raised_at(target: str) -> None:
    """Whatever stands between the angle brackets."""
    mirrors_in(f"<{target}>; rel=duplicate")


@pytest.mark.parametrize(
    "value",
    ["<a>" + ";a" * 30_000, "<a>; " + " " * 60_000, '<a>; x="' + "\\a" * 30_000, "<" * 60_000, "<a>," * 15_000, "," * 60_000],
)
def test_no_field_takes_long(value: str) -> None:
    """A head is 64 KiB at most."""
    began = time.process_time()
    assert len(read(value)) <= MOST_LINKS
    assert time.process_time() - began < 5


def test_mirrors_go_by_preference_and_priority() -> None:
    """Those that are called preferred first; relative addresses are of the reply's; each once, without fragment."""
    assert mirrors_in(
        "<https://late.example/f>; rel=duplicate",
        "<https://two.example/f>; rel=duplicate; pri=2, </one#part>; rel=duplicate; pri=1",
        '<https://pref.example/f>; rel="duplicate"; pri=9; pref',
        "<https://two.example/f>; rel=duplicate; pri=3",
        "<https://else.example/f>; rel=alternate",
        "<https://odd.example/f>; rel=duplicate; pri=-1",
    ) == [
        "https://pref.example/f",
        "https://origin.example/one",
        "https://two.example/f",
        "https://late.example/f",
        "https://odd.example/f",
    ]


@pytest.mark.parametrize(
    ("source", "target", "proved", "wanted"),
    [
        (BASE, "https://m.example/f", False, True),
        (BASE, "ftps://m.example/f", False, True),
        (BASE, "http://m.example/f", False, False),
        (BASE, "http://m.example/f", True, True),
        (BASE, "ftp://m.example/f", False, False),
        ("http://origin.example/", "ftp://m.example/f", False, True),
        *(
            (BASE, uri, True, False)
            for uri in ("file:///etc/passwd", "sftp://m.example/f", "s3://b/k", "m/f", "https://", "x" * 9)
        ),
        *(
            (BASE, f"https://{host}/f", True, False)
            for host in (
                *(
                    "localhost",
                    "LOCALHOST.",
                    "a.localhost",
                    "printer.local",
                    "router",
                    "127.0.0.1",
                    "127.1",
                    "0x7f.1",
                    "2130706433",
                ),
                *("0177.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "[::1]", "[fe80::1]"),
                *("[::ffff:127.0.0.1]", "[fd00::1]", "127.0.0.1:8080", "me@127.0.0.1"),
            )
        ),
        (BASE, "https://93.184.215.14/f", False, True),
        (BASE, "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/f", False, True),
        (BASE, "https://1.2.3.4.5/f", False, True),
        ("http://127.0.0.1:8000/f", "http://localhost:9000/f", False, True),
        ("http://10.0.0.7/f", "https://m.example/f", False, True),
    ],
)
def test_what_may_be_named(source: str, target: str, proved: bool, wanted: bool) -> None:
    """No local place by a server from afar, however it is written; no way back from a protected one, unless a digest judges."""
    assert may_name(source, target, proved=proved) is wanted


def test_what_proves() -> None:
    """A strong digest; neither none nor a weak one."""
    assert Digest("sha-256", bytes(32)).proves
    assert not Digest("md5", bytes(16)).proves


def resource(*digests: Digest, encoded: bool = False) -> Resource:
    return Resource((Mirror(BASE, "https://hop.example/file.iso"),), (Part(digests=digests),), encoded=encoded)


def named(value: str, before: Resource) -> list[Mirror]:
    own, *others = with_named_mirrors(before, [(BASE, Fields([("Link", value)]))]).mirrors
    assert own == before.mirrors[0]
    return others


def test_named_mirrors_are_strangers() -> None:
    """The file's own addresses are none, however they are written, and neither is the second of two spellings."""
    value = ", ".join(
        f"<{uri}>; rel=duplicate"
        for uri in (
            "file.iso",
            "https://ORIGIN.example:443/dir/file.iso",
            "https://hop.example/file.iso",
            "https://m.example/f",
        )
        + ("https://M.example:443/f",)
    )
    assert named(value, resource()) == [Mirror("https://m.example/f", stranger=True)]


def test_few_mirrors_are_taken() -> None:
    """However many are named."""
    value = ", ".join(f"<https://m{number}.example/f>; rel=duplicate" for number in range(100))
    assert len(named(value, resource())) == MOST_NAMED


def test_a_digest_allows_plain_mirrors() -> None:
    """A strong one, of the whole file."""
    value = "<http://m.example/f>; rel=duplicate"
    assert named(value, resource(Digest("md5", bytes(16)))) == []
    assert named(value, resource(Digest("sha-256", bytes(32)))) == [Mirror("http://m.example/f", stranger=True)]


def test_of_a_content_coding_there_are_no_mirrors() -> None:
    """Bytes of another server have no place there."""
    assert named("<https://m.example/f>; rel=duplicate", resource(encoded=True)) == []


def test_who_redirects_may_name_mirrors() -> None:
    """Relative to its own address, before those that the last reply names."""
    replies = [
        ("https://a.example/f", Fields([("Link", "<m>; rel=duplicate")])),
        ("https://b.example/f", Fields([("Link", "<m>; rel=duplicate; pri=1")])),
    ]
    assert [each.uri for each in with_named_mirrors(resource(), replies).mirrors[1:]] == [
        "https://a.example/m",
        "https://b.example/m",
    ]

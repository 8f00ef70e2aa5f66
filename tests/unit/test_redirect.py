"""The redirect policy: where hops may lead, and what goes along."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlm.model.error import Untrusted, Verdict
from dlm.policy.redirect import carries, next_hop, origin
from tests.examples import examples

relaxed = settings(deadline=None, max_examples=examples(400))

START = "https://a.example/dir/file?q=1"


def hop(location: str, current: str = START, *, allow_downgrade: bool = False) -> str:
    return next_hop(current, location, [current], allow_downgrade=allow_downgrade).uri


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://b.example/x", "https://b.example/x"),
        ("//b.example/x", "https://b.example/x"),
        ("/x", "https://a.example/x"),
        ("x", "https://a.example/dir/x"),
        ("../x", "https://a.example/x"),
        ("?q=2", "https://a.example/dir/file?q=2"),
        ("  /x\t", "https://a.example/x"),
        ("HTTPS://B.Example:443", "https://b.example/"),
        ("https://b.example:8443/x", "https://b.example:8443/x"),
        ("https://b.example/x#part", "https://b.example/x"),
        ("https://user:secret@b.example/x", "https://b.example/x"),
        ("https://user:secret@a.example/x", "https://a.example/x"),
        ("https://a.example\\@b.example/x", "https://b.example/x"),
        ("/two words", "https://a.example/two%20words"),
        ("/caf\u00c3\u00a9", "https://a.example/caf%C3%A9"),
        ("/caf\u00e9", "https://a.example/caf%E9"),
        ("/名", "https://a.example/%E5%90%8D"),
        ("/\udce9", "https://a.example/%E9"),
        ("/already%20encoded%2F", "https://a.example/already%20encoded%2F"),
        ('/"<>`', "https://a.example/%22%3C%3E%60"),
        ("/\\b.example/x", "https://a.example/%5Cb.example/x"),
        ("\\\\b.example\\x", "https://a.example/dir/%5C%5Cb.example%5Cx"),
        ("https://[2001:DB8::1]:8443/x", "https://[2001:db8::1]:8443/x"),
        ("https://b_1.example./x", "https://b_1.example./x"),
    ],
)
def test_locations_resolve(location: str, target: str) -> None:
    """A Location is resolved against the current address and written so that it can be asked."""
    assert hop(location) == target


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://b.example/.bash_profile",
        "gopher://b.example/",
        "smb://b.example/share",
        "data:text/plain,hello",
        "javascript:alert(1)",
        "dict://b.example:11211/",
        "scp://b.example/x",
        "http:evil",
        "http://b.example/x",
        "",
        "   ",
        "/a\r\nX-Injected: 1",
        "/a\x00b",
        "/a\x1b[2J",
        "/a\tb",
        "http:///x",
        "https://b.example:0/x",
        "https://b.example:99999/x",
        "https://b.example:port/x",
        "https://[::1/x",
        "https://b example/x",
        "https://b%2eexample/x",
        "https://b\u00fccher.example/x",
        "https://[fe80::1%25eth0]/x",
        "/\ud800",
        "https://\u2100.example/",
    ],
)
def test_locations_that_are_refused(location: str) -> None:
    """Other schemes, plain http after https, controls and unreadable hosts are refused, in a sentence fit for a screen."""
    with pytest.raises(Untrusted) as raised:
        hop(location)
    assert raised.value.verdict is Verdict.FATAL
    assert str(raised.value).startswith("https://a.example/dir/file?q=1 redirects ")
    assert str(raised.value).isprintable()
    assert raised.value.uri == START


def test_a_message_holds_no_secret() -> None:
    """What is shown of both addresses has no password and no signature."""
    current = "https://me:S3CR3T@a.example/x?X-Amz-Signature=S3CR3T"
    for location in ("ftp://me:S3CR3T@b.example/", "http://me:S3CR3T@b.example/?token=S3CR3T", "/x?X-Amz-Signature=S3CR3T"):
        with pytest.raises(Untrusted) as raised:
            next_hop(current, location, [current, "https://a.example/x?X-Amz-Signature=S3CR3T"], allow_downgrade=False)
        assert "S3CR3T" not in f"{raised.value} {raised.value.uri}"


def test_http_may_become_https_and_back_only_if_allowed() -> None:
    """Going to https is always followed; going back needs leave, and is never the same origin."""
    assert hop("https://a.example/", "http://a.example/") == "https://a.example/"
    with pytest.raises(Untrusted, match="plain http"):
        hop("http://a.example/")
    onward = next_hop(START, "http://a.example/", [START], allow_downgrade=True)
    assert onward == ("http://a.example/", False)
    back = next_hop(
        "https://a.example/", "http://a.example/x", ["http://a.example/", "https://a.example/"], allow_downgrade=True
    )
    assert back == ("http://a.example/x", False)


def test_an_address_with_letters_of_its_own_may_be_kept() -> None:
    """A host that the user wrote in other letters stays as it is through relative redirects."""
    assert hop("/x", "https://bücher.example/y") == "https://bücher.example/x"


def test_ten_redirects_are_followed_and_no_more() -> None:
    """The limit counts redirects, whether or not the current address stands in the list."""
    chain = [f"https://a.example/{n}" for n in range(10)]
    assert next_hop(chain[-1], "/10", chain, allow_downgrade=False).uri == "https://a.example/10"
    assert next_hop(chain[-1], "/10", chain[:-1], allow_downgrade=False).uri == "https://a.example/10"
    chain.append("https://a.example/10")
    for hops in (chain, chain[:-1]):
        with pytest.raises(Untrusted, match="after 10 redirects"):
            next_hop(chain[-1], "/11", hops, allow_downgrade=False)
    with pytest.raises(Untrusted, match="after 1 redirects"):
        next_hop(chain[1], "/2", chain[:2], allow_downgrade=False, limit=1)


@pytest.mark.parametrize(
    "location", ["/a", "https://A.example:443/a#again", "https://you@a.example/a", "/b", "https://a.example"]
)
def test_circles_are_seen(location: str) -> None:
    """An address that was asked before is not asked again, however it is spelled."""
    hops = ["https://me:secret@a.example/", "https://a.example/a#top", "https://a.example/b"]
    with pytest.raises(Untrusted, match="circle"):
        next_hop(hops[-1], location, hops, allow_downgrade=False)


@pytest.mark.parametrize(
    ("first", "location", "same"),
    [
        ("https://a.example/1", "/2", True),
        ("https://a.example/1", "https://a.example:443/2", True),
        ("https://A.EXAMPLE/1", "https://a.example/2", True),
        ("https://a.example:8443/1", "/2", True),
        ("http://a.example/1", "http://a.example:80/2", True),
        ("https://a.example/1", "https://a.example:8443/2", False),
        ("https://a.example/1", "https://b.a.example/2", False),
        ("https://a.example/1", "https://a.example.b/2", False),
        ("https://a.example/1", "https://a.example./2", False),
        ("http://a.example/1", "https://a.example/2", False),
        ("https://a.example/1", "https://a.example@b.example/2", False),
    ],
)
def test_the_same_origin_is_scheme_host_and_port(first: str, location: str, same: bool) -> None:
    """Scheme, host and port must all agree; default ports and the case of letters do not matter."""
    assert next_hop(first, location, [first], allow_downgrade=False).same_origin is same


def test_a_chain_that_left_its_origin_never_comes_home() -> None:
    """When a stranger sends the chain back, the user's headers still do not go along."""
    hops = ["https://a.example/1", "https://b.example/2"]
    assert next_hop(hops[-1], "https://a.example/private", hops, allow_downgrade=False) == ("https://a.example/private", False)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("https://Host.Example/x", ("https", "host.example", 443)),
        ("http://u:p@host:80", ("http", "host", 80)),
        ("http://host:8080", ("http", "host", 8080)),
        ("https://[::1]/", ("https", "::1", 443)),
        ("ftp://host/", ("ftp", "host", None)),
    ],
)
def test_origins(uri: str, expected: tuple[str, str, int | None]) -> None:
    """An origin has a lower-case host and the port that is really used."""
    assert origin(uri) == expected


def test_an_unreadable_origin_is_untrusted() -> None:
    """What has no readable authority has no origin."""
    with pytest.raises(Untrusted):
        origin("https://host:port/")


def test_only_harmless_headers_go_to_another_origin() -> None:
    """Another origin gets what tells it nothing; `Authorization` in any spelling stays behind."""
    headers = (
        ("Accept", "*/*"),
        ("accept-language", "en"),
        ("USER-AGENT", "x"),
        ("Range", "bytes=0-"),
        ("If-Range", '"x"'),
        (" Accept ", "y"),
        ("Authorization", "Bearer S3CR3T"),
        ("Authorization ", "Bearer S3CR3T"),
        ("authorization", "S3CR3T"),
        ("Cookie", "S3CR3T"),
        ("X-Api-Key", "S3CR3T"),
        ("Referer", "S3CR3T"),
        ("Proxy-Authorization", "S3CR3T"),
        ("Accept-Encoding", "S3CR3T"),
    )
    assert carries(headers, same_origin=True) == headers
    assert carries(headers, same_origin=False) == headers[:6]


pieces = st.sampled_from(
    [
        "http:",
        "https:",
        "file:",
        "//",
        "/",
        "\\",
        "@",
        ":",
        "[",
        "]",
        "?",
        "#",
        "%",
        "%2f",
        "..",
        ".",
        "a.example",
        "b.example",
        "443",
    ],
)
locations = st.one_of(
    st.text(st.characters(codec=None), max_size=60),
    st.lists(st.one_of(pieces, st.text(st.characters(codec=None), max_size=2)), max_size=10).map("".join),
)


@relaxed
@given(locations, st.booleans())
def test_no_location_leads_astray(location: str, allow_downgrade: bool) -> None:
    """Any Location either is refused by `Untrusted` or leads to a clean http(s) address that stays what it is."""
    try:
        target, same = next_hop(START, location, [START], allow_downgrade=allow_downgrade)
    except Untrusted:
        return
    parts = urlsplit(target)
    assert parts.scheme == "https" or (allow_downgrade and parts.scheme == "http")
    assert re.fullmatch(r"[!-~]+", target)
    assert "@" not in parts.netloc
    assert "#" not in target
    assert "\\" not in target
    assert parts.hostname
    assert same is (origin(target) == origin(START))
    assert hop(target, "http://z.example/") == target


def test_an_address_may_be_asked_again_with_a_new_cookie() -> None:
    """Sites set a cookie and redirect to the same address; without a cookie that is a circle, and with one it still ends."""
    uri = "http://host/file"
    with pytest.raises(Untrusted, match="circle"):
        next_hop(uri, "/file", [uri], allow_downgrade=False)
    assert next_hop(uri, "/file", [uri], allow_downgrade=False, revisit=True).uri == uri
    with pytest.raises(Untrusted, match="10 redirects"):
        next_hop(uri, "/file", [uri] * 11, allow_downgrade=False, revisit=True)

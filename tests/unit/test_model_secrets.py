"""Nothing secret is ever shown: not in addresses, not in sentences, not in a repr."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlm.model.address import check_uri, without_credentials
from dlm.model.download import Checkpoint, Download, DownloadSpec, Place, new_id, redacted
from dlm.model.error import InvalidRequest
from dlm.model.message import Start
from dlm.model.resource import Mirror, Part, Resource
from dlm.model.span import Span

relaxed = settings(deadline=None, max_examples=400)

CANARY = "S3CR3T-CANARY"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://h/x?a=1&b=2", "https://h/x?a=1&b=2"),
        ("https://H:8443/x", "https://H:8443/x"),
        ("https://h/@user/a@b?c=d@e", "https://h/@user/a@b?c=d@e"),
        ("https://h//a@b", "https://h//a@b"),
        ("https://[::1]:80/x", "https://[::1]:80/x"),
        ("https://h:99999/x", "https://h:99999/x"),
        ("file:///tmp/x", "file:///tmp/x"),
        ("magnet:?xt=urn:btih:abc", "magnet:?xt=urn:btih:abc"),
        ("https://h/x?keyword=x&monkey=y", "https://h/x?keyword=x&monkey=y"),
        ("https://user@h/x", "https://h/x"),
        ("https://user:pw@h/x#top", "https://h/x"),
        ("https://a:b@c@h/", "https://h/"),
        ("user:pw@proxy:3128", "proxy:3128"),
        ("socks5h://user:pw@proxy:1080", "socks5h://proxy:1080"),
        ("https://h/x?token=", "https://h/x?token="),
        ("https://h/x#token=a", "https://h/x"),
        ("https://h/x?token=a&b=c;sig=d", "https://h/x?token=***&b=c;sig=***"),
    ],
)
def test_addresses_as_they_are_shown(uri: str, shown: str) -> None:
    """Users and secrets go; everything else stays as it was written."""
    assert without_credentials(uri) == shown


SECRET_PARAMETERS = [
    *("X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "X-Goog-Signature", "Signature", "Key-Pair-Id", "sig"),
    *("token", "access_token", "auth", "authkey", "api_key", "api-key", "apikey", "key", "password", "passwd", "pwd", "pass"),
    *("secret", "jwt", "t%6Fken"),
]
plain = st.text("abcXYZ019-._~", max_size=6)
password = st.text("abc019:/?#@[]&;=%+ !\\\u2100", max_size=6).map(lambda text: f"{text[:3]}{CANARY}{text[3:]}")


@relaxed
@given(st.sampled_from(["https://", "http://", "ftp://", "//", "", "https:/", " https://", "HTTPS://"]), plain, password)
def test_no_password_is_ever_shown(prefix: str, name: str, secret: str) -> None:
    """A password never shows, however the address begins; nor does one that should have been escaped, and was not."""
    assert CANARY not in without_credentials(f"{prefix}{name}:{quote(secret, safe=':[]&;=+!@')}@host.example:80/x")
    if "//" in prefix:
        raw = f"{prefix}{name}:p{secret.replace('@', '')}/@host.example/x"
        assert CANARY not in without_credentials(raw)
        with pytest.raises(InvalidRequest) as raised:
            check_uri(raw)
        assert CANARY not in str(raised.value)


@relaxed
@given(st.sampled_from(SECRET_PARAMETERS), st.lists(st.tuples(plain, plain), max_size=3), st.sampled_from("&;"), st.booleans())
def test_no_secret_of_the_query_is_ever_shown(name: str, others: list[tuple[str, str]], separator: str, upper: bool) -> None:
    """The value of a secret parameter never shows, wherever it stands; fragments never show."""
    secret = f"{name.upper() if upper else name}={CANARY}"
    for position in range(len(others) + 1):
        pairs = [f"{key}={value}" for key, value in others]
        pairs.insert(position, secret)
        shown = without_credentials(f"https://h/x?{separator.join(pairs)}#{CANARY}")
        assert CANARY not in shown
        assert "#" not in shown


@relaxed
@given(st.text(st.characters(codec=None)))
def test_showing_never_raises_and_settles(uri: str) -> None:
    """Any text can be shown, and showing it never lengthens it but for the stars."""
    shown = without_credentials(uri)
    assert len(shown.replace("=***", "=")) <= len(uri)


FULL = DownloadSpec(
    uris=(f"https://me:{CANARY}@h/x?X-Amz-Signature={CANARY}", f"ftp://me:{CANARY}@h/x"),
    directory="/downloads",
    headers=(("Authorization", f"Bearer {CANARY}"), ("X-Api-Key", CANARY)),
    referer=f"https://me:{CANARY}@h/?token={CANARY}",
    user=f"me:{CANARY}",
    bearer=CANARY,
    proxy=f"me:{CANARY}@proxy:3128",
)


def test_a_stranger_is_shown_nothing_of_the_users() -> None:
    """What is sent to an address that a server has named holds no secret, and no header that might be one."""
    spec = replace(FULL, cookies="/jar", cert="/c", key="/k", profile="p", proxy=None, uris=("https://stranger/x",))
    bare = spec.without_secrets()
    for name in FULL.__slots__:
        assert CANARY not in str(getattr(bare, name))
    assert (bare.headers, bare.cookies, bare.cert, bare.key, bare.profile, bare.anonymous) == ((), None, None, None, None, True)


def test_no_secret_of_a_spec_survives() -> None:
    """Neither a redacted spec, nor any repr, nor what a download shows of itself holds a secret; the names remain."""
    resource = Resource(mirrors=(Mirror("https://h/x"),), parts=(Part(),))
    checkpoint = Checkpoint(resource, Place("/downloads", "x", "x.part", 1, 2), (Span(0, 5), Span(7, 9)))
    download = Download(id=new_id(), spec=FULL.check(), added=0.0)
    shown = redacted(FULL)
    texts = [str(getattr(shown, name)) for name in FULL.__slots__]
    texts += [repr(FULL), repr(shown), repr(download), repr(Start(download, checkpoint)), download.uri, download.label]
    for text in texts:
        assert CANARY not in text
    assert [name for name, _ in shown.headers] == ["Authorization", "X-Api-Key"]
    assert (shown.user, shown.proxy, shown.uris[1]) == ("me:***", "proxy:3128", "ftp://h/x")
    assert redacted(shown) == shown
    assert redacted(DownloadSpec(uris=("https://h/x",), directory="/d")) == DownloadSpec(uris=("https://h/x",), directory="/d")

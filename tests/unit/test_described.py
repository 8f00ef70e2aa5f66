"""What a Metalink from afar may have dlm fetch, and with what of the user's."""

from __future__ import annotations

from typing import Any

import pytest

from dlm.model.download import DownloadSpec
from dlm.model.error import InvalidRequest
from dlm.model.resource import Digest, Mirror, Part, Resource
from dlm.model.span import Span
from dlm.policy.described import described, is_called_so, is_description

ADDRESS = "https://h.example/a.meta4"
STRONG = Digest("sha-256", bytes(32))
WEAK = Digest("md5", bytes(16))
SECRETS: dict[str, Any] = {"user": "me:pw", "bearer": "t", "headers": (("X-Key", "1"),), "cookies": "/c", "cert": "/p"}


def spec(uri: str = ADDRESS, **facts: Any) -> DownloadSpec:
    return DownloadSpec(uris=(uri,), directory="/d", **facts)


def came(uri: str = ADDRESS, media_type: str | None = None, resolved: str | None = None, home: bool = True) -> Resource:
    return Resource((Mirror(uri, resolved, home=home),), (Part(),), media_type=media_type)


@pytest.mark.parametrize(
    ("asked", "media_type", "wanted"),
    [
        (spec(), None, True),
        (spec("ftp://h/A.METALINK"), None, True),
        (spec("https://h/a.meta4?x=1"), "text/plain", True),
        (spec("https://h/a"), "application/metalink4+xml", True),
        (spec("https://h/a"), "application/metalink+xml", True),
        (spec("https://h/a"), "application/xml", False),
        (spec("https://h/?a.meta4"), None, False),
        (spec(follow=False), "application/metalink4+xml", False),
        (spec(range=Span(0, 5)), None, False),
        (spec(output="-"), None, False),
    ],
)
def test_a_metalink_is_known(asked: DownloadSpec, media_type: str | None, wanted: bool) -> None:
    """By the path of the address or by the type of the reply; not where the document itself is wanted."""
    assert is_description(asked, came(asked.uris[0], media_type)) is wanted
    assert is_called_so(asked) <= is_description(asked, came(asked.uris[0]))


def test_a_file_has_its_place_and_its_mirrors() -> None:
    """Below the chosen directory, judged by the stated digest, and fetched as it is."""
    child = described(spec(), came(), "sub/b.meta4", ["https://m.example/b", "https://n.example/b"], STRONG, alone=False)
    assert (child.directory, child.output, child.uris) == ("/d/sub", "b.meta4", ("https://m.example/b", "https://n.example/b"))
    assert (child.checksum, child.follow) == (STRONG, False)


def test_one_file_alone_is_called_and_judged_as_the_user_says() -> None:
    """Beside others it is not."""
    asked = spec(output="mine.iso", checksum=WEAK)
    child = described(asked, came(), "sub/b.iso", ["https://m.example/b"], STRONG, alone=True)
    assert (child.directory, child.output, child.checksum) == ("/d", "mine.iso", WEAK)
    child = described(spec(), came(), "sub/b.iso", ["https://m.example/b"], STRONG, alone=True)
    assert (child.directory, child.output, child.checksum) == ("/d/sub", "b.iso", STRONG)


@pytest.mark.parametrize(
    ("uris", "home", "kept"),
    [
        (["https://h.example/b"], True, True),
        (["https://h.example:443/b", "https://h.example/c"], True, True),
        (["https://h.example/b", "https://m.example/b"], True, False),
        (["https://h.example:8443/b"], True, False),
        (["http://h.example/b"], True, False),
        (["https://h.example/b"], False, False),
    ],
)
def test_secrets_stay_with_the_origin(uris: list[str], home: bool, kept: bool) -> None:
    """They go along only where all is of the origin that the user addressed, and redirects never left it."""
    child = described(spec(**SECRETS), came(home=home), "b", uris, STRONG, alone=True)
    assert {name: getattr(child, name) for name in SECRETS} == (SECRETS if kept else dict.fromkeys(SECRETS) | {"headers": ()})


def test_addresses_that_may_not_be_named_are_left_out() -> None:
    """Judged by where the document came from in the end; without any left there is no download."""
    far = came("http://127.0.0.1/a.meta4", resolved="https://far.example/a.meta4")
    uris = ["http://127.0.0.1/b", "file:///b", "sftp://m.example/b", "http://m.example/b", "https://m.example/b"]
    assert described(spec(), far, "b", uris, STRONG, alone=True).uris == ("http://m.example/b", "https://m.example/b")
    assert described(spec(), far, "b", uris, WEAK, alone=True).uris == ("https://m.example/b",)
    with pytest.raises(InvalidRequest, match="none of its addresses"):
        described(spec(), far, "b", uris[:3], STRONG, alone=True)

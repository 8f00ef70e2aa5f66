"""Addresses of objects: what users write, and where a service is asked for it."""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.error import InvalidRequest
from dlm.protocols.s3.address import Address, Service, parse, service_at

AMAZON = Service("eu-west-1")
OTHER = Service("us-east-1", "https://s3.example.org:9000/base/")


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("s3://b-1/k", Address("b-1", "k")),
        ("s3://Old_Bucket/a/b", Address("Old_Bucket", "a/b")),
        ("s3://bkt", Address("bkt", "")),
        ("s3://bkt/d/", Address("bkt", "d/")),
        ("s3://bkt//k", Address("bkt", "/k")),
        ("s3://bkt/../k", Address("bkt", "../k")),
        ("s3://bkt/gr%C3%BC%C3%9Fe%20%3F%23%25", Address("bkt", "grüße ?#%")),
        ("s3://bkt/grüße", Address("bkt", "grüße")),
        ("s3://bkt/k?versionId=a%2Bb", Address("bkt", "k", "a+b")),
    ],
)
def test_an_address_names_a_key(uri: str, address: Address) -> None:
    """Decoded, and nothing of it made tidy: to a service, `..` is a name like any other."""
    assert parse(uri) == address


@pytest.mark.parametrize(
    "uri",
    ["s3:///k", "s3://a b/k", "s3://me:hidden@bkt/k", "s3://bkt:9000/k", "s3://bkt/k?x", "s3://bkt/k?a=b", "s3://bkt/k#x"],
)
def test_what_names_no_key_is_refused(uri: str) -> None:
    """With what to write instead, and no secret."""
    with pytest.raises(InvalidRequest, match=r"write|names no bucket") as caught:
        parse(uri)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("service", "address", "url"),
    [
        (AMAZON, Address("bkt", "a b/ü"), "https://bkt.s3.eu-west-1.amazonaws.com/a%20b/%C3%BC"),
        (AMAZON, Address("with.dots", "k"), "https://s3.eu-west-1.amazonaws.com/with.dots/k"),
        (Service("cn-north-1"), Address("bkt", "k"), "https://bkt.s3.cn-north-1.amazonaws.com.cn/k"),
        (AMAZON, Address("bkt", "k", "v+1"), "https://bkt.s3.eu-west-1.amazonaws.com/k?versionId=v%2B1"),
        (OTHER, Address("bkt", "../k"), "https://s3.example.org:9000/base/bkt/../k"),
        (Service("r", "http://h:1", path_style=False), Address("bkt", "k"), "http://bkt.h:1/k"),
        (Service("r", "http://h:1"), Address("bkt", "~!*'()"), "http://h:1/bkt/~%21%2A%27%28%29"),
    ],
)
def test_a_service_is_asked_where_it_is(service: Service, address: Address, url: str) -> None:
    """By the name of the bucket where a certificate can cover that, and with all escaped that a signature wants escaped."""
    assert service.url(address) == url


def test_a_query_is_sorted_and_escaped() -> None:
    """As signatures have it."""
    query = {"prefix": "a b/", "list-type": "2"}
    assert AMAZON.url(Address("bkt", ""), query) == "https://bkt.s3.eu-west-1.amazonaws.com/?list-type=2&prefix=a%20b%2F"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_key_comes_back(key: str) -> None:
    """What is escaped once names the same key."""
    address = parse("s3://bkt/" + quote(key, safe=""))
    assert address.key == key
    assert unquote(urlsplit(OTHER.url(address)).path) == "/base/bkt/" + key


def test_a_service_is_configured_in_words_that_can_be_one() -> None:
    """A region becomes a part of a host's name, so it cannot be anything."""
    assert service_at(None, None) == Service("us-east-1")
    for region, endpoint in (
        ("eu/../x", None),
        ("evil.example#", None),
        (None, "minio:9000"),
        (None, "ftp://h"),
        (None, "https://"),
    ):
        with pytest.raises(InvalidRequest, match="write one such as"):
            service_at(region, endpoint)

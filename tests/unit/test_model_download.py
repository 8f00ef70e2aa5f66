"""What users ask for: what is refused, and what passes."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlm.model.address import check_uri
from dlm.model.download import Checkpoint, Download, DownloadSpec, Place, new_id
from dlm.model.error import InvalidRequest
from dlm.model.message import Start
from dlm.model.resource import Mirror, Part, Resource
from dlm.model.span import Span
from tests.examples import examples

relaxed = settings(deadline=None, max_examples=examples(400))

CANARY = "S3CR3T-CANARY"
SPEC = DownloadSpec(uris=("https://h/file.zip",), directory="/downloads")


@pytest.mark.parametrize(
    "uri",
    [
        "https://h/x",
        "HTTP://H",
        "https://user:password@h:8443/x?y#z",
        "https://[::1]:8080/x",
        "https://h/a@b",
        "https://h/?to=a@b",
        "ftp://h/x",
        "sftp://user@h/x",
        "magnet:?xt=urn:btih:abc",
        "file:///tmp/x",
        "https://bücher.example/名",
    ],
)
def test_addresses_that_pass(uri: str) -> None:
    """An absolute address of any scheme passes."""
    check_uri(uri)


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("", "no scheme"),
        ("example.org/x", "no scheme; did you mean https://example.org/x?"),
        ("//example.org/x", "no scheme"),
        ("/etc/passwd", "no scheme"),
        ("1http://h/", "no scheme"),
        (f"user:{CANARY}@h/x", "no scheme; did you mean https://h/x?"),
        (f"9user:{CANARY}@h/x", "no scheme"),
        ("https://", "no host"),
        ("https:///x", "no host"),
        (f"https://user:{CANARY}@/x", "no host"),
        ("http:x", "no host"),
        ("https://h:port/", "cannot be read"),
        ("https://h:99999/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
        (f"https://user:{CANARY}/@h/", "cannot be read"),
        (f"https://user:{CANARY}@h\u2100/", "cannot be read"),
        (f"https://user:{CANARY}@h:0/", "port 0"),
        (f"https://user:{CANARY}@h/two words", "has a space"),
        (f" https://user:{CANARY}@h/", "has a space"),
        ("https://h/\u00a0", "has a space"),
        (f"https://user:{CANARY}@h/\r\nHost: evil", "control character"),
        ("https://h/\n", "control character"),
        ("https://h/\x00", "control character"),
        ("https://h/\x7f", "control character"),
        ("https://h/\udcff", "not UTF-8"),
    ],
)
def test_addresses_that_are_refused(uri: str, sentence: str) -> None:
    """What is no absolute address is refused, and the sentence says why without a secret."""
    with pytest.raises(InvalidRequest, match=re.escape(sentence)) as raised:
        check_uri(uri)
    assert CANARY not in str(raised.value)


@relaxed
@given(st.one_of(st.text(), st.text("htps:/@[]?#%1a. \n").map(lambda text: f"https://{text}")))
def test_any_address_passes_or_is_refused(uri: str) -> None:
    """No text raises anything but `InvalidRequest`, and what passes holds no control character and no space."""
    try:
        check_uri(uri)
    except InvalidRequest:
        return
    assert not re.search(r"[\x00-\x20\x7f]", uri)


FORGED = ["a\r\nX-Injected: 1", "a\n", "\ra", "a\x00", "a\x1b", "a\tb", "\x7f", "\udcff"]


@pytest.mark.parametrize("value", FORGED)
@pytest.mark.parametrize("field", ["user_agent", "referer", "user", "bearer", "proxy"])
def test_no_field_can_forge_a_request(field: str, value: str) -> None:
    """Control characters are refused wherever text goes into a request, and the refused text is not repeated."""
    with pytest.raises(InvalidRequest, match=field.replace("_", " ")) as raised:
        replace(SPEC, **{field: value}).check()  # type: ignore[arg-type]  # the fields have one type, which mypy cannot know
    assert value not in str(raised.value)


@pytest.mark.parametrize("value", FORGED)
def test_no_header_can_forge_a_request(value: str) -> None:
    """Neither a header's name nor its value may hold a control character."""
    for header in (("X-A", value), (value, "x")):
        with pytest.raises(InvalidRequest):
            replace(SPEC, headers=(header,)).check()
    with pytest.raises(InvalidRequest):
        replace(SPEC, uris=(*SPEC.uris, f"https://h/{value}")).check()


@pytest.mark.parametrize("name", ["", " ", "A B", "A:", "Authorization ", "é", "A(B)", "a/b"])
def test_header_names_are_tokens(name: str) -> None:
    """A header's name is a token (RFC 9110, section 5.6.2)."""
    with pytest.raises(InvalidRequest, match="not a header name"):
        replace(SPEC, headers=((name, "x"),)).check()


@pytest.mark.parametrize(
    "changes",
    [
        {"uris": ()},
        {"connections": 0},
        {"connections": 257},
        {"retries": -1},
        {"timeout": 0.0},
        {"timeout": -1.0},
        {"timeout": float("nan")},
        {"timeout": float("inf")},
        {"limit_rate": 0},
        {"limit_rate": -5},
        {"range": Span(5, 5)},
        {"range": Span(-1, 5)},
        {"directory": "/a\x00b"},
        {"output": "a\x00b"},
        {"output": "a\udcffb"},
        {"cookies": "\x00"},
        {"cacert": "\x00"},
        {"cert": "\x00"},
        {"key": "\x00"},
        {"hostkey": "SHA256:tooshort"},
        {"hostkey": "MD5:00:11:22"},
    ],
)
def test_specs_that_are_refused(changes: dict[str, object]) -> None:
    """What no adapter could carry out is refused before it is stored."""
    with pytest.raises(InvalidRequest):
        replace(SPEC, **changes).check()  # type: ignore[arg-type]  # the table mixes types on purpose


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"connections": 1},
        {"connections": 256},
        {"retries": 0},
        {"timeout": 0.1},
        {"limit_rate": 1},
        {"range": Span(0, 1)},
        {"headers": (("X-A", 'caf\u00e9; x="y"'), ("x-empty", ""))},
        {"output": "-"},
        {"output": "sub/名.zip"},
        {"user": "name:pass:word"},
    ],
)
def test_specs_that_pass(changes: dict[str, object]) -> None:
    """What can be carried out passes, and comes back as it is."""
    spec = replace(SPEC, **changes)  # type: ignore[arg-type]  # the table mixes types on purpose
    assert spec.check() is spec
    assert spec.streams_out is (spec.output == "-")


def test_messages_cross_a_pipe() -> None:
    """What the planes say to each other comes through a pipe as it was, secrets included."""
    resource = Resource(mirrors=(Mirror("https://h/x"),), parts=(Part(size=10),))
    checkpoint = Checkpoint(resource, Place("/downloads", "x", "x.part", 1, 2), (Span(0, 5), Span(7, 9)))
    start = Start(Download(id=new_id(), spec=replace(SPEC, bearer=CANARY), added=0.0), checkpoint)
    assert pickle.loads(pickle.dumps(start)) == start
    assert checkpoint.downloaded == 7


def test_ids_and_labels() -> None:
    """Ids are 16 hexadecimal digits and differ; a label is the name, else the end of the address, else the address."""
    assert re.fullmatch(r"[0-9a-f]{16}", new_id())
    assert len({new_id() for _ in range(100)}) == 100
    download = Download(id=new_id(), spec=SPEC, added=0.0)
    assert download.label == "file.zip"
    assert replace(download, name="other.zip").label == "other.zip"
    assert replace(download, spec=replace(SPEC, uris=("https://h/",))).label == "https://h/"


def test_an_endpoint_is_the_address_of_a_service() -> None:
    """With a host, and without a name and password, which would be shown."""
    spec = DownloadSpec(uris=("s3://bkt/key",), directory="/")
    for endpoint in ("http://127.0.0.1:9000", "https://s3.example.org/base/", None):
        assert replace(spec, endpoint_url=endpoint).check()
    for endpoint in ("minio:9000", "ftp://h", "https://", "https://me:hidden@h", "https://h?x", "https://h#x", "https://h h"):
        with pytest.raises(InvalidRequest, match="is not the address of a service") as caught:
            replace(spec, endpoint_url=endpoint).check()
        assert "hidden" not in str(caught.value)

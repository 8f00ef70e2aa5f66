"""Addresses of SSH servers: paths as curl has them, and who logs in."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.download import DownloadSpec
from dlm.model.error import InvalidRequest
from dlm.protocols.ssh.address import path_of, route_of

SPEC = DownloadSpec(uris=("sftp://h/f",), directory="/")


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("sftp://h/a/b.bin", b"/a/b.bin"),
        ("sftp://h", b"/"),
        ("sftp://h/", b"/"),
        ("sftp://h/~/a", b"a"),
        ("sftp://h/~", b"."),
        ("sftp://h/~/", b"."),
        ("sftp://h/~//a", b"a"),
        ("sftp://h/%7E/a", b"/~/a"),
        ("sftp://h/~me/a", b"/~me/a"),
        ("sftp://h/a?b=c", b"/a?b=c"),
        ("sftp://h/a#b", b"/a"),
        ("sftp://h/a%23b%3F", b"/a#b?"),
        ("sftp://h/a%FF", b"/a\xff"),
        ("SCP://h/ü", "/ü".encode()),
        ("sftp://h//a", b"//a"),
    ],
)
def test_the_path_of_an_address(uri: str, path: bytes) -> None:
    """Absolute, or in the home directory behind `/~/`; what is escaped is a character like any other."""
    assert path_of(uri) == path


@given(st.binary(min_size=1).filter(lambda name: b"\x00" not in name))
def test_any_name_can_be_addressed(name: bytes) -> None:
    """Escaped, every name that a file can have arrives as it is."""
    assert path_of(f"sftp://h/{quote(name, safe='')}") == b"/" + name
    assert path_of(f"sftp://h/~/x{quote(name, safe='')}") == b"x" + name


def test_a_zero_byte_is_no_name() -> None:
    """It is said before anything is asked, without the secret of the address."""
    with pytest.raises(InvalidRequest) as caught:
        path_of("sftp://me:hidden@h/a%00b")
    assert "hidden" not in str(caught.value)


def test_who_logs_in() -> None:
    """What is said beside the address beats what the address says; nothing said is left open."""
    route = route_of("sftp://m%40e:s%3Aecret@h:2222/f", SPEC)
    assert (route.host, route.port, route.user, route.password) == ("h", 2222, "m@e", "s:ecret")
    route = route_of("sftp://me:secret@h/f", replace(SPEC, user="you:a:b"))
    assert (route.port, route.user, route.password) == (None, "you", "a:b")
    route = route_of("sftp://[::1]/f", SPEC)
    assert (route.host, route.user, route.password) == ("::1", None, None)
    assert route_of("sftp://h/f", replace(SPEC, user="you:")).password is None


def test_a_route_shows_no_secret() -> None:
    """It turns up in tracebacks."""
    assert "secret" not in repr(route_of("sftp://me:secret@h/f", SPEC))


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "a%20b", "a,b", "$(x)", "a;b", "%0a"])
def test_hosts_that_are_none(host: str) -> None:
    """What a configuration, a shell or a known_hosts file would take for something else is no host."""
    with pytest.raises(InvalidRequest):
        route_of(f"sftp://{host}/f", SPEC)

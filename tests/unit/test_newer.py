"""Whether a listing says that a file is another one by now, and where the files of a folder go."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.download import DownloadSpec
from dlm.model.error import InvalidRequest, Untrusted
from dlm.model.recursion import Found, Recursion
from dlm.policy.naming import safe_name
from dlm.policy.newer import Fetched, has_changed
from dlm.policy.offspring import directory_of, offspring, reworded, root_of

MINUTE = 1_700_000_040.0  # on a whole minute
DAY = 1_699_920_000.0  # on a whole day
FETCHED = Fetched(size=10, modified=MINUTE, etag='"v1"', finished=MINUTE + 500)
FOLDER = DownloadSpec(uris=("ftp://h/pub/",), directory="/d", recursive=Recursion(), user="a:b")


def found(**told: object) -> Found:
    """What a listing tells of the file."""
    return Found("ftp://h/pub/f", "", "f", **told)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "recorded", "changed"),
    [
        # validators decide, however they are dressed
        ({"validator": "v1", "size": 99, "modified": 5.0}, {}, False),
        ({"validator": 'W/"v1"'}, {}, False),
        ({"validator": '"v2"', "size": 10, "modified": MINUTE}, {}, True),
        # then sizes
        ({"size": 11, "modified": MINUTE}, {"etag": None}, True),
        ({"size": 10, "modified": MINUTE}, {"etag": None}, False),
        ({"size": 0}, {"etag": None}, True),
        # then times, as exactly as the listing tells them
        ({"modified": MINUTE + 3}, {}, True),
        ({"modified": MINUTE + 1}, {}, False),
        ({"modified": MINUTE}, {"modified": MINUTE + 59}, False),
        ({"modified": MINUTE}, {"modified": MINUTE + 120}, True),
        ({"modified": MINUTE + 7}, {"modified": MINUTE + 59}, True),
        ({"modified": DAY}, {"modified": DAY + 80_000}, False),
        ({"modified": DAY}, {"modified": DAY + 90_000}, True),
        # nothing is recorded but when it came
        ({"modified": MINUTE}, {"modified": None}, False),
        ({"modified": MINUTE + 501}, {"modified": None}, True),
        ({"modified": MINUTE + 501}, {"modified": None, "finished": None}, False),
        # nothing is told
        ({}, {}, False),
        ({"size": 10}, {"size": None}, False),
    ],
)
def test_what_a_listing_says_of_a_file_that_was_fetched(
    told: dict[str, object], recorded: dict[str, object], changed: bool
) -> None:
    """Validators before sizes before times; what tells nothing says that nothing has changed."""
    assert has_changed(found(**told), replace(FETCHED, **recorded)) is changed  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("uri", "root"),
    [
        ("ftp://h/pub/", "/d/pub"),
        ("ftp://h/a/gr%C3%BC%C3%9Fe/", "/d/grüße"),
        ("ftp://h:2121/", "/d/h"),
        ("s3://bucket/", "/d/bucket"),
        ("ftp://h/..%2f../", "/d/h"),
        ("sftp://[::1]:22/", "/d/__1"),
    ],
)
def test_everything_goes_below_the_folders_own_name(uri: str, root: str) -> None:
    """Which is that of the host where the folder has none."""
    assert root_of(replace(FOLDER, uris=(uri,))) == root


def test_a_child_has_the_access_of_its_folder() -> None:
    """And a place of its own."""
    child = offspring(FOLDER, Found("ftp://h/pub/a/f", "a", "f"))
    assert child == DownloadSpec(uris=("ftp://h/pub/a/f",), directory="/d/pub/a", output="f", user="a:b")
    assert reworded(child, replace(FOLDER, user="c:d")) == replace(child, user="c:d")


def test_a_file_called_as_standard_output_is_called_otherwise() -> None:
    """`-` would send it there."""
    assert offspring(FOLDER, Found("ftp://h/pub/-", "", "-")).output == "_-"


@pytest.mark.parametrize("path", ["..", "a/../b", "/a", "a//b", "a/.", "a/"])
def test_a_path_that_leads_out_is_refused(path: str) -> None:
    """Whoever was to make it harmless."""
    with pytest.raises(Untrusted):
        directory_of("/d/pub", path)
    with pytest.raises(Untrusted):
        offspring(FOLDER, Found("ftp://h/pub/f", path, "f"))


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    """Whoever was to make it harmless."""
    with pytest.raises(Untrusted):
        offspring(FOLDER, Found("ftp://h/pub/f", "", name))


@given(st.lists(st.text(), max_size=4), st.text())
def test_nothing_ever_lies_outside(path: list[str], name: str) -> None:
    """Of whatever names a server gives, what is made of them stays below the folder's directory, or is refused."""
    harmless = "/".join(safe_name(each, "") for each in path)
    for made in (Found("ftp://h/f", harmless, safe_name(name, "")), Found("ftp://h/f", "/".join(path), name)):
        try:
            spec = offspring(FOLDER, made)
        except (Untrusted, InvalidRequest):
            continue
        assert spec.output is not None
        target = os.path.normpath(os.path.join(spec.directory, spec.output))
        assert target.startswith("/d/pub/")
        assert not spec.streams_out

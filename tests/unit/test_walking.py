"""What of a remote folder is wanted, and by which names: the rules, and that no listing gets out of the directory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.download import DownloadSpec
from dlm.model.error import InvalidRequest
from dlm.model.listing import Entry, Kind
from dlm.model.recursion import Folder, Found, Recursion
from dlm.policy.walking import DEEPEST, LONGEST_ADDRESS, LONGEST_PATH, REPEATS, Fate, Walk, join, matches
from dlm.protocols.memory import MemoryFile, MemorySource
from dlm.transfer.walking import read_folder

ROOT = "memory://host/pub/"
SPEC = DownloadSpec(uris=(ROOT,), directory="/")
HOSTILE = ["", ".", "..", "../../x", "a/b", "/etc/passwd", "a\0b"]


def file(name: str, size: int | None = 1) -> Entry:
    """A file of that name."""
    return Entry(name, Kind.FILE, size, None)


def folder(name: str) -> Entry:
    """A folder of that name."""
    return Entry(name, Kind.FOLDER, None, None)


def names(recursion: Recursion, entries: list[Entry], path: str = "", depth: int = 0) -> list[str]:
    """The harmless names of what is wanted of these, folders with a slash."""
    walk = Walk(Folder(ROOT, path, depth), recursion)
    judged = [walk.judge(entry) for entry in entries]
    return [each.name + ("/" if each.fate is Fate.FOLDER else "") for each in judged if each.name]


@pytest.mark.parametrize(
    ("pattern", "path", "is_folder", "expected"),
    [
        ("*.iso", "a.iso", False, True),
        ("*.iso", "deep/er/a.iso", False, True),
        ("*.iso", "a.ISO", False, False),
        ("a[0-9]?", "a1x", False, True),
        ("docs/*", "docs/a", False, True),
        ("docs/*", "docs/deep/a", False, False),
        ("docs/*", "other/docs/a", False, False),
        ("docs/**", "docs/deep/a", False, True),
        ("**/docs/*", "docs/a", False, True),
        ("**/docs/*", "x/y/docs/a", False, True),
        ("a/**/z", "a/z", False, True),
        ("a/**/z", "a/b/c/z", False, True),
        ("a/**/z", "a/b/c/y", False, False),
        ("/top", "top", False, True),
        ("/top", "deep/top", False, False),
        ("build/", "build", True, True),
        ("build/", "build", False, False),
        ("build/", "deep/build", True, True),
        ("**", "a/b", False, True),
        ("", "a", False, False),
        ("/", "a", True, False),
    ],
)
def test_patterns_are_those_of_the_shell(pattern: str, path: str, is_folder: bool, expected: bool) -> None:
    """Without a slash for the last name, with one for the whole path; a star stays within one folder, two do not."""
    assert matches(pattern, path.split("/"), is_folder=is_folder) is expected


def test_a_pattern_of_many_stars_is_quick() -> None:
    """Names are the server's, so no name may make a pattern expensive."""
    assert not matches("/".join(["**"] * 40 + ["b"]), ["a"] * 64, is_folder=False)
    assert not matches("*a" * 30 + "b", ["a" * 1000], is_folder=False)


def test_include_is_for_files_and_exclude_for_all() -> None:
    """A folder that no `include` names is entered, as what lies in it may be wanted; an excluded one is not."""
    entries = [file("a.iso"), file("a.txt"), folder("sub"), folder("old"), file("old")]
    assert names(Recursion(), entries) == ["a.iso", "a.txt", "sub/", "old/", "old (1)"]
    assert names(Recursion(include=("*.iso",)), entries) == ["a.iso", "sub/", "old/"]
    assert names(Recursion(include=("*",), exclude=("old/", "*.txt")), entries) == ["a.iso", "sub/", "old"]
    assert names(Recursion(include=("x/*.iso",)), entries, path="x") == ["a.iso", "sub/", "old/"]
    assert names(Recursion(include=("y/*.iso",)), entries, path="x") == ["sub/", "old/"]


def test_patterns_see_the_servers_name_and_the_harmless_one() -> None:
    """Users may have read either."""
    assert names(Recursion(include=("a:b",)), [file("a:b")]) == names(Recursion(include=("a_b",)), [file("a:b")]) == ["a_b"]
    assert names(Recursion(exclude=("a:b",)), [file("a:b")]) == names(Recursion(exclude=("a_b",)), [file("a:b")]) == []


@pytest.mark.parametrize(("wanted", "depth", "entered"), [(0, 0, False), (1, 0, True), (1, 1, False), (None, 5, True)])
def test_the_depth_that_is_wanted_is_kept(wanted: int | None, depth: int, entered: bool) -> None:
    """0 is for the files of the folder itself, none for all."""
    assert names(Recursion(depth=wanted), [file("a"), folder("sub")], depth=depth) == ["a", *(["sub/"] if entered else [])]


def test_links_are_files_and_the_rest_is_nothing() -> None:
    """A link's size is not that of the file; a device is nothing to fetch."""
    assert names(Recursion(), [Entry("l", Kind.LINK, 4, 1.0), Entry("dev", Kind.OTHER, None, None)]) == ["l"]
    assert read(MemorySource({}, {ROOT: [Entry("l", Kind.LINK, 4, 1.0, '"x"')]})) == [Found(ROOT + "l", "", "l")]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", [Kind.FILE, Kind.FOLDER, Kind.LINK])
def test_what_is_no_single_name_is_left_out_and_told(name: str, kind: Kind) -> None:
    """Whatever the user wants, and no address is ever made of it."""
    source = MemorySource({}, {ROOT: [Entry(name, kind, 1, None)]})
    told: list[str] = []
    assert read(source, told=told) == []
    assert len(told) == 1
    assert "is left out: its name is no name of a single file" in told[0]
    with pytest.raises(InvalidRequest):
        source.child(ROOT, Entry(name, kind, 1, None))


def test_two_never_get_one_name() -> None:
    """Not two that become the same, not one that would stand where another's partial file does; and none is told twice."""
    entries = [file("a?b"), file("a*b"), file("a:b"), file("a*b"), file("x"), file("x.part"), file("cafe\u0301"), file("café")]
    given_names = names(Recursion(), [*entries, *entries, file("y.part"), file("y")])
    assert given_names == ["a_b", "a_b (1)", "a_b (2)", "x", "x (1).part", "café", "café (1)", "y.part", "y (1)"]


def test_ten_thousand_names_that_become_one_stay_apart() -> None:
    """In a time that grows no faster than their number."""
    entries = [file(f"x{chr(code)}") for code in range(0x200B, 0x200D)] + [file("a" * 300 + str(n)) for n in range(10_000)]
    given_names = names(Recursion(), entries)
    assert len(set(given_names)) == len(entries)
    assert all(len(name.encode()) <= 250 for name in given_names)


@given(st.lists(st.binary(max_size=300), max_size=8), st.sampled_from(Kind), st.lists(st.text(max_size=20), max_size=3))
def test_whatever_a_server_says_stays_below_the_directory(raw: list[bytes], kind: Kind, above: list[str]) -> None:
    """For any bytes as names: one component each, that a file system takes, and all different."""
    path = ""
    for text in above:
        for name in names(Recursion(), [folder(text)]):
            path = join(path, name.removesuffix("/"))
    entries = [Entry(os.fsdecode(each), kind, None, None) for each in raw]
    given_names = [name.removesuffix("/") for name in names(Recursion(), entries, path)]
    assert len(set(given_names)) == len(given_names)
    for name in given_names:
        inside = os.path.normpath(f"/directory/{path}/{name}")
        assert inside == "/directory/" + join(path, name)
        assert name not in {"", ".", ".."}
        assert len(name.encode()) <= 250
        assert not set(name) & set("/\\\0")


def test_a_file_system_takes_the_names(tmp_path: Path) -> None:
    """Files of them can be made."""
    odd = [bytes([code]) * length for code in range(256) for length in (1, 3)] + [b"\xff" * 300, "é".encode() * 200, b"con.txt"]
    for name in names(Recursion(), [file(os.fsdecode(each)) for each in odd]):
        (tmp_path / name).write_bytes(b"x")


# --- walks ------------------------------------------------------------------------------------------------------------


def read(source: MemorySource, recursion: Recursion = Recursion(), told: list[str] | None = None) -> list[Found | Folder]:  # noqa: B008 - frozen
    """The files and folders of the whole walk."""

    async def scenario() -> list[Found | Folder]:
        waiting, met = [Folder(ROOT)], list[Found | Folder]()
        while waiting:
            tell = None if told is None else told.append
            async for each in read_folder(source, waiting.pop(), SPEC, recursion, tell):
                met.append(each)
                if isinstance(each, Folder):
                    waiting.append(each)
        return met

    return asyncio.run(scenario())


def test_a_walk_finds_all_that_is_there() -> None:
    """Paths below the first folder, addresses as they are, and what the listing says of size and version."""
    source = MemorySource(
        {
            ROOT + "a": MemoryFile(b"1"),
            ROOT + "sub/b%20c": MemoryFile(b"22"),
            ROOT + "sub/deep/d": MemoryFile(b"333", states_size=False),
        }
    )
    assert read(source) == [
        Found(ROOT + "a", "", "a", 1, None, '"1"'),
        Folder(ROOT + "sub/", "sub", 1),
        Found(ROOT + "sub/b%20c", "sub", "b c", 2, None, '"1"'),
        Folder(ROOT + "sub/deep/", "sub/deep", 2),
        Found(ROOT + "sub/deep/d", "sub/deep", "d", None, None, '"1"'),
    ]
    assert source.listed == [ROOT, ROOT + "sub/", ROOT + "sub/deep/"]


class Circle(MemorySource):
    """Every folder holds a file, and itself by these names."""

    def __init__(self, *loops: str) -> None:
        super().__init__({})
        self.loops = loops

    async def entries(self, uri: str, spec: DownloadSpec) -> AsyncGenerator[Entry]:
        self.listed.append(uri)
        yield file("f")
        for loop in self.loops:
            yield folder(loop)


def test_a_folder_that_lists_itself_comes_to_an_end() -> None:
    """By one name or by two, and the user hears of it."""
    told: list[str] = []
    source = Circle("again")
    read(source, told=told)
    assert len(source.listed) == REPEATS + 1
    assert "lead in a circle" in told[0]
    assert len(told) == 1
    double = Circle("a", "b")
    walk = Walk(Folder(ROOT, "/".join(["a", "b"] * REPEATS), 2 * REPEATS), Recursion())
    assert {walk.judge(folder(name)).fate for name in double.loops} == {Fate.BARRED}


def test_a_walk_ends_somewhere_in_the_deep() -> None:
    """Also when every folder has another name, or a long one."""
    walk = Walk(Folder(ROOT, "x", DEEPEST), Recursion())
    assert walk.judge(folder("deeper")).why == f"it lies more than {DEEPEST} folders deep"
    assert walk.judge(file("here")).fate is Fate.FILE
    walk = Walk(Folder(ROOT, "/".join(str(n) * 200 for n in range(10)), 10), Recursion())
    assert str(LONGEST_PATH) in walk.judge(file("x" * 100)).why
    told: list[str] = []
    assert read(MemorySource({}, {ROOT: [file("\udcff" * LONGEST_ADDRESS)]}), told=told) == []
    assert str(LONGEST_ADDRESS) in told[0]


def test_a_listing_is_read_as_it_comes_and_closed_when_left() -> None:
    """It may be without end."""
    ended = []

    class Endless(MemorySource):
        async def entries(self, uri: str, spec: DownloadSpec) -> AsyncGenerator[Entry]:
            try:
                for number in numbers():
                    yield file(str(number))
            finally:
                ended.append(uri)

    async def scenario() -> list[Found | Folder]:
        met = list[Found | Folder]()
        reading = read_folder(Endless({}), Folder(ROOT), SPEC, Recursion())
        async for each in reading:
            met.append(each)
            if len(met) == 10_000:
                break
        await reading.aclose()
        assert ended == [ROOT]
        return met

    assert len(asyncio.run(scenario())) == 10_000


def numbers() -> Iterator[int]:
    """Without end."""
    number = 0
    while True:
        yield number
        number += 1

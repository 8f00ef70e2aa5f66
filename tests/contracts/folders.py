"""The contract of `dlm.ports.Folders`, for a Source that is one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any, Protocol

import pytest

from dlm.model.address import check_uri
from dlm.model.download import DownloadSpec
from dlm.model.error import InvalidRequest, NotFound
from dlm.model.listing import Entry, Kind
from dlm.model.recursion import Folder, Found, Recursion
from dlm.transfer.walking import read_folder
from tests.contracts.outlets import Pail
from tests.contracts.source import play

LATIN = b"gr\xfc\xdfe"
"""Not UTF-8."""
LINE = b"new\nline"
BACKSLASH = b"back\\slash"
NAMES = (
    *(b"plain.txt", b"with space", b" leading", b"trailing ", b"100%", b"per%20cent", b"%2e%2e", b"hash#1", b"what?x=1&y"),
    *(b"semi;type=a", b"semi;colon", b'quo"te', b"it's", b"a+b", b"a&amp;b", b"a=d@e", b"co:lon", b"http:x", b"star*[a]?"),
    *(b"<tag>", b"{brace}", b"$HOME", b"`tick`", b"-dash", b".hidden", b"...", b"~", b"~user", b"caf\xc3\xa9", b"cafe\xcc\x81"),
    *(b"\xf0\x9f\x92\xbe", b"n" * 200, b"tab\there", BACKSLASH, LINE, LATIN),
)
"""Names that a file may have. Those that not every server tells of have names of their own."""
NAMELESS = ("", ".", "..", "../x", "a/b", "/etc/passwd", "a\0b")


class Ground(Protocol):
    """A server with a folder `odd` that holds a file of each of the `names`, and within it a folder `deep` that holds a
    folder of each, with a file `inner` in it; every file holds its own path below `odd`, as bytes.
    """

    content: bytes
    names: frozenset[bytes]

    async def source(self) -> Any:
        """A new Source, bound to the running loop. It is a `ports.Folders`, too."""

    def folder(self, path: str) -> str:
        """The address of a folder of the server: `odd`, or one that is not there. Without a slash at the end."""

    def spec(self, uri: str) -> DownloadSpec:
        """What a user would ask for to get it."""


class FoldersContract:
    """Subclass it, and give it a fixture `ground`."""

    def test_every_name_leads_to_its_file(self, ground: Ground) -> None:
        """Each that is listed is what stands there, and its address brings that very file."""

        async def scenario(source: Any) -> None:
            folder = ground.folder("odd") + "/"
            entries = await listed(ground, source, folder)
            names = {os.fsencode(entry.name) for entry in entries if entry.kind is not Kind.FOLDER}
            assert names == ground.names, (names - ground.names, ground.names - names)
            for entry in entries:
                if entry.kind is not Kind.FOLDER:
                    uri = source.child(folder, entry)
                    check_uri(uri)
                    assert await content(ground, source, uri) == os.fsencode(entry.name)
                    assert entry.size in {None, len(os.fsencode(entry.name))}
                    assert not source.is_folder(uri)

        play_here(ground, scenario)

    def test_every_name_leads_to_its_folder(self, ground: Ground) -> None:
        """Also a level further down; and an address of a folder is told from one of a file."""

        async def scenario(source: Any) -> None:
            odd = ground.folder("odd") + "/"
            (deep,) = [entry for entry in await listed(ground, source, odd) if entry.kind is Kind.FOLDER]
            assert deep.name == "deep"
            folder = source.child(odd, deep)
            entries = await listed(ground, source, folder)
            names = {os.fsencode(entry.name) for entry in entries}
            assert names == ground.names, (names - ground.names, ground.names - names)
            for entry in entries:
                assert entry.kind is Kind.FOLDER
                within = source.child(folder, entry)
                assert source.is_folder(within)
                (inner,) = await listed(ground, source, within)
                path = b"deep/" + os.fsencode(entry.name) + b"/inner"
                assert await content(ground, source, source.child(within, inner)) == path

        play_here(ground, scenario)

    def test_an_address_needs_no_slash_at_its_end(self, ground: Ground) -> None:
        """What a folder holds has the same address either way."""

        async def scenario(source: Any) -> None:
            found = []
            for uri in (ground.folder("odd"), ground.folder("odd") + "/"):
                found.append({source.child(uri, entry) for entry in await listed(ground, source, uri)})
            assert found[0] == found[1]
            assert not source.is_folder(ground.folder("odd"))

        play_here(ground, scenario)

    def test_what_is_no_name_has_no_address(self, ground: Ground) -> None:
        """Neither as a file nor as a folder nor as a link."""

        async def scenario(source: Any) -> None:
            for name in NAMELESS:
                for kind in Kind:
                    with pytest.raises(InvalidRequest):
                        source.child(ground.folder("odd") + "/", Entry(name, kind, 1, None))

        play_here(ground, scenario)

    def test_a_walk_finds_everything_once(self, ground: Ground) -> None:
        """By harmless names, all different, in folders below the first one; and every address is the right one's."""

        async def scenario(source: Any) -> None:
            first = ground.folder("odd") + "/"
            spec = ground.spec(first)
            waiting, found = [Folder(first)], list[Found]()
            while waiting:
                async with aclosing(read_folder(source, waiting.pop(), spec, Recursion())) as met:
                    async for each in met:
                        if isinstance(each, Folder):
                            waiting.append(each)
                        else:
                            found.append(each)
            assert len(found) == 2 * len(ground.names)
            assert len({(each.path, each.name) for each in found}) == len(found)
            assert {len(each.path.split("/")) for each in found} == {1, 2}
            assert all("/" not in each.name and each.name not in {"", ".", ".."} for each in found)
            sample = sorted(found, key=lambda each: each.uri)[:: max(1, len(found) // 10)]
            for each in sample:
                assert (await content(ground, source, each.uri)).rpartition(b"/")[2][:1] != b""

        play_here(ground, scenario)

    def test_a_folder_that_is_not_there_is_an_error(self, ground: Ground) -> None:
        """Or is as good as empty, where folders are but the beginnings of names."""

        async def scenario(source: Any) -> None:
            with suppress(NotFound):
                assert await listed(ground, source, ground.folder("missing") + "/") == []

        play_here(ground, scenario)

    def test_a_walk_may_be_left(self, ground: Ground) -> None:
        """After the first entry; the Source is good for others then."""

        async def scenario(source: Any) -> None:
            folder = ground.folder("odd") + "/"
            for _ in range(3):
                async with aclosing(read_folder(source, Folder(folder), ground.spec(folder), Recursion())) as met:
                    async for each in met:
                        assert each.uri.startswith(folder)
                        break
            assert await listed(ground, source, folder)

        play_here(ground, scenario)


def play_here(ground: Ground, scenario: Callable[[Any], Awaitable[None]]) -> None:
    """See `tests.contracts.source.play`, which only asks a ground for its Source."""
    play(ground, scenario)  # type: ignore[arg-type] # see above


async def listed(ground: Ground, source: Any, uri: str) -> list[Entry]:
    """What the folder holds."""
    return [entry async for entry in source.entries(uri, ground.spec(uri))]


async def content(ground: Ground, source: Any, uri: str) -> bytes:
    """What the file holds."""
    pail = Pail()
    opening = await source.open(uri, ground.spec(uri))
    await opening.pour(pail)
    await asyncio.sleep(0)
    return bytes(pail.taken)


def file_paths(names: frozenset[bytes]) -> list[bytes]:
    """The files of a ground, below its folder `odd`. Each holds its path."""
    return [*names, *(b"deep/" + name + b"/inner" for name in names)]


def write_odd(root: str | os.PathLike[str], names: frozenset[bytes]) -> None:
    """Put the files of a ground under `root`, on disk."""
    for path in file_paths(names):
        place = os.fsencode(root) + b"/odd/" + path
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(path)

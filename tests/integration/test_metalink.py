"""A Metalink end to end: mirrors that are dead or lie, pieces that say where, and documents that come from a server."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dlm.model.resource import Pieces
from tests.conftest import RunDlm
from tests.fakes import pieces_of
from tests.hostile import HostileServer, content
from tests.programs import free_ports
from tests.running import json_lines

LENGTH = 256 * 1024
FILE = content(3_000_001, seed=5)
PIECES = pieces_of(FILE, LENGTH)


def document(files: dict[str, list[str]], pieces: Pieces = PIECES) -> str:
    """A Metalink of files with the content `FILE`, each with its mirrors, the best first."""
    hashes = "".join(f"<hash>{digest.hex()}</hash>" for digest in pieces.digests)
    inside = "".join(
        f'<file name="{name}"><size>{len(FILE)}</size><hash type="sha-256">{hashlib.sha256(FILE).hexdigest()}</hash>'
        f'<pieces length="{pieces.length}" type="{pieces.algorithm}">{hashes}</pieces>'
        + "".join(f'<url priority="{number}">{url}</url>' for number, url in enumerate(urls, start=1))
        + "</file>"
        for name, urls in files.items()
    )
    return f'<?xml version="1.0"?>\n<metalink xmlns="urn:ietf:params:xml:ns:metalink">{inside}</metalink>'


def test_a_dead_mirror_and_a_corrupt_piece_do_no_harm(dlm: RunDlm, tmp_path: Path) -> None:
    """Of three mirrors the first is dead, and the second sends a byte wrong: the file is right, and proved to be."""
    (dead,) = free_ports(1)
    with HostileServer(FILE) as liar, HostileServer(FILE) as good:
        mirrors = [f"http://127.0.0.1:{dead}/a.iso", liar.url("/a.iso", "flips-byte-once"), good.url("/a.iso")]
        (tmp_path / "three.meta4").write_text(document({"sub/got.iso": mirrors}))
        result = dlm("get", "--json", "--retries", "0", "three.meta4")
        assert result.returncode == 0, result.stderr
        assert (tmp_path / "sub/got.iso").read_bytes() == FILE
        assert liar.bytes_sent() + good.bytes_sent() < 2 * len(FILE)
    assert '"verified_by": "' in result.stdout


def test_what_is_imported_is_judged_by_its_pieces(dlm: RunDlm, tmp_path: Path) -> None:
    """Through the queue: one byte that came wrong costs one piece."""
    with HostileServer(FILE) as server:
        (tmp_path / "one.meta4").write_text(document({"got.iso": [server.url("/a.iso", "flips-byte-once")]}))
        assert dlm("import", "one.meta4").returncode == 0
        assert dlm("run", "-q").returncode == 0
        assert (tmp_path / "got.iso").read_bytes() == FILE
        assert server.bytes_sent() < 2 * len(FILE)


@pytest.mark.parametrize("queued", [False, True])
def test_what_an_address_names_is_fetched(dlm: RunDlm, tmp_path: Path, queued: bool) -> None:
    """Two files of one document, each with mirrors and pieces; one byte that came wrong costs one piece."""
    with HostileServer(FILE) as server:
        names = {"a.iso": [server.url("/a.iso", "flips-byte-once")], "sub/b.iso": [server.url("/b.iso")]}
        with HostileServer(document(names).encode()) as origin:
            if queued:
                assert dlm("add", origin.url("/two.meta4")).returncode == 0
                result = dlm("run", "-q")
            else:
                result = dlm("get", "-q", origin.url("/two.meta4"))
            assert result.returncode == 0, result.stderr
            assert (tmp_path / "a.iso").read_bytes() == (tmp_path / "sub/b.iso").read_bytes() == FILE
            assert server.bytes_sent() < 2.5 * len(FILE)
            assert not (tmp_path / "two.meta4").exists()
            rows = json_lines(dlm("list", "--json").stdout)
            (parent,) = (each for each in rows if each["path"] == str(tmp_path))
            assert {each["group"] for each in rows if each is not parent} == {parent["download_id"]}


def test_the_same_again_fetches_nothing_again(dlm: RunDlm, tmp_path: Path) -> None:
    """Only the document; and what had failed is tried again."""
    with HostileServer(FILE) as server:
        names = {"a.iso": [server.url("/a.iso")], "b.iso": [server.url("/b.iso", "status-500-once")]}
        with HostileServer(document(names).encode()) as origin:
            first = dlm("get", "-q", "--retries", "0", origin.url("/two.meta4"))
            sent = server.bytes_sent()
            again = dlm("get", "-q", origin.url("/two.meta4"))
            assert (first.returncode != 0, again.returncode) == (True, 0), again.stderr
            assert server.bytes_sent() - sent < 2 * len(FILE)
            assert (tmp_path / "b.iso").read_bytes() == FILE
            once_more = server.bytes_sent()
            assert dlm("get", "-q", origin.url("/two.meta4")).returncode == 0
            assert server.bytes_sent() == once_more


def test_the_document_itself_is_had_without_following(dlm: RunDlm, tmp_path: Path) -> None:
    """With --no-follow, also when that is said later, and where it goes to standard output."""
    text = document({"a.iso": ["https://h.example/a.iso"]})
    with HostileServer(text.encode()) as origin:
        assert dlm("get", "-q", "--no-follow", origin.url("/one.meta4")).returncode == 0
        assert (tmp_path / "one.meta4").read_text() == text
        assert dlm("get", "-q", "-o", "-", origin.url("/other.meta4")).stdout == text
        (added,) = json_lines(dlm("add", "--json", origin.url("/late.meta4")).stdout)
        assert dlm("edit", added["download_id"], "--no-follow").returncode == 0
        assert dlm("run", "-q").returncode == 0
        assert (tmp_path / "late.meta4").read_text() == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html></html>", "not a Metalink"),
        ("no XML", "this is not XML"),
        ("<!DOCTYPE a>", "a document type"),
        ('<metalink xmlns="urn:ietf:params:xml:ns:metalink"/>', "names no file"),
        (document({"../a": ["https://h.example/a"]}), "its name leads out of the folder"),
        (document({"a": ["file:///etc/passwd"]}), "no address that is served"),
    ],
)
def test_a_bad_document_is_one_sentence(dlm: RunDlm, tmp_path: Path, text: str, said: str) -> None:
    """With the way to have it all the same; nothing is written."""
    with HostileServer(text.encode()) as origin:
        result = dlm("get", "-q", origin.url("/bad.meta4"))
        assert result.returncode not in {0, 2}
        assert said in result.stderr
        assert "--no-follow fetches the document itself" in result.stderr
        assert list(tmp_path.glob("**/a")) == []
        assert len(origin.requests) == 1
        assert not list(tmp_path.glob("*.meta4*"))


def test_secrets_do_not_reach_the_mirrors(dlm: RunDlm) -> None:
    """What the user sends to the origin of the document stays there."""
    with HostileServer(FILE) as mirror, HostileServer(document({"a.iso": [mirror.url("/a.iso")]}).encode()) as origin:
        result = dlm("get", "-q", "--user", "me:pw", "-H", "X-Key: SECRET", origin.url("/one.meta4"))
        assert result.returncode == 0, result.stderr
        assert any(name.lower() == "x-key" for name in origin.requests[0].headers)
        names = {name.lower() for each in mirror.requests for name in each.headers}
        assert names.isdisjoint({"x-key", "authorization"})

"""A Metalink end to end: mirrors that are dead or lie, pieces that say where, and documents that come from a server."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dlm.model.resource import Pieces
from tests.conftest import RunDlm
from tests.fakes import pieces_of
from tests.hostile import HostileServer, content
from tests.programs import free_ports

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

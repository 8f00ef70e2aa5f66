"""dlm for programs: one file with `get`, a queue with `open`, here or at a daemon."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import dlm
from dlm.model.error import DigestMismatch, InvalidRequest, NotFound
from dlm.model.event import PhaseChanged, ProgressMade
from dlm.model.phase import Phase
from tests.daemons import RunningDaemon
from tests.hostile import Content, HostileServer, content

LARGE = content(2_000_001, seed=6)


def test_get_fetches_a_file(hostile: HostileServer, content: Content, tmp_path: Path) -> None:
    """To where it was told, with its errors raised as what they are."""
    path = dlm.get(hostile.url("/a.bin"), str(tmp_path / "deep" / "mine.bin"))
    assert path == str(tmp_path / "deep" / "mine.bin")
    assert Path(path).read_bytes() == content.data
    with pytest.raises(NotFound):
        dlm.get(hostile.url("/b.bin", "status-404"), str(tmp_path / "b.bin"), retries=0)
    with pytest.raises(DigestMismatch):
        dlm.get(hostile.url("/c.bin"), str(tmp_path / "c.bin"), checksum="md5=" + "0" * 32)
    with pytest.raises(InvalidRequest, match="a download has no option 'speed'"):
        dlm.get(hostile.url("/d.bin"), str(tmp_path / "d.bin"), speed=3)


def test_a_queue_is_worked_while_it_is_open(tmp_path: Path) -> None:
    """What is added is carried out, told of, paused, resumed, listed and removed."""

    async def story(slow: HostileServer) -> None:
        async with dlm.open(state=str(tmp_path / "dlm.db"), directory=str(tmp_path)) as downloads:
            one = await downloads.add(slow.url("/a.bin"), output="mine.bin", group="g")
            came = 0
            async for event in one.events():
                if isinstance(event, ProgressMade) and came == 0:
                    came = event.progress.downloaded
                    await one.pause()
                if isinstance(event, PhaseChanged) and event.download.phase is Phase.PAUSED:
                    slow.hurry()
                    await one.resume()
            assert (await one.wait()).path == str(tmp_path / "mine.bin")
            assert came > 0
            assert [each.id for each in await downloads.list(Phase.COMPLETED)] == [one.id]
            with pytest.raises(InvalidRequest):
                await one.pause()
            await one.remove(delete_files=True)
            assert await downloads.list() == []
            assert not (tmp_path / "mine.bin").exists()
            failing = await downloads.add(slow.url("/b.bin", "status-404"))
            with pytest.raises(NotFound):
                await failing.wait()

    with HostileServer(LARGE, bytes_per_second=20_000, headstart=500_000) as slow:
        asyncio.run(asyncio.wait_for(story(slow), 60))


def test_a_daemon_does_the_same(hostile: HostileServer, content: Content, tmp_path: Path) -> None:
    """With `remote`: into its directories, by its own work."""

    async def story(daemon: RunningDaemon) -> None:
        ways: tuple[dict[str, Any], ...] = (
            {"remote": f"unix:{daemon.socket}"},
            {"remote": daemon.url, "token": daemon.token},
        )
        for facts in ways:
            async with dlm.open(**facts, directory="sub") as downloads:
                name = f"{len(facts)}.bin"
                done = await (await downloads.add(hostile.url(f"/{name}"))).wait()
                assert done.path == str(daemon.files / "sub" / name)
                assert (daemon.files / "sub" / name).read_bytes() == content.data

    with RunningDaemon(tmp_path) as daemon:
        asyncio.run(asyncio.wait_for(story(daemon), 60))

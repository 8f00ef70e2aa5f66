"""Killed at random moments and run again: right bytes, no lie in the record, little fetched twice.

`DLM_KILLS` says how many times to kill (200 unless told), `DLM_SEED` repeats a run.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dlm.model.phase import Phase
from dlm.model.query import DownloadQuery
from dlm.storage.repository import SqliteRepository
from tests.hostile import HostileServer, content

MIB = 1024 * 1024
FILE = content(48 * MIB, seed=11)
WINDOW = 16 * MIB
IN_FLIGHT = 8 * MIB
"""Bytes that the server has handed to the kernel and that dlm has not read: the server counts them as sent."""
RATES = (8 * MIB, 40 * MIB, 400 * MIB)
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
KILLS = int(os.environ.get("DLM_KILLS", "200"))
SEED = int(os.environ.get("DLM_SEED", "0"))

pytestmark = pytest.mark.slow


@dataclass
class Tally:
    """What the whole run showed."""

    kills: int = 0
    landed: int = 0
    refetched: list[int] = field(default_factory=list)


def start(url: str, folder: Path) -> subprocess.Popen[bytes]:
    """A `dlm get` of its own."""
    command = [sys.executable, "-m", "dlm", "get", "-q", "-x", "4", "-d", str(folder), url]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def check_record(folder: Path) -> int:
    """The record claims no byte that is not in the partial file, and the name stands for a whole file only.

    Returns how many bytes are claimed.
    """
    final = folder / "file.bin"
    if final.exists():
        assert final.read_bytes() == FILE, "a file under the final name is whole"
    state = Path(os.environ["XDG_STATE_HOME"]) / "dlm" / "dlm.db"
    if not state.exists():
        return 0

    async def claims() -> int:
        repository = await SqliteRepository.open(str(state))
        try:
            for download in await repository.find(DownloadQuery(directory=str(folder))):
                checkpoint = await repository.checkpoint_of(download.id)
                if checkpoint is None or download.phase is Phase.COMPLETED or final.exists():
                    continue
                if not checkpoint.done:
                    continue  # stopped while the partial file was being made, or before its first byte: nothing is claimed
                with (folder / checkpoint.place.part).open("rb") as part:
                    for span in checkpoint.done:
                        part.seek(span.start)
                        assert part.read(span.size) == FILE[span.start : span.stop], f"{span} is claimed and not there"
                return checkpoint.downloaded
            return 0
        finally:
            await repository.close()

    return asyncio.run(claims())


def one_download(folder: Path, luck: random.Random, tally: Tally) -> None:
    """Kill a download up to three times, then let it end, and compare."""
    rate = luck.choice(RATES)
    kills = 0
    with HostileServer(FILE, bytes_per_second=rate) as server:
        url = server.url("/file.bin", "polite")
        for _ in range(luck.randint(1, 3)):
            running = start(url, folder)
            time.sleep(luck.uniform(0.05, 0.35 + min(4.0, len(FILE) / rate)))
            running.send_signal(luck.choice(SIGNALS))
            _, errors = running.communicate(timeout=20)
            assert b"Traceback" not in errors, errors.decode()
            tally.kills += 1
            if running.returncode == 0:
                break
            kills += 1
            check_record(folder)
        running = start(url, folder)
        _, errors = running.communicate(timeout=60)
        assert running.returncode == 0, errors.decode()
        assert (folder / "file.bin").read_bytes() == FILE
        assert [path.name for path in folder.iterdir()] == ["file.bin"], "no partial file is left"
        if kills:
            tally.landed += kills
            again = (server.bytes_sent("polite") - len(FILE)) / kills
            tally.refetched.append(int(again))
            assert again <= min(WINDOW, 2 * rate) + IN_FLIGHT, (
                f"{again / MIB:.1f} MiB fetched twice a kill at {rate // MIB} MiB/s"
            )


@pytest.mark.timeout(3600)
def test_killed_at_random_it_loses_next_to_nothing(tmp_path: Path) -> None:
    """SIGKILL, SIGINT and SIGTERM at random moments: the bytes are right, and little of them is fetched twice."""
    seed = SEED or random.SystemRandom().randrange(1, 2**32)
    luck, tally, number = random.Random(seed), Tally(), 0
    wanted = KILLS
    print(f"DLM_SEED={seed}")
    while tally.kills < wanted:
        number += 1
        folder = tmp_path / f"d{number}"
        folder.mkdir()
        one_download(folder, luck, tally)
        (folder / "file.bin").unlink()
    worst, mean = max(tally.refetched, default=0), sum(tally.refetched) / max(1, len(tally.refetched))
    print(f"{tally.kills} kills, {tally.landed} of them in time")
    print(f"fetched twice a kill: mean {mean / MIB:.2f} MiB, worst {worst / MIB:.2f} MiB")

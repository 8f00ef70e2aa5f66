"""What Prometheus is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from dlm.model.queue import AddRequest
from tests.api_client import Served
from tests.house import CONTENT, House, play, spec


def values(text: bytes) -> dict[str, float]:
    """Every sample by its name and labels."""
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def test_what_happened_is_counted_and_what_stands_is_told(tmp_path: Path) -> None:
    """One file that came, one that is not there, and one that is paused."""

    async def story(house: House) -> None:
        served = Served(house, str(tmp_path))
        async with served.application.running():
            await asyncio.sleep(0.1)
            await served.downloads.add(
                [
                    AddRequest(spec=spec()),
                    AddRequest(spec=spec("mem://host/none")),
                    AddRequest(spec=spec("mem://host/x"), paused=True),
                ]
            )
            await served.downloads.run(stay=False)
            await asyncio.sleep(1)
            told = values((await served.ask("GET", "/metrics")).body)
        assert told["dlm_downloads{phase=completed}"] == 1
        assert told["dlm_downloads{phase=failed}"] == 1
        assert told["dlm_downloads{phase=paused}"] == 1
        assert told["dlm_failures_total{kind=NotFound}"] == 1
        assert told["dlm_downloaded_bytes_total"] == len(CONTENT)
        assert told["dlm_loop_lag_seconds_count"] >= 1

    play(story)


def test_requests_are_timed_by_the_name_of_their_command(tmp_path: Path) -> None:
    """And a label never holds what a client says."""

    async def story(house: House) -> None:
        served = Served(house, str(tmp_path))
        await served.ask("GET", "/api/v1/downloads/ffff")
        text = (await served.ask("GET", "/metrics")).body
        assert values(text)["dlm_request_seconds_count{command=show}"] == 1
        assert b"ffff" not in text

    play(story)


def test_numbers_are_for_readers(tmp_path: Path) -> None:
    """They tell what somebody fetches, so a token is needed."""

    async def story(house: House) -> None:
        assert (await Served(house, str(tmp_path)).ask("GET", "/metrics", token=None)).status == 401

    play(story)

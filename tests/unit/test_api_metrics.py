"""What Prometheus is told."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from dlm.api.durations import Durations
from dlm.api.networks import network_of
from dlm.api.scope import Scope
from dlm.clock import SystemClock
from dlm.model.message import Checkpointed
from dlm.model.queue import AddRequest
from dlm.model.span import Span
from dlm.service.ledger import Ledger
from dlm.service.means import Measures
from dlm.storage.repository import SqliteState
from tests.api_client import Served
from tests.contracts.repository import a_checkpoint, a_download
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
            await asyncio.sleep(1.5)
            told = values((await served.ask("GET", "/metrics")).body)
        assert told["dlm_downloads{phase=completed}"] == 1
        assert told["dlm_downloads{phase=failed}"] == 1
        assert told["dlm_downloads{phase=paused}"] == 1
        assert told["dlm_failures_total{kind=NotFound}"] == 1
        assert told["dlm_downloaded_bytes_total"] == len(CONTENT)
        assert told["dlm_loop_lag_seconds_count"] >= 1

    play(story)


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("127.0.0.1:80", "loopback"),
        ("::1:443", "loopback"),
        ("localhost:8080", "loopback"),
        ("api.localhost.:80", "loopback"),
        ("10.1.2.3:80", "private"),
        ("192.168.1.9:21", "private"),
        ("fe80::1%eth0:80", "private"),
        ("nas:80", "private"),
        ("nas.local:80", "private"),
        ("93.184.216.34:80", "public"),
        ("2606:2800:220:1::1:443", "public"),
        ("example.org:443", "public"),
        ("shelf:mem", "private"),
        ("", "private"),
    ],
)
def test_hosts_are_told_by_the_kind_of_their_network(host: str, network: str) -> None:
    """The label has three values, whatever a host is called."""
    assert network_of(host) == network


def test_what_the_disk_takes_is_told(tmp_path: Path) -> None:
    """The database says what each of its transactions took, the ledger what each checkpoint did, the sync included."""
    durations, took = Durations(), list[float]()

    async def story() -> None:
        state = await SqliteState.open(str(tmp_path / "dlm.db"), committed=durations.commit)
        await state.repository.add([a_download()])
        await state.close()

    asyncio.run(story())

    async def checkpointed(house: House) -> None:
        house.process("daemon")
        means = replace(house.means["daemon"], measures=Measures(checkpointed=took.append))
        (download,) = await means.repository.add([a_download()])
        await means.repository.claim([download.id], means.owner, 0.0, 30.0)
        await Ledger(means).commit(Checkpointed(download.id, a_checkpoint(Span(0, 9)), 0.25))

    play(checkpointed)
    durations.checkpoint(took[0])
    told = values(generate_latest(durations.registry))
    assert told["dlm_commit_seconds_count"] == 1
    assert told["dlm_commit_seconds_sum"] > 0
    assert told["dlm_checkpoint_seconds_sum"] >= 0.25


def test_how_late_the_loop_is_is_measured(tmp_path: Path) -> None:
    """What keeps the event loop from its work for 60 ms shows as that, in the histogram and in the runtime."""
    durations = Durations()

    async def story() -> None:
        watching = asyncio.create_task(durations.watch(SystemClock(), lambda: True))
        await asyncio.sleep(0.08)
        time.sleep(0.12)  # noqa: ASYNC251 - the loop is to be kept from its work
        await asyncio.sleep(0.01)
        watching.cancel()

    asyncio.run(story())
    assert durations.lateness.worst >= 0.05
    assert durations.lateness.looks >= 2
    told = values(generate_latest(durations.registry))
    assert told["dlm_loop_lag_seconds_count"] == durations.lateness.looks
    assert told["dlm_loop_lag_seconds_bucket{le=0.05}"] < told["dlm_loop_lag_seconds_count"]


def test_the_daemon_tells_how_it_is(tmp_path: Path) -> None:
    """Its process, its queue, its database and its disks; who may only add may read that as well, strangers may not."""

    async def story(house: House) -> None:
        served = Served(house, str(tmp_path))
        (tmp_path / "dlm.db").write_bytes(b"x" * 1000)
        served.application.listens(["http://127.0.0.1:8840/"])
        await served.downloads.add([AddRequest(spec=spec(), paused=True)])
        reply = await served.ask("GET", "/api/v1/runtime", token=served.token[Scope.READ])
        told = reply.json
        assert reply.status == 200
        assert told["daemon"]["pid"] == os.getpid()
        assert told["daemon"]["memory"] > 1_000_000
        assert told["queue"]["phases"] == {"paused": 1}
        assert told["workers"] == []
        assert told["database"] == {"bytes": 1000, "log": 0}
        assert told["listening"] == ["http://127.0.0.1:8840/"]
        assert [each["directory"] for each in told["disks"]] == ["/d"]
        assert 0 < told["disks"][0]["free"] < told["disks"][0]["total"]
        health = (await served.ask("GET", "/health")).json
        assert health["database"] == told["database"]
        assert health["disks"][0].keys() == {"directory", "free", "total"}
        assert (await served.ask("GET", "/api/v1/runtime", token=None)).status == 401
        assert "disks" not in (await served.ask("GET", "/health", token=None)).json

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

"""What a transfer over real HTTP tells of a host, and how soon one that cannot be reached is given up."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random
from time import perf_counter

import pytest

from dlm.clock import SystemClock
from dlm.model.download import DownloadSpec
from dlm.model.error import Unreachable
from dlm.model.message import Observed
from dlm.protocols.registry import Registry
from dlm.transfer.life import InlineWorker
from dlm.transfer.limits import Limiter
from dlm.transfer.work import Tools
from tests.counting import CountingStore
from tests.fakes import RememberingReporter, start_of
from tests.hostile import HostileServer
from tests.programs import free_ports


def carry(uri: str, *, patience: float = 120.0) -> RememberingReporter:
    """One download of that address, to its end."""
    reporter = RememberingReporter()

    async def body() -> None:
        clock = SystemClock()
        registry = Registry(clock)
        worker = InlineWorker(Tools(registry, lambda _: CountingStore(), clock, Random(1), Limiter(clock)))
        try:
            spec = DownloadSpec(uris=(uri,), directory="/", output="file.bin")
            await worker.carry(replace(start_of(spec), patience=patience), reporter)
        finally:
            await registry.close()
            await worker.close()

    asyncio.run(body())
    return reporter


@pytest.mark.parametrize(("personality", "ranges"), [("polite", True), ("no-range", False)])
def test_the_version_and_the_ranges_of_the_replies_are_told(personality: str, ranges: bool, hostile: HostileServer) -> None:
    """Once, when the transfer is over."""
    (observed,) = (each for each in carry(hostile.url("/file.bin", personality)).commitments if isinstance(each, Observed))
    assert (observed.host, observed.version) == (f"127.0.0.1:{hostile.port}", "1.1")
    assert (observed.ranges, observed.connections, observed.retry_after) == (ranges, None, None)


def test_who_cannot_be_reached_is_given_up_soon() -> None:
    """No name, or nobody there: with the patience of a queue it is a matter of seconds."""
    for uri in ("http://no-such-host.invalid/file.bin", f"http://127.0.0.1:{free_ports(1)[0]}/file.bin"):
        began = perf_counter()
        with pytest.raises(Unreachable):
            carry(uri, patience=2.0)
        assert perf_counter() - began < 40.0

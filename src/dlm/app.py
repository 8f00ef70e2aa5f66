"""The composition root: from Settings to running Downloads. The only module that imports adapters."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from dlm.clock import SystemClock
from dlm.model.download import DownloadSpec
from dlm.model.error import InvalidRequest
from dlm.model.queue import Finding
from dlm.model.settings import Settings
from dlm.policy.naming import numbered
from dlm.ports import Clock, Downloads, Store, Worker
from dlm.protocols.registry import Registry
from dlm.service.bus import EventBus
from dlm.service.downloads import LocalDownloads
from dlm.service.means import PLACES, Means, Measures, Rules
from dlm.storage.files import DiskStore
from dlm.storage.owners import is_alive, this_process
from dlm.storage.pipe import PipeStore
from dlm.storage.repository import SqliteState
from dlm.system.control import SocketControl
from dlm.system.network import SystemNetwork, needs_network
from dlm.transfer.life import InlineWorker
from dlm.transfer.limits import Limiter
from dlm.transfer.work import Tools

if TYPE_CHECKING:
    from dlm.api.serving import Listening
    from dlm.model.event import Event
    from dlm.observing.journal import Journal
    from dlm.observing.tracing import Tracing


@asynccontextmanager
async def open_downloads(settings: Settings, measures: Measures | None = None) -> AsyncIterator[Downloads]:
    """The Downloads of this process, on the database that `settings` name; `measures` are told how long its disk takes.

    Everything is released at the end.
    """
    measures = measures or Measures()
    clock = SystemClock()
    rules = _rules(settings)
    registry = Registry(clock)
    inline = InlineWorker(transfer_tools(registry, clock))
    owner = this_process()
    control = SocketControl(settings.state, owner, is_alive)
    tell, end_telling = _observers(settings)
    state = await SqliteState.open(settings.state, committed=measures.committed)
    means = Means(
        repository=state.repository,
        queue=state.queue,
        sources=registry,
        worker=inline,
        store=DiskStore(numbered),
        clock=clock,
        control=control,
        network=SystemNetwork(clock),
        random=Random(),
        owner=owner,
        is_alive=is_alive,
        needs_network=needs_network,
        rules=rules,
        bus=EventBus(tell),
        measures=measures,
    )
    downloads = LocalDownloads(means, lambda: _pool(settings, inline, clock), lambda: _examine(settings))
    try:
        yield downloads
    finally:
        await downloads.close()
        await registry.close()
        await state.close()
        end_telling()


@asynccontextmanager
async def open_remote(settings: Settings) -> AsyncIterator[Downloads]:
    """The Downloads of the daemon that `settings.remote` names. Raises `InvalidRequest` where that makes no sense."""
    try:
        from dlm.api.calling import Daemon
        from dlm.api.remote import RemoteDownloads
    except ModuleNotFoundError as error:
        raise InvalidRequest("--remote needs more than is installed: pip install 'dlm[daemon]'") from error
    downloads = RemoteDownloads(Daemon(settings.remote or "", settings.token))
    try:
        yield downloads
    finally:
        await downloads.close()


async def serve(settings: Settings, ready: Callable[[Sequence[str]], None]) -> None:
    """Be the daemon of these settings until SIGTERM or SIGINT; `ready` is told where it listens.

    Raises `InvalidRequest` for an address that others could reach without TLS, and what `api.serving.serve` raises.
    """
    from dlm.api.application import Application
    from dlm.api.durations import Durations
    from dlm.api.reading import House
    from dlm.api.serving import serve
    from dlm.api.tokens import Tokens

    clock = SystemClock()
    tokens = Tokens(os.path.dirname(settings.state))
    listening, grpc = _listening(settings)
    roots = tuple(filter(None, (settings.roots or settings.directory).split(":")))
    names = [each.strip() for each in (settings.host_names or "").split(",") if each.strip()]
    durations = Durations()
    measures = Measures(committed=durations.commit, checkpointed=durations.checkpoint)
    async with open_downloads(settings, measures) as downloads:
        tokens.first(clock.wall())
        house = House(settings, roots)
        application = Application(downloads, house, tokens, clock, names, durations=durations)

        @asynccontextmanager
        async def beside() -> AsyncIterator[Sequence[str]]:
            if grpc is None:
                yield ()
                return
            from dlm.api.grpc.doors import Doors
            from dlm.api.grpc.servicer import Servicer
            from dlm.api.grpc.serving import serving

            servicer = Servicer(downloads, house, application.runtime, application.feed, Doors(tokens, names, clock))
            async with serving(servicer, grpc) as address:
                yield (address,)

        def begun(addresses: Sequence[str]) -> None:
            application.listens(addresses)
            ready(addresses)

        async with application.running():
            await serve(
                downloads,
                application.local,
                application.remote,
                listening,
                ready=begun,
                environment=dict(os.environ),
                ending=application.end,
                beside=beside,
            )


def _listening(settings: Settings) -> tuple[Listening, Listening | None]:
    """Where the daemon listens, and where gRPC does. Raises `InvalidRequest`."""
    from dlm.api.serving import Listening, parse_address, within

    def at(address: str | None, flag: str) -> Listening:
        there = within(parse_address(address, flag), settings, flag) if address else None
        path = os.path.join(os.path.dirname(settings.state), "dlm.sock")
        return Listening(path, there, settings.tls_cert, settings.tls_key)

    return at(settings.listen, "--listen"), at(settings.grpc, "--grpc") if settings.grpc else None


def transfer_tools(registry: Registry, clock: Clock) -> Tools:
    """What a transfer works with, in this process or in a child."""
    disk, pipe = DiskStore(numbered), PipeStore()

    def store_for(spec: DownloadSpec) -> Store:
        return pipe if spec.streams_out else disk

    return Tools(registry, store_for, clock, Random(), Limiter(clock))


def _rules(settings: Settings) -> Rules:
    rules = Rules(jobs=settings.jobs or PLACES, per_host=settings.per_host, rate=settings.limit_total)
    if settings.windows is None and settings.timezone is None:
        return rules
    from dlm.policy.windows import parse
    from dlm.policy.zone import zone_of

    return replace(rules, timetable=parse(settings.windows or ""), zone=zone_of(settings.timezone))


def _pool(settings: Settings, inline: Worker, clock: Clock) -> Worker:
    """What carries the queue: child processes, unless the user wants none."""
    if settings.workers == 0:
        return inline
    from dlm.workers.pool import WorkerPool

    return WorkerPool(most=settings.workers or _cores(), clock=clock)


def _cores() -> int:
    """Cores that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _observers(settings: Settings) -> tuple[Callable[[Event], None], Callable[[], None]]:
    """Who hears of every event beside those who ask for them, and how they are released."""
    observers: list[Journal | Tracing] = []
    if settings.log_file is not None:
        from dlm.observing.journal import Journal

        path = None if settings.log_file == "-" else settings.log_file
        observers.append(Journal.open(path, settings.log_format))
    if any(name.startswith("OTEL_EXPORTER_OTLP") for name in os.environ):
        from dlm.observing.tracing import open_tracing

        tracing = open_tracing(os.environ, warn=lambda sentence: print(f"dlm: {sentence}", file=sys.stderr))  # noqa: T201
        observers += [tracing] if tracing is not None else []

    def tell(event: Event) -> None:
        for observer in observers:
            observer.write(event)

    def close() -> None:
        for observer in observers:
            observer.close()

    return tell, close


def _examine(settings: Settings) -> Sequence[Finding]:
    """Whether everything that dlm relies on is in order."""
    from dlm.protocols.checkup import check_protocols
    from dlm.protocols.curl.features import check_curl
    from dlm.storage.checkup import check_database
    from dlm.system.probes import examine, machine_probes

    owner, clock = this_process(), SystemClock()
    control = SocketControl(settings.state, owner, is_alive)
    network = SystemNetwork(clock)
    return examine(
        {
            "database": lambda: check_database(settings.state, is_alive),
            **machine_probes(settings.state, settings.directory, control.try_out, network.is_up),
            "libcurl": check_curl,
            "protocols": lambda: check_protocols(clock),
        }
    )

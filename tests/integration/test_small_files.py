"""Many small files: what has come before anybody asks for it is kept, in order, and its connection serves the next."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from socket import socketpair

import pycurl
import pytest

from dlm.clock import SystemClock
from dlm.model.download import DownloadSpec
from dlm.model.error import TransferError, Verdict
from dlm.protocols.curl.multi import CurlLoop, EpollSockets, LoopSockets
from dlm.protocols.curl.source import HttpSource
from tests.contracts.outlets import Broken, Hesitant, Pail
from tests.contracts.source import SETTLING
from tests.hostile import HostileServer
from tests.programs import free_ports

CONTENT = bytes(range(256)) * 160
"""Less than is kept, and more than one of libcurl's pieces."""
SOCKETS = [EpollSockets, LoopSockets]


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer(CONTENT) as server:
        yield server


def spec(uri: str) -> DownloadSpec:
    return DownloadSpec(uris=(uri,), directory="/")


def test_a_small_reply_leaves_its_connection_before_it_is_poured(server: HostileServer) -> None:
    """Two that are opened one after the other, and poured in the opposite order, come over one connection."""

    async def body(settling: float) -> int:
        source, before = HttpSource(SystemClock()), len(server.requests)
        first, second = Pail(), Pail()
        openings = []
        for number in range(2):
            uri = server.url(f"/{number}.bin")
            openings.append(await source.open(uri, spec(uri)))
            await asyncio.sleep(settling)
        await openings[1].pour(second)
        await openings[0].pour(first)
        assert (bytes(first.taken), bytes(second.taken)) == (CONTENT, CONTENT)
        await source.close()
        return len({request.connection for request in server.requests[before:]})

    # A machine that stands still may need longer until all of a reply has come.
    assert 1 in (asyncio.run(body(settling)) for settling in (SETTLING, 10 * SETTLING, 60 * SETTLING))


@pytest.mark.parametrize("pail", [Pail(), Hesitant(), Pail(1), Pail(16 * 1024), Pail(20_000), Pail(len(CONTENT))])
def test_what_was_kept_is_offered_as_any_bytes_are(server: HostileServer, pail: Pail) -> None:
    """To an Outlet that hesitates as to one that is full before the end, and nothing after that."""

    async def body() -> None:
        source = HttpSource(SystemClock())
        uri = server.url("/file.bin")
        opening = await source.open(uri, spec(uri))
        await asyncio.sleep(SETTLING)
        await opening.pour(pail)
        await source.close()

    asyncio.run(body())
    assert bytes(pail.taken) == CONTENT[: len(pail.taken)]
    assert len(pail.taken) == min(pail._room, len(CONTENT))
    assert pail.late == 0


def test_what_breaks_the_outlet_ends_the_pouring(server: HostileServer) -> None:
    """With that very error, though the transfer was over before."""

    async def body() -> None:
        source, broken = HttpSource(SystemClock()), Broken()
        uri = server.url("/file.bin")
        opening = await source.open(uri, spec(uri))
        await asyncio.sleep(SETTLING)
        with pytest.raises(type(broken.error)) as caught:
            await opening.pour(broken)
        assert caught.value is broken.error
        await source.close()

    asyncio.run(body())


def test_a_small_reply_that_breaks_off_gives_what_has_come_first(server: HostileServer) -> None:
    """The bytes that were kept are good, and the error follows them."""

    async def body() -> None:
        source, pail = HttpSource(SystemClock()), Pail()
        uri = server.url("/file.bin", "truncates")
        opening = await source.open(uri, spec(uri))
        await asyncio.sleep(SETTLING)
        with pytest.raises(TransferError) as caught:
            await opening.pour(pail)
        assert caught.value.verdict is Verdict.RETRY
        assert 0 < len(pail.taken) < len(CONTENT)
        assert CONTENT.startswith(bytes(pail.taken))
        await source.close()

    asyncio.run(body())


class Transfer:
    """One bare transfer of libcurl."""

    def __init__(self, loop: CurlLoop, uri: str) -> None:
        self.taken = bytearray()
        self.ended: asyncio.Future[pycurl.error | None] = asyncio.get_running_loop().create_future()
        self.curl = pycurl.Curl()
        self.curl.setopt(pycurl.URL, uri)
        self.curl.setopt(pycurl.WRITEFUNCTION, self._on_body)
        loop.start(self.curl, self.ended.set_result)

    def _on_body(self, data: bytes) -> None:
        self.taken += data


@pytest.mark.parametrize("sockets", SOCKETS)
def test_many_transfers_run_at_once(server: HostileServer, sockets: type[EpollSockets | LoopSockets]) -> None:
    """However their sockets are watched; one that fails is told from the others, and the connections serve again."""

    async def body() -> None:
        loop = CurlLoop(sockets)
        for _ in range(2):
            transfers = [Transfer(loop, server.url(f"/{number}.bin")) for number in range(80)]
            failing = Transfer(loop, f"http://127.0.0.1:{free_ports(1)[0]}/")
            async with asyncio.timeout(60):
                assert [await each.ended for each in transfers] == [None] * 80
                error = await failing.ended
            assert error is not None
            assert error.args[0] == pycurl.E_COULDNT_CONNECT
            assert {bytes(each.taken) for each in transfers} == {CONTENT}
        loop.close()

    asyncio.run(body())
    assert len({request.connection for request in server.requests}) <= 80


@pytest.mark.parametrize("sockets", SOCKETS)
def test_a_transfer_can_be_stopped(server: HostileServer, sockets: type[EpollSockets | LoopSockets]) -> None:
    """It says nothing more then; closing the loop ends those that are left, and tells them."""

    async def body() -> None:
        loop = CurlLoop(sockets)
        stopped, left = (Transfer(loop, server.url("/file.bin", "stalls-after")) for _ in range(2))
        async with asyncio.timeout(60):
            while not (stopped.taken and left.taken):
                await asyncio.sleep(0.01)
        loop.stop(stopped.curl)
        loop.stop(stopped.curl)
        loop.close()
        loop.close()
        assert not stopped.ended.done()
        assert await left.ended is not None

    asyncio.run(body())


@pytest.mark.parametrize("sockets", SOCKETS)
def test_a_socket_is_watched_for_what_was_asked(sockets: type[EpollSockets | LoopSockets]) -> None:
    """From one turn to the next: for reading, for writing, for both, for nothing; and a number may be used again."""

    async def told(watching: EpollSockets | LoopSockets, number: int, conditions: int) -> set[tuple[int, int]]:
        watching.watch(number, conditions)
        ready.clear()
        for _ in range(3):
            await asyncio.sleep(0)
        return set(ready)

    async def body() -> None:
        watching = sockets(lambda socket, conditions: ready.append((socket, conditions)))
        for _ in range(2):
            here, there = socketpair()
            with here, there:
                number = here.fileno()
                assert await told(watching, number, pycurl.POLL_IN) == set()
                there.send(b"1")
                assert await told(watching, number, pycurl.POLL_IN) == {(number, pycurl.CSELECT_IN)}
                assert await told(watching, number, pycurl.POLL_OUT) == {(number, pycurl.CSELECT_OUT)}
                both = await told(watching, number, pycurl.POLL_INOUT)
                assert sum({conditions for _, conditions in both}) == pycurl.CSELECT_IN | pycurl.CSELECT_OUT
                watching.forget(number)
                watching.forget(number)
                ready.clear()
                await asyncio.sleep(0)
                assert ready == []
        watching.close()
        watching.close()

    ready: list[tuple[int, int]] = []
    asyncio.run(body())

"""What row D15 promises, with its strict bounds, for a quiet machine: answered within 0.1 s, memory flat, nobody held up."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.daemons import RunningDaemon
from tests.integration.test_attacks_sizes import FLOODS, flooded
from tests.wire import asked, connected, first_response, frame, head, opened_socket

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    """One for all."""
    with RunningDaemon(tmp_path_factory.mktemp("flooded")) as running:
        yield running


@contextmanager
def watching(daemon: RunningDaemon) -> Iterator[list[float]]:
    """How long each of many small questions takes that are asked meanwhile, one after the other."""
    taken: list[float] = []
    over = threading.Event()

    def ask() -> None:
        with connected(daemon) as made:
            while not over.is_set():
                began = time.monotonic()
                made.sendall(head(daemon, "GET /health HTTP/1.1", token=False))
                assert first_response(made)[0] == 200
                taken.append(time.monotonic() - began)
                time.sleep(0.002)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield taken
    finally:
        over.set()
        asking.join()


@pytest.mark.parametrize("name", FLOODS)
def test_floods(daemon: RunningDaemon, name: str) -> None:
    """The best of three: less than 0.1 s from the last byte to the answer, less for others, and no more memory each time."""
    flooded(daemon, FLOODS[name])
    before = daemon.resident()
    seconds, stalls = [], []
    for _ in range(3):
        with watching(daemon) as taken:
            seconds.append(flooded(daemon, FLOODS[name])[1])
        stalls.append(max(taken, default=0.0))
    grown = daemon.resident() - before
    print(f"{name}: answered {min(seconds) * 1000:.0f} ms, others {min(stalls) * 1000:.0f} ms, {grown / 1e6:+.1f} MB")
    assert min(seconds) < 0.1
    assert min(stalls) < 0.1
    assert grown < 24 << 20  # the last body may still be about to be freed


def test_signs_of_life_are_not_kept_for_who_does_not_read(daemon: RunningDaemon) -> None:
    """D19: 40 MB of pings to one who never reads the answers take no memory."""
    before = daemon.resident()
    with opened_socket(daemon) as made:
        made.settimeout(5)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(600):
            made.sendall(frame(9, b"x" * 125) * 500)
        time.sleep(1)
        grown = daemon.resident() - before
    print(f"40 MB of pings: {grown / 1e6:+.1f} MB")
    assert grown < 8 << 20
    assert asked(daemon, "GET", "/health")[0] == 200


def test_a_thousand_tokens(daemon: RunningDaemon) -> None:
    """D16: who tries a thousand tokens has ten looked at, and then one after 1, 2, 4 … seconds; nobody is held up by it."""
    found = []
    with watching(daemon) as taken:
        for number in range(1000):
            with connected(daemon) as made:
                made.sendall(head(daemon, "GET /api/v1/queue HTTP/1.1", f"Authorization: Bearer no{number}", token=False))
                found.append(first_response(made)[0])
    print(f"a thousand tokens: {found.count(401)} looked at, others {max(taken) * 1000:.0f} ms at most")
    assert found[:10] == [401] * 10
    assert found.count(401) < 20
    assert set(found) == {401, 429}

"""The sockets that the daemon makes."""

from __future__ import annotations

import socket

import pytest

from dlm.api.sockets import tcp_socket


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_is_written_leaves_at_once(host: str) -> None:
    """No connection that is accepted holds the body of an answer back until its head has been acknowledged (40 ms)."""
    with tcp_socket(host, 0) as listening:
        with socket.create_connection(listening.getsockname()[:2]):
            accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

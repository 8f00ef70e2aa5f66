"""What FTP's connections see of the other end's TLS."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading

import pytest

from dlm.model.download import DownloadSpec
from dlm.protocols.ftp.pool import context_of
from dlm.protocols.ftp.wire import connect_to
from tests.certificates import Certificates


@pytest.mark.parametrize("rude", [False, True])
def test_an_end_without_a_farewell_is_told_from_a_real_one(certificates: Certificates, rude: bool) -> None:
    """Whoever is on the way can close TCP, but cannot say farewell within TLS; with every version of Python."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=_send_and_end, args=(listener, certificates.server_context(), rude))
        serving.start()
        spec = DownloadSpec(uris=("ftps://localhost/f",), directory="/", cacert=str(certificates.ca))

        async def story() -> bytes:
            wire = await connect_to(socket.AF_INET, listener.getsockname())
            try:
                await wire.secure(context_of(spec), "localhost")
                assert await wire.receive(100) == b"type=file; a\r\n"
                return await wire.receive(100)
            finally:
                wire.close()

        try:
            if rude:
                with pytest.raises(ssl.SSLEOFError):
                    asyncio.run(story())
            else:
                assert asyncio.run(story()) == b""
        finally:
            serving.join()


def _send_and_end(listener: socket.socket, tls: ssl.SSLContext, rude: bool) -> None:
    sock, _ = listener.accept()
    with sock, tls.wrap_socket(sock, server_side=True) as secured:
        secured.sendall(b"type=file; a\r\n")
        if not rude:
            with contextlib.suppress(ssl.SSLError):  # it is answered by an end of TCP only
                secured.unwrap()
        socket.socket.shutdown(secured, socket.SHUT_WR)

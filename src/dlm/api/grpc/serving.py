"""The gRPC server: where it listens, and what it bears. Reflection and channelz are not served."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from dlm.api.grpc.doors import Gate
from dlm.api.grpc.methods import LARGEST
from dlm.api.grpc.servicer import Servicer
from dlm.api.serving import CLOSING, Listening
from dlm.model.error import InvalidRequest

SERVICE = "dlm.v1.Downloads"
MOST_CALLS = 2_000
"""Calls that go on at a time; one more ends with RESOURCE_EXHAUSTED."""
_OPTIONS = [
    ("grpc.max_receive_message_length", LARGEST),
    ("grpc.max_send_message_length", LARGEST),
    ("grpc.max_metadata_size", 16 * 1024),
    # Otherwise two servers share a port without a word, and each client finds one of them.
    ("grpc.so_reuseport", 0),
    # A client that has vanished is noticed, and its streams end.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.enable_channelz", 0),
]


@asynccontextmanager
async def serving(servicer: Servicer, listening: Listening) -> AsyncIterator[str]:
    """Serve at `listening.address`, and say where. Raises `InvalidRequest` when that cannot be had."""
    server = grpc.aio.server(interceptors=[Gate(servicer.doors)], options=_OPTIONS, maximum_concurrent_rpcs=MOST_CALLS)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, servicer.handlers()),))
    try:
        address = _bound(server, listening)
        await server.start()
        yield address
    finally:
        servicer.stop()
        await server.stop(CLOSING)


def _bound(server: grpc.aio.Server, listening: Listening) -> str:
    assert listening.address is not None, "gRPC has no socket of its own"
    host, port = listening.address
    host = f"[{host}]" if ":" in host else host
    credentials = _credentials(listening)
    try:
        if credentials is None:
            taken = server.add_insecure_port(f"{host}:{port}")
        else:
            taken = server.add_secure_port(f"{host}:{port}", credentials)
    except RuntimeError as error:
        raise InvalidRequest(f"--grpc: {host}:{port} cannot be had: another program may listen there") from error
    return f"{'grpc' if credentials is None else 'grpcs'}://{host}:{taken}/"


def _credentials(listening: Listening) -> grpc.ServerCredentials | None:
    if listening.certificate is None or listening.key is None:
        return None
    try:
        with open(listening.key, "rb") as key, open(listening.certificate, "rb") as certificate:
            return grpc.ssl_server_credentials([(key.read(), certificate.read())])
    except OSError as error:
        raise InvalidRequest(f"--tls-cert, --tls-key: {error.filename}: {error.strerror}") from error

"""Through a proxy: which one, and how it is asked to connect (RFC 9110, section 9.3.6; RFC 1928; RFC 1929).

FTP needs two connections to one host, so a proxy must let both through. Speaking FTP *to* a proxy, or asking an HTTP proxy to
fetch a file by FTP itself, loses sizes, ranges and passwords on the way, and is not done.
"""

from __future__ import annotations

import base64
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from dlm.model.address import without_credentials
from dlm.model.error import Denied, InvalidRequest, TransferError, Unreachable
from dlm.protocols.ftp.wire import Wire, addresses, connect

_PORTS = {"http": 3128, "socks5": 1080, "socks5h": 1080}
_HEAD_LIMIT = 16 * 1024
_SOCKS_REFUSALS = {2: "it is not allowed", 3: "the network cannot be reached", 4: "the host cannot be reached", 5: "refused"}


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where it is, what it speaks, and as whom to ask it."""

    scheme: str
    host: str
    port: int
    name: str | None = None
    password: str = field(default="", repr=False)


def proxy_for(host: str, asked: str | None, environ: Mapping[str, str] | None = None) -> Proxy | None:
    """The proxy that the user asked for, else the environment's for FTP, unless `no_proxy` exempts the host.

    Raises `InvalidRequest` for one of a kind that FTP cannot go through.
    """
    environ = os.environ if environ is None else environ
    text = asked
    if text is None and not _is_exempt(host, _variable(environ, "no_proxy")):
        text = _variable(environ, "ftp_proxy") or _variable(environ, "all_proxy")
    if not text:
        return None
    shown = without_credentials(text)
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        scheme, port = parts.scheme.lower(), parts.port
    except ValueError as error:
        raise InvalidRequest(f"'{shown}' is not the address of a proxy") from error
    if scheme not in _PORTS or not parts.hostname:
        raise InvalidRequest(f"FTP cannot go through the proxy {shown}: it can through http://, socks5:// and socks5h://")
    name = None if parts.username is None else unquote(parts.username)
    return Proxy(scheme, parts.hostname, port or _PORTS[scheme], name, unquote(parts.password or ""))


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.upper()) or ""


def _is_exempt(host: str, exempt: str) -> bool:
    names = [each.strip().lstrip(".").lower() for each in exempt.split(",")]
    return any(name in {"*", host.lower()} or (name and host.lower().endswith("." + name)) for name in names)


async def connect_through(proxy: Proxy, host: str, port: int, shown: str) -> Wire:
    """A connection to the host by way of the proxy. Raises the `TransferError` that its refusal means, and `OSError`."""
    wire = await connect(proxy.host, proxy.port)
    try:
        if proxy.scheme == "http":
            await _ask_http(wire, proxy, host, port, shown)
        else:
            await _ask_socks(wire, proxy, host, port, shown)
    except BaseException:
        wire.close()
        raise
    return wire


async def _ask_http(wire: Wire, proxy: Proxy, host: str, port: int, shown: str) -> None:
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if proxy.name is not None:
        secret = base64.b64encode(f"{proxy.name}:{proxy.password}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {secret}")
    await wire.send(("\r\n".join(lines) + "\r\n\r\n").encode())
    head = bytearray()
    # Byte by byte: what follows the head belongs to the server.
    while not head.endswith(b"\r\n\r\n"):
        head += await _exactly(wire, 1)
        if len(head) > _HEAD_LIMIT:
            raise _refused(shown, "it answers without an end")
    status = bytes(head).split(b"\r\n")[0].split(b" ")[1:2]
    if status in ([b"401"], [b"407"]):  # the first is wrong there, but tinyproxy says it
        raise _unknown_to_it(shown)
    if status != [b"200"]:
        raise _refused(shown, f"it answered {b''.join(status).decode('latin-1')[:3]}")


async def _ask_socks(wire: Wire, proxy: Proxy, host: str, port: int, shown: str) -> None:
    await wire.send(b"\x05\x01\x00" if proxy.name is None else b"\x05\x02\x00\x02")
    version, method = await _exactly(wire, 2)
    if version != 5:
        raise _refused(shown, "it does not speak SOCKS 5")
    if method == 2 and proxy.name is not None:
        await wire.send(b"\x01" + _counted(proxy.name.encode()) + _counted(proxy.password.encode()))
        _, failure = await _exactly(wire, 2)
        if failure:
            raise _unknown_to_it(shown)
    elif method != 0:
        raise _unknown_to_it(shown)
    await wire.send(b"\x05\x01\x00" + await _socks_address(proxy, host, port) + port.to_bytes(2, "big"))
    _, failure, _, kind = await _exactly(wire, 4)
    if failure:
        raise _refused(shown, _SOCKS_REFUSALS.get(failure, f"code {failure}"))
    size = {1: 4, 4: 16}.get(kind) or (await _exactly(wire, 1))[0]
    await _exactly(wire, size + 2)


async def _socks_address(proxy: Proxy, host: str, port: int) -> bytes:
    """The host as its name where the proxy is to look it up, else as its first address of the older kind, if it has one."""
    if proxy.scheme == "socks5h":
        for family, kind in ((socket.AF_INET, b"\x01"), (socket.AF_INET6, b"\x04")):
            try:
                return kind + socket.inet_pton(family, host)
            except OSError:
                continue
        return b"\x03" + _counted(host.encode())
    family, _, _, _, address = min(await addresses(host, port), key=lambda each: each[0] != socket.AF_INET)
    return (b"\x01" if family == socket.AF_INET else b"\x04") + socket.inet_pton(family, str(address[0]))


def _counted(text: bytes) -> bytes:
    if len(text) > 255:
        raise InvalidRequest("a name or password is too long for the proxy")
    return bytes([len(text)]) + text


async def _exactly(wire: Wire, size: int) -> bytes:
    received = b""
    while len(received) < size:
        piece = await wire.receive(size - len(received))
        if not piece:
            raise EOFError
        received += piece
    return received


def _unknown_to_it(shown: str) -> TransferError:
    return Denied(f"the proxy wants credentials for {shown}: give them as --proxy scheme://name:password@host", uri=shown)


def _refused(shown: str, why: str) -> TransferError:
    return Unreachable(f"the proxy does not connect to {shown}: {why}", uri=shown)

"""Whether this machine has a network at all: without one, waiting is better than trying.

Linux tells; elsewhere it counts as always there. When in doubt it is up, since then nothing worse happens than a failed try.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

from dlm.ports import Clock
from dlm.system.routes import outward_ipv4, outward_ipv6

CACHE_SECONDS = 1.0
POLL_SECONDS = 2.0

_SETTLE = 0.1  # seconds: links, addresses and routes change one after the other
_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
"""RTMGRP_LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE (rtnetlink(7))."""
_SIOCGIFFLAGS = 0x8913  # netdevice(7)
_RUNNING = 0x41  # IFF_UP and IFF_RUNNING: administratively up, and with a carrier
_HERE = frozenset({"file", "data", "unix"})
_FAR = ((socket.AF_INET, "198.51.100.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses of documentation (RFC 5737, RFC 3849). A datagram socket is bound for them; nothing is ever sent."""


class SystemNetwork:
    """`ports.Network` of the machine, or of the network namespace, that this process is in.

    `platform` is the system, as Python calls it; `listens` says whether changes are told by netlink where there is such.
    """

    def __init__(self, clock: Clock, platform: str = sys.platform, *, listens: bool = True) -> None:
        self._clock = clock
        self._tells = platform == "linux"
        self._listens = listens and self._tells
        self._looked = float("-inf")
        self._up: bool | None = None

    def is_up(self) -> bool:
        """See `ports.Network`. May be 1 s old."""
        if self._up is None or self._clock.monotonic() - self._looked >= CACHE_SECONDS:
            return self._look()
        return self._up

    async def wait_change(self) -> None:
        """See `ports.Network`. Also returns when it has changed since `is_up` last told."""
        told = self.is_up() if self._up is None else self._up
        with _changes(self._listens) as changes:
            if self._look() != told:
                return
            if changes is None:
                await self._poll(told)
            else:
                await _readable(changes)
                await self._clock.sleep(_SETTLE)
        self._looked = float("-inf")

    async def _poll(self, told: bool) -> None:
        while True:
            await self._clock.sleep(POLL_SECONDS)
            if self._look() != told:
                return

    def _look(self) -> bool:
        self._looked = self._clock.monotonic()
        self._up = not self._tells or _reaches_out()
        return self._up


def _reaches_out() -> bool:
    try:
        interfaces = {*outward_ipv4(_read("/proc/net/route")), *outward_ipv6(_read("/proc/net/ipv6_route"))}
    except OSError:
        return True
    if interfaces:
        return any(map(_is_running, interfaces))
    # The routes may stand in other tables than the main one, which these files do not show.
    return any(_has_route(family, address) for family, address in _FAR)


def _read(path: str) -> str:
    """The text; empty when the kernel has no such protocol."""
    with suppress(FileNotFoundError), open(path, encoding="ascii", errors="replace") as file:
        return file.read()
    if not os.path.isdir("/proc/self"):
        raise FileNotFoundError(path)
    return ""


def _is_running(interface: str) -> bool:
    """Whether it has a carrier, such as a cable. `/sys` may show another namespace's interfaces, so the kernel is asked."""
    import fcntl

    request = struct.pack("16sH14x", os.fsencode(interface)[:15], 0)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            (flags,) = struct.unpack_from("16xH", fcntl.ioctl(asking, _SIOCGIFFLAGS, request))
    except OSError:
        return False
    return bool(flags & _RUNNING == _RUNNING)


def _has_route(family: socket.AddressFamily, address: str) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect((address, 9))
    except OSError:
        return False
    return True


@contextmanager
def _changes(listens: bool) -> Iterator[socket.socket | None]:
    """A socket that can be read when links, addresses or routes change; `None` where there is none."""
    if not listens:
        yield None
        return
    with ExitStack() as stack:
        made = None
        with suppress(OSError):
            made = stack.enter_context(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK))
            made.bind((0, _GROUPS))
        yield made


async def _readable(changes: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    come = asyncio.Event()
    loop.add_reader(changes, come.set)
    try:
        await come.wait()
    finally:
        loop.remove_reader(changes)


def needs_network(uri: str) -> bool:
    """Whether what the address names is on another machine, as far as it says so itself. Never raises."""
    try:
        parts = urlsplit(uri)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return True
    if parts.scheme in _HERE or parts.scheme.endswith("+unix"):
        return False
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, 6.3
        return False
    return not _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        # The short forms of an IPv4 address, such as 127.1.
        return re.fullmatch(r"127(\.\d{1,8}){1,2}|0|2130706433", host, re.ASCII) is not None
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)

"""Links that are kept and shared: few for each host, and one login for many files."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from dlm.model.error import Denied, ServerBusy, TimedOut, Unreachable
from dlm.ports import Clock
from dlm.protocols.ssh.address import Route
from dlm.protocols.ssh.connecting import connect
from dlm.protocols.ssh.errors import told
from dlm.protocols.ssh.link import Link

MOST = 4
"""Links to one host. Requests of many files fit into one link; more of them help where each is slowed down by itself."""
IDLE = 30.0
"""Seconds that a link without a user is kept."""
MEMORY = 600.0
"""Seconds during which a refused password is not said again: many servers lock out who repeats a wrong one."""


@dataclass(slots=True)
class _Host:
    links: list[Link] = field(default_factory=list)
    most: int = MOST
    connecting: asyncio.Lock = field(default_factory=asyncio.Lock)

    def lend(self, *, further: bool) -> Link | None:
        """A link without a user; unless a `further` one can be had, the one with the fewest."""
        self.links = [link for link in self.links if link.alive or link.users]
        alive = [link for link in self.links if link.alive]
        least = min(alive, key=lambda link: link.users, default=None)
        if least is None or least.users == 0 or len(alive) >= self.most or not further:
            return least
        return None


class Pool:
    """All links of one Source."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._hosts: dict[Route, _Host] = {}
        self._refused: dict[Route, tuple[float, str]] = {}
        self._timers: dict[Link, asyncio.TimerHandle] = {}
        self._closing: set[asyncio.Future[None]] = set()

    async def borrow(self, route: Route, shown: str, patience: float) -> Link:
        """A link to the host, to be given back. Raises the `DlmError` that says why there is none."""
        host = self._hosts.setdefault(route, _Host())
        link = host.lend(further=not host.connecting.locked())
        if link is None:
            async with host.connecting:
                link = host.lend(further=True) or await self._connected(host, route, shown, patience)
        link.users += 1
        if timer := self._timers.pop(link, None):
            timer.cancel()
        return link

    def give_back(self, link: Link) -> None:
        """It is kept for a while, for the next one."""
        link.users -= 1
        if link.users == 0 and not link.alive:
            self._close([link])
        elif link.users == 0:
            self._timers[link] = asyncio.get_running_loop().call_later(IDLE, self._expire, link)

    async def close(self) -> None:
        """End all links."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        hosts, self._hosts = list(self._hosts.values()), {}
        await asyncio.gather(*(link.close() for host in hosts for link in host.links), *self._closing)

    async def _connected(self, host: _Host, route: Route, shown: str, patience: float) -> Link:
        until, place = self._refused.get(route, (0.0, ""))
        if until > self._clock.monotonic():
            raise Denied(f"{shown} is not asked: {place} did not accept this password a moment ago", uri=shown)
        alive = [link for link in host.links if link.alive]
        try:
            connections = await connect(route, shown, patience, refused=lambda: self._remember(route, shown))
            with told(shown):
                link = await Link.over(connections, self._clock)
        except (Unreachable, TimedOut, ServerBusy):
            if not alive:
                raise
            # It lets us in so often and no more.
            host.most = len(alive)
            return min(alive, key=lambda link: link.users)
        host.links.append(link)
        return link

    def _remember(self, route: Route, shown: str) -> None:
        self._refused[route] = self._clock.monotonic() + MEMORY, shown

    def _expire(self, link: Link) -> None:
        del self._timers[link]
        self._close([link])

    def _close(self, links: Sequence[Link]) -> None:
        for link in links:
            link.retired = True
            closing = asyncio.ensure_future(link.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

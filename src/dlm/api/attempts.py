"""Wrong tokens are counted by peer, so that nobody tries many of them.

A right token is always let in. Many share an address, above all behind a proxy: a page that is still open with a token of
yesterday must not lock its owner out, and 256 random bits are not guessed by trying.
"""

from __future__ import annotations

import ipaddress

from dlm.ports import Clock

FREE = 10
"""Wrong tokens in a row that cost nothing."""
FIRST_WAIT = 1.0
LAST_WAIT = 300.0
PEERS = 10_000
"""Peers that are remembered; beyond that, those whose wait is over are forgotten, and then the oldest."""


class Attempts:
    """How long each peer has to wait before its next wrong token counts. A right one changes nothing: it may be another's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._peers: dict[str, tuple[int, float]] = {}

    def wait(self, peer: str) -> float:
        """Seconds that are left, 0 when none are."""
        return max(0.0, self._peers.get(_who(peer), (0, 0.0))[1] - self._clock.monotonic())

    def failed(self, peer: str) -> None:
        """It has presented a wrong one."""
        peer = _who(peer)
        count = self._peers.pop(peer, (0, 0.0))[0] + 1
        now = self._clock.monotonic()
        pause = 0.0 if count < FREE else min(LAST_WAIT, FIRST_WAIT * 2.0 ** min(count - FREE, 20))
        if len(self._peers) >= PEERS:
            self._peers = {name: each for name, each in self._peers.items() if each[1] > now}
        while len(self._peers) >= PEERS:
            del self._peers[next(iter(self._peers))]
        self._peers[peer] = (count, now + pause)


def _who(peer: str) -> str:
    """Who is behind an address: of IPv6 everybody has 2^64 of them (RFC 6177), so there it is the network that counts."""
    if ":" not in peer:
        return peer
    try:
        network = ipaddress.IPv6Address(peer.partition("%")[0])
    except ValueError:
        return peer
    return str(network.ipv4_mapped or ipaddress.IPv6Network((network, 64), strict=False))

"""Routes as Linux shows them, and which of them lead away from this machine. Pure.

A route counts when it is up, does not refuse, and leads to more than this machine, its link (169.254/16, fe80::/10) or a
multicast group. A default route is not needed: a machine on a network of its own has one to its neighbours only.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Literal

_UP = 0x0001  # RTF_UP, RTF_REJECT (linux/route.h)
_REJECT = 0x0200
_ANYCAST = 0x0010_0000  # RTF_ANYCAST, RTF_LOCAL (linux/ipv6_route.h)
_LOCAL = 0x8000_0000
_LOOPBACK = "lo"
_NOWHERE = "*"  # a route that drops what it gets


def outward_ipv4(text: str, byteorder: Literal["little", "big"] = sys.byteorder) -> Iterator[str]:
    """The interfaces of the routes that count, from the text of `/proc/net/route`.

    Addresses there are numbers as this machine has them, so their order of bytes is its own. Lines that are not of that
    form are passed over.
    """
    for line in text.splitlines()[1:]:
        match = re.match(r"(\S+)\s+([0-9A-F]{8})\s+[0-9A-F]{8}\s+([0-9A-F]{4,8})\s", line)
        if match is None or match[1] in {_LOOPBACK, _NOWHERE}:
            continue
        first, second = int(match[2], 16).to_bytes(4, byteorder)[:2]
        flags = int(match[3], 16)
        is_beyond = (first, second) != (169, 254) and first != 127 and not 224 <= first <= 239
        if is_beyond and flags & _UP and not flags & _REJECT:
            yield match[1]


def outward_ipv6(text: str) -> Iterator[str]:
    """The interfaces of the routes that count, from the text of `/proc/net/ipv6_route`.

    Lines that are not of that form are passed over.
    """
    for line in text.splitlines():
        match = re.fullmatch(r"([0-9a-f]{32}) ([0-9a-f]{2}) (?:\S+ ){6}([0-9a-f]{8})\s+(\S+)\s*", line)
        if match is None or match[4] == _LOOPBACK:
            continue
        first, second = bytes.fromhex(match[1])[:2]
        flags = int(match[3], 16)
        is_beyond = first != 0xFF and (first, second & 0xC0) != (0xFE, 0x80)
        if is_beyond and flags & _UP and not flags & (_REJECT | _LOCAL | _ANYCAST):
            yield match[4]

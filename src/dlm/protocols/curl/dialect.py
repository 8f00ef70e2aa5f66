"""How a protocol that is spoken over HTTP departs from plain HTTP, for `HttpSource` to heed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dlm.model.error import TransferError
from dlm.ports import Flow
from dlm.protocols.http.fields import Fields

EXCERPT = 16 * 1024
"""Bytes of a refusal's body that are read. Those of object stores have some hundred."""

Refusal = Callable[[int, Fields, bytes, str], TransferError]
"""The error for a status, its fields, the beginning of its body, and the address that was asked."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """`objects` are stored bytes, not pages: the path goes out as it is written, no content coding is undone, no redirect is
    followed, and the first request names no range, because every object has ranges and a whole reply tells more of it.

    `refusal` words the replies that bring no file; without it their status alone does.
    """

    objects: bool = False
    refusal: Refusal | None = None


class Excerpt:
    """An Outlet that keeps the beginning of a body. See `ports.Outlet`."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def write(self, data: memoryview) -> Flow:
        """See `ports.Outlet`."""
        self.taken += data[: EXCERPT - len(self.taken)]
        return Flow.MORE if len(self.taken) < EXCERPT else Flow.STOP

    async def wait_ready(self) -> None:
        """See `ports.Outlet`."""

"""What stands behind a driver: where further mirrors come from, and who says that their bytes are the right ones."""

from __future__ import annotations

from typing import Protocol

from dlm.model.error import DlmError, TransferError
from dlm.model.span import Span
from dlm.transfer.supplier import Supplier


class Backing(Protocol):
    """Asked by the driver. Nothing of it blocks, but for `confirm`."""

    @property
    def prospects(self) -> bool:
        """Whether there may be another mirror soon."""

    @property
    def failure(self) -> DlmError:
        """Why there is none, when there are no prospects."""

    def looked(self) -> None:
        """The driver has measured once more."""

    def lost(self, supplier: Supplier, error: TransferError) -> None:
        """That mirror is used no more."""

    def forgot(self, spans: list[Span]) -> None:
        """Those bytes are to be fetched again."""

    async def confirm(self) -> bool:
        """Whether all is well, now that every byte is there; else some are to be fetched again."""

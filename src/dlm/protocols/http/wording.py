"""Errors in the words of the address that the user wrote, where it stands for another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dlm.model.address import without_credentials
from dlm.model.error import TransferError


@contextmanager
def addressed_as(written: str, asked: str) -> Iterator[None]:
    """Within it, errors about `asked` speak of `written`."""
    try:
        yield
    except TransferError as error:
        theirs, ours = without_credentials(asked), without_credentials(written)
        error.args = (str(error).replace(theirs, ours),)
        error.uri = ours if error.uri == theirs else error.uri
        raise

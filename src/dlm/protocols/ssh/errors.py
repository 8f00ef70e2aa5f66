"""asyncssh's errors in our words: one table, used at the border and nowhere else."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import asyncssh

from dlm.model.error import (
    Denied,
    DlmError,
    InvalidRequest,
    NotFound,
    ProtocolViolation,
    Refused,
    ServerBusy,
    ServerFailed,
    TimedOut,
    TransferError,
    Unreachable,
    Untrusted,
)
from dlm.model.text import printable

FOREIGN = (asyncssh.Error, OSError, ValueError, TimeoutError, EOFError)
"""What asyncssh raises: its own errors, those of sockets, and for keys and configurations `ValueError`s."""

_TOO_MANY_KEYS = re.compile(r"too many authentication failures", re.IGNORECASE)
_TOO_MANY = re.compile(r"MaxStartups|too many (?:connections|users)|not allowed at this time", re.IGNORECASE)

TABLE: tuple[tuple[type[Exception], type[DlmError], str], ...] = (
    (asyncssh.SFTPNoSuchFile, NotFound, "is not there"),
    (asyncssh.SFTPNoSuchPath, NotFound, "is not there"),
    (asyncssh.SFTPPermissionDenied, Denied, "may not be read by this user"),
    (asyncssh.SFTPNotADirectory, Refused, "is not a folder"),
    (asyncssh.SFTPFileIsADirectory, Refused, "is a folder: write -r to fetch what is in it"),
    (asyncssh.SFTPConnectionLost, Unreachable, "lost the connection: {reason}"),
    (asyncssh.SFTPNoConnection, Unreachable, "lost the connection: {reason}"),
    (asyncssh.SFTPBadMessage, ProtocolViolation, "does not speak SFTP properly: {reason}"),
    (asyncssh.SFTPOpUnsupported, Refused, "cannot be read: the server lacks a part of SFTP ({reason})"),
    (asyncssh.SFTPError, ServerFailed, "cannot be read: the server says '{reason}'"),
    (asyncssh.HostKeyNotVerifiable, Untrusted, "does not prove its identity: {reason}"),
    (asyncssh.PermissionDenied, Denied, "lets nobody in so: {reason}"),
    (asyncssh.KeyExchangeFailed, Refused, "has no way of encryption in common with dlm: {reason}"),
    (asyncssh.ServiceNotAvailable, Refused, "offers no such service: {reason}"),
    (asyncssh.ProtocolNotSupported, Refused, "speaks another version of SSH: {reason}"),
    (asyncssh.ProtocolError, ProtocolViolation, "does not speak SSH properly: {reason}"),
    (asyncssh.MACError, ProtocolViolation, "sent what was changed on the way: {reason}"),
    (asyncssh.ConnectionLost, Unreachable, "lost the connection: {reason}"),
    (asyncssh.ChannelOpenError, Refused, "opens no session: {reason}"),
    (asyncssh.Error, Unreachable, "ended the connection: {reason}"),
    (asyncssh.ConfigParseError, InvalidRequest, "cannot be asked: ~/.ssh/config cannot be read ({reason})"),
    (asyncssh.KeyImportError, InvalidRequest, "cannot be asked: a key cannot be read ({reason})"),
    (asyncssh.KeyEncryptionError, InvalidRequest, "cannot be asked: a key cannot be decrypted ({reason})"),
    (socket.gaierror, Unreachable, "cannot be reached: the name of the host is not known ({reason})"),
    (TimeoutError, TimedOut, "did not answer in time"),
    (OSError, Unreachable, "cannot be reached: {reason}"),
    (EOFError, Unreachable, "lost the connection"),
    (ValueError, InvalidRequest, "cannot be asked: {reason}"),
)
"""The first row that fits holds."""


def translate(error: Exception, shown: str) -> DlmError:
    """Our error for one of `FOREIGN`. `shown` is the address without credentials."""
    said = str(getattr(error, "reason", "") or getattr(error, "strerror", "") or error)
    reason = printable(" ".join(said.split())).rstrip(".")
    if _TOO_MANY_KEYS.search(reason):
        advice = "name the right one with --key FILE, or with IdentityFile and 'IdentitiesOnly yes' in ~/.ssh/config"
        return Denied(f"{shown} was offered too many keys: {advice}", uri=shown)
    if _TOO_MANY.search(reason):
        return ServerBusy(f"{shown} has too many visitors: {reason}", uri=shown)
    kind, sentence = next((kind, sentence) for foreign, kind, sentence in TABLE if isinstance(error, foreign))
    message = f"{shown} {sentence.format(reason=reason or type(error).__name__)}"
    return kind(message, uri=shown) if issubclass(kind, TransferError) else kind(message)


@contextmanager
def told(shown: str) -> Iterator[None]:
    """What is `FOREIGN` within comes out as ours."""
    try:
        yield
    except FOREIGN as error:
        raise translate(error, shown) from error

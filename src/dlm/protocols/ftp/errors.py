"""What sockets, TLS and garbled replies raise, in our errors: one table, used at the border and nowhere else."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator

from dlm.model.error import DlmError, InvalidRequest, ProtocolViolation, TimedOut, TransferError, Unreachable, Untrusted
from dlm.protocols.ftp.replies import Garbled

TABLE: tuple[tuple[type[BaseException], type[TransferError], str], ...] = (
    # The first that fits counts, so what is special comes before what is general.
    (
        ssl.SSLCertVerificationError,
        Untrusted,
        "does not prove its identity ({reason}); --cacert FILE adds an authority, --insecure goes on regardless",
    ),
    (ssl.SSLError, Unreachable, "could not keep up a secure connection: {reason}"),
    (socket.gaierror, Unreachable, "cannot be reached: the name of the host is not known ({reason})"),
    (TimeoutError, TimedOut, "did not answer in time"),
    (ConnectionRefusedError, Unreachable, "cannot be reached: {reason}"),
    (ConnectionError, Unreachable, "lost the connection: {reason}"),
    (EOFError, Unreachable, "lost the connection: the server closed it"),
    (OSError, Unreachable, "cannot be reached: {reason}"),
    (Garbled, ProtocolViolation, "does not speak FTP properly: {reason}"),
)


@contextlib.contextmanager
def translated(uri: str) -> Iterator[None]:
    """What the block raises becomes ours; `uri` is the address as it may be shown."""
    try:
        yield
    except tuple(row[0] for row in TABLE) as error:
        raise translate(error, uri) from error


def translate(error: BaseException, uri: str) -> DlmError:
    """Our error for a foreign one."""
    kind, sentence = next((kind, sentence) for foreign, kind, sentence in TABLE if isinstance(error, foreign))
    return kind(f"{uri} {sentence.format(reason=_reason(error))}", uri=uri)


def bad_certificate(error: OSError) -> InvalidRequest:
    """For files of certificates and keys that cannot be used."""
    return InvalidRequest(f"the file of authorities, the certificate or its key cannot be used: {_reason(error)}")


def _reason(error: BaseException) -> str:
    text = getattr(error, "verify_message", None) or getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).strip().rstrip(".")

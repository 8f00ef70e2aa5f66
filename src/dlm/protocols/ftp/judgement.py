"""What a server's refusal means, in our errors. Pure.

FTP has few codes and much text: 530 is a wrong password and a full server alike, 550 what is not there and what is not
allowed. So the text is read where the code does not say enough.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dlm.model.address import visible
from dlm.model.error import (
    Denied,
    NotFound,
    ProtocolViolation,
    Refused,
    ResourceChanged,
    ServerBusy,
    ServerFailed,
    TransferError,
    Unreachable,
)
from dlm.model.resource import Validator
from dlm.protocols.ftp.replies import Reply, seconds

_CROWDED = (
    r"too many|maximum|\bmax\b|limit|connections|(?:users?|clients?|sessions?) (?:are )?(?:allowed|logged)|busy|full\b|later"
)
_FORBIDDEN = r"denied|permission|not permitted|not allowed|forbidden|not authori[sz]ed|prohibited"
_ABSENT = r"no such|not found|does not exist|doesn't exist"
_WANTS_TLS = r"encrypt|\btls\b|\bssl\b|secure"
_TEXT_LIMIT = 200

_FILE_REFUSALS: dict[int, tuple[type[TransferError], str]] = {
    421: (ServerBusy, "cannot be fetched now"),
    425: (Unreachable, "cannot be fetched: the server could not open the data connection"),
    426: (Unreachable, "cannot be fetched: the server gave up the data connection"),
    450: (ServerBusy, "is in use on the server"),
    530: (Denied, "wants other credentials: give them with --user NAME:PASSWORD or --netrc"),
    532: (Denied, "wants an account, which dlm cannot give"),
    553: (Denied, "has a name that the server does not allow"),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the server says of a file before it sends it; `modified` as in RFC 3659."""

    size: int | None
    modified: str | None

    @property
    def validator(self) -> Validator:
        """Time and size tell versions apart as well as most web servers' ETags do. Either alone proves nothing but a change."""
        if self.size is None or self.modified is None:
            known = self.modified or self.size
            return Validator() if known is None else Validator(f'W/"{known}"')
        return Validator(f'"{self.modified}-{self.size}"')

    @property
    def modified_at(self) -> float | None:
        """In seconds since the epoch."""
        return None if self.modified is None else seconds(self.modified)


def login_refusal(reply: Reply, uri: str, *, anonymous: bool) -> TransferError:
    """Why nobody was let in. A crowd is no wrong password: who comes later may get in."""
    said = _said(reply)
    if reply.code == 421 or (reply.code in {530, 550} and _says(reply, _CROWDED)):
        return ServerBusy(f"{uri}: the server takes no more connections ({said})", uri=uri)
    if 400 <= reply.code < 500:
        return ServerBusy(f"{uri}: the server lets nobody in now ({said})", uri=uri)
    if _says(reply, _WANTS_TLS):
        return Denied(f"{uri}: the server lets nobody in without TLS: write ftpes:// instead of ftp:// ({said})", uri=uri)
    if anonymous:
        advice = "give a name and password with --user NAME:PASSWORD or --netrc"
        return Denied(f"{uri}: the server does not let strangers in: {advice} ({said})", uri=uri)
    return Denied(f"{uri}: the server refuses these credentials ({said})", uri=uri)


def refusal(reply: Reply, uri: str) -> TransferError:
    """Why a file or folder is not given."""
    said = _said(reply)
    if reply.code in {550, 551}:
        if _says(reply, _FORBIDDEN):
            return Denied(f"{uri} may not be read ({said})", uri=uri)
        return NotFound(f"{uri} is not there ({said})", uri=uri)
    if reply.code >= 500 and _says(reply, _ABSENT):
        return NotFound(f"{uri} is not there ({said})", uri=uri)
    known = _FILE_REFUSALS.get(reply.code)
    if known is not None:
        kind, sentence = known
        return kind(f"{uri} {sentence} ({said})", uri=uri)
    if reply.code < 400:
        return ProtocolViolation(f"{uri}: the server answers what makes no sense here ({said})", uri=uri)
    kind = ServerFailed if reply.code < 500 else Refused
    return kind(f"{uri} cannot be fetched ({said})", uri=uri)


def judge_announced(announced: int | None, facts: Facts, start: int, uri: str) -> None:
    """Raise when the reply to RETR names another size than the one before. Servers name all of the file, or what is left."""
    total = facts.size
    if announced is None or total is None or announced in {total, total - start}:
        return
    raise ResourceChanged(f"{uri} has {announced} bytes now and had {total} a moment before", uri=uri)


def _says(reply: Reply, what: str) -> bool:
    return re.search(what, reply.text, re.IGNORECASE) is not None


def _said(reply: Reply) -> str:
    return visible(str(reply))[:_TEXT_LIMIT]

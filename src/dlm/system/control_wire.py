"""What goes over a control socket. Pure.

A process that wants something connects, writes one line, and no more:

* `{"nudge":true}`: the database has changed. There is no answer.
* `{"ask":KIND,"ids":[…]}`: a Question. The answer is lines of bytes; an empty line says that it is complete.
"""

from __future__ import annotations

import json
import re

from dlm.model.download import DownloadId
from dlm.model.error import InvalidRequest
from dlm.model.queue import Question

LARGEST_REQUEST = 256 * 1024
"""Bytes; enough for 13,000 ids."""
LARGEST_LINE = 1024 * 1024
"""Bytes of one line of an answer, without its line break."""
NUDGE = b'{"nudge":true}\n'
END = b"\n"

_KIND = re.compile(r"[a-z_]{1,32}")
_ID = re.compile(r"[0-9a-f]{16}")


def encoded(question: Question) -> bytes:
    """The line that asks it. Raises `InvalidRequest` for more ids than a request holds."""
    line = json.dumps({"ask": question.kind, "ids": question.ids}, separators=(",", ":")).encode() + b"\n"
    if len(line) > LARGEST_REQUEST:
        raise InvalidRequest("that are too many downloads for one question: ask for all of them, or for fewer")
    return line


def decoded(line: bytes) -> Question | None:
    """The Question that the line asks, `None` for a nudge. Raises `ValueError` for anything else."""
    if line == NUDGE:
        return None
    try:
        request = json.loads(line)
    except RecursionError as error:
        raise ValueError("the request is nested too deeply") from error
    match request:
        case {"ask": str(kind), "ids": list(ids)} if _KIND.fullmatch(kind):
            return Question(kind, tuple(map(_id, ids)))
    raise ValueError("the request is neither a nudge nor a question")


def _id(value: object) -> DownloadId:
    if isinstance(value, str) and _ID.fullmatch(value):
        return DownloadId(value)
    raise ValueError("that is not the id of a download")


def fits(line: bytes) -> bool:
    """Whether it can be a line of an answer."""
    return 0 < len(line) <= LARGEST_LINE and b"\n" not in line

"""What was pasted, as requests: the lines are those of an input file."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dlm.cli.asked import look
from dlm.intake.aria2 import read_entries
from dlm.intake.specs import Request, build
from dlm.model.error import InvalidRequest
from dlm.model.queue import AddRequest
from dlm.model.settings import Settings


def requests_of(text: str, settings: Settings) -> Sequence[AddRequest]:
    """A request for each address. Raises `InvalidRequest` that names the first line that makes no sense."""
    # Terminals paste line breaks as the Enter key, which is a carriage return.
    entries = tuple(read_entries(text.replace("\r\n", "\n").replace("\r", "\n"), "line"))
    if not entries:
        raise InvalidRequest("there is no address yet: write one on each line")
    specs = build(Request(entries=entries, source="line", current=os.getcwd()), settings)
    if settings.remote is None:
        look(specs)
    return [AddRequest(spec=spec) for spec in specs]

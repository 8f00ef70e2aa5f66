"""An HTTP/1.1 server that misbehaves in every way that downloads are known to have been spoilt by.

    with HostileServer(content(1 << 20, seed=7), "truncates") as server:
        result = dlm("get", server.url("/file.bin"))
        assert server.complaint("truncates", result.returncode, …) is None

`python -m tests.hostile --list` shows the personalities, `python -m tests.hostile --port 8000` serves them to any client.
"""

from __future__ import annotations

from tests.hostile.content import Content, Whole, bomb, content
from tests.hostile.exchange import Habits
from tests.hostile.gates import COOKIE, PASSWORD, TOKEN, USER, cookie_file
from tests.hostile.journal import RequestRecord
from tests.hostile.outcome import Outcome, Personality
from tests.hostile.server import HostileServer
from tests.hostile.table import PERSONALITIES

__all__ = [
    "COOKIE",
    "PASSWORD",
    "PERSONALITIES",
    "TOKEN",
    "USER",
    "Content",
    "Habits",
    "HostileServer",
    "Outcome",
    "Personality",
    "RequestRecord",
    "Whole",
    "bomb",
    "content",
    "cookie_file",
]

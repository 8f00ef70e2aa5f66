"""`dlm get` against every hostile personality: the right bytes, or a clear error and no file. No traceback, no hang."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import RunDlm
from tests.hostile import PERSONALITIES, Habits, HostileServer, content
from tests.hostile.outcome import DONE

if TYPE_CHECKING:
    from tests.certificates import Certificates

QUICK = Habits(interval=0.05, bomb_size=96 << 20, endless_limit=64 << 20)
SMALL = content(300_001, seed=1)
LARGE = content(4_000_001, seed=2)
TIMEOUT = ("--timeout", "0.6")
RETRIES = 3
"""Enough for every personality that gives the right bytes in the end."""
SLOW = {"drips-body"}
PLAIN = [name for name, personality in PERSONALITIES.items() if not personality.tls and name not in SLOW]
SECURE = [name for name, personality in PERSONALITIES.items() if personality.tls]
MANY_CONNECTIONS = (
    "polite",
    "no-validators",
    "weak-etag",
    "ignores-range-sometimes",
    "wrong-content-range",
    "starts-early",
    "no-content-range",
    "short-206",
    "overlong-206",
    "overlong-206-lying",
    "multipart-on-resume",
    "changes-midway",
    "changes-midway-ignores-if-range",
    "truncates",
    "resets",
    "stalls-after",
    "one-crawls",
    "too-many-connections",
    "too-many-connections-429",
    "too-many-connections-reset",
    "login-page-once",
    "gzip-on-resume",
)


def finished(folder: Path) -> bytes | None:
    """The one file in the folder that is no partial file, `None` when there is none."""
    files = [path for path in folder.iterdir() if path.suffix != ".part"] if folder.exists() else []
    assert len(files) <= 1, files
    return files[0].read_bytes() if files else None


def hold(server: HostileServer, name: str, dlm: RunDlm, folder: Path, *options: str) -> None:
    """Fetch from a personality, and hold dlm to what a correct client makes of it."""
    # Where the file need not come, a second try shows what a fourth would, without the pauses between.
    retries = RETRIES if PERSONALITIES[name].outcome.exits == {DONE} else 1
    result = dlm("get", "-d", str(folder), *TIMEOUT, "--retries", str(retries), *options, server.url("/file.bin", name))
    assert server.complaint(name, result.returncode, finished(folder)) is None, result.stderr
    if result.returncode:
        assert len(result.stderr.strip().splitlines()[-1]) > 20, "an error is a sentence"
        assert "file.bin" in result.stderr, "it says of what"


@pytest.mark.parametrize("name", PLAIN)
def test_every_personality_ends_in_the_right_bytes_or_a_clear_error(name: str, dlm: RunDlm, tmp_path: Path) -> None:
    """A small file, one connection: exit code, file and message are those of a correct client."""
    with HostileServer(SMALL, habits=QUICK) as server:
        hold(server, name, dlm, tmp_path / "out")


@pytest.mark.parametrize("name", [name for name in PLAIN if PERSONALITIES[name].options])
def test_with_the_right_options_the_bytes_are_right(name: str, dlm: RunDlm, tmp_path: Path) -> None:
    """What asks for credentials gives the file to those who have them."""
    with HostileServer(SMALL, habits=QUICK) as server:
        result = dlm("get", "-d", str(tmp_path / "out"), *PERSONALITIES[name].options, server.url("/file.bin", name))
    assert result.returncode == 0, result.stderr
    assert finished(tmp_path / "out") == SMALL


@pytest.mark.parametrize("name", SECURE)
def test_lies_under_tls(name: str, dlm: RunDlm, tmp_path: Path, certificates: Certificates) -> None:
    """What can only be told over TLS is not believed there either."""
    with HostileServer(SMALL, habits=QUICK, tls=certificates.server.server_context()) as server:
        hold(server, name, dlm, tmp_path / "out", "--cacert", str(certificates.ca))


@pytest.mark.parametrize("names", [MANY_CONNECTIONS[at : at + 4] for at in range(0, len(MANY_CONNECTIONS), 4)], ids="+".join)
def test_lies_told_to_some_of_many_connections(names: Sequence[str], dlm: RunDlm, tmp_path: Path) -> None:
    """A larger file over a slow host, so that several connections are at work when the lie is told.

    It is the server that takes the time, so four at a time are asked, each by a `dlm` with a database of its own.
    """

    def lied_to(name: str) -> None:
        own = {"XDG_STATE_HOME": str(tmp_path / f"{name}.state")}
        with HostileServer(LARGE, habits=QUICK, connection_bytes_per_second=900_000) as server:
            hold(server, name, partial(dlm, env=own), tmp_path / name, "-x", "8")

    with ThreadPoolExecutor() as together:
        for _ in together.map(lied_to, names):
            pass  # this is where it fails


def test_a_drip_is_taken_as_long_as_it_drips(dlm: RunDlm, tmp_path: Path) -> None:
    """Twenty bytes a second is slow, and no fault."""
    with HostileServer(SMALL[:60], habits=QUICK) as server:
        hold(server, "drips-body", dlm, tmp_path / "out")


def test_a_drip_slower_than_the_patience_ends(dlm: RunDlm, tmp_path: Path) -> None:
    """A byte now and then does not keep a download alive for ever."""
    with HostileServer(SMALL[:60], habits=Habits(interval=1.5)) as server:
        result = dlm("get", "-d", str(tmp_path), *TIMEOUT, "--retries", "1", server.url("/file.bin", "drips-body"))
    assert result.returncode == 5
    assert "nothing came" in result.stderr

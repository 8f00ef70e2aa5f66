"""The first Ctrl-C stops cleanly, the second leaves at once."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from dlm.cli.main import program, run
from dlm.cli.options import command_again
from tests.unit.test_cli_twin import DownloadsTwin, Plan

ROOT = Path(__file__).resolve().parent.parent.parent
HELD = Plan(size=1000, steps=4, held_at=500)

SCRIPT = """
import asyncio, os, sys, time
from dlm.cli.main import run
from tests.unit.test_cli_twin import DownloadsTwin, Plan

stuck = sys.argv[1] == "stuck"
twin = DownloadsTwin(on_held=lambda: os.write(3, b"held"))
def on_cancel():
    os.write(3, b"cancelled")
    if stuck:
        time.sleep(60)
plan = Plan(size=1000, steps=4, held_at=500, on_cancel=on_cancel)
twin.plans = {"https://h/a.bin": plan}
async def work():
    twin.keep("https://h/b.bin")
    os.write(3, b"held")
    await asyncio.Event().wait()
twin.working = work
sys.exit(run(sys.argv[2:], twin.opener()))
"""


class Held:
    """A `dlm` in a process of its own that waits in the middle of a download."""

    def __init__(self, kind: str, *argv: str, stderr: int = subprocess.PIPE) -> None:
        self._signs, sign = os.pipe()
        command = f"import os; os.dup2({sign}, 3, inheritable=True); os.execv({sys.executable!r}, {self._argv(kind, argv)!r})"
        environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "TERM": "xterm"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", command],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            pass_fds=(sign,),
            text=True,
        )
        os.close(sign)

    @staticmethod
    def _argv(kind: str, argv: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-c", SCRIPT, kind, *argv]

    def await_sign(self, sign: bytes) -> None:
        """Return when the twin has given this sign."""
        ready, _, _ = select.select([self._signs], [], [], 60)
        assert ready, "the process gave no sign"
        assert os.read(self._signs, 100) == sign

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, str, str]:
        """Exit code, stdout and stderr."""
        with contextlib.closing(os.fdopen(self._signs)):
            out, err = self.process.communicate(timeout=60)
            return self.process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_stops_cleanly(number: signal.Signals) -> None:
    """The fetch is cancelled, what is kept and how to go on is told, and the code is 130."""
    held = Held("free", "get", "-x", "4", "https://h/a.bin")
    held.await_sign(b"held")
    held.send(number)
    code, out, err = held.end()
    assert (code, out) == (130, "")
    assert err.endswith("Stopped; 500 B of 1000 B kept. Go on with: dlm get --connections 4 https://h/a.bin\n")


def test_the_second_signal_leaves_at_once() -> None:
    """Also while the loop is stuck in something that takes a minute."""
    held = Held("stuck", "get", "https://h/a.bin")
    held.await_sign(b"held")
    held.send(signal.SIGINT)
    held.await_sign(b"cancelled")
    began = time.monotonic()
    held.send(signal.SIGINT)
    code, _, err = held.end()
    assert code == 130
    assert time.monotonic() - began < 40
    assert "Traceback" not in err


def test_a_stop_is_told_in_json() -> None:
    """The result of a stopped download is an object too."""
    held = Held("free", "get", "--json", "https://h/a.bin")
    held.await_sign(b"held")
    held.send(signal.SIGINT)
    code, out, err = held.end()
    assert (code, err) == (130, "")
    assert '"event": "result"' in out.splitlines()[-1]
    assert '"exit_code": 130' in out.splitlines()[-1]


def test_a_background_job_ignores_what_its_shell_ignores(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGINT that was ignored when dlm was started stays ignored."""
    from dlm.cli.two_stage import TwoStage

    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with TwoStage() as stages:
            os.kill(os.getpid(), signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            assert not stages.stopped
    finally:
        signal.signal(signal.SIGINT, former)


def test_a_stop_before_the_loop_is_not_lost() -> None:
    """A signal that comes before anybody listens is told as soon as somebody does; the handlers are put back."""
    from dlm.cli.two_stage import TwoStage

    former = signal.getsignal(signal.SIGTERM)
    told = []
    with TwoStage() as stages:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stages.stopped
        stages.on_stop(lambda: told.append(True))
    assert told == [True]
    assert signal.getsignal(signal.SIGTERM) is former


def test_a_terminal_is_left_clean(tmp_path: Path) -> None:
    """On a terminal the bar is drawn, and after a stop only the sentences remain."""
    ours, theirs = os.openpty()
    held = Held("free", "get", "https://h/a.bin", stderr=theirs)
    os.close(theirs)
    held.await_sign(b"held")
    written = read_until(ours, lambda text: "50 %" in text)
    held.send(signal.SIGINT)
    code, _, _ = held.end()
    written += read_until(ours, lambda text: "Go on with" in text)
    os.close(ours)
    assert code == 130
    assert "━" in written
    after_bar = written.rpartition("\x1b[J")[2].splitlines()
    assert [text.partition(";")[0] for text in after_bar if text] == ["Stopping… Ctrl-C again leaves at once.", "Stopped"]


def read_until(terminal: int, enough: Callable[[str], bool]) -> str:
    """What is written to the terminal until it is enough."""
    read = b""
    while not enough(read.decode(errors="replace")):
        ready, _, _ = select.select([terminal], [], [], 20)
        assert ready, read
        read += os.read(terminal, 10_000)
    return read.decode()


# --- the command that goes on -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "command", "secret"),
    [
        (["https://h/a b"], "dlm get 'https://h/a b'", False),
        (["-o", "my file", "-x", "3", "https://h/a"], "dlm get --output 'my file' --connections 3 https://h/a", False),
        (["--insecure", "--no-netrc", "--mirror", "U", "V"], "dlm get --mirror --no-netrc --insecure U V", False),
        (["--no-resume", "https://h/a"], "dlm get https://h/a", False),
        (["--user", "me:pw", "https://h/a"], "dlm get --user me https://h/a", False),
        (["--bearer", "tok", "https://h/a"], "dlm get --bearer '***' https://h/a", True),
        (["-H", "A: 1", "-H", "B:2", "https://h/a"], "dlm get --header 'A: ***' --header 'B: ***' https://h/a", True),
        (["https://me:pw@h/a?sig=x"], "dlm get 'https://h/a?sig=***'", True),
        (["--proxy", "http://me:pw@p:1", "U"], "dlm get --proxy http://p:1 U", True),
        (["--proxy", "http://p:1", "U"], "dlm get --proxy http://p:1 U", False),
        (["-i", "my list", "-q"], "dlm get --input-file 'my list' --quiet", False),
    ],
)
def test_the_command_that_goes_on(argv: list[str], command: str, secret: bool) -> None:
    """What was given on the command line, quoted for a shell, without secrets and without what would begin anew."""
    group = click.Context(program, info_name="dlm")
    verb = program.get_command(group, "get")
    assert verb is not None
    assert command_again(verb.make_context("get", list(argv), parent=group)) == (command, secret)


def test_a_failing_face_ends_the_run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that cannot tell of itself any more does not go on unseen: one sentence, and the code of the disk."""

    class Full:
        encoding = "utf-8"

        def write(self, text: str) -> None:
            raise OSError(28, "No space left on device")

        def flush(self) -> None:
            pass

        def fileno(self) -> int:
            return os.dup(2)

        def isatty(self) -> bool:
            return False

    twin = DownloadsTwin(plans={"https://h/a": HELD})
    monkeypatch.setattr(sys, "stdout", Full())
    assert run(["get", "--json", "https://h/a"], twin.opener()) == 6
    monkeypatch.undo()
    assert capsys.readouterr().err == "dlm: the output cannot be written: No space left on device\n"

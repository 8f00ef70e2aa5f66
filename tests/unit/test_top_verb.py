"""`dlm top` where there is no screen, no keyboard, or no library for them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dlm.cli.top.adding import requests_of
from dlm.model.error import InvalidRequest
from dlm.model.message import Progressed
from dlm.model.phase import Phase
from dlm.model.queue import Rates
from dlm.model.settings import Settings
from tests.unit.test_cli_main import Runner
from tests.unit.test_cli_startup import imported
from tests.unit.test_cli_twin import DownloadsTwin


@pytest.fixture
def dlm(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.chdir(tmp_path)
    twin = DownloadsTwin(rates=Rates(total=2**20, hosts={"h:443": 5}))
    twin.keep("https://h/waits.iso")
    id = twin.keep("https://h/a.iso", Phase.RUNNING, name="a\x1b[31m.iso", size=1000).id
    twin.moving[id] = Progressed(
        id=id, total=1000, downloaded=500, instantaneous_speed=10.0, smoothed_speed=2048.0, eta=1.0, connections=(), done=()
    )
    return Runner(twin, capsys)


def test_without_a_terminal_it_is_one_look(dlm: Runner) -> None:
    """How the queue stands, and below it what moves."""
    ran = dlm("top")
    assert (ran.code, ran.err) == (0, "")
    first, heading, row = ran.out.splitlines()
    assert first == "1 pending, 1 running   2.0 KiB/s   limit 1.0 MiB/s"
    assert heading.split() == ["ID", "STATUS", "DONE", "SIZE", "SPEED", "NAME", "WHEN"]
    assert "running  50 %  1000 B  2.0 KiB/s  a�[31m.iso" in row


def test_json_is_one_look(dlm: Runner) -> None:
    """A line for the queue, and one for each that moves, as `dlm list --json` writes it."""
    queue, moving = dlm("top", "--json").objects
    assert queue == {
        "event": "queue",
        "queue": {"pending": 1, "running": 1},
        "active": 1,
        "speed": 2048,
        "limit": 2**20,
        "hosts": {"h:443": 5},
    }
    assert [each for each in dlm("list", "--json").objects if each["status"] == "running"] == [moving]


def test_keys_need_a_keyboard(dlm: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A screen without one is refused, in a sentence."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    monkeypatch.setenv("TERM", "xterm")
    ran = dlm("top")
    assert ran.code == 2
    assert ran.err == "dlm: dlm top reads keys, and its standard input is no terminal: leave the redirection out\n"


def test_what_is_not_installed_is_said(dlm: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence with the command that installs it, and 2, before anything is opened."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    ran = dlm("top")
    assert (ran.code, ran.err) == (2, "dlm: the terminal UI needs more than is installed: pip install 'dlm[top]'\n")
    assert not dlm.twin.settings


def test_one_look_needs_no_textual() -> None:
    """Neither the verb nor the look loads the library of the screen."""
    loaded = imported("import dlm.cli.verbs_top, dlm.cli.top.snapshot")
    assert not loaded & {"textual", "rich", "dlm.cli.top.application"}


@pytest.mark.parametrize(
    ("text", "uris"),
    [
        ("https://h/a\nhttps://h/b\n", [("https://h/a",), ("https://h/b",)]),
        ("https://h/a\rhttps://h/b\r\n\r", [("https://h/a",), ("https://h/b",)]),
        ("# mine\n\nhttps://h/a\thttps://i/a\n", [("https://h/a", "https://i/a")]),
    ],
)
def test_what_is_pasted_is_understood_line_by_line(tmp_path: Path, text: str, uris: list[tuple[str, ...]]) -> None:
    """As an input file is, with the line breaks of any terminal."""
    settings = Settings(directory=str(tmp_path), state="/nowhere")
    assert [each.spec.uris for each in requests_of(text, settings)] == uris


@pytest.mark.parametrize(
    ("text", "words"), [("\n", "no address yet"), ("https://h/a\n  out=-\n", "cannot stream"), ("x", "line")]
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """With the line, and nothing is added."""
    with pytest.raises(InvalidRequest, match=words):
        requests_of(text, Settings(directory=str(tmp_path), state="/nowhere"))

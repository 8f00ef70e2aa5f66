"""The manual page and the completions."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from dlm.cli.main import VERBS, program, run
from dlm.cli.roff import page
from dlm.model.settings import SCHEMA
from tests.unit.test_cli_twin import DownloadsTwin

SHELLS = ("bash", "zsh", "fish")


def test_the_manual_page_has_everything() -> None:
    """Each verb, each setting, each flag of `get` stands in it, and it does not depend on the day."""
    text = page(program)
    plain = text.replace("\\-", "-")
    for verb in VERBS:
        assert f'.SS "dlm {verb} ' in plain
    for row in SCHEMA.values():
        assert row.flag in plain
        assert row.variable in plain
    assert "--" not in text  # a bare hyphen may be shown as a dash, which cannot be copied
    assert page(program) == text


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_manual_page_renders_cleanly(tmp_path: Path) -> None:
    """groff has nothing to complain about with all its warnings on, and what it renders can be copied."""
    path = tmp_path / "dlm.1"
    path.write_text(page(program))
    checked = subprocess.run(["groff", "-man", "-ww", "-z", str(path)], capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")
    shown = subprocess.run(["groff", "-man", "-Tutf8", "-P-cbou", str(path)], capture_output=True, text=True)
    assert "-o, --output FILE" in shown.stdout
    assert "~/.netrc" in shown.stdout
    assert "\\" not in shown.stdout


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
def test_man_shows_the_page(tmp_path: Path) -> None:
    """`man -l` accepts it without a warning."""
    path = tmp_path / "dlm.1"
    path.write_text(page(program))
    shown = subprocess.run(["man", "--warnings", "-l", str(path)], capture_output=True, text=True)
    assert (shown.returncode, shown.stderr) == (0, "")


def test_the_verb_prints_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    """`dlm manpage` is that page."""
    assert run(["manpage"], DownloadsTwin().opener()) == 0
    assert capsys.readouterr().out == page(program)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_completion_script_is_printed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The script registers itself for dlm, and its shell can read it, where that is installed."""
    assert run(["completions", shell], DownloadsTwin().opener()) == 0
    script = capsys.readouterr().out
    assert "_DLM_COMPLETE" in script
    assert "%(" not in script
    if found := shutil.which(shell):
        assert subprocess.run([found, "-n"], input=script, text=True, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("dlm ", set(VERBS)),
        ("dlm ge", {"get"}),
        ("dlm get --conn", {"--connections"}),
        ("dlm get --no-o", {"--no-overwrite"}),
        ("dlm completions ", set(SHELLS)),
    ],
)
def test_words_are_completed(
    words: str, expected: set[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the shell asks is answered from the tree of verbs."""
    monkeypatch.setenv("_DLM_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    assert run([], DownloadsTwin().opener()) == 0
    answers = {text.partition(",")[2] for text in capsys.readouterr().out.splitlines()}
    assert answers == expected


def test_files_are_completed_where_files_are_meant(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag that takes a file asks the shell for file names."""
    monkeypatch.setenv("_DLM_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "dlm get --cookies ")
    monkeypatch.setenv("COMP_CWORD", "3")
    assert run([], DownloadsTwin().opener()) == 0
    assert capsys.readouterr().out.startswith("file,")

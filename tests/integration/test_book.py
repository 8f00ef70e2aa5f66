"""The book and the README tell the truth: what they show is run, and what they generate is up to date.

A ```console block holds commands (`$ …`, continued after a backslash) and what they write; `…` stands for anything, and on
a line of its own also for no line. A command that is shown to write nothing must also succeed. A ```python block must end
without an error. The blocks of one document run in order, in the same folder, against a server that stands for
`http://localhost:8000/`: `python -m tests.hostile --port 8000` is the same one for readers.

`<!-- not run: reason -->` right above a block exempts it. What readers are only told to type, as the installation of dlm
itself, stands under ```sh.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import SOURCES
from tests.hostile import Content, HostileServer
from tests.hostile import content as generated
from tests.programs import free_ports

ROOT = SOURCES.parent
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs" / "book").glob("*.md")])
RUN = frozenset({"console", "python"})
DODGES = frozenset({"bash", "shell", "zsh", "py", "python3", "pycon", "shell-session"})
"""Other words for what is run, under which a block would pass unseen."""
MOST_EXEMPT = 8
SHOWN = "localhost:8000"
DOORS = ("127.0.0.1:8840", "127.0.0.1:8841")
"""Where a daemon of the book listens."""
SERVED = 10 << 20
"""Bytes of the served file, as `python -m tests.hostile` has it by default."""
PATIENCE = 60.0

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,})(?P<language>[\w-]*)[^\n`]*\n(?P<text>.*?)^(?P=indent)(?P=fence) *$", re.M | re.S
)
_EXEMPTION = re.compile(r"<!-- not run: (?P<reason>[^\n]+?) -->\s*\Z")


@dataclass(frozen=True)
class Block:
    """A fenced block of a document. `line` is where its text begins; `reason` says why it is not run, if it is not."""

    line: int
    language: str
    text: str
    reason: str | None


@dataclass(frozen=True)
class Command:
    """A command, and what it is shown to write."""

    text: str
    shown: str


def blocks(document: str) -> Iterator[Block]:
    """Every fenced block of `document`, in order."""
    for match in _FENCE.finditer(document):
        exemption = _EXEMPTION.search(document, 0, match.start())
        line = document.count("\n", 0, match.start("text")) + 1
        text = textwrap.dedent(match["text"])
        yield Block(line, match["language"], text, exemption["reason"] if exemption else None)


def commands(text: str) -> Iterator[Command]:
    """The commands of a console block. Fails where the block does not begin with one."""
    entries: list[list[str]] = []
    continued = False
    for line in text.splitlines():
        if continued:
            entries[-1][0] += "\n" + line
        elif line.startswith("$ "):
            entries.append([line[2:]])
        else:
            assert entries, f"a console block begins with '$ ', not with {line!r}"
            entries[-1].append(line)
        continued = len(entries[-1]) == 1 and line.endswith("\\")
    for command, *shown in entries:
        yield Command(command, "\n".join(shown).strip())


def matches(shown: str, written: str) -> bool:
    """Whether `written` is what was `shown`, `…` standing for anything. Space at the ends does not count."""
    whole_lines = re.sub(r"^…\n", "\0", shown.strip() + "\n", flags=re.MULTILINE)
    pattern = re.escape(whole_lines).replace("\0", r"(?:.*\n)?").replace("…", ".*")
    return re.fullmatch(pattern, written.strip() + "\n", re.DOTALL) is not None


class Stage:
    """Where the blocks of one document run: a folder, the commands `dlm` and `python`, and the server."""

    def __init__(self, folder: Path, server: HostileServer) -> None:
        self._folder = folder / "here"
        self._folder.mkdir()
        doors = [f"127.0.0.1:{port}" for port in free_ports(len(DOORS))]
        self._here = {SHOWN: f"localhost:{server.port}", **dict(zip(DOORS, doors, strict=True))}
        self._shown = {ours: shown for shown, ours in self._here.items()} | {f"127.0.0.1:{server.port}": SHOWN}
        shims = folder / "bin"
        shims.mkdir()
        for name, call in {"dlm": f'"{sys.executable}" -m dlm', "python": f'"{sys.executable}"'}.items():
            shim = shims / name
            shim.write_text(f'#!/bin/sh\nexec {call} "$@"\n')
            shim.chmod(0o755)
        self._environment: Mapping[str, str] = {
            **os.environ,
            "PATH": f"{shims}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "PYTHONPATH": f"{SOURCES}{os.pathsep}{ROOT}",
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
        }

    def run(self, *argv: str) -> tuple[int, str]:
        """The exit code, and what was written to standard output and error, with the address as readers see it."""
        result = subprocess.run(
            [self._as_here(each) for each in argv],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
        )
        written = result.stdout
        for ours, shown in self._shown.items():
            written = written.replace(ours, shown)
        return result.returncode, written

    def _as_here(self, text: str) -> str:
        for shown, ours in self._here.items():
            text = text.replace(shown, ours)
        return text

    def end(self) -> None:
        """End the daemon that a document has started and a failure has left."""
        with suppress(OSError, ValueError):
            os.kill(int((self._folder / "serve.pid").read_text()), signal.SIGKILL)

    def carry_out(self, block: Block, name: str) -> None:
        """Run a block, and fail where the document shows something else."""
        if block.language == "python":
            code, written = self.run(sys.executable, "-c", block.text)
            assert code == 0, f"{name}:{block.line} ends with {code}:\n{written}"
            return
        for command in commands(block.text):
            code, written = self.run("/bin/sh", "-c", command.text)
            told = f"{name}:{block.line}: $ {command.text}\nwrites (exit code {code}):\n{written}"
            assert "Traceback" not in written, told
            assert matches(command.shown, written), f"{told}\nand is shown to write:\n{command.shown}"
            assert command.shown or code == 0, told


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A fresh folder and a fresh server, with the file that the hostile server has by default."""
    with HostileServer(Content(generated(SERVED))) as server:
        stage = Stage(tmp_path, server)
        yield stage
        stage.end()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_shows_is_what_happens(document: Path, stage: Stage) -> None:
    """Every command writes what is shown, every program runs."""
    for block in blocks(document.read_text()):
        if block.language in RUN and block.reason is None:
            stage.carry_out(block, document.name)


def test_no_block_passes_unseen() -> None:
    """Commands and programs stand under the words that are run; each fence is closed."""
    for document in DOCUMENTS:
        text = document.read_text()
        found = list(blocks(text))
        assert [block for block in found if block.language in DODGES] == [], document.name
        fences = len(re.findall(r"^ *`{3,}", text, re.MULTILINE))
        assert fences == 2 * len(found), f"{document.name} has a fence that is not understood"


def test_few_blocks_are_exempt_and_each_says_why() -> None:
    """What cannot be run here is the exception. The test writes the list."""
    exempt = [
        f"{document.name}:{block.line}: {block.reason}"
        for document in DOCUMENTS
        for block in blocks(document.read_text())
        if block.reason is not None
    ]
    sys.stdout.write("\n".join(exempt))
    marks = sum(document.read_text().count("<!-- not run:") for document in DOCUMENTS)
    assert marks == len(exempt), "a mark 'not run' stands above something that is not a block"
    assert len(exempt) <= MOST_EXEMPT, "too many for the book to be trusted"


def test_the_page_of_states_is_up_to_date() -> None:
    """The committed page is what the table of transitions gives."""
    printed = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "state-diagram")], capture_output=True, text=True, check=True
    )
    assert (ROOT / "docs" / "book" / "states.md").read_text() == printed.stdout, "run scripts/state-diagram again"


@pytest.mark.parametrize(
    ("shown", "written", "same"),
    [
        ("a\nb", "a\nb\n", True),
        ("a\nb", "a\nc\n", False),
        ("a … c", "a b b c\n", True),
        ("a … c", "a b\nb c\n", True),
        ("a … c", "a b d\n", False),
        ("a…", "a\n", True),
        ("a\n…\nz", "a\nz\n", True),
        ("a\n…\nz", "a\nb\nc\nz\n", True),
        ("a\n…", "a\n", True),
        ("…\nz", "a\n", False),
        ("", "", True),
        ("", "a\n", False),
        ("a.c", "abc\n", False),
    ],
)
def test_an_ellipsis_stands_for_anything_and_nothing_else_does(shown: str, written: str, same: bool) -> None:
    """The comparison is neither too strict nor too mild."""
    assert matches(shown, written) is same


def test_blocks_and_commands_are_found() -> None:
    """Fences with a title, indented ones, exemptions, continued commands."""
    document = (
        "```console\n$ one \\\n    two\nout\n\n$ three\n```\n"
        "text\n<!-- not run: it needs root -->\n```python title='x'\npass\n```\n- a\n  ```console\n  $ four\n  ```\n"
    )
    first, second, third = blocks(document)
    assert list(commands(first.text)) == [Command("one \\\n    two", "out"), Command("three", "")]
    assert (first.line, first.reason, second.language, second.reason) == (2, None, "python", "it needs root")
    assert third.text == "$ four\n"


def test_a_wrong_document_is_noticed(stage: Stage) -> None:
    """Other output, a failure behind silence and a program that fails each fail the test."""
    for language, text in {"console": "$ echo a\nb", "python": "raise SystemExit(3)"}.items():
        with pytest.raises(AssertionError):
            stage.carry_out(Block(1, language, text, None), "wrong.md")
    with pytest.raises(AssertionError):
        stage.carry_out(Block(1, "console", "$ false", None), "wrong.md")

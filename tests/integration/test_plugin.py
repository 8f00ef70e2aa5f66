"""Protocols that other packages bring: the smallest one keeps the contract of a Source, and `dlm` finds it when installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from dlm.clock import SystemClock
from dlm.model.download import DownloadSpec
from dlm.ports import Source
from tests.conftest import SOURCES, RunDlm
from tests.contracts.source import Ground, SourceContract
from tests.fakes import some_bytes
from tests.hostile import HostileServer
from tests.plugin.dlm_shelf import ShelfSource
from tests.shelf import Shelf, ShelfServer

PLUGIN = Path(__file__).resolve().parent.parent / "plugin"
PAGE = SOURCES.parent / "docs" / "book" / "adding-a-protocol.md"
CONTENT = some_bytes(150_001)
LARGE = some_bytes(2_000_003)


class ShelfGround:
    """See `Ground`."""

    content = CONTENT

    def __init__(self, server: ShelfServer) -> None:
        self._server = server

    async def source(self) -> Source:
        return ShelfSource(SystemClock())

    def uri(self, kind: str) -> str:
        return self._server.url(kind)

    def spellings(self) -> Sequence[str]:
        return [self._server.url(name) for name in ("grüße%20%31", "gr%C3%BC%C3%9Fe%201")]

    def spec(self, uri: str) -> DownloadSpec:
        return DownloadSpec(uris=(uri,), directory="/")

    def change(self) -> None:
        self._server.shelf.files["changing"] = (CONTENT, "2")


class TestShelfSource(SourceContract):
    @pytest.fixture
    def ground(self) -> Iterator[Ground]:
        files = dict.fromkeys(("whole", "changing", "grüße 1"), (CONTENT, "1"))
        with ShelfServer(Shelf({**files, "empty": (b"", "1")})) as server:
            yield ShelfGround(server)


Install = Callable[..., Mapping[str, str]]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Lays packages as an installer does, and gives the environment in which dlm sees them.

    A package is its name, its entry points, and its one module: a file, or a text.
    """
    site = tmp_path / "site"

    def laid(
        name: str = "dlm-shelf", points: Mapping[str, str] | None = None, module: str = "dlm_shelf", code: str | None = None
    ) -> Mapping[str, str]:
        stated = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]["entry-points"]["dlm.protocols"]
        facts = site / f"{name.replace('-', '_')}-1.0.dist-info"
        facts.mkdir(parents=True)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"{scheme} = {target}\n" for scheme, target in (points or stated).items()]
        (facts / "entry_points.txt").write_text("[dlm.protocols]\n" + "".join(lines))
        if code is None:
            shutil.copy(PLUGIN / "dlm_shelf.py", site / f"{module}.py")
        else:
            (site / f"{module}.py").write_text(code)
        return {"PYTHONPATH": f"{SOURCES}:{site}"}

    return laid


def test_an_address_of_an_installed_protocol_is_fetched(dlm: RunDlm, install: Install, tmp_path: Path) -> None:
    """By several connections, with the name that the address has, and after a break from where it broke off."""
    with ShelfServer(Shelf({"file.bin": (LARGE, "1")}, cut=500_000)) as server:
        result = dlm("get", "-d", str(tmp_path), server.url("file.bin"), env=install())
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "file.bin").read_bytes() == LARGE
    assert any(start > 0 for start, _ in server.shelf.asked)


def test_a_child_process_finds_it_too(dlm: RunDlm, install: Install, tmp_path: Path) -> None:
    """What is queued is carried by one of these, with the same packages."""
    environ = install()
    with ShelfServer(Shelf({"file.bin": (LARGE, "1")})) as server:
        added = dlm("add", "-d", str(tmp_path), server.url("file.bin"), env=environ)
        ran = dlm("run", "--workers", "1", env=environ)
    assert (added.returncode, ran.returncode) == (0, 0), added.stderr + ran.stderr
    assert (tmp_path / "file.bin").read_bytes() == LARGE


def test_what_is_missing_is_said_in_its_own_words(dlm: RunDlm, install: Install) -> None:
    """The errors of such a protocol are those of dlm, with their exit codes."""
    environ = install()
    with ShelfServer(Shelf({})) as server:
        result = dlm("get", server.url("file.bin"), env=environ)
    assert (result.returncode, "is not on the shelf" in result.stderr) == (3, True)
    refused = dlm("get", "--retries", "0", server.url("file.bin"), env=environ)
    assert (refused.returncode, "cannot be reached: Connect" in refused.stderr) == (5, True)


def test_a_host_is_known_by_its_scheme(dlm: RunDlm, install: Install) -> None:
    """Where the address has no port, since dlm knows no usual one."""
    environ = install()
    assert dlm("add", "shelf://example.org/a", env=environ).returncode == 0
    limited = dlm("limit", "1M", "--host", "shelf://example.org", env=environ)
    assert "example.org:shelf" in limited.stdout, limited.stderr


def test_without_the_package_the_scheme_is_unknown(dlm: RunDlm, install: Install) -> None:
    """With it, the sentence that says what is served names it."""
    alone = dlm("get", "shelf://example.org/a")
    assert alone.returncode == 2
    assert "is of a kind that dlm does not serve; it serves http://, https://" in alone.stderr
    assert "shelf://" not in alone.stderr.partition("it serves")[2]
    beside = dlm("get", "shelve://example.org/a", env=install())
    assert beside.stderr.rstrip().endswith("scp://, shelf://")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import no_such_library", "(ModuleNotFoundError: No module named 'no_such_library')"),
        ("def ShelfSource(: pass", "(SyntaxError: "),
        ("pass", "(AttributeError: module 'dlm_shelf' has no attribute 'ShelfSource')"),
        ("raise RuntimeError('two\\nlines')", "(RuntimeError: two lines)"),
        ("class ShelfSource: pass", "(TypeError: ShelfSource() takes no arguments)"),
        ("ShelfSource = lambda clock: 1", "(dlm_shelf:ShelfSource has no open and no fetch and no close)"),
    ],
)
def test_a_package_that_cannot_be_used_is_one_sentence(dlm: RunDlm, install: Install, code: str, words: str) -> None:
    """It names the package and the cause, for `get` and for the doctor; what dlm serves itself is served as before."""
    environ = install(code=code)
    result = dlm("get", "shelf://example.org/a", env=environ)
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
    assert result.stderr.startswith("dlm: shelf:// is served by dlm-shelf 1.0, which cannot be used (")
    assert words in result.stderr
    assert words in dlm("doctor", env=environ).stdout


def test_two_packages_for_one_scheme_are_not_chosen_from(dlm: RunDlm, install: Install) -> None:
    """Which one is meant is the user's to say."""
    install()
    environ = install(name="dlm-other", module="dlm_other", points={"shelf": "dlm_other:ShelfSource"})
    result = dlm("get", "shelf://example.org/a", env=environ)
    assert "brought by more than one package, dlm-other 1.0 and dlm-shelf 1.0: uninstall all but one" in result.stderr
    assert result.returncode == 2


def test_the_doctor_tells_who_brings_what(dlm: RunDlm, install: Install) -> None:
    """What has no effect is a warning: a scheme that dlm serves itself, and what is no scheme."""
    environ = install(points={"shelf": "dlm_shelf:ShelfSource", "http": "dlm_shelf:ShelfSource", "My Shelf": "dlm_shelf:No"})
    result = dlm("doctor", env=environ)
    shown = re.findall(r"^(.) *protocols +(.*)$", result.stdout, re.MULTILINE)
    sentences = {sentence: mark for mark, sentence in shown}
    warned = [sentence for sentence, mark in sentences.items() if mark == "!"]
    assert [each.partition(",")[0] for each in warned] == ["dlm-shelf 1.0 brings 'My Shelf'", "dlm-shelf 1.0 brings http"]
    assert "shelf comes from dlm-shelf 1.0" in sentences
    assert any(each.startswith("dlm serves http, https") for each in sentences)


def test_a_built_in_scheme_is_not_taken_over(dlm: RunDlm, install: Install, tmp_path: Path, hostile: HostileServer) -> None:
    """No package is even asked."""
    environ = install(points={"http": "dlm_shelf:ShelfSource"}, code="raise SystemExit('taken over')")
    assert dlm("get", "-o", "file", hostile.url("/file.bin"), env=environ).returncode == 0


def test_the_book_shows_this_very_package() -> None:
    """The page has the adapter and the project as they are here."""
    page = PAGE.read_text()
    shown = dict(re.findall(r'^```(\w+) title="[^"]+"\n(.*?)^```$', page, re.MULTILINE | re.DOTALL))
    assert shown["python"] == (PLUGIN / "dlm_shelf.py").read_text()
    assert shown["toml"] == (PLUGIN / "pyproject.toml").read_text()


def test_the_contract_can_be_copied(tmp_path: Path) -> None:
    """The two files of it that the page names need nothing else of the tests."""
    folder = tmp_path / "tests" / "contracts"
    folder.mkdir(parents=True)
    for name in ("source.py", "outlets.py"):
        shutil.copy(PLUGIN.parent / "contracts" / name, folder)
    command = [sys.executable, "-c", "import tests.contracts.source"]
    subprocess.run(command, cwd=tmp_path, check=True, env={"PYTHONPATH": str(SOURCES)})

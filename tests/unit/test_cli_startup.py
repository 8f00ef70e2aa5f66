"""What a cold start does not pay for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import SOURCES
from tests.hostile import HostileServer


def imported(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after this statement."""
    code = f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"
    environ = {**os.environ, "PYTHONPATH": str(SOURCES)}
    result = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    return set(result.stdout.split())


HEAVY = {"rich", "textual", "tomllib", "sqlite3", "pycurl", "asyncio", "platformdirs", "json", "hashlib", "ssl"}


def test_the_group_is_light() -> None:
    """`dlm --version` and `dlm --help` load click and little else: no verb, no settings, no ports."""
    loaded = imported("import dlm.cli.main")
    assert not loaded & HEAVY
    assert not {name for name in loaded if name.startswith("dlm.cli.verbs")}
    assert not loaded & {"dlm.ports", "dlm.model.settings"}


@pytest.mark.parametrize(
    "verb", ["get", "add", "run", "queue", "orders", "change", "explain", "events", "verify", "shell", "top"]
)
def test_a_verb_is_light_until_it_runs(verb: str) -> None:
    """Loading a verb, as its help and completions do, loads nothing that only running it needs."""
    assert not imported(f"import dlm.cli.verbs_{verb}") & (HEAVY - {"hashlib"})


def test_a_foreground_run_needs_no_rich() -> None:
    """What draws the bar and writes the JSON loads neither rich nor a database nor a transfer library."""
    loaded = imported("import dlm.cli.fetching, dlm.cli.working, dlm.cli.foreground, dlm.cli.terminal, dlm.cli.json_lines")
    assert not loaded & {"rich", "tomllib", "sqlite3", "pycurl", "platformdirs"}


NEEDLESS = {
    *("rich", "tomllib", "platformdirs", "ssl", "_ssl", "hashlib", "statistics", "fractions", "decimal", "email", "http"),
    *(
        "importlib.metadata",
        "urllib.request",
        "xml",
        "opentelemetry",
        "multiprocessing",
        "certifi",
        "dlm.workers",
        "dlm.observing",
    ),
    *("dlm.intake.entry", "dlm.intake.formats", "dlm.intake.options", "dlm.intake.planning", "dlm.intake.text"),
    *("dlm.service.scheduler", "dlm.policy.admission", "dlm.policy.windows", "dlm.storage.memory"),
}
MOST_MODULES = 360
"""In a whole `dlm get`, of which half are dlm's. Each costs 0.2 ms and more: more must be needed for every file."""


def test_a_whole_get_loads_what_it_needs(hostile: HostileServer, tmp_path: Path) -> None:
    """From the command line to the published file, nothing is loaded that only other verbs, options or addresses need."""
    code = """
import atexit, sys
atexit.register(lambda: print(*sorted(sys.modules), sep="\\n"))
sys.argv = ["dlm", *sys.argv[1:]]
from dlm.__main__ import main
main()
"""
    command = [sys.executable, "-c", code, "get", "-q", "-o", "file", hostile.url("/file.bin")]
    environ = {**os.environ, "PYTHONPATH": str(SOURCES)}
    result = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    loaded = set(result.stdout.split())
    assert (tmp_path / "file").exists()
    assert not loaded & NEEDLESS
    assert len(loaded) <= MOST_MODULES


def test_openssl_is_there_for_whoever_asks() -> None:
    """That asyncio is loaded without it hides it from nobody afterwards, and changes nothing where it was loaded before."""
    hidden = "from dlm.__main__ import _hide_openssl, _show_openssl; _hide_openssl(); import asyncio; _show_openssl()"
    assert "ssl" not in imported(hidden)
    assert "ssl" in imported(f"{hidden}; import ssl; assert ssl.create_default_context()")
    assert "ssl" in imported(f"import ssl, sys; {hidden}; assert sys.modules['ssl'] is ssl")

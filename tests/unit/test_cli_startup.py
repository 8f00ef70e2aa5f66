"""What a cold start does not pay for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parent.parent.parent / "src"


def imported(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after this statement."""
    code = f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"
    environ = {**os.environ, "PYTHONPATH": str(SOURCES)}
    result = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    return set(result.stdout.split())


HEAVY = {"rich", "tomllib", "sqlite3", "pycurl", "asyncio", "platformdirs", "json", "hashlib", "ssl"}


def test_the_group_is_light() -> None:
    """`dlm --version` and `dlm --help` load click and little else: no verb, no settings, no ports."""
    loaded = imported("import dlm.cli.main")
    assert not loaded & HEAVY
    assert not {name for name in loaded if name.startswith("dlm.cli.verbs")}
    assert not loaded & {"dlm.ports", "dlm.model.settings"}


@pytest.mark.parametrize("verb", ["get", "add", "run", "queue", "orders", "change", "explain", "events", "verify", "shell"])
def test_a_verb_is_light_until_it_runs(verb: str) -> None:
    """Loading a verb, as its help and completions do, loads nothing that only running it needs."""
    assert not imported(f"import dlm.cli.verbs_{verb}") & (HEAVY - {"hashlib"})


def test_a_foreground_run_needs_no_rich() -> None:
    """What draws the bar and writes the JSON loads neither rich nor a database nor a transfer library."""
    loaded = imported("import dlm.cli.fetching, dlm.cli.working, dlm.cli.foreground, dlm.cli.terminal, dlm.cli.json_lines")
    assert not loaded & {"rich", "tomllib", "sqlite3", "pycurl", "platformdirs"}

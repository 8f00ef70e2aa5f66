"""Where dlm keeps its settings and its database (XDG Base Directory Specification 0.8; the platform's habit on macOS)."""

from __future__ import annotations

import os.path
from collections.abc import Mapping


def config_file(environ: Mapping[str, str], home: str, platform: str) -> str:
    """The path of config.toml, whether it exists or not."""
    return os.path.join(_base(environ, "XDG_CONFIG_HOME", os.path.join(home, ".config"), platform), "dlm", "config.toml")


def state_file(environ: Mapping[str, str], home: str, platform: str) -> str:
    """The path of the database of downloads, whether it exists or not."""
    return os.path.join(_base(environ, "XDG_STATE_HOME", os.path.join(home, ".local", "state"), platform), "dlm", "dlm.db")


def _base(environ: Mapping[str, str], variable: str, preset: str, platform: str) -> str:
    chosen = environ.get(variable, "")
    if os.path.isabs(chosen):  # the specification: a relative path is invalid, and to be ignored
        return chosen
    if platform == "darwin":
        import platformdirs  # 18 ms that Linux need not pay

        return platformdirs.user_config_dir() if variable == "XDG_CONFIG_HOME" else platformdirs.user_state_dir()
    return preset

"""A daemon in a process of its own, for tests that ask it, stop it, or kill it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.running import RunningDlm


class RunningDaemon(RunningDlm):
    """`dlm serve` in `folder`: its state in `state/`, its files in `files/`. It answers when it has been made."""

    def __init__(self, folder: Path, *flags: str, listen: str = "127.0.0.1:0", env: Mapping[str, str] | None = None) -> None:
        self.state = folder / "state"
        self.files = folder / "files"
        self.state.mkdir(mode=0o700, exist_ok=True)
        self.files.mkdir(exist_ok=True)
        args = ["serve", "--json", "--state", str(self.state / "dlm.db"), "--dir", str(self.files), "--listen", listen, *flags]
        super().__init__(*args, cwd=folder, env=env)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate()[1].decode())
        self.addresses: list[str] = json.loads(line)["listening"]

    @property
    def url(self) -> str:
        """Where it listens over TCP."""
        return self.addresses[-1].rstrip("/")

    @property
    def socket(self) -> Path:
        """Its Unix socket."""
        return self.state / "dlm.sock"

    @property
    def token(self) -> str:
        """The owner's."""
        return (self.state / "token").read_text().strip()

    @property
    def environment(self) -> dict[str, str]:
        """What makes `dlm` ask it."""
        return {"DLM_REMOTE": self.url, "DLM_TOKEN": self.token}

    def resident(self) -> int:
        """Bytes of memory that it has."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * 4096


def stopped(daemon: RunningDaemon) -> subprocess.Popen[bytes]:
    """The process, when it has ended after SIGTERM."""
    daemon.process.terminate()
    daemon.process.wait(10)
    return daemon.process

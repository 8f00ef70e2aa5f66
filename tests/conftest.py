"""What all tests share: an environment of their own, servers, and the command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import hypothesis
import pytest

from tests.hostile import Content, HostileServer
from tests.hostile import content as generated

if TYPE_CHECKING:
    from tests.certificates import Certificates
    from tests.peers import Caddy, Nginx

# A busy machine is no defect, so nothing has a deadline; in CI the examples are the same each time.
hypothesis.settings.register_profile("dlm", deadline=None, derandomize="CI" in os.environ)
# For a quiet hour: --hypothesis-profile=thorough --timeout 0
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=2000)
hypothesis.settings.load_profile("dlm")

SOURCES = Path(__file__).resolve().parent.parent / "src"
_FILE_SIZE = 300_001
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")
_TRUST_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSLKEYLOGFILE", "NETRC")
_FOLDER_VARIABLES = {
    "HOME": "",
    "XDG_CONFIG_HOME": ".config",
    "XDG_STATE_HOME": ".local/state",
    "XDG_DATA_HOME": ".local/share",
    "XDG_CACHE_HOME": ".cache",
}


def pytest_configure() -> None:
    """What a shell begins in the background has SIGINT ignored, and so would have every process that the tests begin."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class RunDlm(Protocol):
    """How tests run the command."""

    def __call__(
        self,
        *args: str,
        cwd: Path | None = None,
        timeout: float = 90.0,
        env: Mapping[str, str] | None = None,
        input: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `dlm` with these arguments and return how it ended.

        `env` is added to the environment of the test; `cwd` is the test's `tmp_path` unless given; without `input` the
        standard input is empty. Fails the test when a
        traceback is shown, or when it takes longer than `timeout` seconds.
        """


@pytest.fixture(autouse=True)
def isolated_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the settings, state, proxies or certificates of whoever runs it. Returns the home directory."""
    home = tmp_path_factory.mktemp("home")
    for name, folder in _FOLDER_VARIABLES.items():
        monkeypatch.setenv(name, str(home / folder))
    foreign = {*_TRUST_VARIABLES, *_PROXY_VARIABLES, *(name.upper() for name in _PROXY_VARIABLES)}
    for name in os.environ:
        if name in foreign or name.startswith("DLM_"):
            monkeypatch.delenv(name)
    # Without its compiled modules each of the thousand processes of `dlm` would compile them all again: twice the time.
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    return home


@pytest.fixture
def dlm(tmp_path: Path) -> RunDlm:
    """The command, as users run it."""

    def run_dlm(
        *args: str,
        cwd: Path | None = None,
        timeout: float = 90.0,
        env: Mapping[str, str] | None = None,
        input: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        paths = [str(SOURCES), *filter(None, [os.environ.get("PYTHONPATH")])]
        result = subprocess.run(
            [sys.executable, "-m", "dlm", *args],
            cwd=cwd or tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **(env or {})},
            input=input or "",
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert "Traceback" not in result.stderr, result.stderr
        return result

    return run_dlm


@pytest.fixture(scope="session")
def content() -> Content:
    """A file of odd size that cannot be compressed."""
    return Content(generated(_FILE_SIZE, seed=1))


@pytest.fixture
def hostile(content: Content) -> Iterator[HostileServer]:
    """A fresh server of all personalities, polite where a path names none."""
    with HostileServer(content) as server:
        yield server


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority and what it issued."""
    from tests.certificates import make_certificates

    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def served_files(content: Content) -> dict[str, bytes]:
    """What nginx and Caddy have."""
    return {"file.bin": content.data, "empty.bin": b"", "small.txt": b"Hello.\n", "folder/with space.bin": content.data[:1000]}


@pytest.fixture(scope="session")
def nginx(
    served_files: dict[str, bytes], certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nginx]:
    """A running nginx with `served_files`."""
    from tests import peers

    with peers.nginx(served_files, certificates, tmp_path_factory.mktemp("nginx")) as peer:
        yield peer


@pytest.fixture(scope="session")
def caddy(
    served_files: dict[str, bytes], certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Caddy]:
    """A running Caddy with `served_files`."""
    from tests import peers

    with peers.caddy(served_files, certificates, tmp_path_factory.mktemp("caddy")) as peer:
        yield peer

"""A private OpenSSH server for tests, with keys of its own; and a relay that delays, counts and cuts what goes through it."""

from __future__ import annotations

import contextlib
import getpass
import os
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from socket import SHUT_RDWR, create_connection, create_server, socket

from tests.programs import find_program, free_ports, started, write_files

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Sshd:
    """A running sshd. Files may be put into `root` at any time; `home` is where relative paths begin."""

    root: Path
    home: Path
    port: int
    user: str
    key: Path
    """The private key that is let in."""
    host_key: Path
    log: Path

    def url(self, path: str, scheme: str = "sftp", *, port: int | None = None) -> str:
        """`path` under `root`, for whoever runs the tests."""
        return f"{scheme}://{HOST}:{port or self.port}{self.root}{path}"

    @property
    def fingerprint(self) -> str:
        """Of the host key."""
        return fingerprint_of(self.host_key)

    def known(self, *, port: int | None = None) -> str:
        """The line of known_hosts that makes it known."""
        algorithm, key = self.host_key.with_suffix(".pub").read_text().split()[:2]
        return f"[{HOST}]:{port or self.port} {algorithm} {key}\n"

    def logins(self) -> int:
        """Logins so far, by its log."""
        return self.log.read_text().count("Accepted ")


def make_key(path: Path, passphrase: str = "") -> Path:
    """A new private key at `path`, with `.pub` beside it."""
    program = find_program("ssh-keygen", "apt-get install openssh-client")
    subprocess.run([program, "-q", "-t", "ed25519", "-N", passphrase, "-C", "test", "-f", path], check=True)
    return path


def fingerprint_of(key: Path) -> str:
    """As `ssh-keygen -l` prints it."""
    program = find_program("ssh-keygen", "apt-get install openssh-client")
    return subprocess.run([program, "-l", "-f", key], check=True, capture_output=True, text=True).stdout.split()[1]


@contextlib.contextmanager
def sshd(
    files: Mapping[str, bytes],
    directory: Path,
    *,
    options: Sequence[str] = (),
    sftp: bool = True,
    password: bool = False,
) -> Iterator[Sshd]:
    """sshd with these files. `password` lets passwords in, too, by PAM, which only root can."""
    program = find_program("sshd", "apt-get install openssh-server")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(parents=True, exist_ok=True)
    root = write_files(directory / "root", files)
    home = directory / "home"
    home.mkdir()
    key, host_key = make_key(directory / "key"), make_key(directory / "host")
    (directory / "authorized").write_text(key.with_suffix(".pub").read_text())

    def launch() -> tuple[Sshd, Sequence[str], Sequence[int]]:
        (port,) = free_ports(1)
        peer = Sshd(root, home, port, getpass.getuser(), key, host_key, directory / "sshd.log")
        answer = "yes" if password else "no"
        lines = [f"Port {port}", f"ListenAddress {HOST}", f"HostKey {host_key}", "PidFile none", "StrictModes no"]
        lines += [f"AuthorizedKeysFile {directory / 'authorized'}", "PermitRootLogin yes", "MaxStartups 100"]
        lines += [f"UsePAM {answer}", f"PasswordAuthentication {answer}", f"KbdInteractiveAuthentication {answer}"]
        lines += [f"Subsystem sftp internal-sftp -d {home}"] if sftp else []
        config = directory / "sshd_config"
        config.write_text("\n".join([*options, *lines]) + "\n")
        peer.log.touch()
        return peer, (program, "-D", "-f", str(config), "-E", str(peer.log)), (port,)

    with started(launch, directory) as peer:
        yield peer


class Relay:
    """Passes TCP on to `port`. Each direction takes `delay` seconds; `rate` is in bytes a second.

    `cut` ends a connection after so many bytes of the server's.
    """

    def __init__(self, port: int, *, delay: float = 0.0, cut: int | None = None, rate: float | None = None) -> None:
        self.connections = 0
        self.passed = 0
        """Bytes of the servers' that were passed on."""
        self.delay = delay
        self.cut = cut
        self.rate = rate
        self.stalled = False
        """Whether nothing is passed on any more."""
        self._target = port
        self._listener = create_server((HOST, 0))
        self._ends: list[socket] = []
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.drop()

    def drop(self) -> None:
        """End all connections now."""
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(SHUT_RDWR)
            end.close()
        self._ends.clear()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            server = create_connection((HOST, self._target))
            self._ends += [client, server]
            Passage(self, client, server, served=False)
            Passage(self, server, client, served=True)


class Passage:
    """One direction of one connection: a thread reads, another writes when the time of each piece has come."""

    def __init__(self, relay: Relay, source: socket, sink: socket, *, served: bool) -> None:
        self._relay, self._source, self._sink, self._served = relay, source, sink, served
        self._cut = relay.cut if served else None
        self._queue: deque[tuple[float, bytes]] = deque()
        self._filled = threading.Semaphore(0)
        for work in (self._read, self._write):
            threading.Thread(target=work, daemon=True).start()

    def _read(self) -> None:
        data = b"begin"
        while data:
            try:
                data = self._source.recv(256 * 1024)
            except OSError:
                data = b""
            self._queue.append((time.monotonic() + self._relay.delay, data))
            self._filled.release()

    def _write(self) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while True:
                self._filled.acquire()
                due, data = self._queue.popleft()
                time.sleep(max(0.0, due - time.monotonic()))
                while self._relay.stalled:
                    time.sleep(0.01)
                if self._cut is not None and passed + len(data) >= self._cut:
                    self._sink.sendall(data[: self._cut - passed])
                    data = b""
                if not data:
                    break
                self._sink.sendall(data)
                passed += len(data)
                self._relay.passed += len(data) if self._served else 0
                if self._relay.rate is not None and self._served:
                    time.sleep(len(data) / self._relay.rate)
        for end in (self._sink, self._source):
            with contextlib.suppress(OSError):
                end.shutdown(SHUT_RDWR)
            end.close()

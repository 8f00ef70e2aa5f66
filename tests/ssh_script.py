"""An SSH server inside the tests that can be told to fail, and that counts what is tried: asyncssh's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import asyncssh

USER = "user"
PASSWORD = "right"


@dataclass(slots=True)
class Script:
    """What it does, and what was done to it."""

    content: bytes
    keys: list[str] = field(default_factory=list)
    """Public keys that are let in, as lines."""
    passwords: bool = True
    question: str | None = None
    """What is asked by keyboard-interactive; `None` for nothing."""
    largest: int = 1 << 20
    """Bytes that are given for one request, at most."""
    held: Sequence[tuple[bytes, int]] = ()
    """What every folder is said to hold: names and permissions, which tell the kinds."""
    attempts: list[str] = field(default_factory=list)
    """Passwords that were tried, in order."""
    requests: list[tuple[int, int]] = field(default_factory=list)
    """Offset and size of every read."""
    port: int = 0
    host_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))

    def url(self, path: str, user: str = USER) -> str:
        """Its address."""
        return f"sftp://{user}@127.0.0.1:{self.port}{path}"

    @property
    def fingerprint(self) -> str:
        """Of the host key."""
        return self.host_key.get_fingerprint()


class ScriptedLogin(asyncssh.SSHServer):
    """One connection."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def begin_auth(self, username: str) -> bool:
        return username != "anybody"

    def public_key_auth_supported(self) -> bool:
        return bool(self._script.keys)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return key.export_public_key().decode().split()[1] in {line.split()[1] for line in self._script.keys}

    def password_auth_supported(self) -> bool:
        return self._script.passwords

    def validate_password(self, username: str, password: str) -> bool:
        self._script.attempts.append(password)
        return password == PASSWORD

    def kbdint_auth_supported(self) -> bool:
        return self._script.question is not None

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return "", "", "", [(self._script.question, False)]

    def validate_kbdint_response(self, username: str, responses: Any) -> bool:
        self._script.attempts.extend(responses)
        return list(responses) == [PASSWORD]


class ScriptedFiles(asyncssh.SFTPServer):
    """Every path is a file with the content; the last part of it says what is wrong with it."""

    script: Script

    def _attributes(self, path: bytes) -> asyncssh.SFTPAttrs:
        name = path.rpartition(b"/")[2]
        if name == b"missing":
            raise asyncssh.SFTPNoSuchFile("it is not there")
        if name == b"secret":
            raise asyncssh.SFTPPermissionDenied("not for you")
        size = None if name == b"unsized" else 0 if name == b"hidden" else len(self.script.content)
        return asyncssh.SFTPAttrs(size=size, permissions=0o100644, atime=1_000_000, mtime=1_000_000)

    def stat(self, path: bytes) -> asyncssh.SFTPAttrs:
        return self._attributes(path)

    def fstat(self, file_obj: object) -> asyncssh.SFTPAttrs:
        assert isinstance(file_obj, bytes)
        return self._attributes(file_obj)

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        self._attributes(path)
        return path

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        assert isinstance(file_obj, bytes)
        self.script.requests.append((offset, size))
        name = file_obj.rpartition(b"/")[2]
        if name == b"silent" and offset > 0:
            await asyncio.sleep(3600)
        if name == b"broken" and offset > 0:
            raise asyncssh.SFTPFailure("the disk is broken")
        most = 19 if name == b"crumbled" else self.script.largest
        content = self.script.content[:-1000] if name == b"short" else self.script.content
        return content[offset : offset + min(size, most)]

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        for name, permissions in self.script.held:
            yield asyncssh.SFTPName(name, attrs=asyncssh.SFTPAttrs(size=5, permissions=permissions))

    def close(self, file_obj: object) -> None:
        """Nothing is held."""


@contextmanager
def scripted(content: bytes, **facts: Any) -> Iterator[Script]:
    """It runs in a thread of its own until the block ends."""
    script = Script(content, **facts)
    loop = asyncio.new_event_loop()
    listening, ended = threading.Event(), asyncio.Event()

    class Files(ScriptedFiles):
        pass

    Files.script = script

    async def serve() -> None:
        connections: list[asyncssh.SSHServerConnection] = []
        async with await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[script.host_key],
            server_factory=lambda: ScriptedLogin(script),
            sftp_factory=Files,
            acceptor=connections.append,
            x509_trusted_certs=None,
        ) as acceptor:
            script.port = acceptor.get_port()
            listening.set()
            await ended.wait()
        for connection in connections:
            connection.abort()
            await connection.wait_closed()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for other in others:
            other.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert listening.wait(10)
    try:
        yield script
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()

"""The old protocol of `scp`, for servers that have no SFTP: one whole file, from its first byte.

It was never written down but in the program itself: `scp -f PATH` on the server sends `Tmtime 0 atime 0`, then
`Cmode size name`, then the bytes and a status of one byte; each is answered by a zero byte. A status of 1 or 2 is
followed by a sentence.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

import asyncssh

from dlm.model.error import Denied, NotFound, ProtocolViolation, Refused, ServerFailed, TransferError, Truncated
from dlm.model.text import printable
from dlm.ports import Flow, Outlet
from dlm.protocols.ssh.errors import told
from dlm.protocols.ssh.link import Link

_WINDOW = 2 * 1024 * 1024
_CHUNK = 128 * 1024
_TIMES = re.compile(rb"T(\d{1,12}) \d+ \d+ \d+\n")
_FILE = re.compile(rb"C[0-7]{4,6} (\d{1,19}) [^\n]*\n")
_GO_ON = b"\x00"

_SENTENCES: tuple[tuple[str, type[TransferError], str], ...] = (
    ("no such file", NotFound, "is not there"),
    ("permission denied", Denied, "may not be read by this user"),
    ("not a regular file", Refused, "is a folder, not a file"),
    ("not found", Refused, "cannot be read: the server has neither SFTP nor the program scp"),
)


@dataclass(frozen=True, slots=True)
class ScpFile:
    """A file that is about to be sent."""

    process: asyncssh.SSHClientProcess[bytes]
    size: int
    modified: float | None
    shown: str

    async def pour(self, outlet: Outlet) -> None:
        """Pour it whole, or to STOP. Once only."""
        self.process.stdin.write(_GO_ON)
        remaining = self.size
        while remaining:
            with told(self.shown):
                data = await self.process.stdout.read(min(_CHUNK, remaining))
            if not data:
                raise Truncated(f"{self.shown} ended {remaining} bytes before its end", uri=self.shown)
            remaining -= len(data)
            if await _stopped(outlet, memoryview(data)):
                return
        with told(self.shown):
            status = await self.process.stdout.read(1)
            if status != _GO_ON:
                said = _sentence(await self.process.stdout.readline())
                raise ServerFailed(f"{self.shown} could not be read to its end: {said}", uri=self.shown)

    def close(self, link: Link) -> None:
        """End it, wherever it stands. Idempotent."""
        self.process.channel.abort()
        link.end(self.process.wait_closed())


async def open_scp(link: Link, path: bytes, shown: str) -> ScpFile:
    """Have the server begin to send the file. Raises `TransferError`s."""
    with told(shown):
        process = await link.connection.create_process(f"scp -p -f {_quoted(path)}", encoding=None, window=_WINDOW)
        try:
            return await _announced(process, shown)
        except BaseException:
            process.channel.abort()
            link.end(process.wait_closed())
            raise


async def _announced(process: asyncssh.SSHClientProcess[bytes], shown: str) -> ScpFile:
    modified: float | None = None
    process.stdin.write(_GO_ON)
    while True:
        line = await process.stdout.readline()
        if times := _TIMES.fullmatch(line):
            modified = float(times[1])
            process.stdin.write(_GO_ON)
        elif file := _FILE.fullmatch(line):
            return ScpFile(process, int(file[1]), modified, shown)
        elif not line or line[:1] in {b"\x01", b"\x02"}:
            raise _refusal(_sentence(line[1:] or await process.stderr.read(1000)), shown)
        else:
            raise ProtocolViolation(f"{shown} answers what is not the protocol of scp: {_sentence(line[:80])}", uri=shown)


def _refusal(sentence: str, shown: str) -> TransferError:
    for part, kind, message in _SENTENCES:
        if part in sentence.lower():
            return kind(f"{shown} {message}", uri=shown)
    return Refused(f"{shown} cannot be read: {sentence or 'the server says nothing'}", uri=shown)


async def _stopped(outlet: Outlet, view: memoryview) -> bool:
    while (flow := outlet.write(view)) is Flow.PAUSE:
        await outlet.wait_ready()
    return flow is Flow.STOP


def _sentence(text: bytes) -> str:
    return printable(text.decode(errors="replace").strip())


def _quoted(path: bytes) -> str:
    """The path for a shell; one that could be taken for an option or for a home directory is not."""
    name = path.decode("utf-8", "surrogateescape")
    return shlex.quote(name if name.startswith("/") else f"./{name}")

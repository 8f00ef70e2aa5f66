"""One SSH connection, its SFTP session, and who uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncssh

from dlm.model.error import Refused
from dlm.ports import Clock
from dlm.protocols.ssh.connecting import Connections, hang_up
from dlm.protocols.ssh.errors import FOREIGN, told
from dlm.protocols.ssh.flight import BLOCK, Flight

_CERTAIN = 32 * 1024
"""Bytes that every server gives for one request, also one that does not tell how many it would."""
_REGULAR = frozenset({asyncssh.FILEXFER_TYPE_REGULAR, asyncssh.FILEXFER_TYPE_UNKNOWN})


class Link:
    """See the module. `connections` are the one to the server and those that it goes through."""

    def __init__(self, connections: Connections, sftp: asyncssh.SFTPClient | None, why: str, clock: Clock) -> None:
        self.connection = connections[0]
        self.clock = clock
        self.flight = Flight()
        self.users = 0
        self.retired = False
        """Whether it must not be lent again."""
        self._connections = connections
        self._sftp = sftp
        self._why = why
        self.closers: set[Callable[[], None]] = set()
        """What is to be called before the connection is ended."""
        self._endings: set[asyncio.Future[None]] = set()

    @classmethod
    async def over(cls, connections: Connections, clock: Clock) -> Link:
        """With an SFTP session where the server offers one."""
        sftp, why = None, ""
        try:
            sftp = await connections[0].start_sftp_client(path_encoding=None)
        except (asyncssh.ChannelOpenError, asyncssh.SFTPError) as error:
            why = error.reason
        except BaseException:
            await hang_up(connections)
            raise
        return cls(connections, sftp, why, clock)

    @property
    def speaks_sftp(self) -> bool:
        """Whether there is an SFTP session."""
        return self._sftp is not None

    @property
    def alive(self) -> bool:
        """Whether it may be lent."""
        return not self.retired and not self.connection.is_closed()

    @property
    def block(self) -> int:
        """Bytes to ask for at a time."""
        limit = self._sftp.limits.max_read_len if self._sftp is not None else 0
        return max(_CERTAIN, min(limit, BLOCK))

    def sftp(self, shown: str) -> asyncssh.SFTPClient:
        """The SFTP session. Raises `Refused` when the server offers none."""
        if self._sftp is None:
            why = f" ({self._why})" if self._why else ""
            raise Refused(f"{shown} offers no SFTP{why}: scp:// may work in its place", uri=shown)
        return self._sftp

    async def open(self, path: bytes, shown: str) -> asyncssh.SFTPClientFile:
        """The regular file at `path`, opened for reading. Raises `TransferError`s.

        What it is is asked along with it: a server that opens a pipe waits for its other end, and answers nothing more.
        """
        sftp = self.sftp(shown)
        looking = asyncio.ensure_future(sftp.stat(path))
        opening = asyncio.ensure_future(sftp.open(path, "rb", block_size=0))
        try:
            with told(shown):
                kind = (await looking).type
                if kind == asyncssh.FILEXFER_TYPE_DIRECTORY:
                    raise Refused(f"{shown} is a folder: write -r to fetch what is in it", uri=shown)
                if kind not in _REGULAR:
                    self.retired = True
                    raise Refused(f"{shown} is neither a file nor a folder", uri=shown)
                return await opening
        except BaseException:
            looking.cancel()
            self.end(_closed_after(opening))
            raise

    def end(self, ending: Awaitable[None]) -> None:
        """Let `ending`, which brings something to its end, go on by itself; it is over when `close` has returned."""
        future = asyncio.ensure_future(ending)
        self._endings.add(future)
        future.add_done_callback(self._endings.discard)

    def let_go(self, file: asyncssh.SFTPClientFile) -> None:
        """Close a file, without waiting for it."""
        self.end(_closed(file))

    async def close(self) -> None:
        """End the connection, and all that goes over it."""
        self.retired = True
        for closer in list(self.closers):
            closer()
        await hang_up(self._connections)
        await asyncio.gather(*self._endings, return_exceptions=True)


async def _closed(file: asyncssh.SFTPClientFile) -> None:
    with suppress(*FOREIGN):
        await file.close()


async def _closed_after(opening: asyncio.Future[asyncssh.SFTPClientFile]) -> None:
    with suppress(*FOREIGN):
        await (await opening).close()

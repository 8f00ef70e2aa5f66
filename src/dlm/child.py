"""`python -m dlm.child FD`: a process that carries downloads for the one that started it. Nobody else has a use for it.

It has no database, no terminal and no word in anything: it carries what comes over the socket FD, and ends when that ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys

from dlm.workers.process import FOR_EVERYBODY

GENTLENESS = 5
"""What is added to the nice value (nice(2)): whoever plans, records and answers gets a core before those who carry."""
_SET_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG, prctl(2)."""


def main(arguments: list[str]) -> None:
    """Carry until the parent is gone."""
    if len(arguments) != 1 or not arguments[0].isdigit():
        sys.exit("dlm.child is a part of dlm, and is started by it")
    sock = socket.socket(fileno=int(arguments[0]))
    sock.set_inheritable(False)
    _leave_signals_to_the_parent()
    _die_with_the_parent(sock)
    os.nice(GENTLENESS)
    asyncio.run(_carry(sock))


def _leave_signals_to_the_parent() -> None:
    """Ignore what is meant for dlm as a whole: the parent stops its downloads cleanly, and for that it needs this process."""
    for each in FOR_EVERYBODY:
        signal.signal(each, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FOR_EVERYBODY)


def _die_with_the_parent(sock: socket.socket) -> None:
    """Let the kernel end this process with its parent, where it can. Elsewhere the end of the socket must do."""
    if sys.platform != "linux":
        return
    import ctypes
    import struct

    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    # A parent that died before that call sends nothing. Who made the socket is its parent, whoever has adopted this process.
    credentials = struct.Struct("iII")
    maker, _user, _group = credentials.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size))
    if os.getppid() != maker:
        os._exit(0)


async def _carry(sock: socket.socket) -> None:
    from random import Random

    from dlm.clock import SystemClock
    from dlm.policy.naming import numbered
    from dlm.protocols.registry import Registry
    from dlm.storage.files import DiskStore
    from dlm.transfer.life import InlineWorker
    from dlm.transfer.limits import Limiter
    from dlm.transfer.work import Tools
    from dlm.workers.relay import relay

    clock, store = SystemClock(), DiskStore(numbered)
    tools = Tools(Registry(clock), lambda _spec: store, clock, Random(), Limiter(clock))
    await relay(sock, InlineWorker(tools))
    # At once: nobody records any more what would still be written, and a thread may be waiting for the disk.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Control connections that are kept between transfers: a login costs six round trips and more, and servers count them.

A transfer that is ended in its middle leaves a control connection on which one reply is still to come. That is waited for
beside everything else (the connection *settles*), and whoever needs a connection meanwhile waits for that one rather than
log in once more: a server that allows four connections would refuse the fifth.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import defaultdict

from dlm.model.download import DownloadSpec
from dlm.model.error import DlmError
from dlm.protocols.curl.trust import ca_bundle
from dlm.protocols.ftp.address import Security
from dlm.protocols.ftp.control import Control, Login, reach
from dlm.protocols.ftp.errors import bad_certificate, translated

SETTLING = 1.0
"""Seconds for the last reply of a transfer that was ended in its middle."""
IDLE = 15.0
"""Seconds that an unused connection is kept."""
CONNECT_TIMEOUT = 30.0


class Pool:
    """Gives control connections out, logged in, and takes them back. Bound to the event loop on which it is first used."""

    def __init__(self) -> None:
        self._idle: defaultdict[Login, list[tuple[Control, asyncio.TimerHandle]]] = defaultdict(list)
        self._settling: defaultdict[Login, dict[asyncio.Task[None], Control]] = defaultdict(dict)
        self._out: set[Control] = set()
        self._contexts: dict[tuple[str | bool | None, ...], ssl.SSLContext] = {}

    async def take(self, login: Login, spec: DownloadSpec, shown: str) -> Control:
        """A connection that waits for a command. Raises the `TransferError` that stands in the way."""
        while True:
            control = self._idle_one(login)
            if control is not None:
                control.shown, control.patience, control.used = shown, spec.timeout, True
                self._out.add(control)
                return control
            settling = self._settling[login]
            if not settling:
                return await self._log_in(login, spec, shown)
            await asyncio.wait(settling, return_when=asyncio.FIRST_COMPLETED)

    def give_back(self, control: Control) -> None:
        """It is no longer used here. Keeps it if it can be used again. Idempotent."""
        if control not in self._out:
            return
        self._out.remove(control)
        if control.is_quiet:
            self._keep(control)
        elif control.owes_a_reply:
            settling = self._settling[control.login]
            task = asyncio.ensure_future(self._settle(control))
            settling[task] = control
            task.add_done_callback(settling.pop)
        else:
            control.close()

    async def close(self) -> None:
        """Close all connections, also those that are in use. Idempotent."""
        settling = {task: control for each in self._settling.values() for task, control in each.items()}
        for task in settling:
            task.cancel()
        await asyncio.gather(*settling, return_exceptions=True)
        for control in (*self._out, *settling.values()):
            control.close()
        self._out.clear()
        for kept in self._idle.values():
            for control, expiry in kept:
                expiry.cancel()
                control.close()
        self._idle.clear()

    def _idle_one(self, login: Login) -> Control | None:
        kept = self._idle[login]
        while kept:
            control, expiry = kept.pop()
            expiry.cancel()
            if control.is_quiet:
                return control
            control.close()
        return None

    async def _log_in(self, login: Login, spec: DownloadSpec, shown: str) -> Control:
        context = self._context(login, spec)
        with translated(shown):
            async with asyncio.timeout(min(CONNECT_TIMEOUT, spec.timeout)):
                wire = await reach(login, shown)
            control = Control(wire, login, context, shown, spec.timeout)
            self._out.add(control)
            try:
                await control.log_in()
            except BaseException:
                self._out.discard(control)
                wire.close()
                raise
        return control

    def _keep(self, control: Control) -> None:
        kept = self._idle[control.login]
        kept.append((control, asyncio.get_running_loop().call_later(IDLE, self._expire, control)))

    def _expire(self, control: Control) -> None:
        kept = self._idle[control.login]
        self._idle[control.login] = [each for each in kept if each[0] is not control]
        control.close()

    async def _settle(self, control: Control) -> None:
        try:
            with contextlib.suppress(DlmError, TimeoutError), translated(control.shown):
                async with asyncio.timeout(SETTLING):
                    await control.reply()
        finally:
            if control.is_quiet:
                self._keep(control)
            else:
                control.close()

    def _context(self, login: Login, spec: DownloadSpec) -> ssl.SSLContext | None:
        if login.security is Security.NONE:
            return None
        if login.trust not in self._contexts:
            try:
                self._contexts[login.trust] = context_of(spec)
            except OSError as error:
                raise bad_certificate(error) from error
        return self._contexts[login.trust]


def context_of(spec: DownloadSpec) -> ssl.SSLContext:
    """What TLS is to demand. Raises `OSError` for a file that cannot be read.

    A session can be resumed only with the context in which it began, so control and data connections share one.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Early versions of Python 3.11 set it with OpenSSL 3: a listing that somebody has cut off would look complete.
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    if spec.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(spec.cacert or ca_bundle())
    if spec.cert is not None:
        context.load_cert_chain(spec.cert, spec.key)
    return context

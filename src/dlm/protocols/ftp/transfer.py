"""One transfer: the data connection is made, the server is told what to send, and begins.

EPSV, else PASV: connect to the control connection's own peer        or EPRT, else PORT: listen, and let it connect
REST where it does not begin at 0
RETR, MLSD or LIST → a preliminary reply → TLS, resumed from the control connection's session
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass, field

from dlm.model.error import InvalidRequest, ProtocolViolation, RangeIgnored, Unreachable
from dlm.protocols.ftp.control import Control
from dlm.protocols.ftp.judgement import Facts, refusal
from dlm.protocols.ftp.replies import Reply, extended_port, passive_port, stated_size, stated_time
from dlm.protocols.ftp.wire import Wire, accept_from, listen_beside

DATA_PATIENCE = 10.0
"""Seconds for a data connection to come about, before the other way is tried."""
EXPLANATION = 1.0


@dataclass(slots=True)
class Manners:
    """What a server has shown to know, so that it is not asked again. `None` is not known yet."""

    extended: bool = True
    ranges: bool | None = None
    """Whether it takes REST at all."""
    proven: bool = False
    """Whether a file has been seen to begin where REST said."""
    listings: bool | None = None
    """Whether it knows MLSD."""
    proving: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Begun:
    """A transfer that has begun: the server's reply, and where the bytes come."""

    reply: Reply
    data: Wire


async def facts_of(control: Control, path: bytes) -> Facts:
    """What the server says of a file. That it says nothing is no error yet: the reply to RETR decides.

    Raises `Unreachable` when the replies are out of step with the commands.
    """
    modified, size = await control.command("MDTM", path), await control.command("SIZE", path)
    for reply in (modified, size):
        if reply.code == 421:
            raise refusal(reply, control.shown)
        if reply.code != 213 and reply.code < 400:
            control.close()
            raise Unreachable(f"{control.shown}: the server's replies are out of step ({reply})", uri=control.shown)
    return Facts(stated_size(size), stated_time(modified))


async def begin(
    control: Control, verb: str, argument: bytes | None, manners: Manners, *, start: int = 0, active: bool = False
) -> Begun:
    """Have the server send. Raises what a refusal means, `RangeIgnored` where it takes no REST, and what sockets raise."""
    data: Wire | None = None
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(await _offer(control, manners)) if active else None
        try:
            if listener is None:
                data = await _passive(control, manners)
            if start or control.marker:
                await restart_at(control, start)
            reply = await control.command(verb, argument)
            if reply.code >= 300:
                raise control.refuse(refusal(reply, control.shown))
            control.marker = 0
            if listener is not None:
                async with asyncio.timeout(min(DATA_PATIENCE, control.patience)):
                    data = await accept_from(listener, str(control.wire.peer[0]))
            assert data is not None
            if control.context is not None:
                await _secure(data, control, control.context)
        except BaseException:
            if data is not None:
                data.close()
            raise
    return Begun(reply, data)


async def restart_at(control: Control, start: int) -> None:
    """Have the next transfer begin there. Raises `RangeIgnored`.

    A server keeps the place until it sends something. When that comes to nothing, or is cancelled before, the next transfer
    would begin at a place that was never meant for it: so it is written down that there is one.
    """
    control.marker = max(start, control.marker)
    reply = await control.command("REST", str(start).encode())
    if reply.code != 350:
        raise RangeIgnored(f"{control.shown}: the server sends files from their beginning only ({reply})", uri=control.shown)


# --- how the data connection comes about ------------------------------------------------------------------------------


async def _passive(control: Control, manners: Manners) -> Wire:
    """Connect to the server, by EPSV if that works and by PASV if not. What it says of addresses is not believed."""
    if manners.extended:
        reply = await control.command("EPSV")
        if reply.is_good:
            try:
                return await _connect(control, extended_port(reply))
            except OSError:
                # Some firewalls understand PASV only.
                if control.wire.family != socket.AF_INET:
                    raise
        manners.extended = False
    reply = await control.command("PASV")
    if not reply.is_good:
        raise control.refuse(refusal(reply, control.shown))
    return await _connect(control, passive_port(reply))


async def _connect(control: Control, port: int) -> Wire:
    async with asyncio.timeout(min(DATA_PATIENCE, control.patience)):
        return await control.connect_beside(port)


async def _offer(control: Control, manners: Manners) -> socket.socket:
    """Listen, and tell the server where: by EPRT if it knows that, by PORT if not."""
    if control.login.proxy is not None:
        raise InvalidRequest("an FTP server cannot connect back through a proxy: leave --ftp-active out")
    listener = listen_beside(control.wire)
    try:
        host, port, *_ = listener.getsockname()
        version = 1 if control.wire.family == socket.AF_INET else 2
        reply = None
        if manners.extended:
            reply = await control.command("EPRT", f"|{version}|{str(host).partition('%')[0]}|{port}|".encode())
        if reply is None or (not reply.is_good and version == 1):
            manners.extended = False
            reply = await control.command("PORT", f"{host},{port // 256},{port % 256}".replace(".", ",").encode())
        if not reply.is_good:
            raise control.refuse(refusal(reply, control.shown))
    except BaseException:
        listener.close()
        raise
    return listener


async def _secure(data: Wire, control: Control, context: ssl.SSLContext) -> None:
    try:
        async with asyncio.timeout(min(DATA_PATIENCE, control.patience)):
            await data.secure(context, control.login.host, control.wire.session)
    except (ssl.SSLCertVerificationError, TimeoutError):
        raise
    except OSError as error:
        # The server may say why: that it wants the session to be resumed, for one.
        reason = str(error)
        with contextlib.suppress(TimeoutError, EOFError, OSError):
            async with asyncio.timeout(EXPLANATION):
                reason = str(await control.reply())
        sentence = f"{control.shown}: no secure data connection came about ({reason})"
        raise control.refuse(Unreachable(sentence, uri=control.shown)) from error


async def prove_ranges(control: Control, path: bytes, size: int, manners: Manners) -> None:
    """See once for a server that REST is heeded: from the last byte on, one byte must come.

    Some servers, and more gateways, answer 350 and send the file from its beginning. Nothing in the reply would show it, and
    bytes from the wrong place would stand in the file. Raises `RangeIgnored`.
    """
    async with manners.proving:
        if manners.proven:
            return
        begun = await begin(control, "RETR", path, manners, start=size - 1)
        try:
            async with asyncio.timeout(control.patience):
                came = await _first_bytes(begun.data, 2)
        finally:
            begun.data.close()
        if begun.reply.is_preliminary:
            ending = await control.reply()
            if ending.code == 421:
                raise control.refuse(refusal(ending, control.shown))
        if came == 0:
            raise ProtocolViolation(f"{control.shown}: the server sends no byte where there must be one", uri=control.shown)
        if came > 1:
            manners.ranges = False
            sentence = f"{control.shown}: the server says that it begins where it is told, and sends the whole file"
            raise RangeIgnored(sentence, uri=control.shown)
        manners.proven = True


async def _first_bytes(data: Wire, most: int) -> int:
    count = 0
    with contextlib.suppress(ssl.SSLEOFError):  # an end without a farewell is an end, where bytes are only counted
        while count < most and (received := await data.receive(most - count)):
            count += len(received)
    return count

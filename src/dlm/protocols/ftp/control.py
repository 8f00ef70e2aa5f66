"""The control connection: commands go out, replies come back, one at a time.

greeting → AUTH TLS where asked for → USER, PASS → PBSZ, PROT where there is TLS → TYPE I       `log_in`
then any number of                                                                              `command`
and of transfers, which begin with a preliminary reply and end with a last one                  `retrieval`
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field

from dlm.model.error import InvalidRequest, ProtocolViolation, TransferError, Untrusted
from dlm.protocols.ftp.address import Security
from dlm.protocols.ftp.judgement import login_refusal
from dlm.protocols.ftp.proxy import Proxy, connect_through
from dlm.protocols.ftp.replies import Reply, ReplyReader, quoted_folder
from dlm.protocols.ftp.wire import Wire, connect, connect_to

_PIECE = 4096
ANONYMOUS = ("anonymous", "dlm@example.invalid")


@dataclass(frozen=True, slots=True)
class Login:
    """To whom, how and as whom to speak. Connections with the same Login can stand in for each other.

    `name` is `None` for a stranger. `trust` is what the TLS context is made of.
    """

    host: str
    port: int
    security: Security
    name: str | None
    password: str = field(repr=False)
    trust: tuple[str | bool | None, ...] = ()
    proxy: Proxy | None = None


async def reach(login: Login, shown: str) -> Wire:
    """A connection to the server, by way of the proxy if there is one."""
    if login.proxy is not None:
        return await connect_through(login.proxy, login.host, login.port, shown)
    return await connect(login.host, login.port)


class Control:
    """One control connection. `shown` is the address by which errors name it; `patience` bounds each reply, in seconds."""

    def __init__(self, wire: Wire, login: Login, context: ssl.SSLContext | None, shown: str, patience: float) -> None:
        self.login = login
        self.wire = wire
        self.context = context
        self.shown = shown
        self.patience = patience
        self.used = False
        """Whether it has served a transfer before."""
        self.marker = 0
        """More than 0 while the server may still have a place to begin the next transfer at."""
        self._reader = ReplyReader()
        self._owed = 1  # the greeting
        self._doomed = False
        self._logged_in = False
        self._says_utf8 = False
        self._home: bytes | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether every reply has come, and no more than that: only then can it be used again."""
        return self._owed == 0 and not self._doomed and self._reader.is_empty and self.wire.is_silent()

    @property
    def owes_a_reply(self) -> bool:
        """Whether exactly one reply is still to come, as while a file is being sent."""
        return self._owed == 1 and not self._doomed

    async def connect_beside(self, port: int) -> Wire:
        """Another connection to where this one leads, at `port`."""
        if self.login.proxy is not None:
            return await connect_through(self.login.proxy, self.login.host, port, self.shown)
        host, _, *rest = self.wire.peer
        return await connect_to(self.wire.family, (host, port, *rest))

    async def log_in(self) -> None:
        """Everything up to where files can be asked for. One password is tried once."""
        if self.login.security is Security.IMPLICIT:
            await self._begin_tls()
        greeting = await self.reply()
        while greeting.is_preliminary:  # 120: ready in some minutes
            self._owed += 1
            greeting = await self.reply()
        if not greeting.is_good:
            raise login_refusal(greeting, self.shown, anonymous=self.login.name is None)
        if self.login.security is Security.EXPLICIT:
            await self._ask_for_tls()
        await self._identify()
        if self.login.security is not Security.NONE:
            await self._protect_data()
        if not (reply := await self.command("TYPE I")).is_good:
            raise ProtocolViolation(f"{self.shown}: the server cannot send bytes as they are ({reply})", uri=self.shown)
        self._logged_in = True

    async def command(self, verb: str, argument: bytes | None = None) -> Reply:
        """Send one, and give the first reply to it."""
        assert self._owed == 0, "a reply is still to come"
        line = verb.encode() if argument is None else verb.encode() + b" " + argument
        if not {0x0A, 0x0D, 0x00}.isdisjoint(line):
            raise InvalidRequest(f"{self.shown} cannot be asked for: a name, password or path holds a line break or zero byte")
        self._owed += 1
        await self.wire.send(line + b"\r\n")
        return await self.reply()

    async def reply(self) -> Reply:
        """The next reply, within `patience`. Raises `EOFError` when the server has closed the connection."""
        async with asyncio.timeout(self.patience):
            while (reply := self._reader.take()) is None:
                received = await self.wire.receive(_PIECE)
                if not received:
                    raise EOFError
                self._reader.feed(received)
        if not reply.is_preliminary:
            self._owed -= 1
        self._doomed = self._doomed or reply.code == 421
        return reply

    async def speak_of(self, path: bytes) -> None:
        """Say that names are in UTF-8 before the first that shows it: some servers want to be told (RFC 2640)."""
        if not path.isascii() and not self._says_utf8:
            self._says_utf8 = True
            await self.command("OPTS UTF8 ON")

    async def home(self) -> bytes | None:
        """The folder in which the login began, `None` when the server does not say."""
        if self._home is None:
            self._home = quoted_folder(await self.command("PWD"))
        return self._home

    def refuse(self, error: TransferError) -> TransferError:
        """The error without the password, which a malicious server might repeat in its text."""
        password = self.login.password
        if self.login.name is not None and password and password in str(error):
            error.args = (str(error).replace(password, "***"),)
        return error

    def close(self) -> None:
        """Give it up at once, with a farewell where the server would understand it. Idempotent."""
        self._doomed = True
        if self._logged_in:
            self._logged_in = False
            self.wire.say_goodbye(b"QUIT\r\n")
        self.wire.close()

    # -----------------------------------------------------------------------------------------------------------------

    async def _identify(self) -> None:
        name, password = ANONYMOUS if self.login.name is None else (self.login.name, self.login.password)
        reply = await self.command("USER", name.encode())
        if reply.code == 331:
            reply = await self.command("PASS", password.encode())
        if not reply.is_good:
            raise self.refuse(login_refusal(reply, self.shown, anonymous=self.login.name is None))

    async def _ask_for_tls(self) -> None:
        reply = await self.command("AUTH TLS")
        if reply.code != 234:
            sentence = f"{self.shown}: the server offers no TLS ({reply}), and nothing is sent to it without; ftp:// would"
            raise Untrusted(sentence, uri=self.shown)
        if not self._reader.is_empty:
            # Replies that came before TLS began would be taken for the server's.
            raise ProtocolViolation(f"{self.shown}: something was slipped in before TLS began", uri=self.shown)
        await self._begin_tls()

    async def _begin_tls(self) -> None:
        assert self.context is not None
        async with asyncio.timeout(self.patience):
            await self.wire.secure(self.context, self.login.host)

    async def _protect_data(self) -> None:
        await self.command("PBSZ 0")
        if not (reply := await self.command("PROT P")).is_good:
            raise Untrusted(f"{self.shown}: the server would send files outside TLS ({reply})", uri=self.shown)

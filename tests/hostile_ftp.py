"""An FTP server that misbehaves by name: the first component of a path says how.

It serves one file under every path. What belongs to a whole server (its greeting, its limits, where it says that data come
from) is said when it is made. `commands` has everything that it was told, with the number of the connection.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PIECE = 16 * 1024
_NAP = 0.0005
_TIME = "20260102030405"

QUIRKS: dict[str, str] = {
    "polite": "does all as it should",
    "empty": "has an empty file",
    "missing": "has no such file",
    "denied": "does not give the file",
    "unsized": "knows no SIZE",
    "undated": "knows no MDTM",
    "unranged": "knows no REST",
    "deaf": "answers 350 to REST and sends the whole file all the same",
    "cut": "loses both connections in the middle of the file",
    "changing": "has another file of the same size once it is told so",
    "short": "closes the data connection in the middle and says that it was all",
    "broken": "closes the data connection in the middle and says so",
    "crumbled": "sends a few bytes at a time",
    "silent": "says no more after some bytes",
    "boasts": "names a size that is larger than the file",
    "longer": "names a size that is smaller than the file",
    "contradicts": "names one size before and another one when it sends",
    "unconfirmed": "names no size and closes the control connection instead of saying that it was all",
    "mute": "names no size and never says that it was all",
    "orphaned": "loses the control connection as soon as it sends, and sends all",
    "wordless": "never says that it was all",
    "terse": "says at once that it was all, before it sends",
}


@dataclass
class Habits:
    """What a whole server does."""

    greeting: bytes = b"220 Hello.\r\n"
    endless: bytes = b""
    """Sent for ever before anything else."""
    most: int = 1000
    """Logins at a time; more get `crowded`."""
    crowded: bytes = b"421 There are too many connections.\r\n"
    password: str | None = None
    passive: bytes = b"127,0,0,1"
    """The address in the reply to PASV."""
    extended: str = "good"
    """How EPSV is answered: `good`, `unknown`, or `dead`: with a port on which nobody listens."""
    features: bytes = b"211-Features\r\n MLST type*;size*;modify*;\r\n211 End\r\n"
    listing: bytes = b""
    tls: bytes = b"502 No.\r\n"
    """The reply to AUTH TLS, and what is slipped in behind it."""
    tired: bytes | None = None
    """What is answered to every command after the first file; where it is empty, the connection is closed."""
    reply_to: tuple[bytes, bytes] = (b"", b"")
    """A command, and what is answered to it instead."""


class HostileFtp:
    """The server, in threads of its own, on a port of the loopback interface."""

    def __init__(self, content: bytes, habits: Habits | None = None) -> None:
        self.content = content
        self.habits = habits or Habits()
        self.commands: list[tuple[int, bytes]] = []
        self.changed = False
        self.logins = 0
        self.most_logins = 0
        self.passwords: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._ended = False

    def __enter__(self) -> HostileFtp:
        self._spawn(self._accept)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._ended = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def url(self, quirk: str, name: str = "file.bin") -> str:
        """The address of the file, by way of a quirk."""
        assert quirk in QUIRKS, quirk
        return f"ftp://127.0.0.1:{self.port}/{quirk}/{name}"

    def verbs(self, connection: int | None = None) -> list[str]:
        """The commands so far, without what they were about."""
        return [line.split(b" ")[0].decode() for number, line in self.commands if connection in {None, number}]

    def _spawn(self, work: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        number = 0
        while not self._ended:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._spawn(self._serve, sock, number)
            number += 1

    def _serve(self, sock: socket.socket, number: int) -> None:
        with self._lock:
            self._open.add(sock)
        conversation = Conversation(self, sock, number)
        with contextlib.suppress(OSError, Gone):
            conversation.hold()
        conversation.close()
        with self._lock:
            self._open.discard(sock)
        sock.close()


class Gone(Exception):
    """The quirk wants the control connection to end."""


class Conversation:
    """One control connection."""

    def __init__(self, server: HostileFtp, sock: socket.socket, number: int) -> None:
        self._server = server
        self._habits = server.habits
        self._sock = sock
        self._number = number
        self._quirk = "polite"
        self._start = 0
        self._data: socket.socket | None = None
        self._peer: tuple[str, int] | None = None
        self._in = False
        self._crowded = False
        self._files = 0

    def hold(self) -> None:
        """Until it ends."""
        server = self._server
        while self._habits.endless:
            self._sock.sendall(self._habits.endless)
        with server._lock:
            crowded = server.logins >= self._habits.most
            if not crowded:
                self._in = True
                server.logins += 1
                server.most_logins = max(server.logins, server.most_logins)
        if crowded and self._habits.crowded.startswith(b"421"):
            self._sock.sendall(self._habits.crowded)
            return
        self._sock.sendall(self._habits.greeting)
        self._crowded = crowded
        with self._sock.makefile("rb") as lines:
            for line in lines:
                self._obey(line.rstrip(b"\r\n"))

    def close(self) -> None:
        """Forget it."""
        if self._data is not None:
            self._data.close()
        if self._in:
            with self._server._lock:
                self._server.logins -= 1

    def _obey(self, line: bytes) -> None:
        self._server.commands.append((self._number, line))
        verb, _, argument = line.partition(b" ")
        if verb in {b"MDTM", b"SIZE", b"RETR"}:
            self._quirk = argument.decode("latin-1").lstrip("/").partition("/")[0]
        if self._habits.tired is not None and self._files:
            self._sock.sendall(self._habits.tired)
            if not self._habits.tired:
                raise Gone
            return
        command, instead = self._habits.reply_to
        if command and line.startswith(command):
            self._sock.sendall(instead)
            return
        method = getattr(self, f"_{verb.decode('latin-1').lower()}", None)
        if method is None:
            self._say(b"502 What?")
        else:
            method(argument)

    def _say(self, text: bytes) -> None:
        self._sock.sendall(text + b"\r\n")

    @property
    def _content(self) -> bytes:
        content = self._server.content
        if self._quirk == "empty":
            return b""
        return content[::-1] if self._quirk == "changing" and self._server.changed else content

    # the commands ----------------------------------------------------------------------------------------------------

    def _auth(self, _: bytes) -> None:
        self._sock.sendall(self._habits.tls)

    def _user(self, _: bytes) -> None:
        self._say(b"331 Password, please.")

    def _pass(self, password: bytes) -> None:
        self._server.passwords.append(password.decode())
        if self._crowded:
            self._sock.sendall(self._habits.crowded)
            raise Gone
        good = self._habits.password is None or password.decode() == self._habits.password
        self._say(b"230 In." if good else b"530 Not '" + password + b"'.")

    def _type(self, _: bytes) -> None:
        self._say(b"200 Yes.")

    def _opts(self, _: bytes) -> None:
        self._say(b"200 Yes.")

    def _pwd(self, _: bytes) -> None:
        self._say(b'257 "/" is here')

    def _cwd(self, _: bytes) -> None:
        self._say(b"250 There.")

    def _feat(self, _: bytes) -> None:
        self._sock.sendall(self._habits.features)

    def _mdtm(self, _: bytes) -> None:
        if self._quirk in {"missing", "denied"}:
            self._say(b"550 No such file.")
        elif self._quirk == "undated":
            self._say(b"500 What?")
        else:
            changed = self._quirk == "changing" and self._server.changed
            self._say(b"213 20260506070809" if changed else f"213 {_TIME}".encode())

    def _size(self, _: bytes) -> None:
        size = len(self._content) + {"boasts": 10, "longer": -10}.get(self._quirk, 0)
        if self._quirk in {"unsized", "unconfirmed", "mute", "broken"}:
            self._say(b"502 What?")
        elif self._quirk in {"missing", "denied"}:
            self._say(b"550 No such file.")
        else:
            self._say(f"213 {size}".encode())

    def _rest(self, where: bytes) -> None:
        if self._quirk == "unranged":
            self._say(b"502 What?")
            return
        self._start = 0 if self._quirk == "deaf" else int(where)
        self._say(b"350 From there.")

    def _epsv(self, _: bytes) -> None:
        if self._habits.extended == "unknown":
            self._say(b"500 What?")
            return
        port = self._listen()
        if self._habits.extended == "dead":
            assert self._data is not None
            self._data.close()
        self._say(f"229 There (|||{port}|)".encode())

    def _pasv(self, _: bytes) -> None:
        port = self._listen()
        self._say(b"227 There (" + self._habits.passive + f",{port // 256},{port % 256})".encode())

    def _listen(self) -> int:
        if self._data is not None:
            self._data.close()
        self._data = socket.create_server(("127.0.0.1", 0))
        self._data.settimeout(60)
        port: int = self._data.getsockname()[1]
        return port

    def _mlsd(self, _: bytes) -> None:
        self._list(_)

    def _list(self, _: bytes) -> None:
        self._say(b"150 Here.")
        assert self._data is not None
        data, _peer = self._data.accept()
        with data:
            data.sendall(self._habits.listing)
        self._say(b"226 Done.")

    def _quit(self, _: bytes) -> None:
        self._say(b"221 Bye.")
        raise Gone

    def _retr(self, _: bytes) -> None:
        if self._quirk in {"missing", "denied"}:
            self._say(b"550 No such file." if self._quirk == "missing" else b"550 Permission denied.")
            return
        start, self._start = self._start, 0
        size = len(self._content) + (5 if self._quirk == "contradicts" else 0)
        named = f" ({size} bytes)" if self._quirk in {"polite", "contradicts", "changing"} else ""
        self._say((f"226 Done{named}." if self._quirk == "terse" else f"150 Here{named}.").encode())
        assert self._data is not None
        data, _peer = self._data.accept()
        with data:
            try:
                self._send(data, self._content[start:])
            except OSError:
                self._say(b"426 You went away.")
                return
        self._conclude()

    def _send(self, data: socket.socket, content: bytes) -> None:
        if self._quirk == "orphaned":
            self._sock.shutdown(socket.SHUT_RDWR)
        elif self._quirk in {"cut", "short", "broken"}:
            content = content[: len(content) // 2]
        piece = 19 if self._quirk == "crumbled" else PIECE
        for offset in range(0, len(content), piece):
            data.sendall(content[offset : offset + piece])
            if self._quirk == "crumbled":
                time.sleep(_NAP)
            if self._quirk == "silent":
                while not self._server._ended and self._sock.recv(1):
                    pass
                raise Gone

    def _conclude(self) -> None:
        self._files += 1
        if self._quirk in {"cut", "unconfirmed", "orphaned"}:
            raise Gone
        if self._quirk == "broken":
            self._say(b"451 The disk has died.")
        elif self._quirk not in {"mute", "wordless", "terse"}:
            self._say(b"226 Done.")

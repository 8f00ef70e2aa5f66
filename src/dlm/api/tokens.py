"""Tokens: who may come in over TCP. Kept beside the database, readable by its owner only; never a token itself but the first.

The first start makes one of scope *admin* and keeps it in the file `token`, so that its owner can be shown it again. All
others are shown once, when they are made: what is kept of them is their digest. A token has 256 random bits, so a plain
SHA-256 of it cannot be turned back (NIST SP 800-63B, 5.1.1.2 asks for slow functions where people choose the secret).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Iterable

from dlm.api.scope import Scope
from dlm.model.error import Conflict, InvalidRequest, StateUnusable
from dlm.model.value import dataclass

PREFIX = "dlm_"
"""So that scanners recognise one that has got into a public place."""
FIRST = "first"
"""The name of the token that the first start makes."""


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token. `made` is in seconds since the epoch."""

    name: str
    scope: Scope
    digest: str
    made: float


class Tokens:
    """The tokens of one state directory. Read anew when another process has changed them."""

    def __init__(self, directory: str) -> None:
        self._path = os.path.join(directory, "tokens.json")
        self._first = os.path.join(directory, "token")
        self._read: tuple[tuple[int, int], tuple[Token, ...]] | None = None

    def all(self) -> tuple[Token, ...]:
        """Every token. Raises `StateUnusable` when the file makes no sense: nobody is let in by guesswork."""
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            return ()
        stamp = (found.st_mtime_ns, found.st_ino)
        if self._read is None or self._read[0] != stamp:
            self._read = (stamp, _parsed(self._path))
        return self._read[1]

    def scope_of(self, presented: str) -> Scope | None:
        """What the presented token may do, `None` for a stranger. Takes as long for any (RFC 6750, 5.2; CWE-208)."""
        digest = _digest(presented)
        scope = None
        for token in self.all():
            if hmac.compare_digest(token.digest, digest):
                scope = token.scope
        return scope

    def first(self, now: float) -> str:
        """The owner's token; it is made when there is none."""
        try:
            with open(self._first, encoding="ascii") as file:
                text = file.read().strip()
        except FileNotFoundError:
            return self._renew_first(now)
        return text if self.scope_of(text) is not None else self._renew_first(now)

    def make(self, name: str, scope: Scope, now: float) -> str:
        """A new token, to be shown once. Raises `Conflict` for a name that is taken, `InvalidRequest` for none."""
        if not name.strip() or not name.isprintable():
            raise InvalidRequest("a token needs a name that can be shown, such as the program that will use it")
        if any(each.name == name for each in self.all()):
            raise Conflict(f"there is a token '{name}' already: choose another name, or 'dlm token revoke {name}' first")
        text = PREFIX + secrets.token_urlsafe(32)
        self._write([*self.all(), Token(name, scope, _digest(text), now)])
        return text

    def rotate(self, now: float) -> str:
        """A new first token; the one before is worth nothing from now on."""
        return self._renew_first(now)

    def revoke(self, name: str) -> None:
        """It is worth nothing from now on. Raises `InvalidRequest` when there is none of that name."""
        left = [each for each in self.all() if each.name != name]
        if len(left) == len(self.all()):
            raise InvalidRequest(f"there is no token '{name}': 'dlm token list' names them")
        self._write(left)

    def _renew_first(self, now: float) -> str:
        text = PREFIX + secrets.token_urlsafe(32)
        others = [each for each in self.all() if each.name != FIRST]
        # The list first: a kill in between leaves a file whose token is worth nothing, and the next start makes another.
        self._write([Token(FIRST, Scope.ADMIN, _digest(text), now), *others])
        _replace(self._first, text + "\n")
        return text

    def _write(self, tokens: Iterable[Token]) -> None:
        rows = [{"name": t.name, "scope": t.scope.value, "digest": t.digest, "made": t.made} for t in tokens]
        _replace(self._path, json.dumps(rows, indent=1) + "\n")
        self._read = None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _parsed(path: str) -> tuple[Token, ...]:
    try:
        with open(path, encoding="utf-8") as file:
            rows = json.load(file)
        return tuple(Token(str(r["name"]), Scope(r["scope"]), str(r["digest"]), float(r["made"])) for r in rows)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StateUnusable(
            f"the tokens in '{path}' cannot be read: delete the file, and new ones are made", path=path
        ) from error


def _replace(path: str, text: str) -> None:
    """The file with this text, readable by its owner only, at once or not at all."""
    directory = os.path.dirname(path)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=directory, prefix=".token-")  # made with mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise

"""Who logs in, and what may be said for it: asyncssh's questions during a login, and the errors of one that failed.

A password is said once: by keyboard-interactive where the server asks for exactly one, else by the method of that name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import asyncssh

from dlm.model.error import Denied
from dlm.model.text import printable
from dlm.protocols.ssh.trust import Trust

_PASSWORD = re.compile(r"pass(?!code)|kennwort", re.IGNORECASE)


class Login(asyncssh.SSHClient):
    """The client's side of one login."""

    def __init__(self, trust: Trust, user: str, password: str | None) -> None:
        self._trust = trust
        self._user = user
        self._password = password
        self._unanswered: str | None = None
        self.said = False
        """Whether the password went to the server."""

    @property
    def has_password(self) -> bool:
        """Whether there is one to be said."""
        return self._password is not None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        """See `asyncssh.SSHClient`."""
        return self._trust.judge(key)

    def password_auth_requested(self) -> str | None:
        """See `asyncssh.SSHClient`."""
        return self._say()

    def kbdint_auth_requested(self) -> str | None:
        """See `asyncssh.SSHClient`."""
        return None if self._password is None or self.said else ""

    def kbdint_challenge_received(
        self,
        name: str,  # noqa: ARG002
        instructions: str,  # noqa: ARG002
        lang: str,  # noqa: ARG002
        prompts: Sequence[tuple[str, bool]],
    ) -> list[str] | None:
        """See `asyncssh.SSHClient`. What does not ask for a password does not get it: it would be wrong, and count."""
        if not prompts:
            return []
        password = self._say() if len(prompts) == 1 and _PASSWORD.search(prompts[0][0]) else None
        if password is None:
            self._unanswered = printable(prompts[0][0]).strip()
            return None
        return [password]

    def denied(self, shown: str, key: str | None) -> Denied:
        """Why nobody was let in, and what to do."""
        if self.said:
            also = f": it also asks '{self._unanswered}', which dlm cannot answer" if self._unanswered else ""
            return Denied(f"{shown} does not accept this password for {self._user}{also}; it was tried once", uri=shown)
        if self._unanswered is not None:
            asks = f"{shown} asks {self._user} '{self._unanswered}', which dlm cannot answer"
            return Denied(f"{asks}: log in by a key (--key FILE, or ssh-add)", uri=shown)
        if key is not None:
            return Denied(f"{shown} does not accept the key {key} for {self._user}", uri=shown)
        return Denied(
            f"{shown} does not let {self._user} in: give a password with --user NAME, a key with --key FILE, or load one with "
            "ssh-add",
            uri=shown,
        )

    def _say(self) -> str | None:
        if self.said:
            return None
        self.said = self._password is not None
        return self._password

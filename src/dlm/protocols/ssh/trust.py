"""Whether a server is the one that it should be: its host key against `known_hosts` or the fingerprint that was given.

Names are compared, not numbers: as with OpenSSH's `CheckHostIP no`, an address that moves is nothing to be warned of.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncssh

from dlm.model.error import TransferError, UnknownHostKey, Untrusted

_USUAL = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
_SYSTEM = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
_PORT = 22
_PREFERRED = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
_CERTIFIED = (
    "ssh-ed25519-cert-v01@openssh.com",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "rsa-sha2-512-cert-v01@openssh.com",
    "rsa-sha2-256-cert-v01@openssh.com",
)


@dataclass(slots=True)
class Trust:
    """What is known of the server `name`, and the verdict on the key that it shows.

    `expected` are the keys that it should have; `tolerated` those known for the same name on the usual port, which it
    may have. Once a key was refused, `error` says why.
    """

    shown: str
    name: str
    port: int
    file: str
    expected: Sequence[asyncssh.SSHKey] = ()
    tolerated: Sequence[asyncssh.SSHKey] = ()
    authorities: Sequence[asyncssh.SSHKey] = ()
    revoked: Sequence[asyncssh.SSHKey] = ()
    pin: str | None = None
    blind: bool = False
    error: TransferError | None = field(default=None, init=False)

    @property
    def known_hosts(self) -> tuple[Sequence[asyncssh.SSHKey], Sequence[asyncssh.SSHKey], Sequence[asyncssh.SSHKey]] | None:
        """What asyncssh may accept without asking: keys, authorities; and what it must refuse."""
        if self.blind:
            return None
        return ((), (), self.revoked) if self.pin is not None else (self.expected, self.authorities, self.revoked)

    @property
    def algorithms(self) -> list[str]:
        """Kinds of host keys to ask for: first those that are known, or a server with several would show another one."""
        known = [each.decode() for key in (*self.expected, *self.tolerated) for each in key.sig_algorithms]
        certified = _CERTIFIED if self.authorities and self.pin is None else ()
        return list(dict.fromkeys((*certified, *known, *_PREFERRED)))

    def judge(self, key: asyncssh.SSHKey) -> bool:
        """Whether a key is to be trusted that is not `expected`."""
        fingerprint = key.get_fingerprint()
        if self.pin is not None:
            if fingerprint == self.pin.rstrip("="):
                return True
            self.error = Untrusted(
                f"{self.shown} shows the host key {fingerprint}, and --hostkey allows {self.pin} only: nothing was sent",
                uri=self.shown,
            )
            return False
        if key in self.tolerated:
            return True
        self.error = self._changed(fingerprint) if self.expected else self._unknown(key, fingerprint)
        return False

    def _changed(self, fingerprint: str) -> Untrusted:
        former = ", ".join(dict.fromkeys(key.get_fingerprint() for key in self.expected))
        return Untrusted(
            f"{self.shown} shows a changed host key: {fingerprint} instead of {former}; somebody may be listening in, so "
            f"nothing was sent. If the server's owner confirms the new key, forget the old one with "
            f"ssh-keygen -R '{self._place}' -f {self.file}",
            uri=self.shown,
        )

    def _unknown(self, key: asyncssh.SSHKey, fingerprint: str) -> UnknownHostKey:
        port = "" if self.port == _PORT else f"-p {self.port} "
        return UnknownHostKey(
            f"{self.shown} shows the host key {fingerprint}, which is not known here, so nothing was sent. If the server's "
            f"owner confirms it, allow it with --hostkey {fingerprint}, or for good with "
            f"ssh-keyscan {port}{self.name} >> {self.file}",
            uri=self.shown,
            fingerprint=fingerprint,
            line=f"{self._place} {' '.join(key.export_public_key().decode().split()[:2])}",
            known_hosts=self.file,
        )

    @property
    def _place(self) -> str:
        return self.name if self.port == _PORT else f"[{self.name}]:{self.port}"


def look_up(shown: str, name: str, port: int, configured: Sequence[str]) -> Trust:
    """What the files of known hosts say of the server. `configured` are the files that a configuration names."""
    files = [os.path.expanduser(each) for each in configured or (*_USUAL, *_SYSTEM)]
    known = asyncssh.import_known_hosts("")
    for file in files:
        for line in _lines(file):
            try:
                known.load(line)
            except ValueError:
                continue  # one line that nobody can read does not make the others worthless
    name = name.lower()
    expected, authorities, revoked, *_ = known.match(name if port == _PORT else f"[{name}]:{port}", "", None)
    tolerated: Sequence[asyncssh.SSHKey] = ()
    if port != _PORT:
        tolerated, further, also_revoked, *_ = known.match(name, "", None)
        authorities, revoked = [*authorities, *further], [*revoked, *also_revoked]
    return Trust(shown, name, port, files[0], expected, tolerated, authorities, revoked)


def _lines(file: str) -> list[str]:
    try:
        with open(file, encoding="utf-8", errors="replace") as opened:
            return opened.read().splitlines()
    except OSError:
        return []

"""Download: what the user asked for, and how far it has come."""

from __future__ import annotations

import os
import re
from dataclasses import fields, replace
from typing import NewType
from urllib.parse import urlsplit

from dlm.model.address import check_uri, host_of, refuse_control, visible, without_credentials
from dlm.model.error import InvalidRequest
from dlm.model.phase import Intent, Phase
from dlm.model.rank import Lane, Priority
from dlm.model.recursion import Recursion
from dlm.model.resource import CRCS, Digest, Resource, Verified
from dlm.model.span import Span, total
from dlm.model.units import check_rate
from dlm.model.value import dataclass

DownloadId = NewType("DownloadId", str)
"""16 hexadecimal digits; users may give any unique prefix."""

_UNNAMEABLE = re.compile(r"[\x00\ud800-\udfff]")
_FINGERPRINT = r"SHA256:[A-Za-z0-9+/]{43}=?"
_ENDPOINT = r"(?i:https?)://[^\s/@?#]+(?:/[^\s?#]*)?"
_FIELD_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"


def new_id() -> DownloadId:
    """A fresh id; 64 random bits."""
    return DownloadId(os.urandom(8).hex())


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadSpec:
    """What the user asked for. Immutable; `check()` has passed before one is stored.

    `uris` are mirrors of one file. `directory` is absolute. `output` is the name that the user chose, relative to the
    directory, `-` for standard output, `None` to let the server and the address decide. Times are in seconds, rates
    in bytes a second.
    """

    uris: tuple[str, ...]
    directory: str
    output: str | None = None
    connections: int = 64
    checksum: Digest | None = None
    limit_rate: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    user_agent: str | None = None
    referer: str | None = None
    cookies: str | None = None
    user: str | None = None
    """`NAME:PASSWORD`."""
    bearer: str | None = None
    netrc: bool = False
    proxy: str | None = None
    insecure: bool = False
    cacert: str | None = None
    cert: str | None = None
    key: str | None = None
    hostkey: str | None = None
    """`SHA256:…`, the only SSH host key to trust."""
    range: Span | None = None
    overwrite: bool = False
    resume: bool = True
    retries: int = 5
    timeout: float = 30.0
    http3: bool = False
    endpoint_url: str | None = None
    """Who is asked for what is at s3://, `None` for Amazon. The next four are for s3:// as well."""
    region: str | None = None
    profile: str | None = None
    anonymous: bool = False
    requester_pays: bool = False
    ftp_tls: bool = False
    ftp_active: bool = False
    recursive: Recursion | None = None
    """What is wanted of the folder that the address names. Without it, the address is one file."""
    follow: bool = True
    """Whether what turns out to be a Metalink stands for the files that it names."""

    def __repr__(self) -> str:
        # A spec turns up in tracebacks and logs: what is secret in it must not.
        shown = redacted(self)
        return f"DownloadSpec({', '.join(f'{field.name}={getattr(shown, field.name)!r}' for field in fields(shown))})"

    @property
    def streams_out(self) -> bool:
        """Whether the bytes go to standard output instead of a file."""
        return self.output == "-"

    def without_secrets(self) -> DownloadSpec:
        """The same for an address that a server has named: nothing that the user would show to his own servers only.

        Headers, cookies, the referer, passwords, tokens, keys and names of profiles stay here. What is kept by host (netrc)
        goes, since no other host sees it; and so does the proxy, which is the user's own.
        """
        return replace(
            self,
            headers=(),
            cookies=None,
            referer=None,
            user=None,
            bearer=None,
            cert=None,
            key=None,
            profile=None,
            anonymous=True,
        )

    def check(self) -> DownloadSpec:
        """Itself. Raises `InvalidRequest` for what no adapter could carry out (control characters: RFC 9110, 5.5)."""
        if not self.uris:
            raise InvalidRequest("no URL was given")
        for uri in self.uris:
            check_uri(uri)
        for name, value in self.headers:
            if not re.fullmatch(_FIELD_NAME, name):
                raise InvalidRequest(f"'{visible(name)}' is not a header name: write -H 'Name: value'")
            refuse_control(value, f"the header {name}")
        for label in ("user_agent", "referer", "user", "bearer", "proxy", "endpoint_url", "region", "profile"):
            refuse_control(getattr(self, label) or "", label.replace("_", " "))
        for label in ("directory", "output", "cookies", "cacert", "cert", "key"):
            if _UNNAMEABLE.search(getattr(self, label) or ""):
                raise InvalidRequest(f"the {label} holds a zero byte or bytes that are not UTF-8")
        if self.endpoint_url is not None and not re.fullmatch(_ENDPOINT, self.endpoint_url):
            raise InvalidRequest("the endpoint is not the address of a service: write one such as https://s3.example.org")
        if self.hostkey is not None and not re.fullmatch(_FINGERPRINT, self.hostkey):
            shown = visible(self.hostkey)
            raise InvalidRequest(f"'{shown}' is not a fingerprint: write --hostkey SHA256:… as 'ssh-keygen -l' prints it")
        if not 1 <= self.connections <= 256:
            raise InvalidRequest(f"{self.connections} connections cannot be opened: choose 1 to 256")
        if self.retries < 0:
            raise InvalidRequest("the number of retries cannot be negative")
        if not 0 < self.timeout < float("inf"):
            raise InvalidRequest("the time-out must be a number of seconds, more than 0")
        if self.limit_rate is not None:
            check_rate(self.limit_rate)
        if self.checksum is not None and self.checksum.algorithm in CRCS:
            from dlm.model.checksums import growing

            growing(self.checksum.algorithm)
        if self.range is not None and not 0 <= self.range.start < self.range.stop:
            raise InvalidRequest("the range holds no byte")
        self._check_recursion()
        return self

    def _check_recursion(self) -> None:
        recursion = self.recursive
        if recursion is None:
            return
        if len(self.uris) > 1:
            raise InvalidRequest("a folder cannot have mirrors: fetch it from one address")
        for label in ("output", "checksum", "range"):
            if getattr(self, label) is not None:
                raise InvalidRequest(f"--{label} is for one file, and a folder holds many: leave it out, or leave -r out")
        if recursion.depth is not None and recursion.depth < 0:
            raise InvalidRequest("the depth cannot be negative: 0 is the files of the folder itself")
        for pattern in (*recursion.include, *recursion.exclude):
            if not pattern or _UNNAMEABLE.search(pattern):
                raise InvalidRequest(f"'{visible(pattern)}' is no pattern: write one such as '*.iso'")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bytes are kept until they are complete, and how the partial file is known again.

    `name` is the name that it will have; `part` the name that it has now; both inside `directory`. `device` is the number of
    its file system. An `inode` of 0 says that it is about to be created.
    """

    directory: str
    name: str
    part: str
    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is known to be on stable storage: every byte of `done`, of the Part numbered `part`, is what the server sent."""

    resource: Resource
    place: Place
    done: tuple[Span, ...] = ()
    part: int = 0

    @property
    def downloaded(self) -> int:
        """Bytes on stable storage."""
        return total(self.done)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a download failed, as it is stored and shown: the error's kind, its sentence, and the exit code."""

    kind: str
    message: str
    code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """One download, as the Repository keeps it. Times are in seconds since the epoch."""

    id: DownloadId
    spec: DownloadSpec
    added: float
    phase: Phase = Phase.PENDING
    intent: Intent = Intent.RUN
    name: str | None = None
    size: int | None = None
    downloaded: int = 0
    path: str | None = None
    """The finished file; set from COMPLETING on, where the name is still to be taken."""
    verified: Verified | None = None
    fault: Fault | None = None
    finished: float | None = None
    owner: str | None = None
    lease_until: float | None = None
    group: str | None = None
    lane: Lane = Lane.AUTOMATIC
    priority: Priority = Priority.NORMAL
    position: float | None = None
    """An explicit place among its equals, which go before those without one; the smallest goes first."""
    ready: float = 0.0
    """Since when it has been pending."""
    due: float | None = None
    """When one that is waiting is tried again; `None` while it waits for the network."""
    attempts: int = 0
    """Tries in a row that ended in waiting without having brought a byte."""

    @property
    def stands_for_others(self) -> bool:
        """Whether it is no file: a folder, or a Metalink that was followed; what it holds are downloads of its group."""
        return self.spec.recursive is not None or (self.path is not None and self.path == self.spec.directory)

    @property
    def host(self) -> str:
        """The host (`name:port`) of its first address, by which it is capped, limited and remembered."""
        return host_of(self.spec.uris[0])

    @property
    def uri(self) -> str:
        """The first address, as it may be shown."""
        return without_credentials(self.spec.uris[0])

    @property
    def label(self) -> str:
        """The name once it is known, else what of the address resembles one."""
        return label_of(self.name, self.spec.output, self.spec.uris[0])


def label_of(name: str | None, output: str | None, uri: str) -> str:
    """The name, the one that is wanted, or what of the address resembles one."""
    if name or output:
        return name or output or ""
    shown = without_credentials(uri)
    return urlsplit(shown).path.rpartition("/")[2] or shown


def redacted(spec: DownloadSpec) -> DownloadSpec:
    """The same spec with everything secret made unreadable, fit for logs, JSON and screens."""
    return replace(
        spec,
        uris=tuple(map(without_credentials, spec.uris)),
        headers=tuple((name, "***") for name, _ in spec.headers),
        referer=None if spec.referer is None else without_credentials(spec.referer),
        user=None if spec.user is None else spec.user.partition(":")[0] + ":***",
        bearer=None if spec.bearer is None else "***",
        proxy=None if spec.proxy is None else without_credentials(spec.proxy),
    )

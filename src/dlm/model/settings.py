"""Settings: what can be chosen beforehand. One schema for flags, `DLM_*` variables, config.toml and the docs table.

Rules
-----
* A row of `SCHEMA` is a field of `Settings` with its metadata; nothing else lists them.
* Flags beat the environment, the environment beats the file, the file beats the default.
* A bad value is an `InvalidRequest` of one sentence: where it stands, and what to write instead.
* Reading the file and the environment is the caller's business: here stand values only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field, fields, replace
from enum import Enum
from typing import Any

from dlm.model.units import format_rate
from dlm.model.value import dataclass

Value = str | int | float | bool | None
HIDDEN = "***"
"""What is shown of a value that is secret."""


class Unit(Enum):
    """What kind of value a setting holds, and how users write it."""

    SWITCH = "yes or no"
    COUNT = "a whole number"
    RATE = "bytes a second"
    DURATION = "seconds"
    TEXT = "text"
    URL = "a URL"
    FILE = "a file that exists"
    FOLDER = "a directory"
    PATH = "a file"


class Scope(Enum):
    """What a setting governs."""

    GLOBAL = "all of dlm"
    DOWNLOAD = "each download"
    BOTH = "each download, and all of them together"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row of the schema. `flag` and `short` are the command line's; `name` is the key in config.toml."""

    help: str
    unit: Unit
    scope: Scope = Scope.DOWNLOAD
    flag: str = ""
    short: str | None = None
    metavar: str = ""
    least: int = 0
    most: int | None = None
    words: tuple[str, ...] = ()
    """The only values, where these are words."""
    preset: str = ""
    """The default in words, where it depends on the machine."""
    secret: bool = False
    """Whether its value is shown to nobody."""
    name: str = ""
    default: Value = None

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"DLM_{self.name.upper()}"

    @property
    def is_path(self) -> bool:
        """Whether the value names something on disk."""
        return self.unit in {Unit.FILE, Unit.FOLDER, Unit.PATH}

    @property
    def preset_text(self) -> str:
        """The default as docs and help show it; empty when there is none."""
        return self.preset or ("" if self.default is None else show(self, self.default))


def show(row: Setting, value: Value) -> str:
    """The value as people write and read it."""
    if value is None:
        return ""
    if row.secret:
        return HIDDEN
    if row.unit is Unit.SWITCH:
        return "yes" if value else "no"
    if row.unit is Unit.RATE and isinstance(value, int):
        return format_rate(value)
    if row.unit is Unit.DURATION and isinstance(value, int | float):
        return f"{value:g} s"
    return str(value)


def _choice(unit: Unit, help: str, default: Value = None, **facts: Any) -> Any:
    row = Setting(unit=unit, help=help, default=default, **facts)
    if row.preset:  # only the surroundings can say
        return field(metadata={"setting": row})
    return field(default=default, metadata={"setting": row})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What holds for this run. Paths are absolute; rates are in bytes a second, durations in seconds."""

    directory: str = _choice(
        Unit.FOLDER, "save files in this directory", flag="--dir", short="-d", metavar="DIR", preset="the current directory"
    )
    connections: int = _choice(
        Unit.COUNT, "open at most this many connections for a download", 64, short="-x", least=1, most=256
    )
    jobs: int | None = _choice(
        Unit.COUNT,
        "carry at most this many downloads at once, instead of 3 with small files beside them",
        scope=Scope.GLOBAL,
        short="-j",
        least=1,
        most=1000,
    )
    per_host: int = _choice(
        Unit.COUNT, "carry at most this many downloads of one host at once", 4, scope=Scope.GLOBAL, least=1, most=1000
    )
    limit_rate: int | None = _choice(
        Unit.RATE, "fetch each download at this rate at most, such as 500K or 5M; 0 is no limit", scope=Scope.BOTH
    )
    limit_total: int | None = _choice(
        Unit.RATE, "fetch all downloads together at this rate at most, such as 5M; 0 is no limit", scope=Scope.GLOBAL
    )
    user_agent: str | None = _choice(Unit.TEXT, "call the client this")
    referer: str | None = _choice(Unit.TEXT, "send this address as the referring page", metavar="URL")
    cookies: str | None = _choice(Unit.FILE, "send the cookies of this file (Netscape format)")
    netrc: bool = _choice(Unit.SWITCH, "take user names and passwords from ~/.netrc", False)
    proxy: str | None = _choice(Unit.URL, "go through this proxy, such as http://host:3128 or socks5h://host:1080")
    insecure: bool = _choice(Unit.SWITCH, "accept certificates and SSH host keys that cannot be verified (dangerous)", False)
    cacert: str | None = _choice(Unit.FILE, "trust the certificate authorities of this PEM file")
    cert: str | None = _choice(Unit.FILE, "show this client certificate (PEM)")
    key: str | None = _choice(Unit.FILE, "use this private key, for the client certificate (PEM) or to log in by SSH")
    hostkey: str | None = _choice(Unit.TEXT, "trust the SSH server with this host key only", metavar="SHA256:…")
    overwrite: bool = _choice(Unit.SWITCH, "replace a finished file of the same name", False)
    resume: bool = _choice(Unit.SWITCH, "go on with what an earlier run has left", True)
    follow: bool = _choice(Unit.SWITCH, "fetch the files that a Metalink names, not the Metalink itself", True)
    retries: int = _choice(Unit.COUNT, "try again this often after failures that may pass", 5, most=10_000)
    timeout: float = _choice(Unit.DURATION, "give a silent server this many seconds", 30.0, metavar="SECONDS")
    http3: bool = _choice(Unit.SWITCH, "try HTTP/3 first", False)
    endpoint_url: str | None = _choice(Unit.TEXT, "ask this service for s3://, not Amazon", metavar="URL")
    region: str | None = _choice(Unit.TEXT, "expect the buckets of s3:// in this region")
    profile: str | None = _choice(Unit.TEXT, "take credentials for s3:// from this profile", metavar="NAME")
    anonymous: bool = _choice(Unit.SWITCH, "use no credentials for s3://", False)
    requester_pays: bool = _choice(Unit.SWITCH, "pay for requests to s3:// where their owner wants that", False)
    ftp_tls: bool = _choice(Unit.SWITCH, "log in to ftp:// servers within TLS only, as ftpes:// does", False)
    ftp_active: bool = _choice(Unit.SWITCH, "let FTP servers connect back for the data (active mode)", False)
    windows: str | None = _choice(
        Unit.TEXT,
        "work the queue by the week, such as 'mon-fri 08:00-18:00 limit 2M; sat,sun stop'",
        scope=Scope.GLOBAL,
        metavar="WINDOWS",
    )
    timezone: str | None = _choice(
        Unit.TEXT, "read the times of windows in this zone, such as Europe/Berlin", scope=Scope.GLOBAL, metavar="ZONE"
    )
    workers: int | None = _choice(
        Unit.COUNT,
        "carry the queue in at most this many processes; 0 is in this one",
        scope=Scope.GLOBAL,
        most=64,
        metavar="N",
    )
    listen: str | None = _choice(
        Unit.TEXT, "serve on this TCP address too, such as 127.0.0.1:8840", scope=Scope.GLOBAL, metavar="HOST:PORT"
    )
    grpc: str | None = _choice(
        Unit.TEXT, "serve gRPC on this TCP address, such as 127.0.0.1:8841", scope=Scope.GLOBAL, metavar="HOST:PORT"
    )
    host_names: str | None = _choice(
        Unit.TEXT,
        "answer to these names too, with commas between",
        scope=Scope.GLOBAL,
        flag="--host-name",
        metavar="NAMES",
    )
    roots: str | None = _choice(
        Unit.TEXT,
        "let clients save only below these directories, with colons between; else below --dir",
        scope=Scope.GLOBAL,
        flag="--root",
        metavar="DIRS",
    )
    tls_cert: str | None = _choice(Unit.FILE, "serve within TLS with this certificate (PEM)", scope=Scope.GLOBAL)
    tls_key: str | None = _choice(Unit.FILE, "the private key of --tls-cert (PEM)", scope=Scope.GLOBAL)
    log_file: str | None = _choice(Unit.PATH, "append what happens to this file; - is standard error", scope=Scope.GLOBAL)
    log_format: str = _choice(Unit.TEXT, "write the log as text or as json", "text", scope=Scope.GLOBAL, words=("text", "json"))
    state: str = _choice(
        Unit.PATH, "keep the database of downloads in this file", scope=Scope.GLOBAL, preset="$XDG_STATE_HOME/dlm/dlm.db"
    )
    remote: str | None = _choice(
        Unit.TEXT,
        "let this daemon do it, such as https://nas:8840 or unix:/PATH",
        scope=Scope.GLOBAL,
        metavar="URL",
    )
    token: str | None = _choice(Unit.TEXT, "the token for --remote; better in DLM_TOKEN", scope=Scope.GLOBAL, secret=True)


_METAVARS = {Unit.COUNT: "N", Unit.RATE: "RATE", Unit.TEXT: "TEXT", Unit.URL: "URL", Unit.FILE: "FILE", Unit.PATH: "FILE"}


def _rows() -> Iterator[Setting]:
    for each in fields(Settings):
        row: Setting = each.metadata["setting"]
        flag = row.flag or "--" + each.name.replace("_", "-")
        yield replace(row, name=each.name, flag=flag, metavar=row.metavar or "|".join(row.words) or _METAVARS.get(row.unit, ""))


SCHEMA: dict[str, Setting] = {row.name: row for row in _rows()}
"""Every setting by its name, in the order in which they are shown."""

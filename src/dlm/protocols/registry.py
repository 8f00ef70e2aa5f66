"""Which adapter serves which addresses: a table of names, imported when first needed, and what other packages add to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from operator import attrgetter
from typing import Any
from urllib.parse import urlsplit

from dlm.model.address import without_credentials
from dlm.model.error import UnsupportedUri
from dlm.model.value import dataclass
from dlm.ports import Clock, Folders, Source


@dataclass(frozen=True, slots=True)
class Entry:
    """`schemes` are served by the Source at `target` (`module:Class`); `install` says how to get what it needs.

    `package`, with its version, is who brings it where that is not dlm.
    """

    schemes: tuple[str, ...]
    target: str
    install: str = ""
    package: str = ""


_CURL = "pip install --force-reinstall pycurl"
BUILTIN = (
    Entry(("http", "https"), "dlm.protocols.curl.source:HttpSource", _CURL),
    Entry(("dav", "davs", "webdav", "webdavs"), "dlm.protocols.dav.source:DavSource", _CURL),
    Entry(("s3",), "dlm.protocols.s3.source:S3Source", _CURL),
    Entry(("ftp", "ftpes", "ftps"), "dlm.protocols.ftp.source:FtpSource", "a Python with its module ssl"),
    Entry(("sftp", "scp"), "dlm.protocols.ssh.source:SshSource", "pip install 'dlm[sftp]'"),
)
DUTIES = ("open", "fetch", "close")
"""What a Source must have."""


def installed() -> Sequence[Entry]:
    """What other packages bring. importlib.metadata takes 30 ms to load, so it is asked only for schemes that are not ours."""
    from dlm.protocols.installed import brought

    return brought()


class Registry:
    """See `ports.Sources`. Keeps one Source a target, so that downloads share connections.

    What `others` bring is looked up once, when a scheme is met that is not among `entries`: those cannot be taken over.
    """

    def __init__(
        self, clock: Clock, entries: Sequence[Entry] = BUILTIN, others: Callable[[], Sequence[Entry]] = installed
    ) -> None:
        self._clock = clock
        self._by_scheme = {scheme: entry for entry in entries for scheme in entry.schemes}
        self._others = others
        self._brought: Sequence[Entry] | None = None
        self._sources: dict[tuple[str, str], Source] = {}

    def pick(self, uri: str) -> Source:
        """See `ports.Sources`."""
        scheme = urlsplit(uri).scheme.lower()
        entry = self._by_scheme.get(scheme) or self._adopted(scheme, uri)
        key = (entry.package, entry.target)
        if key not in self._sources:
            self._sources[key] = _foreign(entry, self._clock) if entry.package else _ours(entry, self._clock)
        return self._sources[key]

    def folders(self, uri: str) -> Folders:
        """See `ports.Sources`."""
        return folders_of(self.pick(uri), uri)

    async def close(self) -> None:
        """Close every Source that was used."""
        for source in self._sources.values():
            await source.close()
        self._sources.clear()

    def _adopted(self, scheme: str, uri: str) -> Entry:
        """What one other package brings for the scheme."""
        if self._brought is None:
            self._brought = self._others()
        match [each for each in self._brought if scheme in each.schemes]:
            case [entry]:
                return entry
            case []:
                known = dict.fromkeys((*self._by_scheme, *(name for each in self._brought for name in each.schemes)))
                served = ", ".join(f"{each}://" for each in known)
                raise UnsupportedUri(f"{without_credentials(uri)} is of a kind that dlm does not serve; it serves {served}")
            case several:
                names = " and ".join(each.package for each in several)
                raise UnsupportedUri(f"{scheme}:// is brought by more than one package, {names}: uninstall all but one")


def _ours(entry: Entry, clock: Clock) -> Source:
    try:
        kind = _named(entry.target)
    except ImportError as error:
        raise UnsupportedUri(f"{entry.schemes[0]}:// needs what is not installed: {entry.install}") from error
    source: Source = kind(clock)
    return source


def _foreign(entry: Entry, clock: Clock) -> Source:
    try:
        source: Source = _named(entry.target)(clock)
        absent = [duty for duty in DUTIES if not callable(getattr(source, duty, None))]
    except Exception as error:  # the code of others begins here, and there is nothing that it cannot raise
        raise _unusable(entry, " ".join(f"{type(error).__name__}: {error}".split())[:200]) from error
    if absent:
        raise _unusable(entry, f"{entry.target} has no {' and no '.join(absent)}")
    return source


def _unusable(entry: Entry, reason: str) -> UnsupportedUri:
    scheme, package = entry.schemes[0], entry.package
    return UnsupportedUri(f"{scheme}:// is served by {package}, which cannot be used ({reason}): update or uninstall it")


def _named(target: str) -> Any:
    module, _, name = target.partition(":")
    return attrgetter(name)(import_module(module))


def folders_of(source: Source, uri: str) -> Folders:
    """What `source` is beside, where it can tell what the folder at `uri` holds. Raises `UnsupportedUri`."""
    if isinstance(source, Folders):
        return source
    scheme = urlsplit(uri).scheme.lower()
    shown = without_credentials(uri)
    raise UnsupportedUri(f"{shown} cannot be fetched with -r: what a folder holds cannot be asked for over {scheme}://")

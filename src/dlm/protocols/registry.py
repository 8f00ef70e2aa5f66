"""Which adapter serves which addresses: a table of names, imported when first needed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from urllib.parse import urlsplit

from dlm.model.address import without_credentials
from dlm.model.error import UnsupportedUri
from dlm.model.value import dataclass
from dlm.ports import Clock, Folders, Source


@dataclass(frozen=True, slots=True)
class Entry:
    """`schemes` are served by the Source at `target` (`module:Class`); `install` says how to get what it needs."""

    schemes: tuple[str, ...]
    target: str
    install: str


_CURL = "pip install --force-reinstall pycurl"
BUILTIN = (
    Entry(("http", "https"), "dlm.protocols.curl.source:HttpSource", _CURL),
    Entry(("dav", "davs", "webdav", "webdavs"), "dlm.protocols.dav.source:DavSource", _CURL),
    Entry(("s3",), "dlm.protocols.s3.source:S3Source", _CURL),
    Entry(("ftp", "ftpes", "ftps"), "dlm.protocols.ftp.source:FtpSource", "a Python with its module ssl"),
    Entry(("sftp", "scp"), "dlm.protocols.ssh.source:SshSource", "pip install 'dlm[sftp]'"),
)


class Registry:
    """See `ports.Sources`. Keeps one Source a target, so that downloads share connections."""

    def __init__(self, clock: Clock, entries: Sequence[Entry] = BUILTIN) -> None:
        self._clock = clock
        self._by_scheme = {scheme: entry for entry in entries for scheme in entry.schemes}
        self._sources: dict[str, Source] = {}

    def pick(self, uri: str) -> Source:
        """See `ports.Sources`."""
        scheme = urlsplit(uri).scheme.lower()
        entry = self._by_scheme.get(scheme)
        if entry is None:
            served = ", ".join(f"{each}://" for each in self._by_scheme)
            raise UnsupportedUri(f"{without_credentials(uri)} is of a kind that dlm does not serve; it serves {served}")
        if entry.target not in self._sources:
            self._sources[entry.target] = self._load(entry)
        return self._sources[entry.target]

    def folders(self, uri: str) -> Folders:
        """See `ports.Sources`."""
        return folders_of(self.pick(uri), uri)

    async def close(self) -> None:
        """Close every Source that was used."""
        for source in self._sources.values():
            await source.close()
        self._sources.clear()

    def _load(self, entry: Entry) -> Source:
        module, _, name = entry.target.partition(":")
        try:
            kind = getattr(import_module(module), name)
        except ImportError as error:
            raise UnsupportedUri(f"{entry.schemes[0]}:// needs what is not installed: {entry.install}") from error
        source: Source = kind(self._clock)
        return source


def folders_of(source: Source, uri: str) -> Folders:
    """What `source` is beside, where it can tell what the folder at `uri` holds. Raises `UnsupportedUri`."""
    if isinstance(source, Folders):
        return source
    scheme = urlsplit(uri).scheme.lower()
    shown = without_credentials(uri)
    raise UnsupportedUri(f"{shown} cannot be fetched with -r: what a folder holds cannot be asked for over {scheme}://")

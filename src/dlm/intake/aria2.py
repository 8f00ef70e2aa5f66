"""aria2's input file, and the session that aria2 saves in the same format.

Format
------
* A line holds one URI, or several mirrors of one file with tabs between them. `#` begins a comment line.
* Lines that begin with a space or a tab are options of the URIs above: `name=value`. `options.py` says what they mean.
* A session is written by aria2 itself, with every option that was set. Those of `BOOKKEEPING` say how aria2 works, not what
  is fetched; they are passed over. In an input file, which a person wrote, they are refused like all that is not known.
* What a session has that is no URL, a magnet link or the path of a torrent, is skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dlm.intake.entry import Entry, Skipped, named, shown, words
from dlm.intake.text import lines
from dlm.model.error import InvalidRequest
from dlm.model.settings import SCHEMA

BOOKKEEPING = words(
    """
    gid allow-piece-length-change always-resume async-dns auto-file-renaming check-integrity conditional-get connect-timeout
    content-disposition-default-utf8 enable-http-keep-alive enable-http-pipelining enable-mmap enable-peer-exchange
    file-allocation follow-metalink follow-torrent force-save ftp-pasv ftp-reuse-connection ftp-type http-accept-gzip
    http-auth-challenge http-no-cache lowest-speed-limit max-file-not-found max-mmap-limit max-resume-failure-tries
    max-upload-limit metalink-base-uri metalink-enable-unique-protocol metalink-language metalink-location metalink-os
    metalink-preferred-protocol metalink-version min-split-size no-file-allocation-limit no-proxy pause-metadata piece-length
    proxy-method realtime-chunk-checksum remote-time remove-control-file retry-wait reuse-uri rpc-save-upload-metadata
    save-not-found seed-ratio seed-time stream-piece-selector uri-selector use-head
    bt-enable-hook-after-hash-check bt-enable-lpd bt-exclude-tracker bt-external-ip bt-force-encryption bt-hash-check-seed
    bt-load-saved-metadata bt-max-peers bt-metadata-only bt-min-crypto-level bt-prioritize-piece bt-remove-unselected-file
    bt-request-peer-speed-limit bt-require-crypto bt-save-metadata bt-seed-unverified bt-stop-timeout bt-tracker
    bt-tracker-connect-timeout bt-tracker-interval bt-tracker-timeout
    """
)
"""Options of an aria2 download that change neither which bytes are fetched nor where they are saved."""
_OFF = frozenset({"parameterized-uri", "dry-run", "hash-check-only"})
"""Options of aria2 that would change what happens, and are off in any session that dlm can carry on."""


def read_entries(text: str, source: str) -> list[Entry]:
    """The entries of an input file, in order. Raises `InvalidRequest` that names `source` and the line."""
    return list(read_aria2([text], source))


def read_aria2(chunks: Iterable[str], source: str) -> Iterator[Entry]:
    """As `read_entries`, piece by piece."""
    uris: tuple[int, tuple[str, ...]] | None = None
    options: list[tuple[int, str, str]] = []
    for number, line in enumerate(lines(chunks, source), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if line[0].isspace():
            options.append(_option(line, f"{source}:{number}", number, stray=uris is None))
            continue
        if uris is not None:
            yield Entry(*uris, tuple(options))
        uris, options = (number, tuple(uri.strip() for uri in line.split("\t") if uri.strip())), []
    if uris is not None:
        yield Entry(*uris, tuple(options))


def _option(line: str, where: str, number: int, *, stray: bool) -> tuple[int, str, str]:
    name, equals, value = line.strip().partition("=")
    name = name.strip()
    if not equals:
        raise InvalidRequest(f"{where}: {named(name)} is not an option: write name=value, or begin a URL at the margin")
    if stray:
        raise InvalidRequest(f"{where}: the option {named(name)} stands before the first URL: write it below one")
    return number, name, value.strip()


def read_session(chunks: Iterable[str], source: str) -> Iterator[Entry | Skipped]:
    """The entries of a session: bookkeeping is left out, and aria2's own notions are put into ours."""
    for entry in read_aria2(chunks, source):
        if not all("://" in uri for uri in entry.uris):
            what = shown(entry.uris[0]) if entry.uris[0].startswith("magnet:") else ""
            yield Skipped(entry.line, what, "it is a torrent or a file, not a URL")
            continue
        options = tuple(_ours(option, entry) for option in entry.options if not _is_bookkeeping(option))
        yield Entry(entry.line, tuple(dict.fromkeys(entry.uris)), options)


def _is_bookkeeping(option: tuple[int, str, str]) -> bool:
    _, name, value = option
    return name in BOOKKEEPING or (name in _OFF and value == "false")


def _ours(option: tuple[int, str, str], entry: Entry) -> tuple[int, str, str]:
    match option:
        case (line, "max-tries", "0"):  # for ever
            return line, "retries", str(SCHEMA["retries"].most)
        case (line, "referer", "*"):  # the download's own address
            return line, "referer", entry.uris[0]
        case _:
            return option

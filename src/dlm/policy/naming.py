"""File names: what servers and addresses suggest, made harmless. One sanitiser for every protocol.

Rules
-----
* A suggestion is hostile. What `safe_name` returns is one path component that every common file system takes.
* The rules of all systems hold on each of them, since the disk may be shared with another.
* What the user chose is trusted; only what no file can be called is refused (`check_output`).
"""

from __future__ import annotations

import os.path
import re
from urllib.parse import unquote_to_bytes, urlsplit

from dlm.model.error import InvalidRequest
from dlm.model.text import printable

LONGEST = 255
"""Bytes in a path component on the usual file systems."""
NUMBERED_LIMIT = LONGEST - len(".part")
"""Bytes in a name that may stand beside its partial file."""
NAME_LIMIT = NUMBERED_LIMIT - len(" (999)")
"""Bytes in a name that `safe_name` returns, so that a number still fits."""

_SURROGATES = r"\ud800-\udfff"
_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_DIRECTIONS = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb"
_INVISIBLE = (
    r"\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u3164\uffa0\ufff0-\ufff8"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
_SURROGATE = re.compile(f"[{_SURROGATES}]")
_UNPRINTABLE = re.compile(f"[{_CONTROLS}{_DIRECTIONS}{_SURROGATES}]")
_DROPPED = re.compile(f"[{_CONTROLS}{_DIRECTIONS}{_INVISIBLE}]")
_SEPARATOR = re.compile(r"[/\\]")
_RESERVED = re.compile(r'[<>:"|?*]')
_EDGES = ". \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u2800\u3000"
"""The dot and everything that looks like a space: nothing that a name may begin or end with."""

_DEVICE = re.compile(r"con|prn|aux|nul|clock\$|conin\$|conout\$|(?:com|lpt)[0-9¹²³]")
_SPECIAL_FILES = frozenset({"desktop.ini", "thumbs.db"})
_SHELL_EXTENSIONS = frozenset(
    {"lnk", "local", "scf", "url", "website", "pif", "library-ms", "search-ms", "searchconnector-ms"},
)
"""What Windows acts upon as soon as it lists or opens the directory."""
_EXTENSION = re.compile(
    r"""(?:\.[a-z][a-z0-9]{0,7})? (?:\.(?:gz|bz2|xz|zst|lz|lz4|lzma|br|z|asc|sig|minisig|gpg)){1,2} \Z
        | \.[^.\s]{1,32} \Z""",
    re.IGNORECASE | re.VERBOSE,
)


def safe_name(suggestion: str | None, uri: str, *, fallback: str = "download") -> str:
    """The name to save under: the first of suggestion, last path component of `uri`, and fallback that leaves a name.

    `uri` is the address that the user gave, never one that a redirect led to. The result is one component of at most
    `NAME_LIMIT` bytes: no separator, no control, bidirectional or invisible character, no name or ending that
    Windows gives a meaning to, no dot or space at either end, in Unicode's form NFC. Never raises, never empty, and
    a name that came from here comes back unchanged.
    """
    for candidate in (suggestion, _last_component(uri), fallback):
        name = _sanitised(candidate or "")
        if name:
            return name
    return "download"


def check_output(name: str) -> tuple[str, str]:
    """What the user chose with `-o`, as (directory part, file name); the directory part may be empty.

    Raises `InvalidRequest` for what no file can be called, and for what the list of downloads could not keep.
    """
    if not name:
        raise InvalidRequest("the output has no name: write -o FILE")
    if re.search(r"[\x00-\x1f\x7f-\x9f]", name):
        raise InvalidRequest(f"the output '{printable(name)}' holds a control character")
    if _SURROGATE.search(name):
        raise InvalidRequest(f"the output '{printable(name)}' is not valid UTF-8")
    directory, file = os.path.split(name)
    if file in {"", ".", ".."}:
        raise InvalidRequest(f"the output '{name}' names a directory: write -d for the directory and -o for the file")
    return directory, file


def numbered(name: str, n: int) -> str:
    """`name (n).ext`: the number before the extension (before both of `.tar.gz`), in at most `NUMBERED_LIMIT` bytes."""
    stem, extension = _split(name)
    return _fitted(stem, f" ({n}){extension}", NUMBERED_LIMIT)


def _last_component(uri: str) -> str:
    """The last component of the path that is not empty, decoded once. A decoded slash does not make it two."""
    try:
        path = urlsplit(uri).path
    except ValueError:
        return ""
    component = next((part for part in reversed(path.split("/")) if part), "")
    raw = unquote_to_bytes(_replaced(component))
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _sanitised(text: str) -> str:
    """`text` as a harmless name, empty when nothing of it is left. The order matters: each step trusts those before it."""
    name = _composed(_DROPPED.sub("", _replaced(text)))
    name = next((part for part in reversed(_SEPARATOR.split(name)) if part), "")
    name = _RESERVED.sub("_", name).strip(_EDGES)
    base = name.partition(".")[0].rstrip(_EDGES).casefold()
    if _DEVICE.fullmatch(base) or name.casefold() in _SPECIAL_FILES:
        name = f"_{name}"
    name = _shortened(name)
    # Only now: a cut may have bared such an ending.
    return _shortened(f"{name}.download") if _means_something_to_a_shell(name) else name


def _replaced(text: str) -> str:
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def _composed(text: str) -> str:
    if text.isascii():
        return text
    import unicodedata

    return unicodedata.normalize("NFC", text)


def _means_something_to_a_shell(name: str) -> bool:
    """Whether the extension is one of those above, or a class id in braces, which hides what the file is."""
    stem, _, extension = name.rpartition(".")
    return bool(stem) and (extension.casefold() in _SHELL_EXTENSIONS or (extension[:1] == "{" and extension[-1:] == "}"))


def _split(name: str) -> tuple[str, str]:
    """Stem and extension, `.tar.gz` and its like in one. What is absurdly long, or has a space, is no extension."""
    match = _EXTENSION.search(name, 1)
    return (name[: match.start()], match[0]) if match else (name, "")


def _shortened(name: str) -> str:
    stem, extension = _split(name)
    return _fitted(stem, extension, NAME_LIMIT)


def _fitted(stem: str, tail: str, limit: int) -> str:
    """`stem` and `tail` together, the end of `stem` cut off where they have more than `limit` bytes."""
    room = limit - _size(tail)
    return (stem if _size(stem) <= room else _head(stem, room).rstrip(_EDGES)) + tail


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _head(text: str, room: int) -> str:
    """The start of `text` in at most `room` bytes: no code point is cut, and few accents leave their letter."""
    import unicodedata

    end = size = 0
    while end < len(text) and size + _size(text[end]) <= room:
        size += _size(text[end])
        end += 1
    for back in range(end, max(end - 8, 0), -1):
        if back == len(text) or not unicodedata.category(text[back]).startswith("M"):
            return text[:back]
    return text[:end]

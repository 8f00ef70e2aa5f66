"""Content-Disposition: the name that the server suggests (RFC 6266, RFC 8187), and what servers write instead.

The result is a suggestion, never a file name: `dlm.policy.naming.safe_name` makes one of it.
"""

from __future__ import annotations

import binascii
import re
from urllib.parse import unquote_to_bytes

_PARAMETER = re.compile(r'\s*+([^=;"]*+)(?:=\s*+(?:"((?:[^"\\]|\\.)*+)"?|([^;]*+)))?[^;]*+;?', re.DOTALL)
"""One parameter up to its semicolon: name, value in quotes, value without. Possessive, so hostile text costs linear time."""
_ESCAPE = re.compile(r'\\(["\\])')
_EXTENDED = re.compile(r"([^']+)'[^']*'((?:[^%]|%[0-9A-Fa-f]{2})*+)", re.DOTALL)
_CHARSET = re.compile(
    r"utf-?8|us-ascii|iso-8859-\d{1,2}|windows-125\d|koi8-[ru]|gbk|gb2312|gb18030|big5|shift_jis|euc-jp|euc-kr|iso-2022-jp",
    re.IGNORECASE | re.ASCII,
)
_ENCODED_WORD = re.compile(r"=\?([A-Za-z0-9_-]+)(?:\*[A-Za-z0-9-]*)?\?([BbQq])\?([^?]*)\?=")
_BETWEEN_WORDS = re.compile(r"(?<=\?=)\s+(?==\?)")
_PERCENT_ENCODED = re.compile(
    r"(?:[!-$&-~]|%(?:[01][0-9A-F]|2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[BCDF]|[89A-F][0-9A-F]))+", re.IGNORECASE
)
"""What an encoder writes: no space is left, and every escape stands for a byte that has to be escaped."""


def suggested_name(header: str | None) -> str | None:
    """The name in a `Content-Disposition` field (decoded as Latin-1), `None` when there is none. Never raises.

    `filename*` wins over `filename`; of each the first that can be read counts. The disposition's type does not matter.
    """
    plain: str | None = None
    extended: str | None = None
    for name, value in _parameters(header or ""):
        if name == "filename*" and extended is None:
            extended = _from_extended(value)
        elif name == "filename" and plain is None:
            plain = _from_plain(value)
    return extended or plain


def _parameters(header: str) -> list[tuple[str, str]]:
    """Name and value of each parameter, names in lower case, quotes and escapes gone."""
    found: list[tuple[str, str]] = []
    position = 0
    while position < len(header):
        match = _PARAMETER.match(header, position)
        if match is None:
            break
        position = match.end()
        name, quoted, bare = match[1].strip().lower(), match[2], match[3]
        if quoted is not None:
            # Only \" and \\ are escapes: other backslashes come from servers that send a path of Windows.
            found.append((name, _ESCAPE.sub(r"\1", quoted).strip()))
        elif bare is not None:
            # A quote at the end alone comes from servers that quote the whole field.
            found.append((name, bare.strip().rstrip('"')))
    return found


def _from_extended(value: str) -> str | None:
    """`charset'language'percent-encoded` (RFC 8187, section 3.2)."""
    match = _EXTENDED.fullmatch(value)
    return _decoded(unquote_to_bytes(match[2].encode("utf-8", "replace")), match[1].strip()) if match else None


def _from_plain(value: str) -> str | None:
    """`value`, and where it is written in one of the usual wrong ways, what is meant by it."""
    if "=?" in value:
        return _ENCODED_WORD.sub(_word, _BETWEEN_WORDS.sub("", value))
    if "%" in value and _PERCENT_ENCODED.fullmatch(value):
        meant = _decoded(unquote_to_bytes(value), "utf-8")
        return value if meant is None or re.search(r"[\x00-\x1f\x7f/\\]", meant) else meant
    try:
        return value.encode("latin-1").decode() or None
    except UnicodeError:
        return value


def _word(match: re.Match[str]) -> str:
    """An encoded word (RFC 2047), decoded; itself when it cannot be."""
    text = match[3].encode("utf-8", "replace")
    try:
        raw = binascii.a2b_base64(text + b"==") if match[2] in "Bb" else binascii.a2b_qp(text, header=True)
    except binascii.Error:
        return match[0]
    decoded = _decoded(raw, match[1])
    return match[0] if decoded is None else decoded


def _decoded(raw: bytes, charset: str) -> str | None:
    """`raw` in one of the character sets that names come in, `None` when it is another one or does not fit."""
    if not _CHARSET.fullmatch(charset):
        return None
    try:
        return raw.decode(charset) or None
    except (UnicodeDecodeError, LookupError):
        return None

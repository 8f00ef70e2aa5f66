"""The options of curl: what each means for a download, which mean nothing for it, and which cannot be carried out.

* An option that changes what is fetched is carried over (`_ARGUMENTS`, `_SWITCHES`); one that only says how curl works
  (`_IGNORED`) is passed over; anything else is refused. So is what sends something (`_SENDING`): dlm only fetches.
* No message repeats an argument: it may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dlm.intake.entry import named, nearest, words
from dlm.model.error import InvalidRequest


@dataclass(slots=True)
class Operation:
    """What one set of options asks for, as far as it has been read."""

    urls: list[str] = field(default_factory=list)
    outputs: list[str | None] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    cookies: list[str] = field(default_factory=list)
    options: list[tuple[str, str]] = field(default_factory=list)
    patience: list[float] = field(default_factory=list)
    literal: bool = False


def read_operation(arguments: list[str], where: str) -> Operation:
    """What `arguments` ask for. Raises `InvalidRequest` that begins with `where`."""
    operation = Operation()
    waiting = iter(arguments)
    for word in waiting:
        if word.startswith("--"):
            _apply(operation, word[2:], None, waiting, where)
        elif word.startswith("-") and len(word) > 1:
            _apply_letters(operation, word[1:], waiting, where)
        else:
            operation.urls.append(word)
    return operation


def _apply_letters(operation: Operation, letters: str, waiting: Iterator[str], where: str) -> None:
    """`-sSLo FILE`, `-oFILE`: letters up to the first that wants an argument; what follows that one is it."""
    for at, letter in enumerate(letters):
        name = _LETTERS.get(letter)
        if name is None:
            raise InvalidRequest(f"{where}: dlm cannot do what curl does for -{letter}: leave it out if it does not matter")
        rest = letters[at + 1 :] or None
        if _apply(operation, name, rest, waiting, where):
            return


def _apply(operation: Operation, name: str, attached: str | None, waiting: Iterator[str], where: str) -> bool:
    """Carry out one option, and say whether it took an argument."""
    if name in _IGNORED or (name.startswith("no-") and name[3:] in _IGNORED):
        return False
    if name in _SENDING:
        raise InvalidRequest(f"{where}: this command sends something to the server (--{name}), and dlm only fetches")
    if name in _SWITCHES:
        _SWITCHES[name](operation)
        return False
    if name not in _ARGUMENTS and name not in _IGNORED_ARGUMENTS:
        hint = nearest(name, (*_ARGUMENTS, *_SWITCHES)) or ": leave it out if it does not matter"
        said = named(name) if named(name) == "this" else f"--{name}"
        raise InvalidRequest(f"{where}: dlm cannot do what curl does for {said}{hint}")
    argument = attached if attached is not None else next(waiting, None)
    if argument is None:
        raise InvalidRequest(f"{where}: --{name} wants an argument, and none is there")
    if name in _ARGUMENTS:
        _ARGUMENTS[name](operation, argument, f"{where}: --{name}")
    return True


def _option(name: str) -> Callable[[Operation, str, str], None]:
    return lambda operation, text, _where: operation.options.append((name, text))


def _output(operation: Operation, text: str, _where: str) -> None:
    operation.outputs.append(text)


def _header(operation: Operation, text: str, where: str) -> None:
    if text.startswith("@"):
        raise InvalidRequest(f"{where}: dlm does not read headers from a file: write them in the command")
    operation.headers.append(text)


def _cookie(operation: Operation, text: str, _where: str) -> None:
    if "=" in text:
        operation.cookies.append(text.strip().rstrip(";"))
    elif text:  # without a '=' it is the name of a file, as curl has it
        operation.options.append(("load-cookies", text))


def _referer(operation: Operation, text: str, _where: str) -> None:
    operation.options.append(("referer", text.removesuffix(";auto")))


def _user(operation: Operation, text: str, where: str) -> None:
    name, colon, password = text.partition(":")
    if not colon:
        raise InvalidRequest(f"{where}: there is no password: write NAME:PASSWORD")
    operation.options += [("http-user", name), ("http-passwd", password)]


def _proxy(scheme: str) -> Callable[[Operation, str, str], None]:
    def apply(operation: Operation, text: str, _where: str) -> None:
        operation.options.append(("all-proxy", text if not text or "://" in text else f"{scheme}://{text}"))

    return apply


def _cert(operation: Operation, text: str, where: str) -> None:
    if ":" in text:
        raise InvalidRequest(f"{where}: dlm cannot open a certificate with a password: write the name of a PEM file")
    operation.options.append(("certificate", text))


def _range(operation: Operation, text: str, _where: str) -> None:
    if text.strip() != "0-":
        operation.options.append(("range", text))


def _patience(operation: Operation, text: str, where: str) -> None:
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
        raise InvalidRequest(f"{where}: this is not a number of seconds")
    if float(text) > 0:
        operation.patience.append(float(text))


def _request(_operation: Operation, text: str, where: str) -> None:
    if text.upper() != "GET":
        raise InvalidRequest(f"{where}: dlm only fetches (GET): a command with another method cannot be imported")


def _continue_at(_operation: Operation, text: str, where: str) -> None:
    if text != "-":
        raise InvalidRequest(f"{where}: dlm finds out itself where to go on: leave it out, or write -r FIRST-LAST")


def _certificate_type(_operation: Operation, text: str, where: str) -> None:
    if text.upper() != "PEM":
        raise InvalidRequest(f"{where}: dlm reads certificates and keys in PEM only")


_ARGUMENTS: dict[str, Callable[[Operation, str, str], None]] = {
    "url": lambda operation, text, _where: operation.urls.append(text),
    "header": _header,
    "user-agent": _option("user-agent"),
    "referer": _referer,
    "cookie": _cookie,
    "user": _user,
    "oauth2-bearer": _option("bearer"),
    "output": _output,
    "output-dir": _option("dir"),
    "proxy": _proxy("http"),
    "socks4": _proxy("socks4"),
    "socks4a": _proxy("socks4a"),
    "socks5": _proxy("socks5"),
    "socks5-hostname": _proxy("socks5h"),
    "cacert": _option("ca-certificate"),
    "cert": _cert,
    "cert-type": _certificate_type,
    "key": _option("private-key"),
    "key-type": _certificate_type,
    "range": _range,
    "limit-rate": _option("limit-rate"),
    "retry": _option("retries"),
    "max-time": _patience,
    "connect-timeout": _patience,
    "request": _request,
    "continue-at": _continue_at,
}
_SWITCHES: dict[str, Callable[[Operation], None]] = {
    "remote-name": lambda operation: operation.outputs.append(None),
    "insecure": lambda operation: operation.options.append(("insecure", "yes")),
    "netrc": lambda operation: operation.options.append(("netrc", "yes")),
    "netrc-optional": lambda operation: operation.options.append(("netrc", "yes")),
    "http3": lambda operation: operation.options.append(("http3", "yes")),
    "http3-only": lambda operation: operation.options.append(("http3", "yes")),
    "globoff": lambda operation: setattr(operation, "literal", True),
}
_SENDING = words(
    """
    data data-raw data-binary data-ascii data-urlencode json form form-string form-escape upload-file head get url-query
    quote append mail-from mail-rcpt
    """
)
_IGNORED = words(
    """
    location location-trusted compressed compressed-ssh silent show-error fail fail-with-body fail-early verbose include
    progress-bar progress-meter remote-name-all remote-header-name remote-time create-dirs disable buffer keepalive
    basic digest anyauth http1.0 http1.1 http2 http2-prior-knowledge tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 ssl ssl-reqd tcp-nodelay
    retry-all-errors retry-connrefused parallel parallel-immediate styled-output clobber xattr alpn sessionid
    """
)
"""How curl works and what it shows. Carried credentials never follow a redirect to another server, whatever is said."""
_IGNORED_ARGUMENTS = words(
    """
    cookie-jar write-out dump-header stderr max-redirs retry-delay retry-max-time speed-limit speed-time keepalive-time
    parallel-max trace trace-ascii
    """
)
_LETTERS: dict[str, str] = {
    "A": "user-agent", "b": "cookie", "c": "cookie-jar", "C": "continue-at", "d": "data", "D": "dump-header", "e": "referer",
    "E": "cert", "f": "fail", "F": "form", "g": "globoff", "G": "get", "H": "header", "i": "include", "I": "head",
    "J": "remote-header-name", "k": "insecure", "L": "location", "m": "max-time", "n": "netrc", "N": "no-buffer",
    "o": "output", "O": "remote-name", "q": "disable", "r": "range", "R": "remote-time", "s": "silent", "S": "show-error",
    "T": "upload-file", "u": "user", "v": "verbose", "w": "write-out", "x": "proxy", "X": "request", "y": "speed-time",
    "Y": "speed-limit", "Z": "parallel", "#": "progress-bar",
    "0": "http1.0", "1": "tlsv1",
}  # fmt: skip

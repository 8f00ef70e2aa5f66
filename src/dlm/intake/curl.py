"""curl command lines, as browsers copy them and as people write them: what they would fetch, as entries.

Rules
-----
* Each URL of a command is a download; `--next` begins a new set of options. `-o` and `-O` belong to the URLs in order.
* `curl_options.py` says what the options mean.
* `headers.py` says which headers are of that one exchange. A `Host` that differs from the URL's is the user's wish, and stays;
  a `Range` becomes the range of the download.
* No message repeats an argument: it may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from dlm.intake.curl_options import Operation, read_operation
from dlm.intake.entry import Entry
from dlm.intake.expansion import expanded, has_pattern
from dlm.intake.headers import carried, is_of_one_exchange
from dlm.intake.shell import Command, commands
from dlm.model.error import InvalidRequest

LONGEST = 4 << 20
"""Characters of all commands together."""


def read_curl(chunks: Iterable[str], source: str, *, expand: bool = False) -> Iterator[Entry]:
    """The entries in order. Raises `InvalidRequest` that names `source` and the line."""
    text = ""
    for chunk in chunks:
        text += chunk
        if len(text) > LONGEST:
            raise InvalidRequest(f"{source} is too long for curl commands: {LONGEST >> 20} million characters are the most")
    for command in commands(text, source):
        program = re.split(r"[/\\]", command.words[0])[-1]
        if program not in {"curl", "curl.exe"}:
            hint = "put the URL in quotes" if "=" in command.words[0] else "leave only curl commands"
            raise InvalidRequest(f"{source}:{command.line}: here begins another command than curl: {hint}")
        yield from _entries(command, source, expand)


def _entries(command: Command, source: str, expand: bool) -> Iterator[Entry]:
    where = f"{source}:{command.line}"
    count = 0
    for arguments in _operations(command.words[1:]):
        operation = read_operation(arguments, where)
        count += len(operation.urls)
        for number in range(len(operation.urls)):
            entry = _entry(operation, number, command.line, where)
            yield from _resolved(entry, operation, source, expand)
    if count == 0:
        raise InvalidRequest(f"{where}: the curl command names no URL")


def _operations(arguments: Sequence[str]) -> Iterator[list[str]]:
    taken: list[str] = []
    for word in arguments:
        if word in {"--next", "-:"}:
            yield taken
            taken = []
        else:
            taken.append(word)
    yield taken


def _entry(operation: Operation, number: int, line: int, where: str) -> Entry:
    url = operation.urls[number]
    uri = url if "://" in url else f"http://{url}"  # as curl has it
    options = [*operation.options, *_carried(operation, uri, where)]
    output = operation.outputs[number] if number < len(operation.outputs) else None
    if output is not None:
        options.append(("out", output))
    if operation.patience:
        options.append(("timeout", f"{min(operation.patience):g}"))
    return Entry(line, (uri,), tuple((line, name, value) for name, value in options))


def _resolved(entry: Entry, operation: Operation, source: str, expand: bool) -> Iterator[Entry]:
    """Unless `-g` was said, `[1-9]` and `{a,b}` stand for several URLs, and backslashes take that meaning away."""
    if operation.literal:
        yield entry
        return
    if not expand and any(map(has_pattern, entry.uris)):
        raise InvalidRequest(
            f"{source}:{entry.line}: the URL stands for several, by [1-9] or {{a,b}}: say --expand, or -g in the command"
        )
    for each in expanded(entry, source):
        yield replace(each, uris=tuple(re.sub(r"\\([\[\]{}])", r"\1", uri) for uri in each.uris))


def _carried(operation: Operation, uri: str, where: str) -> Iterator[tuple[str, str]]:
    """The headers, as options. curl writes an empty one with a semicolon; one without a value takes one of its own away."""
    rows: list[tuple[str, str]] = []
    for line in operation.headers:
        name, colon, value = line.partition(":")
        if not colon and line.endswith(";"):
            rows.append((line[:-1], ""))
        elif not colon:
            raise InvalidRequest(f"{where}: --header: this is not a header: write 'Name: value'")
        elif value.strip():
            rows.append((name, value))
    for name, value in rows:
        match name.strip().lower():
            case "range" if value.strip() != "bytes=0-":
                yield "range", value.strip().removeprefix("bytes=")
            case "host" if value.strip().lower() != urlsplit(uri).netloc.rpartition("@")[2].lower():
                yield "header", f"Host: {value.strip()}"
    rows += [("Cookie", cookie) for cookie in operation.cookies]
    yield from carried(row for row in rows if not is_of_one_exchange(row[0]))

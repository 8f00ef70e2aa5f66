"""Command lines as shells read them, without running or expanding anything.

Two shells are known, those that browsers copy commands for:

* `bash`: blanks, quotes, `$'…'`, backslashes, comments; `;`, `&` and line breaks between commands.
* `cmd` of Windows: carets, then quotes and backslashes as the C runtime of Windows reads them; `&` between commands.

What a shell would do beyond that, such as variables, pipes and files for output, is refused: dlm would do something else than
what is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from dlm.model.error import InvalidRequest


@dataclass(slots=True)
class Command:
    """The words of one command, and the line on which it begins."""

    line: int
    words: list[str] = field(default_factory=list)


def commands(text: str, source: str) -> Iterator[Command]:
    """Every command of a text. Raises `InvalidRequest` that names `source` and the line; it repeats no word."""
    text = text.replace("\r\n", "\n")
    found = _Cmd(text, source).commands() if _is_cmd(text) else _Bash(text, source).commands()
    return (command for command in found if command.words)


def _is_cmd(text: str) -> bool:
    # Carets mean something in one of the two only, and so do the backslash at the end of a line and single quotes.
    return re.search(r"\^\n|\s\^\"|\A\s*curl\.exe\s", text) is not None and re.search(r"\\\n|\s\$?'", text) is None


class _Bash:
    """POSIX shell and bash."""

    _plain = re.compile(r"[^\s'\"\\$`;&|<>()#~]+")
    _expansion = re.compile(r"\$[A-Za-z_0-9{(@*#?!$-]|`")
    _quoted = re.compile(r"[^\"\\$`]+")

    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self._source = source
        self._at = 0

    def commands(self) -> Iterator[Command]:
        command = Command(1)
        word: str | None = None
        while self._at < len(self._text):
            start = self._at
            char = self._text[start]
            if char in " \t\n;&#" and not (char == "#" and word is not None):
                if word is not None:
                    command.words.append(word)
                word = None
                self._gap(char)
                if char in "\n;&" and command.words:
                    yield command
                    command = Command(0)
                continue
            if self._text.startswith("\\\n", start):
                self._at += 2
                continue
            if not command.words and word is None:
                command.line = self._line(start)
                if self._text.startswith("$ ", start):  # a prompt that was copied too
                    self._at += 2
                    continue
            word = (word or "") + self._piece(char, first=word is None)
        if word is not None:
            command.words.append(word)
        yield command

    def _gap(self, char: str) -> None:
        self._at += 1
        if char == "#":
            end = self._text.find("\n", self._at)
            self._at = len(self._text) if end < 0 else end
        elif char == "&" and self._text.startswith(">", self._at):
            raise self._refused("'>' would be a file for the output: name it with -o")

    def _piece(self, char: str, *, first: bool) -> str:
        """The next piece of a word; what follows belongs to the same word."""
        if match := self._plain.match(self._text, self._at):
            self._at = match.end()
            return match[0]
        if self._expansion.match(self._text, self._at):
            raise self._refused("a shell would put something in the place of '$' or '`': write what it stands for")
        if char in "|<>()":
            raise self._refused(f"'{char}' is for a shell: leave only the curl command, with -o for the name of the file")
        if char == "~" and first:
            raise self._refused("a shell would put a directory in the place of '~': write it out")
        self._at += 1
        if char == "'":
            return self._until_quote()
        if char == '"':
            return self._double()
        if char == "\\":
            self._at += 1
            return self._text[self._at - 1 : self._at]
        if char == "$" and self._text.startswith(("'", '"'), self._at):
            self._at += 1
            return self._ansi() if self._text[self._at - 1] == "'" else self._double()
        return char

    def _until_quote(self) -> str:
        end = self._text.find("'", self._at)
        if end < 0:
            raise self._refused("a quote is not closed")
        piece, self._at = self._text[self._at : end], end + 1
        return piece

    def _double(self) -> str:
        pieces = []
        while self._at < len(self._text):
            char = self._text[self._at]
            if match := self._quoted.match(self._text, self._at):
                pieces.append(match[0])
                self._at = match.end()
            elif char == '"':
                self._at += 1
                return "".join(pieces)
            elif char == "\\":
                following = self._text[self._at + 1 : self._at + 2]
                pieces.append(
                    "" if following == "\n" else following if following and following in '$`"\\' else "\\" + following
                )
                self._at += 2
            elif self._expansion.match(self._text, self._at):
                raise self._refused("a shell would put something in the place of '$' or '`': write what it stands for")
            else:
                pieces.append(char)
                self._at += 1
        raise self._refused("a quote is not closed")

    def _ansi(self) -> str:
        match = re.compile(r"((?:[^'\\]|\\.)*+)'", re.DOTALL).match(self._text, self._at)
        if match is None:
            raise self._refused("a quote is not closed")
        self._at = match.end()
        try:
            return unescape(match[1])
        except ValueError as error:
            raise self._refused("the quoted text is not UTF-8") from error

    def _line(self, at: int) -> int:
        return self._text.count("\n", 0, at) + 1

    def _refused(self, why: str) -> InvalidRequest:
        return InvalidRequest(f"{self._source}:{self._line(self._at)}: {why}")


_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})|c(.)|(.))", re.DOTALL)
_LETTERS = {
    "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
}  # fmt: skip


def unescape(text: str) -> str:
    """What `$'text'` stands for in bash.

    Browsers write characters beyond the first plane as two halves: these are put together. Raises `ValueError` for bytes that
    are no UTF-8.
    """
    raw = bytearray()
    end = 0
    for match in _ESCAPE.finditer(text):
        raw += text[end : match.start()].encode("utf-8", "surrogatepass")
        end = match.end()
        byte, short, long, octal, control, letter = match.groups()
        if byte or octal:
            raw.append(int(byte, 16) if byte else int(octal, 8) & 0xFF)
        elif short or long:
            raw += chr(int(short or long, 16)).encode("utf-8", "surrogatepass")
        elif control:
            raw.append(ord(control.upper()) & 0x1F)
        else:
            raw += _LETTERS.get(letter, letter if letter in "\\'\"?" else "\\" + letter).encode("utf-8", "surrogatepass")
    raw += text[end:].encode("utf-8", "surrogatepass")
    return raw.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16")


class _Cmd:
    """cmd.exe, and the C runtime of Windows behind it."""

    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self._source = source

    def commands(self) -> Iterator[Command]:
        """First as cmd.exe does: carets and quotes tell where a command ends. What is left is split into words."""
        line, quoted, at = 1, False, 0
        taken: list[str] = []
        began = 0
        while at < len(self._text):
            char = self._text[at]
            if char == "^" and not quoted:
                at += 2 if self._text.startswith("\n", at + 1) else 1  # the end of the line is passed over
                taken.append(self._text[at : at + 1])
            elif char == "\n" or (char == "&" and not quoted):
                quoted = False
                yield Command(began or line, self._words("".join(taken), line))
                taken, began = [], 0
            elif char in "|<>" and not quoted:
                raise InvalidRequest(f"{self._source}:{line}: '{char}' is for a shell: leave only the curl command")
            else:
                quoted ^= char == '"'
                taken.append(char)
            if not began and not char.isspace():
                began = line
            at += 1
            line = self._text.count("\n", 0, at) + 1 if "\n" in self._text[at - 2 : at] else line
        yield Command(began or line, self._words("".join(taken), line))

    def _words(self, text: str, line: int) -> list[str]:
        words: list[str] = []
        word: str | None = None
        quoted = False
        at = 0
        while at < len(text):
            char = text[at]
            if char == "\\":
                run = len(text) - at - len(text[at:].lstrip("\\"))
                at += run
                before_quote = text.startswith('"', at)
                word = (word or "") + "\\" * (run // 2 if before_quote else run)
                if before_quote and run % 2:
                    word += '"'
                    at += 1
                continue
            at += 1
            if char == '"':
                word = word or ""
                if quoted and text.startswith('"', at):
                    word += '"'
                    at += 1
                else:
                    quoted = not quoted
            elif char in " \t" and not quoted:
                if word is not None:
                    words.append(word)
                word = None
            else:
                word = (word or "") + char
        if quoted:
            raise InvalidRequest(f"{self._source}:{line}: a quote is not closed")
        return words if word is None else [*words, word]

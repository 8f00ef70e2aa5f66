"""The manual page, generated from the tree of verbs and the schema of settings (man(7), groff_man(7))."""

from __future__ import annotations

from collections.abc import Iterator

import click

from dlm import __version__
from dlm.model.settings import SCHEMA

_CODES = (
    (0, "All done."),
    (1, "A download failed."),
    (2, "The command cannot be carried out as it was written."),
    (3, "Nothing was found at the address, or there is no such download."),
    (4, "Refused: authentication, permission, or a certificate that cannot be trusted."),
    (5, "The network failed, or time ran out."),
    (6, "The disk is full, or cannot be written to."),
    (7, "Wrong content: the checksum differs, or the file changed on the server."),
    (130, "Interrupted."),
)
_DESCRIPTION = """
A file has its name only when it is complete and verified; until then it is NAME.part beside it. Whatever ends a run, the
same command goes on where it stopped.

dlm add puts downloads into a queue that outlives the terminal; dlm run works it. Several of these may work on one queue, and
nothing runs twice. pause, resume, cancel, retry, move, edit and limit reach what runs, in whatever terminal, within a second.
A download is named by any beginning of its id that no other has.

Sizes and rates are written as 500K, 5M or 1.5GiB, and count in 1024. Progress goes to standard error: drawn on a
terminal, as plain lines elsewhere. The first Ctrl-C stops cleanly and keeps what has come; the second leaves at once. With
--json, every verb writes one JSON object a line, and failures show in the exit status.
"""
_INPUT_FILE = """
A line holds one URL, or several mirrors of one file with tabs between them. Lines that begin with a space hold options of the
URL above, as name=value: out, dir, checksum, header, split, max-download-limit, http-user, http-passwd, all-proxy and the
others of aria2 that have a meaning here, or the long flags of get without their dashes. # begins a comment line.
"""
_EXAMPLES = (
    ("Fetch a file, and check it:", "dlm get https://example.org/image.iso --checksum sha-256=HEX"),
    ("Fetch it from two mirrors at once:", "dlm get --mirror https://a.example.org/image.iso https://b.example.org/image.iso"),
    ("Fetch a list, five at a time:", "dlm get -i list.txt -j 5 -d ~/Downloads"),
    ("Queue a list for tonight, and work the queue:", "dlm add -i list.txt --start-at 23:30 && dlm run"),
    ("Leave room for others while it works:", "dlm limit 5M"),
    ("Why is this one slow?", "dlm explain 3f2a91bc"),
    ("Stream to another program:", "dlm get -o - https://example.org/backup.tar | tar x"),
)


def page(program: click.Command) -> str:
    """The whole page. It depends on the version only, so that the same sources give the same page."""
    return "\n".join(_lines(program)) + "\n"


def _lines(program: click.Command) -> Iterator[str]:
    yield f'.TH DLM 1 "" "dlm {_text(__version__)}" "User Commands"'
    yield from (".SH NAME", r"dlm \- a download manager that is right first, then safe, then fast")
    yield from (".SH SYNOPSIS", r".B dlm", r".I VERB", r"[\fIOPTION\fR .\|.\|.\&] [\fIARGUMENT\fR .\|.\|.\&]")
    yield from (".SH DESCRIPTION", _text(program.help or ""))
    yield from _paragraphs(_DESCRIPTION)
    yield ".SH VERBS"
    context = click.Context(program, info_name="dlm")
    if isinstance(program, click.Group):
        for name in program.list_commands(context):
            command = program.get_command(context, name)
            if command is not None:
                yield from _verb(command, name, context)
    yield from (".SH INPUT FILE", *_paragraphs(_INPUT_FILE))
    yield from _settings()
    yield from (".SH FILES", ".TP", r".I $XDG_CONFIG_HOME/dlm/config.toml", "Settings.")
    yield from (".TP", r".I $XDG_STATE_HOME/dlm/dlm.db", "The database of downloads.")
    yield from (".TP", r".IR NAME .part", "A file that is not complete yet.")
    yield ".SH EXIT STATUS"
    for code, meaning in _CODES:
        yield from (".TP", f".B {code}", _text(meaning))
    yield ".SH EXAMPLES"
    for what, how in _EXAMPLES:
        yield from (".PP", _text(what), ".PP", ".RS 4", ".EX", _text(how), ".EE", ".RE")


def _verb(command: click.Command, name: str, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join(piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]")
    yield f'.SS "dlm {_text(name)} [OPTION ...] {_text(usage)}"'
    yield from _paragraphs(command.help or "")
    for parameter in command.params:
        record = None if isinstance(parameter, click.Argument) else parameter.get_help_record(context)
        if record is not None:
            yield from (".TP", f".B {_text(record[0])}", _text(" ".join(record[1].split())))
    yield from _paragraphs(command.epilog or "")


def _settings() -> Iterator[str]:
    yield ".SH SETTINGS"
    yield "Each has a key in config.toml and a variable in the environment."
    yield "Flags beat the environment, the environment beats the file."
    for row in SCHEMA.values():
        yield from (".TP", f".BR {_text(row.name)} ,")
        yield rf"\fB{_text(row.variable)}\fR"
        preset = f" The default is {row.preset_text}." if row.preset_text else ""
        yield ".br"
        yield _text(f"{row.help[0].upper()}{row.help[1:]}.{preset}")


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        if paragraph.strip():
            yield from (".PP", _text(" ".join(paragraph.split())))


def _text(text: str) -> str:
    """Text in which roff sees no request and no escape; hyphens stay hyphens, so that flags can be copied."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("~", r"\(ti").replace("^", r"\(ha").replace("'", r"\(aq")
    escaped = escaped.replace("\u2026", r"\&.\|.\|.\&")
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped

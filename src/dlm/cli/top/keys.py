"""The keys: what each does, in words. One table makes the bindings, the footer and the help. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Key(NamedTuple):
    """A key as Textual calls it, what it sets off, and what people read of it; without `shown` the footer leaves it out."""

    key: str
    action: str
    words: str
    label: str = ""
    shown: str = ""


KEYS = (
    Key("p", "order('pause')", "pause, and keep what has come", "p", "pause"),
    Key("r", "order('resume')", "go on with what is paused, waits or has failed", "r", "resume"),
    Key("x", "order('retry')", "try again what has ended; what is complete is fetched anew", "x", "retry"),
    Key("c", "order('cancel')", "give up, and delete the partial file (asks)", "c"),
    Key("d,delete", "remove", "remove from the list, with or without the files (asks)", "d", "remove"),
    Key("a", "add", "add: paste addresses, one on each line", "a", "add"),
    Key("plus,equals_sign", "step_limit(1)", "raise the limit of all together by a step", "+"),
    Key("minus", "step_limit(-1)", "lower the limit of all together by a step", "-"),
    Key("l", "limit", "set a limit: of all, of this host, or of this download", "l", "limit"),
    Key("enter", "details", "all about a download, as it moves", "Enter", "details"),
    Key("space", "choose", "choose, or not; orders are for all that are chosen", "Space", "choose"),
    Key("asterisk,ctrl+a", "choose_all", "choose all that are shown", "*"),
    Key("escape", "clear", "choose none; then: search for nothing", "Esc"),
    Key("slash", "search", "search in names and addresses", "/", "search"),
    Key("s", "sort", "sort by the next: state, speed, time left, share done, name, size", "s", "sort"),
    Key("tab", "turn(1)", "the next view", "Tab"),
    Key("shift+tab", "turn(-1)", "the view before", "Shift-Tab"),
    Key("question_mark,f1", "help", "these keys", "?", "help"),
    Key("q,ctrl+c", "leave", "leave; the downloads go on", "q", "quit"),
)
VIEWS = Key("1,2,3,4,5,6", "view", "all, active, queued, paused, failed, done", "1-6")
MOVES = Key("", "", "move: arrows, k, j, PgUp, PgDn, Home, End", "Up Down")

FOOTER = tuple((key.label, key.shown) for key in KEYS if key.shown)
GIVE_WAY = ("sort", "choose", "details", "limit", "retry")
"""What leaves the footer first where it is narrow; the help has them all."""


def help_rows() -> list[tuple[str, str]]:
    """Every key with what it does."""
    rows = [MOVES, *KEYS, VIEWS]
    return [(key.label, key.words) for key in rows]

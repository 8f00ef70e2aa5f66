"""What is asked before something is done: addresses, a limit, whether files go too. And the help."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static, TextArea

from dlm.cli.line import Line, Piece, line
from dlm.cli.top.drawing import Bindings, Page
from dlm.cli.top.keys import help_rows
from dlm.model.error import DlmError
from dlm.model.text import printable
from dlm.model.units import parse_rate

if TYPE_CHECKING:
    from dlm.model.queue import AddRequest


class Choice(ModalScreen[str]):
    """A question that one key answers: `answers` are keys with what they mean. Escape and n are no."""

    def __init__(self, question: str, answers: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._question = question
        self._answers = answers

    def compose(self) -> ComposeResult:
        """See Textual."""
        rows = [*self._answers, ("n", "no, leave it as it is")]
        with Vertical(classes="dialogue"):
            yield Static(printable(self._question), classes="question", markup=False)
            yield Static("\n".join(f"  {key}   {words}" for key, words in rows), markup=False)

    def on_key(self, event: object) -> None:
        """The answer."""
        key = str(getattr(event, "key", ""))
        if key in {each for each, _ in self._answers}:
            self.dismiss(key)
        elif key in {"escape", "n", "q"}:
            self.dismiss("")


class Adding(ModalScreen["Sequence[AddRequest] | None"]):
    """Addresses, one on each line. `understand` makes requests of the text, or raises what is wrong with it."""

    # Where Tab writes a tab, Escape would go to the next field.
    BINDINGS: ClassVar[Bindings] = [Binding("ctrl+s,f10", "done"), Binding("escape", "leave", priority=True)]

    def __init__(self, understand: Callable[[str], Sequence[AddRequest]], where: str, pasted: str) -> None:
        super().__init__()
        self._pasted = pasted
        self._understand = understand
        self._where = where

    def compose(self) -> ComposeResult:
        """See Textual."""
        with Vertical(classes="dialogue wide"):
            yield Static("Add downloads", classes="question", markup=False)
            yield Static("One address on each line; mirrors of one file behind it, with tabs between.", markup=False)
            # A tab stands between mirrors, so it has to be one.
            area = TextArea(self._pasted, soft_wrap=False, tab_behavior="indent", id="addresses")
            area.indent_type = "tabs"
            yield area
            yield Static("", id="wrong", markup=False)
            yield Static(printable(f"Ctrl-S adds them {self._where}   Esc leaves"), classes="faint", markup=False)

    def action_done(self) -> None:
        """Add them, unless something is wrong."""
        text = self.query_one(TextArea).text
        try:
            requests = self._understand(text)
        except DlmError as error:
            self.query_one("#wrong", Static).update(printable(str(error)))
        else:
            self.dismiss(requests)

    def action_leave(self) -> None:
        """Add nothing."""
        self.dismiss(None)


class Limiting(ModalScreen["tuple[str, int | None] | None"]):
    """A rate, and for whom: Tab goes through `whose`, pairs of a word that is given back and what people read."""

    BINDINGS: ClassVar[Bindings] = [("tab", "turn"), ("escape", "leave")]

    def __init__(self, whose: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._whose = whose
        self._at = 0

    def compose(self) -> ComposeResult:
        """See Textual."""
        with Vertical(classes="dialogue"):
            yield Static("", id="whose", classes="question", markup=False)
            yield Input(placeholder="500K, 5M, 1.5GiB; 0 for none", id="rate")
            yield Static("", id="wrong", markup=False)
            yield Static("Enter sets it   Tab: of what   Esc leaves", classes="faint", markup=False)

    def on_mount(self) -> None:
        """See Textual."""
        self._tell()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Set it, unless it is no rate."""
        try:
            rate = parse_rate(event.value)
        except DlmError as error:
            self.query_one("#wrong", Static).update(printable(str(error)))
        else:
            self.dismiss((self._whose[self._at][0], rate))

    def action_turn(self) -> None:
        """The next whose limit it may be."""
        self._at = (self._at + 1) % len(self._whose)
        self._tell()

    def action_leave(self) -> None:
        """Leave the limits as they are."""
        self.dismiss(None)

    def _tell(self) -> None:
        self.query_one("#whose", Static).update(printable(f"Limit of {self._whose[self._at][1]}"))


class Help(ModalScreen[None]):
    """The keys."""

    BINDINGS: ClassVar[Bindings] = [("escape,q,question_mark,f1,enter", "leave")]

    def compose(self) -> ComposeResult:
        """See Textual."""
        with Vertical(classes="dialogue tall"):
            yield Static("Keys", classes="question", markup=False)
            yield Page(_help, id="keys")

    def action_leave(self) -> None:
        """Back to the downloads."""
        self.dismiss(None)


def _help(_width: int) -> list[Line]:
    return [line(Piece(f"{key:>10}  ", "strong"), words) for key, words in help_rows()]

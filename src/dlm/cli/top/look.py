"""How the widgets lie, in the terminal's own colours: no background of ours, so light and dark are as they were chosen."""

from __future__ import annotations

STYLE = """
Screen { background: ansi_default; color: ansi_default; }
ModalScreen { background: transparent; }
Lines { height: 1; background: ansi_default; color: ansi_default; }
Table, Page { height: 1fr; background: ansi_default; color: ansi_default;
  scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0;
  scrollbar-color: ansi_bright_black; scrollbar-color-hover: ansi_default; scrollbar-color-active: ansi_default;
  scrollbar-background: ansi_default; scrollbar-background-hover: ansi_default; scrollbar-background-active: ansi_default; }
#search { height: 1; border: none; padding: 0 1; display: none; background: ansi_default; color: ansi_default; }
#search:focus { border: none; }
#search.open { display: block; }
ModalScreen { align: center middle; }
.dialogue { width: 64; max-width: 96%; height: auto; max-height: 96%; border: round ansi_cyan; padding: 0 1;
  background: ansi_default; color: ansi_default; }
.dialogue Static { width: 100%; height: auto; background: ansi_default; color: ansi_default; }
.wide { width: 100; }
.tall { width: 82; height: 26; }
.question { text-style: bold; margin-bottom: 1; }
.faint { color: ansi_bright_black; }
#wrong { color: ansi_red; }
Input, TextArea { background: ansi_default; color: ansi_default; border: round ansi_bright_black; }
Input:focus, TextArea:focus { border: round ansi_cyan; }
TextArea { height: 10; }
"""

"""The keys with which a person decides at a terminal: the same wherever rows are shown.

Nine classes have a digit each; any class is found with ``SEARCH``, where a part of its name is
typed.
"""

from __future__ import annotations

from collections.abc import Iterable

KEEP, SUGGESTED, SEARCH, REJECT, UNSURE, DROP = "k", "s", "/", "x", "u", "d"
TAKE, NOTE, UNDO, LATER, WHOLE, QUIT = "t", "n", "z", ".", "v", "q"
ENTER, ESCAPE = "\n", "\x1b"
ERASE = ("\x7f", "\b")
END = ""
"""What ``read_key`` returns when there are no more keys: the same as quit."""

DIGITS = "123456789"
NAMES = {
    KEEP: "keep",
    SUGGESTED: "suggested",
    SEARCH: "search a class",
    REJECT: "not this label",
    UNSURE: "unsure",
    DROP: "drop",
    TAKE: "these labels",
    NOTE: "note",
    UNDO: "undo",
    LATER: "later",
    WHOLE: "whole text",
    QUIT: "quit",
}
"""What each key does, in the order to show."""


def edited(typed: str, key: str) -> str:
    """Return what is typed after one more key, which may erase the last sign."""
    return typed[:-1] if key in ERASE else typed + key


def matching(typed: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names with what was typed in them, whatever the case."""
    return tuple(name for name in names if typed.lower() in name.lower())

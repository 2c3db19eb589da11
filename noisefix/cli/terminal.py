"""What reaches the terminal: every text of the data goes through here, and comes out harmless.

``sanitize`` is the one way from a cell of the data to the screen. ``Screen`` writes results to
stdout, as rich tables on a terminal and as plain aligned text in a pipe; ``say`` writes messages to
stderr. Both sanitise all that they are given, so that no caller can forget to, and nothing else in
the package writes to either stream.
"""

from __future__ import annotations

import json
import math
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from typing import IO, TYPE_CHECKING, Any

from noisefix.cli.columns import PLAIN_TEXT_WIDTH, Column, plain_table, rich_table
from noisefix.cli.log_commands import break_log_commands, escape_log_commands
from noisefix.errors import NoisefixError
from noisefix.redaction import redact

if TYPE_CHECKING:
    from rich.console import Console

ELLIPSIS = "…"
NEWLINE = "⏎"
_GLUE = "\uffff"
"""Keeps "12 %" on one line; ``sanitize`` lets no such character through."""

_LINE_BREAKS = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
# Zero-width joiners carry meaning (emoji, Persian, Indic scripts) and cannot reorder text.
_KEPT_FORMAT_CHARACTERS = frozenset("\u200c\u200d")
# A cell may hold this many code points for each column of width: enough for combining marks, too
# few for a tower of them.
_CODE_POINTS_A_CELL = 4


def sanitize(text: str, width: int | None = None) -> str:
    """Make a text of the data safe to show on one line of a terminal.

    Control characters become visible pictures (ESC is shown as ␛), line breaks ⏎, other white
    space a space; direction marks and other invisible format characters go; half surrogates become
    �. Nothing that is left can move the cursor, set a colour, reorder the line or end it, and a CI
    service that reads the log finds no command in it.

    Args:
        text: any text, of any length.
        width: columns of the terminal that it may fill; longer is cut and ends in "…". None: all.
    """
    if width is None:
        return break_log_commands("".join(map(_visible, _one_line(text))))
    budget = _CODE_POINTS_A_CELL * width
    # Only the head of a text can be seen: a 10 MB cell must not cost 10 MB of work.
    head = text[: 4 * budget]
    shown = break_log_commands("".join(map(_visible, _one_line(head))))
    was_cut = len(head) < len(text)
    if len(shown) > budget:
        shown, was_cut = shown[:budget], True
    return _fit(shown, width, was_cut)


def _one_line(text: str) -> str:
    return text.replace("\r\n", "\n")


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    if char in _LINE_BREAKS:
        return NEWLINE
    code = ord(char)
    category = unicodedata.category(char)
    if char == "\t" or category == "Zs":
        return " "
    if code < 0x20:
        return chr(0x2400 + code)
    if category == "Cc":
        return "␡" if code == 0x7F else f"\\x{code:02x}"
    if category == "Cf":
        return char if char in _KEPT_FORMAT_CHARACTERS else ""
    if category == "Cs" or code & 0xFFFE == 0xFFFE:  # half surrogates, noncharacters
        return "�"
    return char  # private use, or newer than this Python's tables: harmless


def _fit(text: str, width: int, was_cut: bool) -> str:
    from rich.cells import cell_len, set_cell_size

    if not was_cut and cell_len(text) <= width:
        return text
    if width < 1:
        return ""
    kept = set_cell_size(text, min(width - 1, cell_len(text)))
    return kept.rstrip(" ") + ELLIPSIS


def sanitize_lines(text: str) -> str:
    """Like ``sanitize``, but keeps the line breaks: for messages that have several lines."""
    return "\n".join(sanitize(line) for line in text.split("\n"))


def say(*messages: str, stream: IO[str] | None = None) -> None:
    """Write messages to stderr, without secrets; a message may have several lines."""
    out = stream if stream is not None else sys.stderr
    out.write("".join(sanitize_lines(redact(message)) + "\n" for message in messages if message))
    out.flush()


def write_lines(lines: Iterable[str]) -> None:
    """Write lines to stdout that are commands for a CI service.

    The one way around ``sanitize``: each text in them has gone through it already.
    """
    sys.stdout.writelines(line + "\n" for line in lines)


Cell = str | tuple[str, ...]
"""What stands in a cell: one line, or several of which all but the first are dim."""


class Screen:
    """Results on stdout: rich on a terminal, plain aligned text everywhere else."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream if stream is not None else sys.stdout
        self._console: Console | None = None
        if self._stream.isatty():
            self._console = open_console(self._stream)

    def line(
        self, text: str = "", *, style: str = "", indent: int = 0, is_cut: bool = False
    ) -> None:
        """Write one line; a terminal wraps it between words, or cuts it if that is asked for."""
        width = PLAIN_TEXT_WIDTH if self._console is None else self._console.width - indent
        shown = sanitize(text, width if is_cut else None)
        if self._console is None:
            self._stream.write((" " * indent if shown else "") + shown + "\n")
        elif not shown:
            self._console.line()
        else:
            from rich.padding import Padding
            from rich.text import Text

            words = Text(shown.replace(" %", _GLUE + "%"), style=style)
            for part in words.wrap(self._console, max(self._console.width - indent, 1)):
                part.plain = part.plain.replace(_GLUE, " ")
                self._console.print(Padding(part, (0, 0, 0, indent), expand=False))

    def command(self, command: str, purpose: str) -> None:
        """Write a command to copy, under what it is for; never wrapped or cut."""
        self.line(f"# {purpose}", style="dim", indent=2)
        if self._console is None:
            self.line(command, indent=2)
        else:
            from rich.text import Text

            self._console.print(Text("  " + sanitize(command)), soft_wrap=True)

    def heading(self, text: str) -> None:
        """Write an empty line and a title."""
        self.line()
        self.line(text, style="bold")

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> None:
        """Write a table, indented by two."""
        cells = [[_lines(cell, c) for cell, c in zip(row, columns, strict=True)] for row in rows]
        if self._console is None:
            self._stream.writelines(line + "\n" for line in plain_table(columns, cells))
            return
        from rich.padding import Padding

        table, needed = rich_table(columns, cells, self._console.width - 2)
        console = self._console
        if needed + 2 > console.width:  # the terminal wraps such lines itself, and cuts no number
            console = open_console(self._stream, needed + 2)
        console.print(Padding(table, (0, 0, 0, 2), expand=False))


def _lines(cell: Cell, column: Column) -> list[str]:
    parts = (cell,) if isinstance(cell, str) else cell
    return [sanitize(part, column.max_width) for part in parts]


def open_console(stream: IO[str] | None = None, width: int | None = None) -> Console:
    """Return rich's console on a stream; stderr when None. Its width: the terminal's when None.

    No markup, no emoji codes, no highlighting: a text is data and is never interpreted. Texts are
    for the caller to sanitise.
    """
    from rich.console import Console

    out = stream if stream is not None else sys.stderr
    return Console(file=out, markup=False, emoji=False, highlight=False, width=width)


def write_json(value: Any, stream: IO[str] | None = None) -> None:
    """Write one JSON object to stdout, made of dataclasses, dicts and lists.

    An expected error becomes its message and its hint, as one text. A field whose metadata say
    "json" has that name, or is left out where it is None.

    What is not finite becomes null, as JSON knows no NaN; all beyond ASCII is escaped, and so is
    what a CI service would take for a command: no text of the data can touch the terminal or
    the log.
    """
    out = stream if stream is not None else sys.stdout
    out.write(escape_log_commands(json.dumps(_plain(value), indent=2, allow_nan=False)) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_dataclass(value) and not isinstance(value, type):
        named = {f.metadata.get("json", f.name): f.name for f in fields(value)}
        return {key: _plain(getattr(value, name)) for key, name in named.items() if key}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, NoisefixError):
        return f"{value.message}; {value.hint}" if value.hint else value.message
    return value

"""The terminal as a desk for reviewing rows: draws cards, reads single keys.

What the keys mean is in ``noisefix.annotators.human``; here is only how it looks. Everything of the
data that is drawn has gone through ``sanitize``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from noisefix.annotators.desk_keys import END, NAMES, UNSURE
from noisefix.annotators.human import Card
from noisefix.cli.terminal import open_console, sanitize
from noisefix.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_MOST_LINES = 12
_MOST_NEIGHBORS = 5
_BAR_WIDTH = 20
_LABEL_WIDTH = 40
_MOST_FOUND = 9


class TerminalDesk:
    """Draws cards on a terminal.

    Args:
        console: where to draw; without markup, so that a text stays a text.
        read_key: waits for a key.
        total: number of rows to review, where known.
    """

    def __init__(
        self, console: Console, read_key: Callable[[], str], total: int | None = None
    ) -> None:
        self._console = console
        self._read_key = read_key
        self._total = total

    def show(self, card: Card) -> None:
        """Clear the screen and draw the card."""
        from rich.console import Group

        self._console.clear()
        self._console.print(Group(*self._parts(card)))

    def read_key(self) -> str:
        """Wait for a key."""
        return self._read_key()

    def _parts(self, card: Card) -> Iterator[Text]:
        from rich.text import Text

        of_all = f" of {self._total:,}" if self._total is not None else ""
        row = sanitize(card.question.id, _LABEL_WIDTH)
        yield Text(f"Row {card.number:,}{of_all}  ·  id {row}", style="dim")
        yield Text()
        yield from _text_lines(card, self._console.width)
        if card.facts.given_label is not None:
            given = sanitize(card.facts.given_label, _LABEL_WIDTH)
            yield Text.assemble(("\nGiven label: ", "dim"), given)
        if card.facts.neighbors:
            yield Text("\nMost similar rows:", style="dim")
            yield from _neighbor_lines(card, self._console.width)
        yield Text("\nWhich label is right?", style="bold")
        if card.is_searching:
            yield from _search_lines(card)
            return
        yield from _choice_lines(card)
        if card.earlier is not None:
            earlier = sanitize(card.earlier, _LABEL_WIDTH)
            yield Text(f"\nYou answered: {earlier}. Enter keeps it.", style="yellow")
        yield Text()
        yield _command_line(card)


def _text_lines(card: Card, width: int) -> Iterator[Text]:
    from rich.text import Text

    whole = card.facts.text.replace("\r\n", "\n")
    shown = whole if card.is_whole else whole[: _MOST_LINES * max(width, 20)]
    lines = shown.split("\n")
    kept = lines if card.is_whole else lines[:_MOST_LINES]
    for line in kept:
        yield Text(sanitize(line))
    left = len(whole) - len("\n".join(kept))
    if left > 0:
        yield Text(f"… {left:,} more characters; v shows them", style="dim")


def _neighbor_lines(card: Card, width: int) -> Iterator[Text]:
    from rich.cells import cell_len, set_cell_size
    from rich.text import Text

    neighbors = card.facts.neighbors[:_MOST_NEIGHBORS]
    labels = [sanitize(neighbor.label, _LABEL_WIDTH // 2) for neighbor in neighbors]
    column = max(map(cell_len, labels))
    for neighbor, label in zip(neighbors, labels, strict=True):
        start = f"  {neighbor.similarity:.2f}  {set_cell_size(label, column)}  "
        text = sanitize(neighbor.text, max(10, width - cell_len(start)))
        yield Text.assemble((start, "cyan"), text)


def _choice_lines(card: Card) -> Iterator[Text]:
    from rich.cells import cell_len, set_cell_size
    from rich.text import Text

    labels = {word: sanitize(word, _LABEL_WIDTH) for word in card.keys.values()}
    column = max(map(cell_len, labels.values()))
    for key, word in card.keys.items():
        line = Text.assemble("  ", (key, "bold green"), "  ", set_cell_size(labels[word], column))
        probability = card.facts.probabilities.get(word)
        if probability is not None and word in card.question.label_pool:
            bar = "█" * round(_BAR_WIDTH * min(max(probability, 0.0), 1.0))
            line.append(f"  {probability:4.0%}  ")
            line.append(bar, style="blue")
        elif word not in card.question.label_pool:
            fits = "several fit equally well" if key == UNSURE else "none of these fits"
            line.append(f"  {fits}", style="dim")
        yield line


def _command_line(card: Card) -> Text:
    from rich.text import Text

    line = Text(style="dim")
    for key in card.commands:
        line.append(key, style="bold")
        line.append(f" {NAMES[key]}   ")
    return line


def _search_lines(card: Card) -> Iterator[Text]:
    from rich.text import Text

    yield Text(f"Class: {sanitize(card.typed)}_  (Enter takes the first, Esc leaves)")
    for name in card.found[:_MOST_FOUND]:
        yield Text(f"  {sanitize(name, _LABEL_WIDTH)}")


@contextmanager
def open_desk(total: int | None = None) -> Iterator[TerminalDesk]:
    """Yield a desk at this process's terminal, which is as before afterwards.

    Cards go to stderr, so that stdout stays for results.

    Args:
        total: number of rows to review, where known.

    Raises:
        UsageError: stdin or stderr is not a terminal.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "a human review needs a terminal, and stdin or stderr is none",
            "run it in a terminal, or use --annotator column:NAME for answers from a file",
        )
    with _single_keys(sys.stdin) as read_key:
        yield TerminalDesk(open_console(), read_key, total)


@contextmanager
def _single_keys(stdin: IO[str]) -> Iterator[Callable[[], str]]:
    """Yield a function that waits for one key; the terminal waits for no line end meanwhile."""
    if sys.platform == "win32":
        import msvcrt

        yield lambda: _named(msvcrt.getwch())
        return
    import termios
    import tty

    descriptor = stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor, termios.TCSADRAIN)
        # Ctrl-C comes as a key: as a signal it could fall between two moments that look for one.
        keys = termios.tcgetattr(descriptor)
        keys[6][termios.VINTR] = os.fpathconf(descriptor, "PC_VDISABLE").to_bytes()
        termios.tcsetattr(descriptor, termios.TCSADRAIN, keys)
        yield lambda: _named(_read_character(descriptor))
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _named(key: str) -> str:
    return {"\r": "\n", "\x04": END, "\x1a": END}.get(key, key)


def _read_character(descriptor: int) -> str:
    """Read one UTF-8 character; a key that sends a sequence (arrows, F1) counts as Escape."""
    import select

    # A signal between Python's last look for one and the system call would wait for the next key.
    while not select.select([descriptor], [], [], 0.25)[0]:
        pass
    raw = os.read(descriptor, 1)
    if raw == b"\x03":
        raise KeyboardInterrupt
    if raw == b"\x1b":
        _pass_over_sequence(descriptor)
    elif raw >= b"\xc0":
        raw += os.read(descriptor, 1 + (raw >= b"\xe0") + (raw >= b"\xf0"))
    return raw.decode("utf-8", errors="ignore") if raw else END


def _pass_over_sequence(descriptor: int) -> None:
    """Read what belongs to an escape sequence, and nothing that was typed after it."""
    import select

    is_long = False
    while select.select([descriptor], [], [], 0.02)[0]:
        byte = os.read(descriptor, 1)
        if byte in (b"[", b"O") and not is_long:
            is_long = True
        elif not is_long or not byte or b"@" <= byte <= b"~":
            return

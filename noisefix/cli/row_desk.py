"""The terminal as a desk for deciding on rows: how a row looks; keys as in the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from noisefix.cli.terminal import sanitize
from noisefix.cli.wording import how_sure
from noisefix.reviewing.terminal import RowCard

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_MOST_SIGNS = 1200
_LABEL_WIDTH = 40
_MOST_FOUND = 9


class TerminalRows:
    """Draws rows on a terminal.

    Args:
        console: where to draw; without markup, so that a text stays a text.
        read_key: waits for a key.
    """

    def __init__(self, console: Console, read_key: Callable[[], str]) -> None:
        self._console = console
        self.read_key = read_key

    def show(self, card: RowCard, number: int, total: int) -> None:
        """Clear the screen and draw the row."""
        from rich.console import Group

        self._console.clear()
        self._console.print(Group(*_lines(card, number, total, self._console.width)))


def _lines(card: RowCard, number: int, total: int, width: int) -> Iterator[Text]:
    from rich.text import Text

    def label(name: str) -> str:
        return sanitize(name, _LABEL_WIDTH)

    yield Text(f"Row {number:,} of {total:,}  ·  id {label(card.id)}\n", style="dim")
    shown = card.text if card.is_whole else card.text[:_MOST_SIGNS]
    for line in shown.splitlines():
        yield Text(sanitize(line))
    if len(shown) < len(card.text):
        yield Text(f"… {len(card.text) - len(shown):,} more characters; v shows them", style="dim")
    given, suggested = (
        "no label" if said is None else label(said) or "none of the labels"
        for said in (card.given_label, card.suggested_label)
    )
    yield Text.assemble(("\nGiven ", "dim"), given, (" → ", "dim"), suggested)
    if not math.isnan(card.p_error):
        yield Text(f"{how_sure(card.p_error)} wrong, {card.p_error:.2f}", style="yellow")
    for reason in card.reasons:
        yield Text(f"  {sanitize(reason)}", style="dim")
    for near in card.neighbors:
        start = f"  {near.similarity:.2f}  {label(near.label)}  "
        yield Text.assemble((start, "cyan"), sanitize(near.text, max(10, width - len(start))))
    yield Text()
    if card.typing == "class":
        yield Text(f"Class: {sanitize(card.typed)}_  (Enter takes the first, Esc leaves)")
        for name in card.found[:_MOST_FOUND]:
            yield Text(f"  {label(name)}")
        return
    if card.typing == "note":
        yield Text(f"Note: {sanitize(card.typed)}_  (Enter keeps it, Esc leaves)")
        return
    for key, name in enumerate(card.classes, start=1):
        mark = "" if card.marked is None else "[x] " if name in card.marked else "[ ] "
        yield Text.assemble("  ", (str(key), "bold green"), "  ", mark, label(name))
    others = sorted((card.marked or frozenset()) - set(card.classes))
    if others:
        yield Text(f"  and  {', '.join(map(label, others))}")
    if card.note:
        yield Text(f"Note: {sanitize(card.note)}", style="yellow")
    keys = Text("\n", style="dim")
    for letter, name in card.commands.items():
        keys.append(letter, style="bold")
        keys.append(f" {name}   ")
    yield keys

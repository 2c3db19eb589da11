"""A review without a browser: one row after the other, with the keys of the page.

What is shown, and where keys come from, is a desk that the caller brings. Here is only what the
keys mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from noisefix.annotators.desk_keys import (
    DIGITS,
    END,
    ENTER,
    ESCAPE,
    NAMES,
    NOTE,
    QUIT,
    REJECT,
    SEARCH,
    SUGGESTED,
    TAKE,
    UNDO,
    WHOLE,
    edited,
    matching,
)
from noisefix.annotators.desk_keys import DROP as DROP_KEY
from noisefix.annotators.desk_keys import KEEP as KEEP_KEY
from noisefix.annotators.desk_keys import UNSURE as UNSURE_KEY
from noisefix.annotators.human import Neighbor
from noisefix.detection.decided import take_in
from noisefix.labels import ordered_set, set_labels
from noisefix.reporting.data import RunTables, read_tables
from noisefix.reporting.details import worth_showing
from noisefix.reviewing.board import Board, board_of
from noisefix.reviewing.options import ReviewOptions
from noisefix.reviewing.review import ReviewResult, finish
from noisefix.run.decisions import CLASS, DROP, KEEP, NOT, UNSURE, now
from noisefix.run.folder import RunFolder

_ALWAYS = (UNSURE_KEY, DROP_KEY, NOTE, UNDO, WHOLE, QUIT)
_NEIGHBORS = 3
_MOST_NOTE = 500


@dataclass(frozen=True)
class RowCard:
    """One row as it is put before a person.

    Attributes:
        row: index of the row.
        id: its id.
        text: the text, as read.
        given_label: label in the input; None: none.
        suggested_label: the most probable one.
        p_error: probability that the given label is wrong; NaN without one.
        reasons: why it is asked about.
        neighbors: nearest rows, nearest first.
        classes: what the keys 1 to 9 stand for.
        typing: "class" or "note" while one is typed, else "".
        typed: what has been typed of it.
        found: classes that fit what was typed; Enter takes the first.
        note: kept with the decision.
        is_whole: show the text however long it is.
        marked: where a row may have several labels, those to take; None: it has one.
    """

    row: int
    id: str
    text: str
    given_label: str | None
    suggested_label: str
    p_error: float
    reasons: tuple[str, ...] = ()
    neighbors: tuple[Neighbor, ...] = ()
    classes: tuple[str, ...] = ()
    typing: str = ""
    typed: str = ""
    found: tuple[str, ...] = ()
    note: str = ""
    is_whole: bool = False
    marked: frozenset[str] | None = None

    @property
    def commands(self) -> dict[str, str]:
        """What the keys do, beside those of the classes."""
        own = (REJECT,) if self.marked is None else (TAKE,)
        return {key: NAMES[key] for key in (KEEP_KEY, SUGGESTED, SEARCH, *own, *_ALWAYS)}


class RowDesk(Protocol):
    """Where a person sits: shows rows, gives keys."""

    def show(self, card: RowCard, number: int, total: int) -> None:
        """Put a row before the person; it is the ``number``-th of ``total``."""
        ...

    def read_key(self) -> str:
        """Wait for a key; ``END`` when none will come any more."""
        ...


def review_at(desk: RowDesk, run: str | Path, options: ReviewOptions) -> ReviewResult:
    """Let a person decide on the flagged rows that nobody has decided on, until they quit.

    Args:
        desk: shows rows and gives keys.
        run: the run folder.
        options: what was chosen; the name says who decides.

    Raises:
        DataError: a table is missing or broken, or a decision cannot be written.
    """
    folder = RunFolder.open(run, several_labels=True)
    take_in(folder, options.decisions)
    tables = read_tables(folder)
    board = board_of(tables)
    before = len(board.log())
    judged = tables.judged
    asked = [row for row in judged.order.tolist() if judged.is_issue[row]]
    with suppress(KeyboardInterrupt):  # what was decided is on the disk
        decide_rows(desk, board, tables, asked, options.name)
    return finish(folder, judged, len(board.log()) - before, ())


def decide_rows(
    desk: RowDesk, board: Board, tables: RunTables, asked: Sequence[int], who: str
) -> None:
    """Ask about rows in their order; "undo" goes back to the row decided on before.

    Args:
        desk: shows rows and gives keys.
        board: where decisions go.
        tables: of the run.
        asked: indices of the rows.
        who: the person.
    """
    cards = _Cards(tables)
    place = 0
    while place < len(asked):
        card = cards.card(asked[place])
        choice = _choose(desk, card, tables.judged.class_names, place + 1, len(asked))
        if choice is None:
            return
        decision, label, note = choice
        if decision == UNDO:
            back = board.undo(who)
            place = asked.index(back) if back in asked else place
            continue
        said = {"decision": decision, "label": label, "who": who, "when": now(), "note": note}
        board.decide(card.row, said)
        place += 1


def _choose(
    desk: RowDesk, card: RowCard, class_names: Sequence[str], number: int, total: int
) -> tuple[str, str | None, str] | None:
    """Return decision, class and note; ``UNDO`` to undo; None to quit."""
    while True:
        desk.show(card, number, total)
        key = desk.read_key()
        if key == END:
            return None
        if card.typing:
            if card.typing == "class" and key == ENTER and card.found:
                if card.marked is None:
                    return *_taken(card, card.found[0]), card.note
                card = _marked(card, card.found[0])
            card = _typed(card, key, class_names)
        elif key == QUIT:
            return None
        elif key == UNDO:
            return UNDO, None, ""
        elif key == WHOLE:
            card = replace(card, is_whole=not card.is_whole)
        elif key in (SEARCH, NOTE):
            kind, begun = ("class", "") if key == SEARCH else ("note", card.note)
            card = replace(card, typing=kind, typed=begun, found=tuple(class_names))
        elif card.marked is not None and key in _digits(card):
            card = _marked(card, card.classes[int(key) - 1])
        elif (decided := _decided(card, key, class_names)) is not None:
            return *decided, card.note


def _decided(card: RowCard, key: str, class_names: Sequence[str]) -> tuple[str, str | None] | None:
    """Return what a key decides; None where it means nothing."""
    if key == REJECT and card.marked is not None:
        return None
    if key in (KEEP_KEY, REJECT):
        return None if card.given_label is None else (KEEP if key == KEEP_KEY else NOT, None)
    if key in (UNSURE_KEY, DROP_KEY):
        return (UNSURE if key == UNSURE_KEY else DROP), None
    if key == SUGGESTED:
        return _taken(card, card.suggested_label)
    if key == TAKE and card.marked is not None:
        return _taken(card, ordered_set(card.marked, class_names))
    if key in _digits(card):
        return _taken(card, card.classes[int(key) - 1])
    return None


def _digits(card: RowCard) -> str:
    return DIGITS[: len(card.classes)]


def _marked(card: RowCard, label: str) -> RowCard:
    """Mark a label, or take its mark away."""
    return replace(card, marked=(card.marked or frozenset()) ^ {label})


def _taken(card: RowCard, label: str) -> tuple[str, str | None]:
    return (KEEP, None) if label == card.given_label else (CLASS, label)


def _typed(card: RowCard, key: str, class_names: Sequence[str]) -> RowCard:
    if key == ESCAPE or (key == ENTER and card.typing == "class"):
        return replace(card, typing="", typed="", found=())
    if key == ENTER:
        return replace(card, typing="", typed="", note=card.typed.strip())
    typed = edited(card.typed, key)[:_MOST_NOTE]
    return replace(card, typed=typed, found=matching(typed, class_names))


class _Cards:
    """What is known of each row, looked up when it is shown."""

    def __init__(self, tables: RunTables) -> None:
        self._tables = tables
        names = tables.judged.class_names
        sizes = tables.judged.classes["rows"]
        self._by_size = sorted(range(len(names)), key=lambda k: (-sizes[k], k))
        ids = tables.issues["id"].to_pylist()
        self._place = {key: row for row, key in enumerate(ids)}

    def card(self, row: int) -> RowCard:
        judged = self._tables.judged
        columns = ["id", "text", "given_label", "suggested_label", "reasons", "true_label_probs"]
        [facts] = self._tables.issues.select(columns).slice(row, 1).to_pylist()
        given = facts["given_label"]
        return RowCard(
            row=row,
            id=facts["id"],
            text=facts["text"] or "",
            given_label=given,
            suggested_label=facts["suggested_label"],
            p_error=float(judged.p_error[row]),
            reasons=tuple(facts["reasons"]),
            neighbors=self._neighbors(row),
            classes=self._classes(row, facts["true_label_probs"]),
            marked=frozenset(set_labels(given or "")) if judged.has_several_labels else None,
        )

    def _classes(self, row: int, probabilities: Sequence[float]) -> tuple[str, ...]:
        """Return the classes of the keys: always the same where nine are enough."""
        judged = self._tables.judged
        names = judged.class_names
        if len(names) <= len(DIGITS):
            return names
        worth = probabilities
        if judged.has_several_labels:
            worth = worth_showing(judged, np.array([row]))[0].tolist()
        likely = sorted(range(len(worth)), key=lambda k: -worth[k])[:5]
        return tuple(
            names[k] for k in list(dict.fromkeys([*likely, *self._by_size]))[: len(DIGITS)]
        )

    def _neighbors(self, row: int) -> tuple[Neighbor, ...]:
        if self._tables.candidates is None:
            return ()
        [near] = self._tables.candidates.slice(row, 1).to_pylist()
        found: list[Neighbor] = []
        for key, alike in zip(near["neighbor_ids"], near["neighbor_similarities"], strict=True):
            if key in self._place and len(found) < _NEIGHBORS:
                place = self._place[key]
                text = self._tables.issues["text"][place].as_py() or ""
                label = self._tables.issues["given_label"][place].as_py() or ""
                found.append(Neighbor(text, label, alike))
        return tuple(found)

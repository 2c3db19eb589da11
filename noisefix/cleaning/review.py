"""Rows for a person to decide: a table for a spreadsheet program, and what comes back in it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from noisefix.cleaning.decide import Decision
from noisefix.cleaning.review_files import is_filled, read_answers
from noisefix.errors import DataError
from noisefix.labels import BETWEEN, ordered_set, set_labels
from noisefix.run.decisions import DROP, KEEP, REJECT, UNSURE
from noisefix.tables.formulas import defused, restored

if TYPE_CHECKING:
    import pyarrow as pa

REVIEW_COLUMNS = (
    "id",
    "row_number",
    "text",
    "given_label",
    "suggested_label",
    "p_error",
    "reasons",
    "decision",
)

_SHOWN_LABELS = 12
_NO_LABELS = "none"
_NOT = re.compile(r"not\s+(?P<label>.+)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Word:
    """What one person said of one row.

    Attributes:
        id: of the row.
        choice: a class name, ``KEEP``, ``DROP`` or ``REJECT``.
        is_label: the choice is a class name.
        who: the person; may be empty.
        when: ISO 8601 in UTC; may be empty.
        rejects: the choice is what the row is not: ``REJECT``, or a class name.
    """

    id: str
    choice: str
    is_label: bool
    who: str = ""
    when: str = ""
    rejects: bool = False


@dataclass(frozen=True)
class Review:
    """What a person has decided.

    Attributes:
        choices: row id to a class name, ``KEEP`` or ``DROP``; rows without a decision are absent.
        labels: the ids whose choice is a class name (a class may be called "drop").
        words: what each person said, of which the choices are the newest; empty: nobody is named.
    """

    choices: dict[str, str]
    labels: frozenset[str]
    words: tuple[Word, ...] = ()


def review_rows(
    issues: pa.Table, decisions: Sequence[Decision], settled: Collection[str] = ()
) -> np.ndarray:
    """Return the rows that a person should see, the most probably wrong first.

    These are the rows whose answers led to "review", and the flagged rows that nobody was asked
    about, as far as their label stays as it is. Rows that a person has decided on are not among
    them.

    Args:
        issues: an issues table, ``with_answers`` or without.
        decisions: what becomes of its rows.
        settled: ids of the rows that a person has decided on.

    Returns:
        (R,) positions in the table.
    """
    chosen = issues["is_issue"].to_numpy().astype(bool)
    if "action" in issues.column_names:
        chosen &= np.array([a in (None, "review") for a in issues["action"].to_pylist()], bool)
    chosen &= ~issues["is_trusted"].to_numpy().astype(bool)
    chosen[[d.index for d in decisions if d.action != "flag"]] = False
    chosen &= np.array([key not in settled for key in issues["id"].to_pylist()], bool)
    rows = np.flatnonzero(chosen)
    p_error = np.nan_to_num(issues["p_error"].to_numpy().astype(np.float64)[rows], nan=1.0)
    return rows[np.lexsort((rows, -p_error))]


def review_csv_bytes(issues: pa.Table, rows: np.ndarray) -> bytes:
    """Return the rows as CSV (UTF-8 with a byte order mark) with an empty column ``decision``.

    Cells that a spreadsheet program would take for a formula get an apostrophe in front.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(REVIEW_COLUMNS)
    for row in issues.select(list(REVIEW_COLUMNS[:-1])).take(rows).to_pylist():
        p_error = row["p_error"]
        cells = (
            row["id"],
            row["row_number"],
            row["text"] or "",
            row["given_label"] or "",
            row["suggested_label"],
            "" if p_error is None else f"{p_error:.4f}",
            "; ".join(row["reasons"]),
            "",
        )
        writer.writerow([defused(str(cell)) for cell in cells])
    return file.getvalue().encode("utf-8-sig")


def read_review(
    path: Path, ids: Sequence[str], class_names: Sequence[str], *, several_labels: bool = False
) -> Review:
    """Read people's decisions from a table, a workbook, or an export of Label Studio or Argilla.

    Of a table the columns ``id`` and ``decision`` count, all else is ignored. A decision is a class
    name, ``keep``, ``drop``, ``reject`` (the given label is wrong), ``not CLASS``, ``unsure`` or
    nothing. A class name wins over these words; whatever the case, where that is clear. Where a row
    may have several labels, a decision is all of them with ``|`` between, ``none``, ``keep``,
    ``drop``, ``unsure`` or nothing.

    Args:
        path: the file; see ``review_files.read_answers``.
        ids: every id of the run.
        class_names: every class of the run.
        several_labels: a row may have several.

    Raises:
        DataError: the file cannot be read, lacks a column, names an id that the run does not have
            or a decision that is none, or one person decides twice on a row.
        UsageError: a workbook, and openpyxl is not installed.
    """
    answers = read_answers(path, several_labels=several_labels)
    known = set(ids)
    meanings = _set_meanings(class_names) if several_labels else _meanings(class_names)
    what, words_known = ("a class", "reject, unsure or not CLASS")
    if several_labels:
        what, words_known = (f"labels with {BETWEEN} between", "none or unsure")
    words: dict[tuple[str, str], Word] = {}
    for said in answers.said:
        where = f"{answers.name}, {said.where}"
        key = said.id if said.id in known else restored(said.id)
        if key not in known:
            raise DataError(
                f"{where}: no row of the run has the id {key!r}",
                "spreadsheet programs change ids that look like numbers or dates: import that "
                "column as text; or the file belongs to another run",
            )
        meaning = meanings(said.decision.strip())
        if meaning is None:
            shown = ", ".join(class_names[:_SHOWN_LABELS])
            more = ", ..." if len(class_names) > _SHOWN_LABELS else ""
            raise DataError(
                f"{where}: the decision is neither {what} nor keep, drop, {words_known}",
                f"the classes are {shown}{more}",
            )
        choice, is_label, rejects = meaning
        if choice == UNSURE and not is_label:
            continue
        word = Word(key, choice, is_label, said.who, said.when, rejects)
        old = words.setdefault((key, said.who), word)
        if (old.choice, old.rejects) != (choice, rejects) and not (old.when and word.when):
            raise DataError(f"{where}: decides differently on id {key!r} than a row before", "")
        if word.when > old.when:
            words[key, said.who] = word
    return _reviewed(tuple(words.values()))


def _reviewed(words: tuple[Word, ...]) -> Review:
    """Return people's words as a review: of a row the newest counts, of equally new the first."""
    newest: dict[str, Word] = {}
    for word in words:
        if word.rejects:
            continue  # decides nothing
        if word.when > newest.setdefault(word.id, word).when:
            newest[word.id] = word
    return Review(
        {key: word.choice for key, word in newest.items()},
        frozenset(key for key, word in newest.items() if word.is_label),
        words,
    )


def has_decisions(path: Path, columns: Sequence[str] = REVIEW_COLUMNS) -> bool:
    """Return whether a file may hold decisions: all but a table to fill in, with none filled in.

    Args:
        path: the file.
        columns: those of the table to fill in.
    """
    return is_filled(tuple(columns), path)


_Meaning = tuple[str, bool, bool]
"""(choice, is a class name, is what the row is not)."""


def _name_finder(class_names: Sequence[str]) -> Callable[[str], str | None]:
    """Return a function from what is written to the class that it names."""
    exact = set(class_names)
    folded: dict[str, list[str]] = {}
    for name in class_names:
        folded.setdefault(name.strip().casefold(), []).append(name)

    def name_of(said: str) -> str | None:
        for cell in (said, restored(said)):
            if cell in exact:
                return cell
            alike = folded.get(cell.casefold(), [])
            if len(alike) == 1:
                return alike[0]
        return None

    return name_of


def _set_meanings(class_names: Sequence[str]) -> Callable[[str], _Meaning | None]:
    """Return a function from a cell to its meaning, where a row may have several labels."""
    name_of = _name_finder(class_names)

    def meaning(said: str) -> _Meaning | None:
        for cell in (said, restored(said)):
            found = [name_of(part.strip()) for part in set_labels(cell)]
            names = {name for name in found if name is not None}
            if found and None not in found:
                return ordered_set(names, class_names), True, False
        word = said.casefold() or UNSURE
        if word == _NO_LABELS:
            return "", True, False
        return (word, False, False) if word in (KEEP, DROP, UNSURE) else None

    return meaning


def _meanings(class_names: Sequence[str]) -> Callable[[str], _Meaning | None]:
    """Return a function from a cell to its meaning, or None."""
    name_of = _name_finder(class_names)

    def meaning(said: str) -> _Meaning | None:
        name = name_of(said)
        if name is not None:
            return name, True, False
        word = said.casefold() or UNSURE
        if word in (KEEP, DROP, UNSURE, REJECT):
            return word, False, word == REJECT
        hit = _NOT.fullmatch(said)
        name = None if hit is None else name_of(hit["label"].strip())
        return None if name is None else (name, False, True)

    return meaning

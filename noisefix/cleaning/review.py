"""Rows for a person to decide: a table for a spreadsheet program, and what comes back in it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.annotators.protocol import HUMAN
from noisefix.cleaning.decide import Decision
from noisefix.cleaning.review_files import is_filled, read_answers
from noisefix.errors import DataError
from noisefix.labels import BETWEEN, ordered_set, set_labels
from noisefix.run.decisions import (
    CLASS,
    DROP,
    KEEP,
    NOT,
    REJECT,
    UNSURE,
    PersonDecision,
    decision_key,
    now,
)
from noisefix.run.parquet import with_columns
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


def review_of(decided: Mapping[str, PersonDecision]) -> Review:
    """Return the decisions of a run, by id, as a review."""
    labels = {key: word.label for key, word in decided.items() if word.label is not None}
    choices = {key: word.decision for key, word in decided.items()} | labels
    return Review(choices, frozenset(labels))


def decisions_of(
    review: Review,
    issues: pa.Table,
    known: Mapping[str, PersonDecision],
    who: str = "",
    lines: Iterable[PersonDecision] = (),
) -> list[PersonDecision]:
    """Return what a review says beyond what is decided already, to be appended.

    Args:
        review: what was read.
        issues: the rows, with id, text and given_label.
        known: what is decided, by id.
        who: the person, where the review names nobody.
        lines: all that was ever decided: what a person named in the review said last is not said
            again.
    """
    moment = now()
    last = {(line.key, line.who): (line.decision, line.label) for line in lines}
    spoken = review.words or tuple(
        Word(key, choice, key in review.labels) for key, choice in review.choices.items()
    )
    rows = {row["id"]: row for row in issues.select(["id", "text", "given_label"]).to_pylist()}
    place = {key: k for k, key in enumerate(rows)}
    found = []
    for word in sorted((w for w in spoken if w.id in rows), key=lambda w: place[w.id]):
        text, given = rows[word.id]["text"], rows[word.id]["given_label"]
        kind = word.choice if not word.is_label else KEEP if word.choice == given else CLASS
        label = word.choice if kind == CLASS else None
        if word.rejects:
            kind, label = NOT, None if word.choice in (REJECT, given) else word.choice
            if label is None and given is None:
                continue
        key, old = decision_key(text, given), known.get(word.id)
        before = last.get((key, word.who)) if word.who else old and (old.decision, old.label)
        if before != (kind, label):
            person, when = word.who or who, word.when or moment
            found.append(PersonDecision(key, word.id, kind, label, person, when))
    return found


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


def reviewed_issues(issues: pa.Table, review: Review) -> pa.Table:
    """Return the table with what the person decided in place of what was thought before.

    Rows decided on are not flagged any more, their suggested label is the one chosen, it is wrong
    with probability 0, and the reason says so. Rows to drop stay as they are.
    """
    names = ("suggested_label", "p_error", "is_issue", "reasons")
    columns: dict[str, list[Any]] = {name: issues[name].to_pylist() for name in names}
    given = issues["given_label"].to_pylist()
    for row, key in enumerate(issues["id"].to_pylist()):
        choice = review.choices.get(key)
        if choice is None or (choice == DROP and key not in review.labels):
            continue
        label = choice if key in review.labels else given[row]
        if label is not None:
            columns["suggested_label"][row] = label
        columns["p_error"][row] = None if label is None else 0.0
        columns["is_issue"][row] = False
        columns["reasons"][row] = [_reason(review, key)]
    return with_columns(issues, columns)


def overruled(decisions: Sequence[Decision], issues: pa.Table, review: Review) -> list[Decision]:
    """Put the person's decisions in place of all others on the same rows.

    Args:
        decisions: what would become of the rows.
        issues: the table before ``reviewed_issues``.
        review: what the person decided.

    Returns:
        The decisions in the order of the rows.
    """
    kept = [d for d in decisions if d.id not in review.choices]
    columns = ["id", "row_number", "given_label", "suggested_label", "p_error"]
    for index, row in enumerate(issues.select(columns).to_pylist()):
        choice = review.choices.get(row["id"])
        if choice is None:
            continue
        is_label, given = row["id"] in review.labels, row["given_label"]
        if (is_label and choice == given) or (not is_label and choice == KEEP):
            continue
        action = DROP if not is_label else "fill" if given is None else "relabel"
        kept.append(
            Decision(
                index=index,
                id=row["id"],
                row_number=row["row_number"],
                action=action,
                given_label=given,
                new_label=choice if is_label else None,
                suggested_label=choice if is_label else row["suggested_label"],
                reasons=(_reason(review, row["id"]),),
                p_error=row["p_error"],
                annotator=HUMAN,
            )
        )
    return sorted(kept, key=lambda decision: decision.index)


def _reason(review: Review, key: str) -> str:
    if key in review.labels:
        return f"a person says {review.choices[key] or 'none of the labels'}"
    return "a person keeps it" if review.choices[key] == KEEP else "a person leaves it out"

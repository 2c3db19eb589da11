"""What several annotators say of the rows: columns of the table, or a file of answers."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.errors import DataError, UsageError
from noisefix.tables.label_rules import NO_RULES, LabelRules

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.folder import RunFolder
    from noisefix.tables.source import Source

LONG_COLUMNS = ("id", "annotator", "label")
"""Columns of a file of answers, which is the form in which the joint stage gets them, too."""


@dataclass(frozen=True, eq=False)
class Annotations:
    """Answers of annotators.

    Attributes:
        table: id, annotator and label, all strings; one row an answer.
        notes: what was assumed, in words.
        warnings: what a person should know.
    """

    table: pa.Table
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def parse_columns(words: str | None) -> tuple[str, ...]:
    """Return the column names of ``--annotator-columns``; a name with a comma stands in quotes.

    Raises:
        UsageError: there is none, or one twice.
    """
    if words is None:
        return ()
    names = next(csv.reader([words], skipinitialspace=True), [])
    named = tuple(name.strip() for name in names if name.strip())
    doubled = [name for name, count in Counter(named).items() if count > 1]
    if not named or doubled:
        found = f"names {doubled[0]!r} twice" if doubled else "names no column"
        raise UsageError(f"--annotator-columns {found}", "give each column once: gpt,claude,rules")
    return named


def annotator_columns(
    source: Source, columns: Sequence[str], purposes: Mapping[str, str | None]
) -> tuple[str, ...]:
    """Return the columns that are meant.

    Args:
        source: the table.
        columns: of ``parse_columns``.
        purposes: the columns that serve otherwise, by purpose: "text", "label", "id".

    Raises:
        DataError: there is no such column.
        UsageError: one serves another purpose, or is named twice.
    """
    from noisefix.tables.columns import resolve_column

    named = tuple(resolve_column(source, column, "--annotator-columns") for column in columns)
    for purpose, other in purposes.items():
        if other in named:
            raise UsageError(
                f"--annotator-columns {other}: this is the {purpose} column itself",
                "the given labels count as an annotator by themselves: name the others only; where "
                "another column holds the given labels, say so with --label-column"
                if purpose == "label"
                else "name the columns with annotators' labels only",
            )
    if len(set(named)) < len(named):
        raise UsageError("--annotator-columns names a column twice", "give each column once")
    return named


def read_columns(
    source: Source,
    columns: Sequence[str],
    ids: Sequence[str],
    given_labels: Collection[str | None],
    *,
    label_column: str | None = None,
    rules: LabelRules = NO_RULES,
) -> Annotations:
    """Read columns of answers.

    Args:
        source: the table, R rows.
        columns: their names, see ``annotator_columns``.
        ids: (R,) ids of the rows.
        given_labels: the labels given, for cells that a spreadsheet's formula guard has changed.
        label_column: whose class names serve where the answers are numbers without names.
        rules: how labels are read.

    Raises:
        DataError: the cells of a column are lists or objects, or a column is empty.
    """
    from noisefix.tables.formulas import restored_labels
    from noisefix.tables.label_values import column_labels

    classes = {label for label in given_labels if label is not None}
    keys: list[str] = []
    annotators: list[str] = []
    answers: list[str] = []
    warnings: list[str] = []
    for column in columns:
        values = column_labels(source, column, like=label_column, rules=rules)
        warnings += values.warnings
        cells = restored_labels(values.labels, classes)
        said = [(key, cell) for key, cell in zip(ids, cells, strict=True) if cell is not None]
        if not said:
            raise DataError(
                f"{source.name}: the annotator column {column!r} is empty",
                "leave it out of --annotator-columns",
            )
        keys += [key for key, _ in said]
        answers += [cell for _, cell in said]
        annotators += [column] * len(said)
    return Annotations(_table(keys, annotators, answers), warnings=tuple(warnings))


def read_answers(
    path: str | Path, ids: Collection[str], *, rules: LabelRules = NO_RULES
) -> Annotations:
    """Read a file of answers with the columns id, annotator and label.

    Args:
        path: CSV, TSV, JSONL or Parquet.
        ids: the ids of the rows that are judged; answers about others are left out, and counted.
        rules: how labels are read.

    Raises:
        DataError: a column is missing; a row names no id or annotator; an annotator says two things
            of one row; or no answer is about a row that is judged.
    """
    from noisefix.tables.columns import resolve_column
    from noisefix.tables.label_values import column_labels, read_ids
    from noisefix.tables.source import read_source

    source = read_source(path)
    id_column, annotator_column, label_column = (
        resolve_column(source, name, "--annotations") for name in LONG_COLUMNS
    )

    def read(column: str) -> list[str | None]:
        where = f"{source.name}, column {column!r}"
        return read_ids(source.table[column], source.table.schema.field(column), where)

    keys, annotators = read(id_column), read(annotator_column)
    values = column_labels(source, label_column, rules=rules)
    known = set(ids)
    said: dict[tuple[str, str], str] = {}
    n_other = 0
    for row, (key, annotator, label) in enumerate(
        zip(keys, annotators, values.labels, strict=True), 1
    ):
        if key is None or annotator is None:
            absent = id_column if key is None else annotator_column
            raise DataError(
                f"{source.name}, row {row}: the column {absent!r} is empty",
                "each answer needs the id of its row and the name of its annotator",
            )
        if label is None:
            continue
        if key not in known:
            n_other += 1
            continue
        before = said.setdefault((key, annotator), label)
        if before != label:
            raise DataError(
                f"{source.name}, row {row}: {annotator!r} says {label!r} of {key!r}, and "
                f"{before!r} in a row before",
                "keep one answer of an annotator about a row",
            )
    if not said:
        raise DataError(
            f"{source.name}: no answer is about a row of the table ({n_other:,} are about others)",
            "answers belong to rows by id: name the table's id column with --id-column; without "
            "one the row numbers 1, 2, ... are the ids",
        )
    warnings = list(values.warnings)
    if n_other:
        warnings.append(f"{source.name}: {n_other:,} answers are about rows that are not there")
    size = Counter(annotator for _, annotator in said)
    # Who says most comes first; rows may come in any order.
    order = sorted(said, key=lambda answer: (-size[answer[1]], answer[1], answer[0]))
    table = _table(
        [key for key, _ in order],
        [annotator for _, annotator in order],
        [said[answer] for answer in order],
    )
    return Annotations(table, warnings=tuple(warnings))


def together(parts: Sequence[Annotations]) -> Annotations | None:
    """Return several answers as one; None where there are none.

    Raises:
        UsageError: two of them name the same annotator.
    """
    import pyarrow as pa

    if not parts:
        return None
    seen: set[str] = set()
    for part in parts:
        names = set(part.table["annotator"].to_pylist())
        if names & seen:
            raise UsageError(
                f"--annotations: {sorted(names & seen)[0]!r} is a name of --annotator-columns too",
                "give each annotator a name of its own",
            )
        seen |= names
    return Annotations(
        pa.concat_tables([part.table for part in parts]),
        tuple(note for part in parts for note in part.notes),
        tuple(warning for part in parts for warning in part.warnings),
    )


def kept_answers(folder: RunFolder, inputs: Collection[str]) -> dict[str, pa.Table]:
    """Return the answers that a run was judged with, named as the joint stage knows them.

    Args:
        folder: the run folder.
        inputs: names of the tables that its joint stage has read.

    Raises:
        DataError: the run used answers, and the folder's table of them cannot be read.
    """
    if "annotations" not in inputs:
        return {}
    from noisefix.run.parquet import read_table
    from noisefix.run.schemas import ANNOTATIONS

    table, _ = read_table(folder.annotations, ANNOTATIONS)
    return {"annotations": table}


def consensus(table: pa.Table, ids: Sequence[str]) -> list[str | None]:
    """Return (N,) the label that most annotators give each row; None where nobody says anything.

    A tie goes to the label of the annotator that comes first in the table. Labels that are
    no classes (``voting.shared_labels``) do not count.

    Args:
        table: answers, of ``Annotations``.
        ids: (N,) ids of the rows.
    """
    from noisefix.detection.voting import shared_labels

    answers = list(zip(*(table[name].to_pylist() for name in LONG_COLUMNS), strict=True))
    by_annotator: dict[str, list[str]] = {}
    for _, annotator, label in answers:
        by_annotator.setdefault(annotator, []).append(label)
    classes = shared_labels(list(by_annotator.values()))
    said: dict[str, Counter[str]] = {}
    for key, _, label in answers:
        if label in classes:
            said.setdefault(key, Counter())[label] += 1
    # The first of equals is the one that was counted first.
    winners = {key: max(counts, key=counts.__getitem__) for key, counts in said.items()}
    return [winners.get(key) for key in ids]


def _table(keys: Sequence[str], annotators: Sequence[str], answers: Sequence[str]) -> pa.Table:
    import pyarrow as pa

    return pa.table(
        {
            name: pa.array(values, pa.string())
            for name, values in zip(LONG_COLUMNS, (keys, annotators, answers), strict=True)
        }
    )

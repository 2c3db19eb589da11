"""A table together with what several annotators say of its rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from noisefix.detection.annotations import (
    Annotations,
    annotator_columns,
    consensus,
    parse_columns,
    read_answers,
    read_columns,
    together,
)
from noisefix.detection.embed import read_dataset
from noisefix.errors import UsageError

if TYPE_CHECKING:
    from noisefix.detection.options import DetectOptions
    from noisefix.tables.dataset import Dataset
    from noisefix.tables.source import Source


def read_annotated(
    data: str | Path | Source, options: DetectOptions, stdin: BinaryIO | None
) -> tuple[Dataset, Annotations | None]:
    """Read a table, and the answers of annotators where some are named.

    Where no column holds the labels, the given label of a row is what most annotators say of it;
    the data set has no label column then.

    Args:
        data: the table.
        options: what was chosen.
        stdin: where "-" is read from; None: standard input.

    Raises:
        DataError: the table or the answers cannot be read, or there are no labels to judge.
        UsageError: an annotator's column serves another purpose, or there is one annotator and
            nothing else.
    """
    columns = parse_columns(options.annotator_columns)
    several = options.multi_label is not None or options.label_columns is not None
    needs_text = several or options.embeddings is None  # their words are looked at too
    if not columns and options.annotations is None:
        return read_dataset(data, options, stdin, needs_labels=True, needs_text=needs_text), None
    dataset = read_dataset(data, options, stdin, needs_labels=False, needs_text=needs_text)
    source, label = dataset.source, dataset.label_column
    purposes = {"text": dataset.text_column, "id": dataset.id_column, "label": label}
    named = annotator_columns(source, columns, purposes)
    parts = []
    if named:
        given = () if label is None else dataset.given_labels
        parts.append(
            read_columns(source, named, dataset.ids, given, label_column=label, rules=dataset.rules)
        )
    if options.annotations is not None:
        parts.append(read_answers(options.annotations, set(dataset.ids), rules=dataset.rules))
    answers = together(parts)
    assert answers is not None
    if label is not None:
        return _checked(dataset, label), answers
    return _by_vote(dataset, answers), answers


def _checked(dataset: Dataset, label: str) -> Dataset:
    """Return the data set, if its labels are such that they can be judged."""
    from noisefix.tables.label_checks import check_classes, label_warnings

    where = f"{dataset.source.name}, column {label!r}"
    label_warnings(dataset.given_labels, where, dataset.rules.missing, refuse=True)
    check_classes(dataset.given_labels, where)
    return dataset


def _by_vote(dataset: Dataset, answers: Annotations) -> Dataset:
    from noisefix.tables.label_checks import check_classes

    who = set(answers.table["annotator"].to_pylist())
    if len(who) == 1:
        (name,) = who
        raise UsageError(
            f"{dataset.source.name}: one annotator, {name!r}, and no label column to hold its "
            "answers against",
            "name the column whose labels are to be judged with --label-column",
        )
    labels = consensus(answers.table, dataset.ids)
    check_classes(labels, f"{dataset.source.name}, what most annotators say")
    notes = tuple(note for note in dataset.notes if not note.startswith("label column"))
    return replace(
        dataset,
        given_labels=labels,
        label_column=None,
        notes=(*notes, "label column: none, what most annotators say is the given label"),
    )

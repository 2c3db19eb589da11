"""A source with its text, label and id columns found: what the stages start from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import DataError, UsageError
from noisefix.labels import class_names
from noisefix.tables.class_label import names_note
from noisefix.tables.columns import (
    Choice,
    guess_id,
    guess_label,
    guess_text,
    is_usual_name,
    list_columns,
    resolve_column,
)
from noisefix.tables.header_check import check_header
from noisefix.tables.id_check import IdCheck
from noisefix.tables.label_checks import check_classes, label_warnings
from noisefix.tables.label_rules import NO_RULES, LabelRules
from noisefix.tables.label_sets import LabelSets, SetReading, check_one_label, read_sets
from noisefix.tables.label_values import column_labels, read_ids
from noisefix.tables.row_names import row_names
from noisefix.tables.source import Source
from noisefix.tables.text_checks import EmptyTexts, no_prose_warning
from noisefix.tables.text_columns import column_texts, resolve_texts, text_names

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Dataset:
    """The rows of a source as texts, labels and ids.

    Attributes:
        source: the file read.
        ids: (N,) unique ids: the id column as text, else the row number.
        row_numbers: (N,) int64, 1 = first data row.
        texts: (N,) texts; a missing text is "".
        given_labels: (N,) labels; None for an unlabelled row.
        text_column: name of the text column, several with commas between them; None: there is none,
            and ``texts`` name the rows.
        label_column: name of the label column; None where there is none.
        id_column: name of the id column; None where row numbers serve.
        rules: how the label cells were read; they know the classes.
        sets: the labels where a row has several; ``given_labels`` are texts such as "a|b" then.
        notes: what was guessed, in words.
        warnings: what a person should know, the source's warnings included.
    """

    source: Source
    ids: list[str]
    row_numbers: np.ndarray
    texts: list[str]
    given_labels: list[str | None]
    text_column: str | None
    label_column: str | None
    id_column: str | None
    rules: LabelRules = NO_RULES
    sets: LabelSets | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def class_names(self) -> tuple[str, ...]:
        """(K,) class names in canonical order."""
        return class_names(self.given_labels) if self.sets is None else self.sets.names


def load_dataset(
    source: Source,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    id_column: str | None = None,
    needs_labels: bool = True,
    needs_text: bool = True,
    rules: LabelRules = NO_RULES,
    sets: SetReading | None = None,
) -> Dataset:
    """Find the columns and bring texts, labels and ids into one form.

    Args:
        source: the file read.
        text_column: its name, or several with commas between them; guessed when None.
        label_column: its name; guessed when None.
        id_column: its name; guessed when None, and row numbers where nothing fits.
        needs_labels: fail without a usable label column (two classes or more).
        needs_text: fail without a text column; else one is guessed by its name alone, and without
            one the rows are shown by another column (``row_names``).
        rules: what the user says of the spellings of labels.
        sets: how several labels a row are written; None: a row has one.

    Raises:
        DataError: a named column is not there; nothing or more than one column fits; a named id
            column has blanks or duplicates; labels are needed and there are none, one class only,
            or nearly one for each row.
        UsageError: one column named for two purposes.
    """
    warnings = list(source.warnings)
    found = find_columns(
        source,
        text_column=text_column,
        label_column=label_column,
        id_column=id_column,
        needs_labels=needs_labels and not (sets and sets.columns),
        needs_text=needs_text,
        others=sets.columns if sets else (),
    )
    label = found.label
    warnings += found.warnings
    ids, found = _ids(source, found, warnings)
    labels: list[str | None] = [None] * len(source)
    notes = found.notes
    if found.text is None:
        texts, named_by = row_names(source, ids, found.id.column, label)
        notes += (named_by,)
    else:
        texts = _texts(source, found.text, warnings)
    several = None
    if sets is not None:
        several = read_sets(source, label, sets, texts, rules)
        labels, label = several.as_text(), None if sets.columns else label
        notes += () if label is None else names_note(source, label)
        warnings += several.warnings
        rules = rules.knowing(several.names)
    elif label is not None:
        check_one_label(source, label, texts)
        labels = _labels(source, label, rules, warnings, needs_labels)
        notes += names_note(source, label)
    return Dataset(
        source=source,
        ids=ids,
        row_numbers=np.arange(1, len(source) + 1, dtype=np.int64),
        texts=texts,
        given_labels=labels,
        text_column=found.text,
        label_column=label,
        id_column=found.id.column,
        rules=rules if several is not None else rules.knowing(class_names(labels)),
        sets=several,
        notes=notes,
        warnings=tuple(warnings),
    )


def _labels(
    source: Source, column: str, rules: LabelRules, warnings: list[str], needs_labels: bool
) -> list[str | None]:
    values, where = column_labels(source, column, rules=rules), _where(source, column)
    warnings += values.warnings
    warnings += label_warnings(values.labels, where, rules.missing, refuse=needs_labels)
    if needs_labels:
        check_classes(values.labels, where)
    return values.labels


def _texts(source: Source, column: str, warnings: list[str]) -> list[str]:
    where = _where(source, column)
    texts = column_texts(source.table, column, source.name)
    empty = EmptyTexts()
    empty.add(texts)
    warnings += empty.warnings(where) + no_prose_warning(texts, where)
    return texts


@dataclass(frozen=True)
class FoundColumns:
    """Which columns serve; ``notes`` say in words what was guessed, ``warnings`` what is odd.

    Several text columns have commas between them, as ``text_columns`` reads them.
    """

    text: str | None
    label: str | None
    id: Choice
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def without_ids(self) -> FoundColumns:
        """Let row numbers serve as ids."""
        notes = (note for note in self.notes if not note.startswith("id column"))
        return replace(self, id=Choice(None), notes=(*notes, _ROW_NUMBERS))


_ROW_NUMBERS = "id column: none, row numbers are used"


def find_columns(
    source: Source,
    *,
    text_column: str | None,
    label_column: str | None,
    id_column: str | None,
    needs_labels: bool,
    needs_text: bool = True,
    others: Collection[str] = (),
) -> FoundColumns:
    """Find the columns of a source, of which the first few thousand rows are enough.

    Args and errors as for ``load_dataset``, as far as they are about columns; ``others`` are
    columns that serve another purpose. Where no column is named, the first line of a CSV file must
    look like a header.
    """
    named = _named_columns(source, text_column, label_column, id_column)
    taken = {name for found in named.values() for name in _parts(source, found)}
    for name in others:
        if name in taken:
            raise UsageError(
                f"column {name!r} cannot serve two purposes: it is one of --label-columns",
                "name different ones",
            )
    taken |= set(others)
    warnings = [] if named else check_header(source, is_usual_name)

    def find(kind: str, guess: Callable[[Source, Collection[str]], Choice]) -> Choice:
        if kind in named:
            return Choice(named[kind], "")
        choice = guess(source, taken)
        if choice.column is not None:
            taken.add(choice.column)
        return choice

    id_choice = find("id", guess_id)
    text_choice = find("text", partial(guess_text, by_name_only=not needs_text))
    # Where labels are not needed, a column of few values may be anything.
    label_choice = find("label", partial(guess_label, by_name_only=not needs_labels))
    text = _require(text_choice, "text", source) if needs_text else text_choice.column
    label = _require(label_choice, "label", source) if needs_labels else label_choice.column
    notes = [
        f"{kind} column: {choice.column} ({choice.how})"
        for kind, choice in (("text", text_choice), ("label", label_choice), ("id", id_choice))
        if choice.column is not None and choice.how
    ]
    found = FoundColumns(text, label, id_choice, tuple(notes), tuple(warnings))
    return found if id_choice.column is not None else found.without_ids()


def _named_columns(
    source: Source, text: str | None, label: str | None, id_: str | None
) -> dict[str, str]:
    wanted = {"text": text, "label": label, "id": id_}
    resolve = {"text": resolve_texts, "label": resolve_column, "id": resolve_column}
    named = {
        kind: resolve[kind](source, name, f"--{kind}-column")
        for kind, name in wanted.items()
        if name is not None
    }
    taken = [name for found in named.values() for name in _parts(source, found)]
    if len(set(taken)) < len(taken):
        options = ", ".join(f"--{kind}-column {name}" for kind, name in named.items())
        raise UsageError(f"one column cannot serve two purposes: {options}", "name different ones")
    return named


def _parts(source: Source, found: str) -> tuple[str, ...]:
    return text_names(source.columns, found)


def _require(choice: Choice, kind: str, source: Source) -> str:
    if choice.column is not None:
        return choice.column
    if choice.rivals:
        found = f"several columns could be the {kind}: {', '.join(choice.rivals)}"
    else:
        found = f"no column is clearly the {kind}"
    raise DataError(
        f"{source.name}: {found}",
        f"name it with --{kind}-column NAME; the columns are: {list_columns(source)}",
    )


def _ids(
    source: Source, found: FoundColumns, warnings: list[str]
) -> tuple[list[str], FoundColumns]:
    column = found.id.column
    if column is not None:
        table = source.table

        def read() -> Iterator[list[str | None]]:
            yield read_ids(table.column(column), _field(source, column), _where(source, column))

        found, more = check_ids(read, found, _where(source, column))
        warnings += more
        if found.id.column is not None:
            return [str(value) for value in next(read())], found
    return source.row_ids, found


def check_ids(
    read: Callable[[], Iterable[Sequence[str | None]]], found: FoundColumns, where: str
) -> tuple[FoundColumns, list[str]]:
    """Check that the id column serves; one that was only guessed gives way to row numbers.

    Args:
        read: reads the ids from the first, in blocks.
        found: the columns.
        where: file and column, for messages.

    Returns:
        The columns, and warnings.

    Raises:
        DataError: the user named the column, and an id is missing or not unique.
    """
    is_guess = bool(found.id.how)
    check = IdCheck()
    try:
        for ids in read():
            check.add(ids)
    except DataError:
        if is_guess:
            return found.without_ids(), []
        raise
    problem = check.problem(read)
    if problem is None:
        return found, []
    if is_guess:
        warning = f"{where}: not used as ids, row numbers are: {problem}"
        return found.without_ids(), [warning]
    raise DataError(
        f"{where}: {problem}",
        "mend the column, or leave --id-column out: row numbers then serve as ids",
    )


def _where(source: Source, column: str) -> str:
    return f"{source.name}, column {column!r}"


def _field(source: Source, column: str) -> pa.Field:
    return source.table.schema.field(column)

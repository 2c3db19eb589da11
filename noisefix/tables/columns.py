"""Find the text, label and id columns of a source by their names, then by what they hold."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import DataError
from noisefix.tables.source import Source

if TYPE_CHECKING:
    import pyarrow as pa


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Each tier is asked only when those before it have no match; within a tier there must be one.
_TEXT_TIERS: tuple[frozenset[str], ...] = (
    _names("text texts"),
    _names(
        "sentence sentences message messages utterance tweet tweet_text review "
        "review_text comment comment_text full_text raw_text clean_text text_body body "
        "content document doc passage post query question email sms transcript"
    ),
    _names("title headline description summary abstract input prompt snippet phrase"),
)
_LABEL_TIERS: tuple[frozenset[str], ...] = (
    _names("given_label noisy_label"),
    _names("label labels"),
    _names(
        "class classes category categories target targets intent sentiment topic emotion "
        "stance tag y class_label label_name label_text category_name class_name "
        "annotation polarity label_id class_id category_id"
    ),
)
_ID_TIERS: tuple[frozenset[str], ...] = (
    _names("id"),
    _names(
        "uuid guid row_id sample_id example_id text_id record_id item_id doc_id "
        "document_id message_id tweet_id comment_id review_id ticket_id"
    ),
)
# Words that mark a column as truth or as something about the row: never the label to be checked.
_TRUTH_WORDS = _names(
    "true truth gold golden verified correct corrected clean reference reviewed "
    "predicted prediction suggested"
)
_TRUE_WORDS = _names("true truth gold golden")
_LABEL_WORDS = _names("label labels class category topic sentiment intent")
_NOT_LABEL = _names(
    "split fold set subset partition lang language source dataset date time year "
    "month day user author annotator worker country url link file is_issue"
)
_USUAL_WORDS = _names("text label labels id class category name type count score index")
_WORDS_OF_A_NAME = 3
_MIN_TEXT_LENGTH = 15  # characters on average, for a column to be taken as text by its content
_SAMPLE = 2000


@dataclass(frozen=True)
class Choice:
    """A column and how it was come by; ``column`` is None when nothing fits.

    ``rivals`` are the columns between which the names do not decide.
    """

    column: str | None
    how: str = ""
    rivals: tuple[str, ...] = ()


def resolve_column(source: Source, wanted: str, option: str) -> str:
    """Return the column that the user means.

    Its exact name; or the one that differs in case and surrounding spaces only.

    Raises:
        DataError: there is none such; the message lists the columns and the nearest name.
    """
    if wanted in source.columns:
        return wanted
    same = [name for name in source.columns if _fold(name) == _fold(wanted)]
    if len(same) == 1:
        return same[0]
    near = difflib.get_close_matches(wanted, source.columns, n=1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    raise DataError(
        f"{source.name}: there is no column {wanted!r} ({option})",
        f"{guess}the columns are: {list_columns(source)}",
    )


def split_names(
    text: str, known: Collection[str], find: Callable[[str], str | None]
) -> list[str] | None:
    """Split names at the commas between them; names that hold commas themselves stay whole.

    Args:
        text: the names; of two ways to split it the one with the longest first name is taken.
        known: all names that there are, of which only the commas are counted.
        find: returns the name that a part of the text means, or None.

    Returns:
        The names; None where a part of the text is none.
    """
    parts = text.split(",")
    longest = 1 + max((name.count(",") for name in known), default=0)
    rest: list[list[str] | None] = [None] * len(parts) + [[]]
    for start in reversed(range(len(parts))):
        for end in range(min(start + longest, len(parts)), start, -1):
            after = rest[end]
            name = None if after is None else find(",".join(parts[start:end]))
            if after is not None and name is not None:
                rest[start] = [name, *after]
                break
    return rest[0]


def list_columns(source: Source) -> str:
    """Return the column names for a message, shortened when there are very many."""
    more = f" and {len(source.columns) - 30} more" if len(source.columns) > 30 else ""
    return ", ".join(source.columns[:30]) + more


def guess_text(source: Source, taken: Collection[str], *, by_name_only: bool = False) -> Choice:
    """Choose the text column: by name, else the one string column of clearly longest values.

    Args:
        source: the file.
        taken: columns that serve another purpose.
        by_name_only: never look at the values.
    """
    free = [
        name
        for name in source.columns
        if name not in taken and not _is_label_name(name) and _is_text_type(source, name)
    ]
    choice = _by_tiers(free, _TEXT_TIERS)
    if choice.column is not None or choice.rivals:
        return choice
    worded = [name for name in free if "text" in _words(name)]
    if len(worded) == 1:
        return Choice(worded[0], "guessed from its name")
    if by_name_only:
        return Choice(None, rivals=tuple(worded))
    lengths = sorted(
        ((_mean_length(source.table.column(name)), name) for name in free), reverse=True
    )
    if lengths and lengths[0][0] >= _MIN_TEXT_LENGTH:
        longest = [name for length, name in lengths if length >= lengths[0][0] / 2]
        if len(longest) == 1:
            return Choice(longest[0], "guessed: the only column of long texts")
        return Choice(None, rivals=tuple(n for n in source.columns if n in longest))
    return Choice(None)


def guess_label(source: Source, taken: Collection[str], *, by_name_only: bool = False) -> Choice:
    """Choose the label column: by name, else the one string column with few distinct values.

    A column whose name says truth (``true_label``, ``gold``, ``verified``, ...) is never chosen.

    Args:
        source: the file.
        taken: columns that serve another purpose.
        by_name_only: never look at the values.
    """
    free = [
        name
        for name in source.columns
        if name not in taken and not (_words(name) & _TRUTH_WORDS) and _fold(name) not in _NOT_LABEL
    ]
    choice = _by_tiers(free, _LABEL_TIERS)
    if choice.column is not None or choice.rivals or by_name_only:
        return choice
    few = [name for name in free if _is_text_type(source, name) and _has_few_values(source, name)]
    if len(few) == 1:
        return Choice(few[0], "guessed: the only column with few distinct values")
    return Choice(None, rivals=tuple(few))


def guess_truth(source: Source) -> Choice:
    """Choose the column of true labels: by its name only, which must say that they are true."""
    worded = [name for name in source.columns if _words(name) & _TRUE_WORDS]
    for names in (
        [name for name in worded if _words(name) & _LABEL_WORDS],
        [name for name in worded if _words(name) <= _TRUE_WORDS | {"ground", "standard", "value"}],
    ):
        if len(names) == 1:
            return Choice(names[0], "guessed from its name")
        if names:
            return Choice(None, rivals=tuple(names))
    return Choice(None)


def guess_id(source: Source, taken: Collection[str]) -> Choice:
    """Choose the id column: by name only."""
    free = [name for name in source.columns if name not in taken and not _is_label_name(name)]
    choice = _by_tiers(free, _ID_TIERS)
    if choice.column is not None or choice.rivals:
        return Choice(choice.column, choice.how)
    ended = [name for name in free if "id" in _words(name)]
    return Choice(ended[0], "guessed from its name") if len(ended) == 1 else Choice(None)


def is_usual_name(name: str) -> bool:
    """Tell whether a name is one that text, label, id and similar columns usually have."""
    folded, words = _fold(name), _words(name)
    tiers = (*_TEXT_TIERS, *_LABEL_TIERS, *_ID_TIERS)
    if folded in _NOT_LABEL or any(folded in tier for tier in tiers):
        return True
    return len(words) <= _WORDS_OF_A_NAME and bool(words & (_TRUTH_WORDS | _USUAL_WORDS))


def _by_tiers(names: Sequence[str], tiers: Sequence[frozenset[str]]) -> Choice:
    for tier in tiers:
        found = [name for name in names if _fold(name) in tier]
        if len(found) == 1:
            return Choice(found[0], "guessed from its name")
        if found:
            return Choice(None, rivals=tuple(found))
    return Choice(None)


def _fold(name: str) -> str:
    """Return the name in snake case: "Tweet Text", "tweetText" and "tweet-text" are one."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[\W_]+", "_", spaced).strip("_").lower()


def _words(name: str) -> frozenset[str]:
    return frozenset(_fold(name).split("_"))


def _is_label_name(name: str) -> bool:
    return bool(_words(name) & {"label", "labels"}) or any(_fold(name) in t for t in _LABEL_TIERS)


def _is_text_type(source: Source, name: str) -> bool:
    from pyarrow import types

    kind = source.table.schema.field(name).type
    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _mean_length(column: pa.ChunkedArray) -> float:
    values = [len(value) for value in column.slice(0, _SAMPLE).to_pylist() if value]
    return float(np.mean(values)) if values else 0.0


def _has_few_values(source: Source, name: str) -> bool:
    import pyarrow.compute as pc

    values = pc.drop_null(pc.unique(source.table.column(name)))
    distinct = len(values)
    return (
        2 <= distinct <= max(2, min(200, len(source) // 5))
        and _mean_length(source.table.column(name)) < 40
    )

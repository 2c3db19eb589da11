"""Labels of words and of spans within a text: recognised, and refused with a clear word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from noisefix.errors import DataError

_TAG = re.compile(r"(O|[BIOESLU][-_]\S+)")
_SPAN_KEYS = (frozenset({"start", "end"}), frozenset({"start_offset", "end_offset"}))
_LOOKED_AT = 500
_NEARLY_ALL = 0.9
_LEAST_WORDS = 3
_REMEDY = (
    "noisefix judges labels of whole rows: name another --label-column, or make a table with one "
    "row a span, its text and its label"
)


def check_token_labels(cells: Sequence[Any], texts: Sequence[str], where: str) -> None:
    """Refuse labels of words or spans.

    Told by tags such as ``B-PER`` and ``O``, as lists or with blanks between them; by objects with
    start and end; and by lists that are as long as their text has words.

    Args:
        cells: (N,) values; lists, or texts.
        texts: (N,) texts.
        where: file and column, for messages.

    Raises:
        DataError: they are.
    """
    filled = [
        (row, cell, text)
        for row, (cell, text) in enumerate(zip(cells, texts, strict=True), 1)
        if cell is not None and cell != "" and cell != []
    ][:_LOOKED_AT]
    for row, cell, _ in filled:
        if _holds_spans(cell):
            raise DataError(
                f"{where}, row {row}: labels of spans within the text (with start and end)",
                _REMEDY,
            )
    tagged = [row for row, cell, _ in filled if _is_tagged(cell)]
    if filled and len(tagged) >= _NEARLY_ALL * len(filled):
        raise DataError(
            f"{where}, row {tagged[0]}: labels of single words (tags such as B-PER, I-PER, O)",
            _REMEDY,
        )
    lists = [(row, cell, text) for row, cell, text in filled if isinstance(cell, list)]
    aligned = [row for row, cell, text in lists if len(cell) == len(text.split()) >= _LEAST_WORDS]
    if lists and len(aligned) >= _NEARLY_ALL * len(lists):
        raise DataError(
            f"{where}, row {aligned[0]}: a label for each word of the text (the lists are as long "
            "as the texts have words)",
            _REMEDY,
        )


def _holds_spans(cell: Any) -> bool:
    items = cell if isinstance(cell, list) else [cell]
    return any(
        isinstance(item, dict) and any(keys <= set(item) for keys in _SPAN_KEYS) for item in items
    )


def _is_tagged(cell: Any) -> bool:
    """Tell a sequence of tags, of which one at least begins or goes on with a name."""
    tags = cell if isinstance(cell, list) else str(cell).split()
    is_sequence = len(tags) > 1 and all(isinstance(t, str) and _TAG.fullmatch(t) for t in tags)
    return is_sequence and (len(set(tags)) == 1 or any(tag != "O" for tag in tags))

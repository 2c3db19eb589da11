"""Groups of rows that may be a class of their own: what is said of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.labels import decode_labels

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.detection.judged import Judged

EXAMPLE_COLUMNS = ("id", "row_number", "text", "given_label")
_EXAMPLES = 5
_LABELS = 3


@dataclass(frozen=True)
class Example:
    """A row that is typical of its group."""

    id: str
    row_number: int
    text: str
    given_label: str | None


@dataclass(frozen=True)
class UnnamedGroup:
    """Rows that lie together, given labels of many classes.

    Attributes:
        rows: how many there are.
        classes: how many different labels they were given.
        labels: the commonest of these, with their rows.
        examples: the rows nearest to the middle of the group, of different texts.
    """

    rows: int
    classes: int
    labels: tuple[tuple[str, int], ...]
    examples: tuple[Example, ...]


def unnamed_words(judged: Judged) -> list[str]:
    """Return what is said of the rows of each group."""
    return [
        f"in group {number} of rows that may be a class of their own: {len(rows)} rows lie "
        f"together and have {len(np.unique(judged.given_labels[rows]))} different labels"
        for number, rows in enumerate(judged.unnamed, 1)
    ]


def say_unnamed(judged: Judged, words: list[str], reasons: list[list[str]]) -> None:
    """Say of the rows of such groups which one they are in; fills ``reasons`` in place.

    Args:
        judged: N rows, perhaps a part of all.
        words: what is said of each group (``unnamed_words`` of all rows).
        reasons: (N,) lists.
    """
    for said, rows in zip(words, judged.unnamed, strict=True):
        for row in rows.tolist():
            reasons[row].append(said)


def unnamed_column(judged: Judged) -> pa.Array:
    """Return (N,) the group of each row, 1 = the largest; null: in none."""
    import pyarrow as pa

    group = np.zeros(len(judged.given_labels), dtype=np.int64)
    for number, rows in enumerate(judged.unnamed, 1):
        group[rows] = number
    return pa.array(group, mask=group == 0)


def unnamed_facts(judged: Judged) -> dict[str, Any]:
    """Return the groups for the results of the joint stage; of their rows some ordinals only."""
    return {"unnamed": [_facts(judged, rows) for rows in judged.unnamed]}


def _facts(judged: Judged, rows: np.ndarray) -> dict[str, Any]:
    names = decode_labels(judged.given_labels[rows], judged.class_names)
    counts = Counter(name for name in names if name is not None)
    commonest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {
        "rows": len(rows),
        "classes": len(counts),
        "labels": [list(item) for item in commonest[:_LABELS]],
        "examples": _typical(judged, rows).tolist(),
    }


def _typical(judged: Judged, rows: np.ndarray) -> np.ndarray:
    """Return the ordinals (0 = first) of the rows nearest to the group's middle."""
    vectors = judged.embeddings.take(rows).astype(np.float64)
    likeness = np.round(vectors @ vectors.mean(axis=0), 6)
    ordered = rows[np.lexsort((rows, -likeness))]
    _, first = np.unique(judged.surroundings.duplicate_groups[ordered], return_index=True)
    chosen: np.ndarray = ordered[np.sort(first)][:_EXAMPLES]
    return chosen


def read_unnamed(
    facts: dict[str, Any], read: Callable[[np.ndarray], pa.Table]
) -> tuple[UnnamedGroup, ...]:
    """Return what ``unnamed_facts`` wrote, with the texts.

    Args:
        facts: the results of the joint stage; of an older run without groups.
        read: returns the issues with some row numbers, which ascend, with ``EXAMPLE_COLUMNS``.
    """
    groups = facts.get("unnamed", ())
    wanted = sorted({row for group in groups for row in group["examples"]})
    if not wanted:
        return ()
    rows = dict(zip(wanted, read(np.array(wanted)).to_pylist(), strict=True))
    return tuple(
        UnnamedGroup(
            rows=group["rows"],
            classes=group["classes"],
            labels=tuple((name, count) for name, count in group["labels"]),
            examples=tuple(
                Example(row["id"], row["row_number"], row["text"] or "", row["given_label"])
                for row in (rows[number] for number in group["examples"])
            ),
        )
        for group in groups
    )

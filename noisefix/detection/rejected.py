"""Labels that somebody has ruled out, from decisions and from a column, for the joint stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.probing.complementary import Rejections, complementary_matrix, count_answers
from noisefix.run.rejected import reason

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.detection.seen import Seen
    from noisefix.detection.verified import Trusted
    from noisefix.probing.judgeable import Scope

DECIDED, SAID = "rejected", "not_labels"
"""Tables of the joint stage: what people decided, which is final, and what a column says."""


@dataclass(frozen=True, eq=False)
class RuledOut:
    """All that was ruled out in N rows.

    Attributes:
        parts: of people, then of the column; class ids of the data.
        words: what to say of a row, by row.
        labels: names ruled out in a row, by row.
    """

    parts: tuple[Rejections, ...]
    words: Mapping[int, str]
    labels: Mapping[int, list[str]]

    def final(self) -> tuple[Rejections, ...]:
        """Return what is ruled out for certain."""
        return tuple(part for part in self.parts if not part.matrix.diagonal().any())

    def part(self, first: int, last: int) -> RuledOut:
        """Return the words on the rows first..last-1, numbered from 0."""
        rows = range(first, last)
        return RuledOut(
            self.parts,
            {row - first: self.words[row] for row in rows if row in self.words},
            {row - first: self.labels[row] for row in rows if row in self.labels},
        )

    def within(self, scope: Scope) -> list[Rejections]:
        """Return the same among the rows and classes that are compared."""
        found = []
        place = np.full(scope.n_classes, -1)
        place[scope.classes] = np.arange(len(scope.classes))
        for part in self.parts:
            labels = place[part.labels]
            kept = scope.written[part.rows] & (labels >= 0)
            if kept.any():
                matrix = part.matrix[np.ix_(scope.classes, scope.classes)]
                found.append(Rejections(part.rows[kept], labels[kept], matrix))
        return found


def find_rejections(tables: Mapping[str, pa.Table], seen: Seen, vouched: Trusted) -> RuledOut:
    """Return what was ruled out, in the order of rows and classes.

    Labels that are no class of the data tell nothing, and do not count; nor do words on rows whose
    label a person has verified, but from those of a column it is learned how far it can be trusted.

    Args:
        tables: ``DECIDED`` and ``SAID``: id and label; each may be absent.
        seen: the rows.
        vouched: verified rows.
    """
    names = seen.class_names
    words: dict[int, str] = {}
    named: dict[int, set[str]] = {}
    parts = []
    for name, error in ((DECIDED, 0.0), (SAID, None)):
        if name not in tables:
            continue
        rows, labels = _pairs(tables[name], seen.ids, names)
        if error is None:
            counts = count_answers(
                rows, labels, np.where(vouched.is_fair, vouched.labels, -1), len(names)
            )
            matrix = complementary_matrix(len(names), counts=counts)
        else:
            matrix = complementary_matrix(len(names), error)
        open_ = ~vouched.is_trusted[rows]
        parts.append(Rejections(rows[open_], labels[open_], matrix))
        said: dict[int, set[str]] = {}
        for row, label in zip(rows[open_].tolist(), labels[open_].tolist(), strict=True):
            said.setdefault(row, set()).add(names[label])
            named.setdefault(row, set()).add(names[label])
        for row, out in said.items():
            new = reason(out) if name == DECIDED else f"said to be not {', '.join(sorted(out))}"
            words[row] = f"{words[row]}; {new}" if row in words else new
    return RuledOut(tuple(parts), words, {row: sorted(out) for row, out in named.items()})


def _pairs(
    table: pa.Table, ids: Sequence[str], names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    place = {key: row for row, key in enumerate(ids)}
    index = {name: k for k, name in enumerate(names)}
    pairs = [
        (place[key], index[label])
        for key, label in zip(table["id"].to_pylist(), table["label"].to_pylist(), strict=True)
        if key in place and label in index
    ]
    array = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return array[:, 0], array[:, 1]

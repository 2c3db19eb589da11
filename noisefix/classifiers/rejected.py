"""What was ruled out in the rows of a run, as the likelihood that training takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from noisefix.probing.complementary import complementary_matrix
from noisefix.run.parquet import read_columns, read_table
from noisefix.run.rejected import NOT_LABELS
from noisefix.run.schemas import ISSUES

if TYPE_CHECKING:
    from noisefix.run.folder import RunFolder


def not_likelihood(
    run: RunFolder,
    ids: Sequence[str],
    names: Sequence[str],
    rejected: Mapping[str, frozenset[str]],
    settled: Mapping[str, object],
) -> np.ndarray | None:
    """Return (N, K) P(what was ruled out | class), 1 where nothing was; None: nothing anywhere.

    Args:
        run: the run folder; its issues may have the column ``not_labels``.
        ids: (N,) row ids.
        names: (K,) class names.
        rejected: what people ruled out, by id: for certain.
        settled: rows that people have decided on, by id: nothing more is heard of these.
    """
    said: dict[str, set[str]] = {}
    if NOT_LABELS in read_columns(run.issues):
        table, _ = read_table(run.issues, ISSUES, ("id", NOT_LABELS))
        columns = (table[name].to_pylist() for name in ("id", NOT_LABELS))
        said = {key: set(labels) for key, labels in zip(*columns, strict=True) if labels}
    if not said and not rejected:
        return None
    place = {name: k for k, name in enumerate(names)}
    likelihood = np.ones((len(ids), len(names)), np.float32)
    perhaps, surely = complementary_matrix(len(names)), complementary_matrix(len(names), 0.0)
    for row, key in enumerate(ids):
        if key in settled:
            continue
        final = rejected.get(key, frozenset())
        for label in sorted(said.get(key, set()) | final):
            if label in place:
                matrix = surely if label in final else perhaps
                likelihood[row] *= matrix[:, place[label]] * (len(names) - 1)
    return likelihood

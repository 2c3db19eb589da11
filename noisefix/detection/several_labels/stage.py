"""The stage that judges every label of rows that have several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.detection.options import FlagPrecision, FlagTop, Folds, LabelledBy, Neighbors
from noisefix.detection.several_labels.tables import JudgedSets, build, results
from noisefix.errors import UsageError
from noisefix.options import Options
from noisefix.progress import Progress
from noisefix.run.schemas import CLASSES_TABLE, EMBEDDINGS, ISSUES, LABEL_ISSUES
from noisefix.run.stage import Stage, StageOutput
from noisefix.run.vector_columns import embedding_matrix

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.provenance import Provenance

_Z = 1.645  # of a 90 % interval


@dataclass(frozen=True)
class SetParams(Options):
    """Options of the stage.

    Attributes:
        names: (L,) class names in canonical order; some may have no row.
        one_sided: what the odds of an error in given labels are divided by; None: rows without a
            label were looked at too.
    """

    names: tuple[str, ...]
    n_folds: Folds = 5
    n_neighbors: Neighbors = 10
    device: str = "auto"
    labelled_by: LabelledBy = "unknown"
    flag_precision: FlagPrecision = None
    flag_top: FlagTop = None
    one_sided: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.one_sided is not None and not 1 <= self.one_sided < float("inf"):
            raise UsageError(
                f"--one-sided is {self.one_sided:g}",
                "the odds are divided by a number of at least 1",
            )


def run(
    tables: dict[str, pa.Table],
    params: SetParams,
    *,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    provenances: Mapping[str, Provenance] | None = None,
) -> StageOutput:
    """Judge every label.

    Args:
        tables: "embeddings", and "labels": id and the list of the row's labels, null where it is
            unlabelled.
        params: options.
        seed: seed of the folds.
        progress: called as the labels are done.
        provenances: not needed.
    """
    judged = judge_sets(tables, params, seed=seed, progress=progress)
    built = build(tables["embeddings"], judged, params.n_neighbors)
    return StageOutput(built, params.names, results(judged))


def judge_sets(
    tables: dict[str, pa.Table],
    params: SetParams,
    *,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
) -> JudgedSets:
    """Compute probabilities, error estimates and verdicts; see ``run``."""
    from noisefix.labels import UNLABELLED
    from noisefix.probability import sigmoid
    from noisefix.probing.flags import flag_rows, perhaps_clean
    from noisefix.probing.judgeable import written_rows
    from noisefix.probing.label_sets import INTERCEPT_SD, error_odds, look_at_labels, row_error
    from noisefix.probing.views import look_around

    table = tables["embeddings"]
    given, labelled = _matrix(tables["labels"], params.names)
    embeddings = embedding_matrix(table)
    texts = [text or "" for text in table["text"].to_pylist()]
    usable = labelled & written_rows(texts)
    around = look_around(embeddings, texts, np.where(labelled, 0, UNLABELLED), device=params.device)
    n_labels = len(params.names)

    def tell(done: int) -> None:
        if progress is not None:
            progress(Progress("judge", done, n_labels, "labels"))

    views = look_at_labels(
        embeddings, texts, given, usable, around, n_folds=params.n_folds, seed=seed, on_label=tell
    )
    odds = error_odds(views, given, params.one_sided)
    p_error, low, high = (
        sigmoid(odds + shift) for shift in (0, -_Z * INTERCEPT_SD, _Z * INTERCEPT_SD)
    )
    p_row = np.round(row_error(p_error), 6)
    low_row, high_row = row_error(low), row_error(high)
    rate_low = float(np.nanmean(low_row)) if usable.any() else 0.0
    looked = params.one_sided is None
    flags = flag_rows(
        p_row,
        is_perhaps_clean=looked and perhaps_clean(rate_low, params.labelled_by),
        precision=params.flag_precision,
        top=params.flag_top,
    )
    return JudgedSets(
        names=params.names,
        given=given,
        labelled=labelled,
        written=written_rows(texts),
        views=views,
        surroundings=around,
        p_error=p_error,
        bounds=(low, high),
        p_row=p_row,
        row_bounds=(low_row, high_row),
        is_issue=flags,
        labelled_by=params.labelled_by,
        one_sided=params.one_sided,
    )


def _matrix(table: pa.Table, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return (N, L) bool, has the row the label, and (N,) bool, is it labelled."""
    place = {name: k for k, name in enumerate(names)}
    sets = table["labels"].to_pylist()
    given = np.zeros((len(sets), len(names)), dtype=bool)
    for row, labels in enumerate(sets):
        for label in labels or ():
            given[row, place[label]] = True
    return given, np.array([labels is not None for labels in sets], dtype=bool)


STAGE = Stage(
    "several_labels",
    1,
    reads={"embeddings": EMBEDDINGS},
    writes={"issues": ISSUES, "classes": CLASSES_TABLE, "label_issues": LABEL_ISSUES},
    params=SetParams,
    run=run,
)

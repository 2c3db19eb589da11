"""The stage that judges every label of rows that have several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from noisefix.detection.options import FlagPrecision, FlagTop, Folds, LabelledBy, Neighbors
from noisefix.detection.several_labels.tables import JudgedSets, build, results
from noisefix.errors import UsageError
from noisefix.labels import class_names, set_labels
from noisefix.options import Options
from noisefix.progress import Progress
from noisefix.run.rows import embedding_matrix
from noisefix.run.schemas import CLASSES_TABLE, EMBEDDINGS, ISSUES, LABEL_ISSUES
from noisefix.run.stage import Stage, StageOutput

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.probing.views import Surroundings
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
        tables: "embeddings", and "decided" where people have said what is right of some rows, see
            ``decisions.verified_table``.
        params: options.
        seed: seed of the folds.
        progress: called as the labels are done.
        provenances: not needed.
    """
    judged = judge_sets(tables, params, seed=seed, progress=progress)
    built = build(tables["embeddings"], judged, params.n_neighbors)
    return StageOutput(built, params.names, results(judged))


def with_said_names(params: SetParams, decided: pa.Table | None) -> SetParams:
    """Add to the classes those that only a person has named; args as of ``run``."""
    said = () if decided is None else decided["verified_label"].to_pylist()
    more = {label for text in said for label in set_labels(text or "")}
    return replace(params, names=class_names({*params.names, *more}))


def surroundings_of(embeddings: pa.Table, params: SetParams) -> Surroundings:
    """Return the neighbours and groups of rows, which do not depend on what people decide."""
    from noisefix.labels import UNLABELLED
    from noisefix.probing.views import look_around

    texts = [text or "" for text in embeddings["text"].to_pylist()]
    labelled = embeddings["given_label"].is_valid().to_numpy()
    marks = np.where(labelled, 0, UNLABELLED)
    return look_around(embedding_matrix(embeddings), texts, marks, device=params.device)


def judge_sets(
    tables: Mapping[str, pa.Table],
    params: SetParams,
    *,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    around: Surroundings | None = None,
) -> JudgedSets:
    """Compute probabilities, error estimates and verdicts.

    A row that a person has decided on is learned from as decided; its labels are right or wrong
    for certain, and it is not flagged. One to be left out is not learned from.

    Args:
        tables: see ``run``.
        params: options.
        seed: seed of the folds.
        progress: called as the labels are done.
        around: the rows' surroundings, where they are known already.
    """
    from noisefix.probability import sigmoid
    from noisefix.probing.flags import flag_rows, perhaps_clean
    from noisefix.probing.judgeable import written_rows
    from noisefix.probing.label_sets import INTERCEPT_SD, error_odds, look_at_labels, row_error

    table = tables["embeddings"]
    given, labelled = _matrix(table["given_label"].to_pylist(), params.names)
    words = _decided(table["id"].to_pylist(), given, tables.get("decided"), params.names)
    embeddings = embedding_matrix(table)
    texts = [text or "" for text in table["text"].to_pylist()]
    written = written_rows(texts)
    usable = (labelled | words.is_decided) & written & ~words.is_dropped
    around = surroundings_of(table, params) if around is None else around
    around = _without(around, words.is_dropped)
    n_labels = len(params.names)

    def tell(done: int) -> None:
        if progress is not None:
            progress(Progress("judge", done, n_labels, "labels"))

    views = look_at_labels(
        *(embeddings, texts, words.learned, usable, around),
        n_folds=params.n_folds,
        seed=seed,
        on_label=tell,
    )
    odds = error_odds(views, words.learned, params.one_sided)
    p_error, low, high = (
        words.settled(sigmoid(odds + shift), given, labelled)
        for shift in (0, -_Z * INTERCEPT_SD, _Z * INTERCEPT_SD)
    )
    p_row = np.round(row_error(p_error), 6)
    low_row, high_row = row_error(low), row_error(high)
    rate_low = float(np.nanmean(low_row)) if usable.any() else 0.0
    looked = params.one_sided is None
    flags = flag_rows(
        np.where(words.is_decided, np.nan, p_row),
        is_perhaps_clean=looked and perhaps_clean(rate_low, params.labelled_by),
        precision=params.flag_precision,
        top=params.flag_top,
    )
    return JudgedSets(
        names=params.names,
        given=given,
        labelled=labelled,
        written=written,
        views=views,
        surroundings=around,
        p_error=p_error,
        bounds=(low, high),
        p_row=p_row,
        row_bounds=(low_row, high_row),
        is_issue=flags,
        labelled_by=params.labelled_by,
        one_sided=params.one_sided,
        decided=words.is_decided,
        learned=words.learned,
    )


def _without(around: Surroundings, is_dropped: np.ndarray) -> Surroundings:
    """Let rows that are to be left out be nobody's neighbours."""
    indices = around.nearest.indices
    gone = (indices >= 0) & is_dropped[indices]
    nearest = replace(around.nearest, indices=np.where(gone, -1, indices))
    return replace(around, nearest=nearest)


@dataclass(frozen=True, eq=False)
class _Words:
    """What people have said of N rows.

    Attributes:
        learned: (N, L) bool: the labels as given, or as decided.
        is_decided: (N,) bool, also of those to be left out.
        is_dropped: (N,) bool.
    """

    learned: np.ndarray
    is_decided: np.ndarray
    is_dropped: np.ndarray

    def settled(self, p_error: np.ndarray, given: np.ndarray, labelled: np.ndarray) -> np.ndarray:
        """Return (N, L) p_error: 0 or 1 where somebody has said so, else as estimated."""
        sure = self.is_decided[:, None]
        said = (labelled & ~self.is_dropped)[:, None]
        certain = np.where(said, (self.learned != given).astype(np.float64), np.nan)
        found: np.ndarray = np.where(sure, certain, p_error)
        return found


def _decided(
    ids: list[str], given: np.ndarray, decided: pa.Table | None, names: tuple[str, ...]
) -> _Words:
    words = _Words(given, *(np.zeros(len(ids), dtype=bool) for _ in range(2)))
    if decided is None:
        return words
    said, _ = _matrix(decided["verified_label"].to_pylist(), names)
    place = {key: row for row, key in enumerate(ids)}
    rows = np.array([place[key] for key in decided["id"].to_pylist()], dtype=np.int64)
    dropped = decided["is_dropped"].to_numpy(zero_copy_only=False)
    words = replace(words, learned=given.copy())
    words.learned[rows[~dropped]] = said[~dropped]
    words.is_decided[rows], words.is_dropped[rows] = True, dropped
    return words


def _matrix(texts: list[str | None], names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return (N, L) bool, has the row the label, and (N,) bool, is it labelled."""
    place = {name: k for k, name in enumerate(names)}
    given = np.zeros((len(texts), len(names)), dtype=bool)
    for row, text in enumerate(texts):
        for label in set_labels(text or ""):
            given[row, place[label]] = True
    return given, np.array([text is not None for text in texts], dtype=bool)


STAGE = Stage(
    "several_labels",
    1,
    reads={"embeddings": EMBEDDINGS},
    writes={"issues": ISSUES, "classes": CLASSES_TABLE, "label_issues": LABEL_ISSUES},
    params=SetParams,
    run=run,
)

"""The joint stage: every label judged, from embeddings or from the user's own probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from noisefix.detection import joint_tables
from noisefix.detection.cross_check import widened
from noisefix.detection.decided import merged
from noisefix.detection.judged import DECIMALS, Judged
from noisefix.detection.options import (
    FlagPrecision,
    FlagTop,
    Folds,
    LabelledBy,
    Neighbors,
    OneSided,
    Ordinal,
    UnverifiedClass,
)
from noisefix.detection.user_knowledge import known_class, known_order, known_shares
from noisefix.errors import DataError, UsageError
from noisefix.labels import UNLABELLED, check_class_count, class_names, encode_labels
from noisefix.options import Options
from noisefix.progress import Progress
from noisefix.run.rows import embedding_matrix, has_texts, name_matrix, second_matrix
from noisefix.run.schemas import (
    ANNOTATIONS,
    ANNOTATORS,
    CLASSES_TABLE,
    DECIDING,
    DUPLICATES,
    EMBEDDINGS,
    ISSUES,
    JOINT,
    LABEL_NAMES,
    PAIRS,
)
from noisefix.run.stage import Stage, StageOutput

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.detection.voting import Answers
    from noisefix.probing.error_model import ErrorEstimate
    from noisefix.probing.hidden_chain import Sequences
    from noisefix.probing.hypotheses import Hypotheses
    from noisefix.probing.judgeable import Scope
    from noisefix.probing.label_names import NameView
    from noisefix.probing.outside import Outside
    from noisefix.probing.readings import Read
    from noisefix.probing.views import Surroundings, Views
    from noisefix.probing.voted import Probe
    from noisefix.run.provenance import Provenance

DEFAULT_VERDICT = "p_error"
"""Flag by p_error (``probing.flags``), not by one of confident learning's filters."""


@dataclass(frozen=True)
class JointParams(Options):
    """Options of the joint stage, as ``JudgeOptions`` but for what was parsed.

    Attributes:
        filter_by: what flags a row: "p_error", or a confident-learning filter.
        class_shares: true shares that the user knows, as (class name, share) pairs.
        given_by_vote: the given labels are what most annotators say, not labels of their own.
    """

    n_folds: Folds = 5
    n_neighbors: Neighbors = 10
    filter_by: str = DEFAULT_VERDICT
    class_shares: tuple[tuple[str, float], ...] = ()
    device: str = "auto"
    labelled_by: LabelledBy = "unknown"
    flag_precision: FlagPrecision = None
    flag_top: FlagTop = None
    unverified_class: UnverifiedClass = None
    one_sided: OneSided = None
    ordinal: Ordinal = None
    given_by_vote: bool = False

    def __post_init__(self) -> None:
        from noisefix.confident.filters import FILTERS

        super().__post_init__()
        if self.one_sided is not None:
            if self.unverified_class is None:
                raise UsageError(
                    "--one-sided tells how much the other classes are trusted",
                    "name the class that rows get where nobody looked with --unverified-class",
                )
            if not 1 <= self.one_sided < float("inf"):
                raise UsageError(
                    f"--one-sided is {self.one_sided:g}",
                    "the odds are divided by a number of at least 1",
                )
        if self.flag_precision is not None and self.flag_top is not None:
            raise UsageError("--flag-precision and --flag-top exclude each other", "give one")
        if self.flag_precision is not None and not 0 < self.flag_precision <= 1:
            raise UsageError(
                f"--flag-precision is {self.flag_precision:g}", "it lies above 0 and up to 1"
            )
        if self.filter_by != DEFAULT_VERDICT and (self.flag_precision or self.flag_top) is not None:
            raise UsageError(
                f"--filter-by {self.filter_by} chooses the flagged rows by itself",
                "leave --filter-by out to use --flag-precision or --flag-top",
            )
        if self.filter_by != DEFAULT_VERDICT and self.filter_by not in FILTERS:
            known = ", ".join([DEFAULT_VERDICT, *FILTERS])
            raise UsageError(f"--filter-by {self.filter_by!r} is unknown", f"choose one of {known}")


def run(
    tables: dict[str, pa.Table],
    params: JointParams,
    *,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    provenances: Mapping[str, Provenance] | None = None,
) -> StageOutput:
    """Judge the labels of an embeddings table.

    Args:
        tables: "embeddings"; optionally "label_names", "pred_probs" (id and one column a class),
            "annotations" (id, annotator, label), "order" (id, group and place), "trusted" or
            "decided" (id, and the label that a person has verified), and "rejected" or "not_labels"
            (id, and a label that a person, or anybody, has ruled out).
        params: options.
        seed: seed of folds and bootstrap.
        progress: called as the parts are done.
        provenances: not needed.
    """
    judged = judge_labels(tables, params, seed=seed, progress=progress)
    built = joint_tables.build(tables["embeddings"], judged, params.n_neighbors)
    if "annotations" in tables:
        built["annotations"] = tables["annotations"]
    return StageOutput(built, judged.class_names, joint_tables.results(judged))


@dataclass(frozen=True, eq=False)
class Seen:
    """All that is known of N rows before a person's word counts: what takes time."""

    ids: list[str]
    class_names: tuple[str, ...]  # those given, then those that only annotators give
    given_labels: np.ndarray  # (N,) ids, -1 = unlabelled
    embeddings: np.ndarray  # (N, D)
    surroundings: Surroundings
    scope: Scope
    views: Views | None
    names: NameView | None
    pooled: np.ndarray  # (N, classes of the scope)
    hypotheses: Hypotheses
    readings: Read
    answers: Answers | None
    probe: Probe
    outside: Outside
    sequences: Sequences | None


def judge_labels(
    tables: dict[str, pa.Table],
    params: JointParams,
    *,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
) -> Judged:
    """Compute probabilities, error estimates and verdicts; see ``run``."""
    seen = see(tables, params, seed=seed, progress=progress)
    trusted = merged(tables.get("trusted"), tables.get("decided"))
    return weigh(seen, trusted, params, ruled_out=tables, seed=seed, progress=progress)


def see(
    tables: dict[str, pa.Table],
    params: JointParams,
    *,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
) -> Seen:
    """Compute what does not hang on verified rows; args as of ``run``."""
    from noisefix.detection.order import sequences_of
    from noisefix.detection.own_probs import own_probs
    from noisefix.detection.voting import encode_answers, text_probe
    from noisefix.probability import sigmoid
    from noisefix.probing.error_model import ERROR_MODEL
    from noisefix.probing.folds import make_folds, row_keys
    from noisefix.probing.hypotheses import Evidence, judge
    from noisefix.probing.judgeable import find_scope, written_rows
    from noisefix.probing.label_names import name_view
    from noisefix.probing.latent_classes import fit_latent_classes
    from noisefix.probing.one_sided import ONE_SIDED, trust_what_was_looked_at
    from noisefix.probing.outside import find_outside
    from noisefix.probing.readings import read, shares_as_given
    from noisefix.probing.views import look, look_around

    table = tables["embeddings"]
    names, given, embeddings = _labels_and_embeddings(table)
    _step(progress, 0)
    texts = [text or "" for text in table["text"].to_pylist()]
    has_text = has_texts(table)
    around = look_around(embeddings, texts, given, has_text=has_text, device=params.device)
    is_own = "pred_probs" in tables
    scope = find_scope(
        given, around.duplicate_groups, written_rows(texts), len(names), every_class=is_own
    )
    labels, n_classes = scope.labels(given), len(scope.classes)
    if is_own:
        views, pooled = None, own_probs(tables["pred_probs"], table["id"].to_pylist(), names)
    else:
        views = look(
            embeddings,
            texts,
            labels,
            n_classes,
            around,
            second=second_matrix(table),
            has_text=has_text,
            n_folds=params.n_folds,
            seed=seed,
        )
        pooled = views.pooled
        pooled[~scope.written] = pooled[scope.written].mean(axis=0)
    _step(progress, 1)
    label_names = _name_embeddings(tables.get("label_names"), names, embeddings.shape[1])
    view = None
    if label_names is not None:
        view = name_view(embeddings, label_names[scope.classes], labels)
    latent = fit_latent_classes(embeddings, labels, n_classes)
    shares = known_shares(params.class_shares, names)
    if shares is not None:
        shares = shares[scope.classes] / max(shares[scope.classes].sum(), 1e-9)
    weights = np.array(ERROR_MODEL.weights)
    hypotheses = judge(Evidence(pooled, labels, latent, view, shares), weights)
    readings = read(
        shares_as_given([pooled] if views is None else views.models, labels, shares),
        hypotheses.log_odds @ weights,
        params.labelled_by,
        None if view is None else view.gain,
        knows_shares=shares is not None,
    )
    unverified = known_class("--unverified-class", params.unverified_class, names)
    if unverified is not None:
        trust = ONE_SIDED if params.one_sided is None else params.one_sided
        readings = trust_what_was_looked_at(readings, given != unverified, trust)
    ids = table["id"].to_pylist()
    answers = None
    if "annotations" in tables:
        answers = encode_answers(tables["annotations"], ids, names)
        names = (*names, *answers.new_names)
        scope = replace(scope, n_classes=len(names))

    def folds_of(labels: np.ndarray) -> np.ndarray:
        groups, keys = around.duplicate_groups, row_keys(texts, seed)
        return make_folds(labels, groups, n_folds=params.n_folds, seed=seed, keys=keys)

    outside = find_outside(
        embeddings,
        labels,
        pooled,
        sigmoid(readings.base),
        around.duplicate_groups,
        scope.written,
        row_keys(texts, seed),
    )
    return Seen(
        ids=ids,
        class_names=names,
        given_labels=given,
        embeddings=embeddings,
        surroundings=around,
        scope=scope,
        views=views,
        names=view,
        pooled=pooled,
        hypotheses=hypotheses,
        readings=readings,
        outside=outside,
        sequences=sequences_of(tables.get("order"), ids),
        answers=answers,
        probe=text_probe(embeddings, scope.written, folds_of, len(names)),
    )


def weigh(
    seen: Seen,
    trusted: pa.Table | None,
    params: JointParams,
    *,
    ruled_out: Mapping[str, pa.Table] | None = None,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
) -> Judged:
    """Estimate every row's error, in the light of the rows that a person has verified.

    Args:
        seen: what ``see`` returned.
        trusted: id and verified_label of verified rows; None: there are none.
        params: the same options.
        ruled_out: "rejected" and "not_labels", as for ``run``; None: there are none.
        seed: the same seed.
        progress: called as the parts are done.
    """
    from noisefix.detection.rejected import find_rejections
    from noisefix.detection.verified import align_trusted
    from noisefix.detection.voting import hear
    from noisefix.probing.error_model import estimate_errors
    from noisefix.probing.ordinal import expected_distance, with_steps
    from noisefix.probing.sequence import smooth, with_chain
    from noisefix.probing.unnamed import find_unnamed

    scope, given, view = seen.scope, seen.given_labels, seen.names
    labels = scope.labels(given)
    vouched = align_trusted(trusted, seen.ids, seen.class_names, given)
    place = np.argsort(scope.order(len(vouched.names)))
    rejections = find_rejections(ruled_out or {}, seen, vouched)
    estimate_from = partial(
        estimate_errors,
        given_labels=labels,
        name_gain=0.0 if view is None else view.gain,
        verified_labels=np.where(vouched.labels < 0, UNLABELLED, place[vouched.labels]),
        learn_from=vouched.is_fair,
        rejections=rejections.within(scope),
        seed=seed,
    )
    readings, chain = seen.readings, None
    estimate = estimate_from(seen.hypotheses, readings=readings)
    if seen.sequences is not None:
        said = estimate.true_label_probs
        chain = smooth(said, seen.pooled, labels, seen.sequences, seed)
        if chain.is_used:
            hypotheses, readings = with_chain(seen.hypotheses, readings, said, labels, chain)
            estimate = estimate_from(hypotheses, readings=readings)
    _step(progress, 2)
    wide = scope.widen_estimate(estimate, given, vouched.labels)
    heard = None
    if seen.answers is not None:
        heard, wide = hear(
            seen.answers,
            wide,
            given,
            vouched.labels,
            seen.probe,
            given_counts=not params.given_by_vote,
            ruled_out=rejections.final(),
        )
        estimate = replace(estimate, p_error=wide.p_error, noise_rate=wide.noise_rate)
    places = known_order(params.ordinal, seen.class_names)
    distance = None
    if places is not None:
        probs = with_steps(wide.true_label_probs, given, places)
        distance = expected_distance(probs, given, places)
    flags = _verdicts(labels, seen.pooled, estimate, params, vouched.is_trusted, distance)
    _step(progress, 3)
    if view is None and heard is None:
        near = seen.surroundings
        wide = widened(wide, given, near.nearest, near.duplicate_groups)
    return Judged(
        class_names=seen.class_names,
        verified_names=vouched.names,
        given_labels=given,
        verified_labels=vouched.labels,
        is_trusted=vouched.is_trusted,
        pred_probs=scope.widen(seen.pooled),
        surroundings=seen.surroundings,
        views=seen.views,
        names=view,
        estimate=wide,
        readings=readings,
        embeddings=seen.embeddings,
        is_issue=flags,
        scope=scope,
        labelled_by=params.labelled_by,
        unverified_class=params.unverified_class,
        ruled_out=rejections,
        places=places,
        distance=distance,
        heard=heard,
        p_outside=np.where(vouched.is_trusted, 0.0, seen.outside.p_outside),
        sequences=seen.sequences,
        chain=chain,
        unnamed=find_unnamed(
            labels,
            seen.surroundings.nearest,
            seen.surroundings.duplicate_groups,
            vouched.labels != UNLABELLED,
        ),
    )


def _step(progress: Callable[[Progress], None] | None, done: int) -> None:
    if progress is not None:
        progress(Progress("joint", done, 3, "steps"))


def _labels_and_embeddings(table: pa.Table) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    labels = table["given_label"].to_pylist()
    names = class_names(labels)
    if len(names) < 2:
        found = f"one class ({names[0]!r})" if names else "no labels"
        raise DataError(
            f"the embeddings table has {found}; wrong labels are found by comparing classes",
            "give at least two classes, or choose another --label-column",
        )
    n_labelled = sum(label is not None for label in labels)
    check_class_count(len(names), n_labelled, "the embeddings table")
    return names, encode_labels(labels, names), embedding_matrix(table)


def _name_embeddings(
    table: pa.Table | None, names: tuple[str, ...], dimension: int
) -> np.ndarray | None:
    """Return (K, D) in class order, or None where a class is missing or the sizes differ."""
    matrix = None if table is None else name_matrix(table, names)
    return matrix if matrix is not None and matrix.shape[1] == dimension else None


def _verdicts(
    given: np.ndarray,
    probs: np.ndarray,
    estimate: ErrorEstimate,
    params: JointParams,
    is_trusted: np.ndarray,
    distance: np.ndarray | None,
) -> np.ndarray:
    from noisefix.confident.filters import find_issues
    from noisefix.probing.flags import flag_rows, perhaps_clean

    if params.filter_by != DEFAULT_VERDICT:
        flags: np.ndarray = find_issues(given, probs, params.filter_by) & ~is_trusted
        return flags
    p_error = np.where(is_trusted, np.nan, np.round(estimate.p_error, DECIMALS))
    if params.flag_top is not None and distance is not None:
        p_error = np.where(np.isnan(p_error), np.nan, np.round(distance, DECIMALS))
    # Where nobody looked, nobody calls it clean.
    looked = params.unverified_class is None
    return flag_rows(
        p_error,
        is_perhaps_clean=looked and perhaps_clean(estimate.noise_rate.low, params.labelled_by),
        precision=params.flag_precision,
        top=params.flag_top,
    )


STAGE = Stage(
    "joint",
    5,
    reads={"embeddings": EMBEDDINGS, "label_names": LABEL_NAMES},
    writes={
        "issues": ISSUES,
        "joint": JOINT,
        "classes": CLASSES_TABLE,
        "pairs": PAIRS,
        "duplicates": DUPLICATES,
        "deciding": DECIDING,
        "annotators": ANNOTATORS,
        "annotations": ANNOTATIONS,
    },
    params=JointParams,
    run=run,
    only_with={"annotators": "annotations", "annotations": "annotations"},
)

"""What is known of every row before a person's word counts: the views, and what follows of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from noisefix.detection.joint_params import JointParams
from noisefix.detection.user_knowledge import known_class, known_shares
from noisefix.errors import DataError
from noisefix.executors import IN_TURN, Executor
from noisefix.labels import check_class_count, class_names
from noisefix.progress import Progress
from noisefix.run.arrays import Strings, class_ids
from noisefix.run.rows import definitions_of, has_texts
from noisefix.run.vector_columns import second_vectors, vectors_of
from noisefix.vectors import InMemory, SomeRows, Vectors, mean_of

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.detection.mismatched import Matches
    from noisefix.detection.voting import Answers
    from noisefix.probing.hidden_chain import Sequences
    from noisefix.probing.hypotheses import Evidence, Hypotheses
    from noisefix.probing.judgeable import Scope
    from noisefix.probing.label_names import NameView
    from noisefix.probing.outside import Outside
    from noisefix.probing.readings import Read
    from noisefix.probing.views import Surroundings, Views
    from noisefix.probing.voted import Probe


@dataclass(frozen=True, eq=False)
class Seen:
    """All that is known of N rows before a person's word counts: what takes time."""

    ids: Sequence[str]
    class_names: tuple[str, ...]  # those given, then those that only annotators give
    given_labels: np.ndarray  # (N,) ids, -1 = unlabelled
    embeddings: Vectors  # (N, D)
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
    matches: Matches | None


def see(
    tables: dict[str, pa.Table],
    params: JointParams,
    *,
    vectors: Mapping[str, Vectors] | None = None,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    executor: Executor = IN_TURN,
) -> Seen:
    """Compute what does not hang on verified rows; args as of ``joint_stage.judge_labels``."""
    from noisefix.detection.mismatched import matches_of
    from noisefix.detection.order import sequences_of
    from noisefix.detection.own_probs import own_probs
    from noisefix.detection.voting import encode_answers, text_probe
    from noisefix.probability import sigmoid
    from noisefix.probing.folds import make_folds, row_keys
    from noisefix.probing.hypotheses import Evidence
    from noisefix.probing.judgeable import find_scope, written_rows
    from noisefix.probing.latent_classes import fit_latent_classes
    from noisefix.probing.outside import find_outside
    from noisefix.probing.views import look, look_around

    table = tables["embeddings"]
    names, given = _labels(table)
    embeddings = vectors_of(table, vectors)
    step(progress, 0)
    texts, ids = Strings(table["text"]), Strings(table["id"])
    has_text = has_texts(table)
    around = look_around(
        embeddings,
        texts,
        given,
        has_text=has_text,
        device=params.device,
        executor=executor,
        progress=progress,
    )
    is_own = "pred_probs" in tables
    scope = find_scope(
        given, around.duplicate_groups, written_rows(texts), len(names), every_class=is_own
    )
    labels = scope.labels(given)
    views: Views | None = None
    if is_own:
        pooled = own_probs(tables["pred_probs"], list(ids), names)
    else:
        views = look(
            embeddings,
            texts,
            labels,
            len(scope.classes),
            around,
            second=second_vectors(table, vectors),
            has_text=has_text,
            n_folds=params.n_folds,
            seed=seed,
        )
        pooled = _pooled(views, scope)
    step(progress, 1)
    view = _name_view(tables.get("label_names"), names, embeddings, scope, labels)
    latent = fit_latent_classes(embeddings, labels, len(scope.classes))
    evidence = Evidence(pooled, labels, latent, view)
    hypotheses, readings = _judged(evidence, views, params, names, scope, has_text=has_text)
    readings = _as_looked_at(readings, given, params, names)
    answers = None
    if "annotations" in tables:
        answers = encode_answers(tables["annotations"], ids, names)
        names = (*names, *answers.new_names)
        scope = replace(scope, n_classes=len(names))
    groups, keys = around.duplicate_groups, row_keys(texts, seed)
    folds_of = partial(make_folds, groups=groups, n_folds=params.n_folds, seed=seed, keys=keys)
    outside = find_outside(
        embeddings, labels, pooled, sigmoid(readings.base), groups, scope.written, keys
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
        matches=matches_of(tables.get("matches"), ids),
        answers=answers,
        probe=text_probe(embeddings, scope.written, folds_of, len(names)),
    )


def _pooled(views: Views, scope: Scope) -> np.ndarray:
    """Return what the views together say; of rows without a text what they say on average."""
    pooled = views.pooled
    if not scope.written.all():
        written = SomeRows(InMemory(pooled), np.flatnonzero(scope.written))
        pooled[~scope.written] = mean_of(written)
    return pooled


def _judged(
    evidence: Evidence,
    views: Views | None,
    params: JointParams,
    names: tuple[str, ...],
    scope: Scope,
    *,
    has_text: bool,
) -> tuple[Hypotheses, Read]:
    """Return what each hypothesis says of every row, and both readings of it."""
    from noisefix.probing.error_model import ERROR_MODEL
    from noisefix.probing.hypotheses import judge
    from noisefix.probing.readings import read, shares_as_given

    shares = known_shares(params.class_shares, names)
    if shares is not None:
        shares = shares[scope.classes] / max(shares[scope.classes].sum(), 1e-9)
    weights = np.array(ERROR_MODEL.weights)
    hypotheses = judge(replace(evidence, class_shares=shares), weights)
    models = [evidence.pooled] if views is None else views.models
    readings = read(
        shares_as_given(models, evidence.given_labels, shares),
        hypotheses.log_odds @ weights,
        params.labelled_by,
        _name_gain(evidence, has_text),
        knows_shares=shares is not None,
    )
    return hypotheses, readings


def _name_gain(evidence: Evidence, has_text: bool) -> float | None:
    """Return what names explain of texts, nothing where the encoder knows no names; None: no texts.

    Without texts there is nothing that names could have explained.
    """
    if evidence.names is not None:
        return evidence.names.gain
    return 0.0 if has_text else None


def _as_looked_at(
    readings: Read, given: np.ndarray, params: JointParams, names: tuple[str, ...]
) -> Read:
    """Trust labels more where the user says that somebody has looked."""
    from noisefix.probing.one_sided import ONE_SIDED, trust_what_was_looked_at

    unverified = known_class("--unverified-class", params.unverified_class, names)
    if unverified is None:
        return readings
    trust = ONE_SIDED if params.one_sided is None else params.one_sided
    return trust_what_was_looked_at(readings, given != unverified, trust)


def step(progress: Callable[[Progress], None] | None, done: int) -> None:
    """Say how many of the joint stage's three steps are done."""
    if progress is not None:
        progress(Progress("joint", done, 3, "steps"))


def _labels(table: pa.Table) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the class names, and (N,) class ids."""
    column = table["given_label"]
    names = class_names(column.unique().to_pylist())
    if len(names) < 2:
        found = f"one class ({names[0]!r})" if names else "no labels"
        raise DataError(
            f"the embeddings table has {found}; wrong labels are found by comparing classes",
            "give at least two classes, or choose another --label-column",
        )
    check_class_count(len(names), len(column) - column.null_count, "the embeddings table")
    return names, class_ids(column, names)


def _name_view(
    table: pa.Table | None,
    names: tuple[str, ...],
    embeddings: Vectors,
    scope: Scope,
    labels: np.ndarray,
) -> NameView | None:
    """Return what the classes' names tell; None where one is missing or the sizes differ."""
    from noisefix.probing.label_names import name_view

    found = None if table is None else definitions_of(table, names)
    if found is None or found[0].shape[1] != embeddings.shape[1]:
        return None
    return name_view(embeddings, [found[k] for k in scope.classes], labels)

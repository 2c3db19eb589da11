"""Every row's error estimated from what was seen, in the light of what people have verified."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from noisefix.detection.cross_check import widened
from noisefix.detection.joint_params import DEFAULT_VERDICT, JointParams
from noisefix.detection.judged import DECIMALS, Judged
from noisefix.detection.seen import Seen, step
from noisefix.detection.user_knowledge import known_order
from noisefix.labels import UNLABELLED
from noisefix.progress import Progress

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.detection.rejected import RuledOut
    from noisefix.detection.verified import Trusted
    from noisefix.probing.error_model import ErrorEstimate
    from noisefix.probing.readings import Read
    from noisefix.probing.sequence import Chain


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
    from noisefix.probing.unnamed import find_unnamed

    scope, given, view = seen.scope, seen.given_labels, seen.names
    labels = scope.labels(given)
    vouched = align_trusted(trusted, seen.ids, seen.class_names, given)
    rejections = find_rejections(ruled_out or {}, seen, vouched)
    estimate, readings, chain = _estimated(seen, labels, vouched, rejections, seed)
    step(progress, 2)
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
    distance = _distance(wide, given, places)
    flags = _verdicts(labels, seen.pooled, estimate, params, vouched.is_trusted, distance)
    step(progress, 3)
    near = seen.surroundings
    if view is None and heard is None:
        wide = widened(wide, given, near.nearest, near.duplicate_groups)
    return Judged(
        class_names=seen.class_names,
        verified_names=vouched.names,
        given_labels=given,
        verified_labels=vouched.labels,
        is_trusted=vouched.is_trusted,
        pred_probs=scope.widen(seen.pooled),
        surroundings=near,
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
        matches=seen.matches and seen.matches.beside(vouched.is_trusted),
        chain=chain,
        unnamed=find_unnamed(
            labels, near.nearest, near.duplicate_groups, vouched.labels != UNLABELLED
        ),
    )


def _estimated(
    seen: Seen, labels: np.ndarray, vouched: Trusted, rejections: RuledOut, seed: int
) -> tuple[ErrorEstimate, Read, Chain | None]:
    """Estimate the errors; where the rows have an order that tells something, in its light."""
    from noisefix.probing.error_model import estimate_errors
    from noisefix.probing.sequence import smooth, with_chain

    place = np.argsort(seen.scope.order(len(vouched.names)))
    estimate_from = partial(
        estimate_errors,
        given_labels=labels,
        name_gain=0.0 if seen.names is None else seen.names.gain,
        verified_labels=np.where(vouched.labels < 0, UNLABELLED, place[vouched.labels]),
        learn_from=vouched.is_fair,
        rejections=rejections.within(seen.scope),
        seed=seed,
    )
    estimate, readings = estimate_from(seen.hypotheses, readings=seen.readings), seen.readings
    if seen.sequences is None:
        return estimate, readings, None
    said = estimate.true_label_probs
    chain = smooth(said, seen.pooled, labels, seen.sequences, seed)
    if chain.is_used:
        hypotheses, readings = with_chain(seen.hypotheses, readings, said, labels, chain)
        estimate = estimate_from(hypotheses, readings=readings)
    return estimate, readings, chain


def _distance(
    estimate: ErrorEstimate, given: np.ndarray, places: np.ndarray | None
) -> np.ndarray | None:
    """Return (N,) steps from the given label to the true one, where classes have an order."""
    from noisefix.probing.ordinal import expected_distance, with_steps

    if places is None:
        return None
    return expected_distance(with_steps(estimate.true_label_probs, given, places), given, places)


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

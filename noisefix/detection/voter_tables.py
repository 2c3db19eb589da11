"""What annotators have told, as tables, facts and words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.labels import UNLABELLED
from noisefix.probing.agreement import count_answers, fleiss_kappa, krippendorff_alpha
from noisefix.probing.voter_quality import MOST_PAIRED, error_correlation, pair_kappa
from noisefix.probing.voters import Voter

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.detection.judged import Judged
    from noisefix.detection.voting import Heard

GIVEN = "[given label]"
_VIEWS = ("probe", "words", "neighbors")
_DIGITS = 6


def annotators_table(judged: Judged, heard: Heard) -> pa.Table:
    """Return one row for each annotator, in the order in which they were named."""
    import pyarrow as pa

    from noisefix.run.schemas import ANNOTATORS

    return pa.Table.from_pylist(_annotators(judged, heard), schema=ANNOTATORS.arrow())


def _annotators(judged: Judged, heard: Heard) -> list[dict[str, Any]]:
    others = _compared_with(judged, heard)
    likely = judged.estimate.true_label_probs.argmax(axis=1)
    n_rows, n_classes = judged.estimate.true_label_probs.shape
    rows = []
    for place, voter in enumerate(heard.answers.voters):
        said, quality = voter.said(n_rows), heard.quality[place]
        against = {name: labels for name, labels in others.items() if name != voter.name}
        screened = heard.screened[place]
        rows.append(
            {
                "column": voter.name,
                "rows": len(voter.rows),
                "other_answers": heard.answers.other_answers[place],
                "accuracy": _known(quality.accuracy.value),
                "accuracy_low": _known(quality.accuracy.low),
                "accuracy_high": _known(quality.accuracy.high),
                "accuracy_by_agreement": _known(quality.by_agreement),
                "kappa": _known(quality.kappa),
                "kappa_with_estimate": _known(screened.kappa.value),
                "is_used": screened.is_used,
                "why_not": screened.why_not,
                "decides": round(quality.decides, _DIGITS),
                "confusion": np.round(quality.confusion, _DIGITS).reshape(-1).tolist(),
                "others": list(against),
                "kappas": [
                    float("nan")
                    if name.startswith("[view")
                    else _rounded(pair_kappa(said, labels, n_classes))
                    for name, labels in against.items()
                ],
                "error_correlations": [
                    _rounded(error_correlation(said, labels, likely)) for labels in against.values()
                ],
            }
        )
    return rows


def _compared_with(judged: Judged, heard: Heard) -> dict[str, np.ndarray]:
    """Return (N,) labels by name: annotators with the most answers, the given label, the views."""
    n_rows = len(judged.given_labels)
    voters = heard.answers.voters
    heavy = sorted(range(len(voters)), key=lambda place: -len(voters[place].rows))[:MOST_PAIRED]
    found = {voters[place].name: voters[place].said(n_rows) for place in sorted(heavy)}
    found[GIVEN] = judged.given_labels
    classes = judged.scope.classes
    views = {} if judged.views is None else {name: getattr(judged.views, name) for name in _VIEWS}
    if judged.names is not None:
        views["label names"] = judged.names.probs
    for name, probs in views.items():
        found[f"[view: {name}]"] = np.where(
            judged.scope.written, classes[probs.argmax(axis=1)], UNLABELLED
        )
    return found


def annotators_facts(judged: Judged) -> dict[str, Any] | None:
    """Return how many annotators there are, how many are used, and how far they agree."""
    heard = judged.heard
    if heard is None:
        return None
    voters = list(heard.answers.voters)
    labelled = np.flatnonzero(judged.given_labels != UNLABELLED)
    if heard.given_counts:
        voters.append(Voter(GIVEN, labelled, judged.given_labels[labelled]))
    counts = count_answers(voters, len(judged.given_labels), len(judged.class_names))
    return {
        "count": len(heard.answers.voters),
        "used": sum(one.is_used for one in heard.screened),
        "rows": int(heard.voted.is_voted.sum()),
        "vouched": int(heard.voted.is_vouched.sum()),
        "new_classes": list(heard.answers.new_names),
        "fleiss_kappa": _known(fleiss_kappa(counts)),
        "krippendorff_alpha": _known(krippendorff_alpha(counts)),
        "given_by_vote": not heard.given_counts,
    }


def annotators_reasons(judged: Judged, suggested: np.ndarray, reasons: list[list[str]]) -> None:
    """Say what annotators say of each row, first of all; fills ``reasons`` in place.

    Args:
        judged: N rows.
        suggested: (N,) ids of the most probable labels.
        reasons: (N,) lists.
    """
    heard = judged.heard
    if heard is None:
        return
    said: list[Counter[int]] = [Counter() for _ in reasons]
    for voter, screened in zip(heard.answers.voters, heard.screened, strict=True):
        if screened.is_used:
            for row, label in zip(voter.rows.tolist(), voter.labels.tolist(), strict=True):
                said[row][label] += 1
    for row, counts in enumerate(said):
        if counts:
            given = int(judged.given_labels[row])
            # What a person has verified stands first.
            first = int(judged.verified_labels[row] != UNLABELLED and bool(reasons[row]))
            reasons[row].insert(first, _sentence(judged, counts, given, int(suggested[row])))


def _sentence(judged: Judged, counts: Counter[int], given: int, suggested: int) -> str:
    total = sum(counts.values())
    shown = {suggested: counts[suggested]}
    most = min(counts, key=lambda label: (-counts[label], label))
    shown.setdefault(most, counts[most])
    if given != UNLABELLED:
        shown.setdefault(given, counts[given])
    parts: list[str] = []
    for label, count in sorted(shown.items(), key=lambda item: (-item[1], item[0])):
        of = "" if parts else f" of {total} annotators"
        verb = "say" if count != 1 else "says"
        parts.append(f"{count or 'none'}{of} {verb} {judged.class_names[label]}")
    return ", ".join(parts)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), _DIGITS)


def _rounded(value: float) -> float:
    return round(float(value), _DIGITS)

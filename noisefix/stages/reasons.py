"""Why a row is suspicious, in words that a person can check against the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from noisefix.labels import UNLABELLED
from noisefix.probing.label_names import NameView
from noisefix.probing.views import Views

_TELLING_GAIN = 0.05
"""Label names that explain less of the labels than this are not worth quoting."""

_SHOWN_DUPLICATES = 3


@dataclass(frozen=True)
class ReasonInputs:
    """What reasons are made of; see ``explain``."""

    class_names: Sequence[str]
    given_labels: np.ndarray  # (N,) ids, -1 = unlabelled
    other_label: np.ndarray  # (N,) the most probable label but the given one
    verified_labels: np.ndarray  # (N,) ids, -1 = not verified
    pooled: np.ndarray  # (N, K)
    views: Views | None
    names: NameView | None
    n_neighbors: int


def explain(inputs: ReasonInputs) -> list[list[str]]:
    """Give every row its reasons, the plainest first; (N,) lists.

    Unlabelled rows are told what speaks for the suggested label.
    """
    reasons: list[list[str]] = [[] for _ in range(len(inputs.given_labels))]
    _verified(inputs, reasons)
    if inputs.views is not None:
        _duplicates(inputs, inputs.views, reasons)
        _neighbors(inputs, inputs.views, reasons)
        _model("linear probe", inputs.views.probe, inputs, reasons)
        _model("words", inputs.views.words, inputs, reasons)
    else:
        _model("your probabilities", inputs.pooled, inputs, reasons)
    if inputs.names is not None and inputs.names.gain >= _TELLING_GAIN:
        _names(inputs, inputs.names, reasons)
    _collapse(inputs, reasons)
    return reasons


def _verified(inputs: ReasonInputs, reasons: list[list[str]]) -> None:
    for row in np.flatnonzero(inputs.verified_labels != UNLABELLED).tolist():
        label = inputs.class_names[inputs.verified_labels[row]]
        reasons[row].append(f"verified as {label} by the trusted column")


def _duplicates(inputs: ReasonInputs, views: Views, reasons: list[list[str]]) -> None:
    """Quote the other labels that (nearly) the same text has."""
    given = inputs.given_labels
    members: dict[int, list[int]] = {}
    groups, counts = np.unique(views.duplicate_groups, return_counts=True)
    repeated = np.isin(views.duplicate_groups, groups[counts > 1])
    for row in np.flatnonzero(repeated).tolist():
        members.setdefault(int(views.duplicate_groups[row]), []).append(row)
    for rows in members.values():
        labels = Counter(int(given[row]) for row in rows if given[row] != UNLABELLED)
        for row in rows:
            others = labels - Counter([int(given[row])])
            if not any(label != given[row] for label in others):
                continue
            said = ", ".join(
                f"{count} x {inputs.class_names[label]}"
                for label, count in others.most_common(_SHOWN_DUPLICATES)
            )
            reasons[row].append(f"nearly the same text has other labels: {said}")


def _neighbors(inputs: ReasonInputs, views: Views, reasons: list[list[str]]) -> None:
    indices = views.nearest.indices[:, : inputs.n_neighbors]
    found = indices >= 0
    labels = np.where(found, inputs.given_labels[indices], UNLABELLED)
    n_found = found.sum(axis=1).tolist()
    n_other = (labels == inputs.other_label[:, None]).sum(axis=1).tolist()
    n_given = (labels == inputs.given_labels[:, None]).sum(axis=1).tolist()
    for row, total in enumerate(n_found):
        if not total:
            continue
        other = inputs.class_names[inputs.other_label[row]]
        text = f"{n_other[row]} of {total} nearest rows say {other}"
        given = inputs.given_labels[row]
        if given != UNLABELLED:
            text += f", {n_given[row]} say {inputs.class_names[given]}"
        reasons[row].append(text)


def _model(name: str, probs: np.ndarray, inputs: ReasonInputs, reasons: list[list[str]]) -> None:
    rows = np.arange(len(probs))
    other = probs[rows, inputs.other_label].tolist()
    given_labels = inputs.given_labels.tolist()
    given = probs[rows, inputs.given_labels].tolist()  # -1 picks the last; not used
    names = inputs.class_names
    verb = "give" if name.endswith("s") else "gives"
    for row, label in enumerate(given_labels):
        text = f"{name} {verb} {names[inputs.other_label[row]]} {other[row]:.2f}"
        if label != UNLABELLED:
            text += f", {names[label]} {given[row]:.2f}"
        reasons[row].append(text)


def _names(inputs: ReasonInputs, names: NameView, reasons: list[list[str]]) -> None:
    """Say where the text is nearer to the meaning of the other label's name."""
    rows = np.arange(len(names.probs))
    labelled = inputs.given_labels != UNLABELLED
    nearer = names.probs[rows, inputs.other_label] > names.probs[rows, inputs.given_labels]
    for row in np.flatnonzero(labelled & nearer).tolist():
        other = inputs.class_names[inputs.other_label[row]]
        given = inputs.class_names[inputs.given_labels[row]]
        reasons[row].append(f'means rather "{other}" than "{given}", by the label names')


def _collapse(inputs: ReasonInputs, reasons: list[list[str]]) -> None:
    """Say where only the excess of the given class explains that its label is favoured."""
    given = inputs.given_labels
    labelled = given != UNLABELLED
    shares = inputs.pooled.mean(axis=0)
    rows = np.arange(len(given))
    usual = shares[given] > 1.5 * shares[inputs.other_label]
    favoured = inputs.pooled[rows, given] > inputs.pooled[rows, inputs.other_label]
    lifted = inputs.pooled[rows, inputs.other_label] > 1.5 * shares[inputs.other_label]
    for row in np.flatnonzero(labelled & usual & favoured & lifted).tolist():
        ratio = inputs.pooled[row, inputs.other_label[row]] / shares[inputs.other_label[row]]
        other = inputs.class_names[inputs.other_label[row]]
        name = inputs.class_names[given[row]]
        reasons[row].append(
            f"{other} is {ratio:.1f} x as likely as for other rows; {name} is given most often"
        )

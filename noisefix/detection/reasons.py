"""Why a row is suspicious, in words that a person can check against the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from noisefix.labels import UNLABELLED
from noisefix.probing.judgeable import Scope
from noisefix.probing.label_names import NameView
from noisefix.probing.views import Surroundings, Views

_TELLING_GAIN = 0.05
"""Label names that explain less of the labels than this are not worth quoting."""

_SHOWN_DUPLICATES = 3
_VERIFIED = "a person verified that this is"


@dataclass(frozen=True, kw_only=True)
class ReasonInputs:
    """What reasons are made of; see ``explain``."""

    class_names: Sequence[str]
    verified_names: Sequence[str]  # the class names, then verified labels that no row was given
    given_labels: np.ndarray  # (N,) ids, -1 = unlabelled
    other_label: np.ndarray  # (N,) the most probable label but the given one
    verified_labels: np.ndarray  # (N,) ids into verified_names, -1 = not verified
    is_issue: np.ndarray  # (N,) bool
    true_label_probs: np.ndarray  # (N, K)
    pooled: np.ndarray  # (N, K)
    surroundings: Surroundings
    views: Views | None  # None: the probabilities are the user's own
    names: NameView | None
    n_neighbors: int


@dataclass(frozen=True, kw_only=True)
class Whole:
    """What the reasons of some rows take from all N rows.

    Attributes:
        given_labels: (N,) ids.
        shares: (K,) means of ``pooled``.
        copies: by duplicate group of several rows, how many of them were given each label.
    """

    given_labels: np.ndarray
    shares: np.ndarray
    copies: dict[int, Counter[int]]

    @classmethod
    def of(cls, given_labels: np.ndarray, shares: np.ndarray, groups: np.ndarray) -> Whole:
        """Return what is said of N rows as a whole.

        Args:
            given_labels: (N,) ids, -1 = unlabelled.
            shares: (K,) means of the rows' probabilities.
            groups: (N,) duplicate groups.
        """
        found, counts = np.unique(groups, return_counts=True)
        rows = np.flatnonzero(np.isin(groups, found[counts > 1]))
        copies: dict[int, Counter[int]] = {}
        for group, label in zip(groups[rows].tolist(), given_labels[rows].tolist(), strict=True):
            labels = copies.setdefault(group, Counter())
            if label != UNLABELLED:
                labels[label] += 1
        return cls(given_labels=given_labels, shares=shares, copies=copies)


def explain(inputs: ReasonInputs, whole: Whole | None = None) -> list[list[str]]:
    """Give every row its reasons, the plainest first; (N,) lists.

    They compare the given label with the most probable other one. Unlabelled rows are told what
    speaks for the suggested label.

    Args:
        inputs: of N rows.
        whole: of more rows, of which these are a part; None: there are no others.
    """
    whole = whole or Whole.of(
        inputs.given_labels,
        inputs.pooled.mean(axis=0, dtype=np.float64),
        inputs.surroundings.duplicate_groups,
    )
    reasons: list[list[str]] = [[] for _ in range(len(inputs.given_labels))]
    _verified(inputs, reasons)
    _no_other_label(inputs, reasons)
    _against_the_views(inputs, whole, reasons)
    _duplicates(inputs, whole, reasons)
    _neighbors(inputs, whole, reasons)
    if inputs.views is not None:
        _model("a classifier trained on other rows gives", inputs.views.probe, inputs, reasons)
        if inputs.views.second_probe is not None:
            _model("one on the second embeddings gives", inputs.views.second_probe, inputs, reasons)
        if inputs.views.words is not None:
            _model("the words alone give", inputs.views.words, inputs, reasons)
    else:
        _model("your probabilities give", inputs.pooled, inputs, reasons)
    if inputs.names is not None and inputs.names.gain >= _TELLING_GAIN:
        _names(inputs, inputs.names, reasons)
    _commoner(inputs, whole, reasons)
    return reasons


@dataclass(frozen=True)
class Lone:
    """The classes of rows that cannot be judged: how many rows and different texts they have."""

    rows: Counter[int]
    texts: Counter[int]

    @classmethod
    def of(cls, given_labels: np.ndarray, groups: np.ndarray, scope: Scope) -> Lone:
        """Count them in N rows, by (N,) class ids and duplicate groups."""
        lone = _lone_rows(given_labels, scope)
        labels = given_labels[lone].tolist()
        pairs = set(zip(labels, groups[lone].tolist(), strict=True))
        return cls(Counter(labels), Counter(k for k, _ in pairs))


def _lone_rows(given_labels: np.ndarray, scope: Scope) -> np.ndarray:
    return np.flatnonzero(~scope.rows & scope.written & (given_labels != UNLABELLED))


def say_what_is_missing(
    class_names: Sequence[str],
    given_labels: np.ndarray,
    lone: Lone,
    scope: Scope,
    reasons: list[list[str]],
) -> None:
    """Say of the rows without a verdict why they have none; fills ``reasons`` in place.

    Args:
        class_names: all K.
        given_labels: (N,) class ids, -1 = unlabelled.
        lone: the classes of rows without a verdict.
        scope: which rows have a verdict.
        reasons: (N,) lists; where there is no text, only what a person has verified stays.
    """
    for row in np.flatnonzero(~scope.written).tolist():
        kept = [reason for reason in reasons[row] if reason.startswith(_VERIFIED)]
        reasons[row] = [*kept, "there is no text to judge a label by"]
    for row in _lone_rows(given_labels, scope).tolist():
        k = int(given_labels[row])
        if lone.texts[k] > 1:
            why = f"only {lone.texts[k]} different texts are labelled {class_names[k]}"
        elif lone.rows[k] > 1:
            why = f"all {lone.rows[k]} rows labelled {class_names[k]} have (nearly) the same text"
        else:
            why = f"the only row labelled {class_names[k]}"
        reasons[row].insert(0, f"{why}: too little to compare it with")


def _verified(inputs: ReasonInputs, reasons: list[list[str]]) -> None:
    for row in np.flatnonzero(inputs.verified_labels != UNLABELLED).tolist():
        label = inputs.verified_names[inputs.verified_labels[row]]
        reasons[row].append(f"{_VERIFIED} {label}")


def _no_other_label(inputs: ReasonInputs, reasons: list[list[str]]) -> None:
    """Say why a row is flagged although no other label is more probable than the given one."""
    probs, rows = inputs.true_label_probs, np.flatnonzero(inputs.is_issue)
    stays = probs[rows].argmax(axis=1) == inputs.given_labels[rows]
    for row in rows[stays].tolist():
        given, other = inputs.given_labels[row], inputs.other_label[row]
        name, rival = inputs.class_names[given], inputs.class_names[other]
        if probs[row, given] <= 0.5:
            reasons[row].append(
                f"does not look like {name}, but no other label stands out: {rival} comes nearest "
                f"with {probs[row, other]:.2f}"
            )
        else:
            reasons[row].append(
                f"worth a look, though all in all {name} remains the likeliest label with "
                f"{probs[row, given]:.2f}"
            )


def _against_the_views(inputs: ReasonInputs, whole: Whole, reasons: list[list[str]]) -> None:
    """Say why a row is flagged although what follows speaks for its label."""
    rows = np.flatnonzero(inputs.is_issue & (inputs.given_labels != UNLABELLED))
    given = inputs.given_labels[rows]
    shares = whole.shares
    for row, label in zip(rows.tolist(), given.tolist(), strict=True):
        other = int(inputs.other_label[row])
        if inputs.pooled[row, label] <= inputs.pooled[row, other]:
            continue
        name, rival = inputs.class_names[label], inputs.class_names[other]
        if shares[label] > shares[other]:
            reasons[row].append(
                f"the text alone does not speak against {name}, but {name} is given often and may "
                f"have swallowed rows of {rival}"
            )
        else:
            reasons[row].append(
                f"the text speaks for {name} only weakly, and so rare a label is wrong more often"
            )


def _duplicates(inputs: ReasonInputs, whole: Whole, reasons: list[list[str]]) -> None:
    """Quote the labels that (nearly) the same text has elsewhere, where one differs."""
    given = inputs.given_labels.tolist()
    for row, group in enumerate(inputs.surroundings.duplicate_groups.tolist()):
        if group not in whole.copies:
            continue
        others = whole.copies[group] - Counter([given[row]])
        if not any(label != given[row] for label in others):
            continue
        # Equally many: in class order, so that the order of the rows does not show.
        ranked = sorted(others.items(), key=lambda item: (-item[1], item[0]))
        said = ", ".join(
            f"{inputs.class_names[label]} ({count} x)"
            for label, count in ranked[:_SHOWN_DUPLICATES]
        )
        reasons[row].append(f"(nearly) the same text is elsewhere labelled {said}")


def _neighbors(inputs: ReasonInputs, whole: Whole, reasons: list[list[str]]) -> None:
    """Count the neighbours of the other label, the given one, and a third that leads them all."""
    indices = inputs.surroundings.nearest.indices[:, : inputs.n_neighbors]
    found = indices >= 0
    labels = np.where(found, whole.given_labels[indices], UNLABELLED)
    n_found = found.sum(axis=1).tolist()
    n_other = (labels == inputs.other_label[:, None]).sum(axis=1).tolist()
    n_given = ((labels == inputs.given_labels[:, None]) & found).sum(axis=1).tolist()
    for row, total in enumerate(n_found):
        if not total:
            continue
        given, other = int(inputs.given_labels[row]), int(inputs.other_label[row])
        counts = [(n_other[row], other)]
        if total - n_other[row] - n_given[row] > max(n_other[row], n_given[row]):
            label, count = _leader(labels[row])
            if count > max(n_other[row], n_given[row]):
                counts.insert(0, (count, label))
        if given != UNLABELLED:
            counts.append((n_given[row], given))
        said = ", ".join(
            f"{count or 'none'}{'' if place else f' of {total} nearest rows'} "
            f"{'says' if count <= 1 else 'say'} {inputs.class_names[label]}"
            for place, (count, label) in enumerate(counts)
        )
        reasons[row].append(said)


def _leader(labels: np.ndarray) -> tuple[int, int]:
    """Return the most frequent label, of equals the first in class order, and its count."""
    counts = np.bincount(labels[labels != UNLABELLED])
    return int(counts.argmax()), int(counts.max())


def _model(opening: str, probs: np.ndarray, inputs: ReasonInputs, reasons: list[list[str]]) -> None:
    rows = np.arange(len(probs))
    other = probs[rows, inputs.other_label].tolist()
    other_labels = inputs.other_label.tolist()
    given_labels = inputs.given_labels.tolist()
    given = probs[rows, inputs.given_labels].tolist()  # -1 picks the last; not used
    names = inputs.class_names
    for row, label in enumerate(given_labels):
        text = f"{opening} {names[other_labels[row]]} {other[row]:.2f}"
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
        reasons[row].append(f"closer in meaning to the name {other} than to {given}")


def _commoner(inputs: ReasonInputs, whole: Whole, reasons: list[list[str]]) -> None:
    """Say where only its being common explains that the given label is favoured."""
    given, other = inputs.given_labels, inputs.other_label
    shares = whole.shares
    rows = np.arange(len(given))
    usual = shares[given] > 1.5 * shares[other]
    favoured = inputs.pooled[rows, given] > inputs.pooled[rows, other]
    lifted = inputs.pooled[rows, other] > 1.5 * shares[other]
    for row in np.flatnonzero((given != UNLABELLED) & usual & favoured & lifted).tolist():
        ratio = inputs.pooled[row, other[row]] / shares[other[row]]
        reasons[row].append(
            f"{inputs.class_names[other[row]]} is {ratio:.1f} x as likely here as in the average "
            f"row; {inputs.class_names[given[row]]} may be favoured only because it is given more "
            "often"
        )

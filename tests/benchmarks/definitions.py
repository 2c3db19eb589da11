"""Several definitions of a class, and other ways to match texts with what class names mean.

``python tests/benchmarks definitions``. Sets whose classes are defined in two short sentences each
(written for this, without a look at which rows are wrong): what p_error is worth with the names
alone, with one of the two, and with both. On all noisy sets: similarities smoothed over neighbours,
and prototypes of the best-matched rows, instead of the names; each used only where it explains
held-out given labels better than the names, and as chosen on the sets of other sources.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from class_definitions import DEFINITIONS
from detection import class_ids
from report import Headline, Table, mean, number
from shared_sets import MAIN_SETS, NEW_SETS, WHO, Task, embed, source_of, stage_tables, train_task

from noisefix.detection.joint_stage import JointParams, Seen, see
from noisefix.labels import UNLABELLED
from noisefix.metrics.detection import average_precision
from noisefix.neighbors.search import Neighbors
from noisefix.probability import softmax
from noisefix.probing.label_names import NameView, held_out_gain, name_view, readable_name

SETS = (*MAIN_SETS, *NEW_SETS, "maptask_acts")
N_NEAR, N_BEST = 10, 20
TOLD = ("told", "not_told")
NAMES = "names"
OTHER_WAYS = ("smoothed", "prototypes", "smoothed prototypes", "names and prototypes")


@dataclass(frozen=True, eq=False)
class Case:
    """A set that was looked at once; only the view of the names changes."""

    task: Task
    seen: Seen
    labels: np.ndarray  # (N,) class ids of the scope, -1 = none
    is_error: np.ndarray  # of the rows whose truth is known
    known: np.ndarray  # (N,) bool

    def score(self, view: NameView) -> dict[str, float]:
        """Return the average precision of p_error with a view, told who labelled and not."""
        from noisefix.detection.seen import _judged
        from noisefix.probing.error_model import estimate_errors
        from noisefix.probing.hypotheses import Evidence
        from noisefix.probing.latent_classes import fit_latent_classes

        seen, found = self.seen, {}
        n_classes = len(seen.scope.classes)
        latent = fit_latent_classes(seen.embeddings, self.labels, n_classes)
        evidence = Evidence(seen.pooled, self.labels, latent, view)
        nobody = np.full(len(self.labels), UNLABELLED)
        for key, who in zip(TOLD, (WHO.get(self.task.name, "unknown"), "unknown"), strict=True):
            params = JointParams(labelled_by=who)
            hypotheses, readings = _judged(
                evidence, seen.views, params, seen.class_names, seen.scope, has_text=True
            )
            estimate = estimate_errors(
                hypotheses,
                given_labels=self.labels,
                readings=readings,
                name_gain=view.gain,
                verified_labels=nobody,
            )
            wide = seen.scope.widen_estimate(estimate, seen.given_labels, nobody)
            found[key] = average_precision(self.is_error, np.nan_to_num(wide.p_error[self.known]))
        return found


def look(name: str) -> Case:
    """Look at a set as the joint stage does."""
    task = train_task(name)
    seen = see(stage_tables(task), JointParams())
    _, given, truth = class_ids(task)
    known = (given >= 0) & (truth >= 0)
    return Case(task, seen, seen.scope.labels(given), (given != truth)[known], known)


def embedded(case: Case, words: Callable[[str], Sequence[str]]) -> list[np.ndarray]:
    """Return what the encoder makes of the words of each class of the scope, (n, D) each."""
    said = [words(case.seen.class_names[k]) for k in case.seen.scope.classes]
    vectors = embed([text for each in said for text in each], "names")
    return np.split(vectors, np.cumsum([len(each) for each in said])[:-1])


def standard(matrix: np.ndarray) -> np.ndarray:
    """Return each column with mean 0 and deviation 1."""
    centred = matrix - matrix.mean(axis=0)
    return centred / np.maximum(centred.std(axis=0), 1e-6)


def smoothed(similarities: np.ndarray, near: Neighbors) -> np.ndarray:
    """Return (N, K) means over each row and its nearest ones."""
    which = near.indices[:, :N_NEAR]
    weights = (which >= 0)[:, :, None]
    total = similarities + (similarities[which] * weights).sum(axis=1)
    return total / (1 + weights.sum(axis=1))


def prototypes(similarities: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
    """Return (N, K) cosines to the middle of the rows that match a class best, whatever its label.

    Best: by the class's share among all classes, as the view with a middling slope would have it.
    """
    shares = softmax(2 * standard(similarities))
    best = np.argsort(-shares, axis=0, kind="stable")[:N_BEST]
    middles = embeddings[best].mean(axis=0)
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    return embeddings @ middles.T


def view_of(similarities: np.ndarray, labels: np.ndarray) -> NameView:
    """Return the view of (N, K) similarities: along the axes they are what ``name_view`` compares.

    It standardises them, so that their size does not count.
    """
    return name_view(similarities.astype(np.float32), np.eye(similarities.shape[1]), labels)


def run_set(name: str) -> dict[str, Any]:
    """Score every way to match the texts of a set."""
    case = look(name)
    embeddings, labels = case.task.embeddings, case.labels
    labelled = labels != UNLABELLED
    near = case.seen.surroundings.nearest
    names = embedded(case, lambda label: (readable_name(label),))
    plain = embeddings @ np.concatenate(names).T
    smooth = smoothed(plain, near)
    ways = {
        NAMES: plain,
        "smoothed": smooth,
        "prototypes": prototypes(plain, embeddings),
        "smoothed prototypes": prototypes(smooth, embeddings),
        "names and prototypes": standard(plain) + standard(prototypes(plain, embeddings)),
    }
    found: dict[str, Any] = {"name": name, "source": source_of(name), "ways": {}}
    for way, similarities in ways.items():
        gain = held_out_gain(similarities[labelled], labels[labelled])
        found["ways"][way] = {"gain": gain, **case.score(view_of(similarities, labels))}
    if name in DEFINITIONS:
        both = embedded(case, lambda label: DEFINITIONS[name][label])
        one = [case.score(name_view(embeddings, [d[k] for d in both], labels)) for k in (0, 1)]
        view = name_view(embeddings, both, labels)
        found["definitions"] = {
            "one": {key: mean([each[key] for each in one]) for key in TOLD},
            "both": case.score(view),
            "matching": view.matching,
            "gain": view.gain,
        }
    return found


def run(progress: Callable[[str], None] = print) -> dict[str, Any]:
    """Score every set.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    found = []
    for name in SETS:
        found.append(run_set(name))
        progress(f"definitions: {name}")
    return {"sets": found}


def change(one: dict[str, Any], way: str, told: str) -> float:
    """Return what a way changes where it is let in: where its held-out gain is the larger one."""
    names, other = one["ways"][NAMES], one["ways"][way]
    return other[told] - names[told] if other["gain"] > names["gain"] else 0.0


def unseen(sets: Sequence[dict[str, Any]], told: str) -> list[float]:
    """Return what the way that is best on the sets of other sources changes in each set."""
    changes = []
    for one in sets:
        others = [other for other in sets if other["source"] != one["source"]]
        means = {way: mean([change(o, way, told) for o in others]) for way in OTHER_WAYS}
        best = max(means, key=lambda way: means[way])
        changes.append(change(one, best, told) if means[best] > 0 else 0.0)
    return changes


def tables(result: dict[str, Any]) -> list[Table]:
    """Return what definitions are worth, and what other ways to match are."""
    sets = result["sets"]
    defined = [one for one in sets if "definitions" in one]

    def row(one: dict[str, Any]) -> tuple[str, ...]:
        said, names = one["definitions"], one["ways"][NAMES]
        scores = [each[told] for told in TOLD for each in (names, said["one"], said["both"])]
        return (one["name"], *map(number, scores), said["matching"], number(said["gain"]))

    means = [
        number(mean([each[told] for each in part]))
        for told in TOLD
        for part in (
            [one["ways"][NAMES] for one in defined],
            [one["definitions"]["one"] for one in defined],
            [one["definitions"]["both"] for one in defined],
        )
    ]

    def way_row(said: str, changes: dict[str, list[float]]) -> tuple[str, ...]:
        return (
            said,
            *(
                f"{f(changes[told]):+.4f}"
                for told in TOLD
                for f in (mean, lambda values: min(values))
            ),
        )

    rows = [
        way_row(way, {told: [change(one, way, told) for one in sets] for told in TOLD})
        for way in OTHER_WAYS
    ]
    rows.append(way_row("the best of other sources", {t: unseen(sets, t) for t in TOLD}))
    return [
        Table(
            "Average precision of p_error with definitions of the classes",
            (
                "set",
                "told who: names",
                "one",
                "both",
                "not told: names",
                "one",
                "both",
                "matching",
                "gain",
            ),
            (*map(row, defined), ("mean", *means, "", "")),
            "One: the mean of what each of the two gives alone. Matching: how both count.",
        ),
        Table(
            f"Other ways to match: change of the average precision, {len(sets)} sets",
            ("instead of the names", "told who: mean", "worst", "not told: mean", "worst"),
            tuple(rows),
            f"Smoothed: over each row and its {N_NEAR} nearest. Prototypes: the middle of the "
            f"{N_BEST} best-matched rows. Each counts only in sets where it explains held-out "
            "given labels better than the names. The last row: the way that gains most on the sets "
            "of other sources, none where none gains.",
        ),
    ]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return what two definitions a class are worth."""
    defined = [one for one in result["sets"] if "definitions" in one]
    if not defined:
        return []
    names = mean([one["ways"][NAMES]["told"] for one in defined])
    both = mean([one["definitions"]["both"]["told"] for one in defined])
    return [
        Headline(
            f"Average precision with two definitions a class, {len(defined)} sets",
            f"{number(names)} to {number(both)}",
        )
    ]

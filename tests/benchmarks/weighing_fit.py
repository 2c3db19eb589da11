"""Refit the coefficients of ``noisefix/annotators/weighing.py``, and try them on sources left out.

``python tests/benchmarks weighing_fit``. Cases are pairs of a set's given labels and an annotator:
every stored annotator of the set, and the truth with labels flipped at random. Each is tried told
and not told who labelled. A logistic model says which of the two is right where they contradict
each other and one of them is. Every source of texts counts the same, flipped truth three tenths.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from detection import class_ids
from guessing import LEAST_GAIN
from looking import looking_once
from relabel_quality import CASES, N_PROBE, look
from report import Headline, Table, mean, number, points
from scipy.optimize import minimize
from shared_sets import MAIN_SETS, NEW_SETS, WHO, Task, load, train_task

from noisefix.annotators.alarms import alarm_of
from noisefix.annotators.reliability import estimate_reliability
from noisefix.annotators.selection import spread_to_duplicates
from noisefix.annotators.weighing import NO_ANSWER, WEIGHING_MODEL, features
from noisefix.relabelling.rounds import first_rows
from noisefix.run.rows import RunRows

SHARES = (0.3, 0.5, 1.0)
FLIPPED = (0.1, 0.3, 0.5)
RIDGE = 0.01
MADE_WEIGHT = 0.3
_STORED = ("llm_", "annotator_", "weak_label", "slm_")
_LEAST_DISAGREEMENT = 0.05  # of the rows: below, a case counts for less
_LEAST_ANSWERS, _ALIKE = 20, 0.995
_BETTER = 0.02


@dataclass(frozen=True, eq=False)
class Pair:
    """Contradicted rows of one case at one share.

    Attributes:
        name: given labels and annotator.
        at_least: label accuracy that ``relabel_quality.CASES`` asks for; None: nothing.
        source: which texts.
        is_told: who labelled is given.
        is_made: the annotator is made up.
        is_better: more of its answers are right than of the given labels.
        table: (R, 4) ``weighing.features``.
        answer_right: (R,) bool.
        given_right: (R,) bool.
        n_known: rows of the set whose truth is known.
        accuracy: of the given labels.
        alarm: nothing is changed anyway.
    """

    name: str
    at_least: float | None
    source: str
    is_told: bool
    is_made: bool
    is_better: bool
    table: np.ndarray
    answer_right: np.ndarray
    given_right: np.ndarray
    n_known: int
    accuracy: float
    alarm: bool

    def gain(self, weights: np.ndarray, margin: float) -> float:
        """Return the change in label accuracy."""
        if self.alarm:
            return 0.0
        changed = self.table @ weights > margin
        right, wrong = self.answer_right[changed].sum(), self.given_right[changed].sum()
        return float(right - wrong) / self.n_known


def pairs(progress: Callable[[str], None] = print) -> Iterator[Pair]:
    """Yield all cases."""
    for name in (*MAIN_SETS, *NEW_SETS):
        task = train_task(name)
        with looking_once():
            for labelled_by in (WHO[name], "unknown"):
                rows = look(task, labelled_by=labelled_by)
                for annotator, answers in _annotators(task, rows).items():
                    yield from _at_shares(task, rows, annotator, answers, labelled_by != "unknown")
        progress(f"replayed the annotators of {name}")


def _annotators(task: Task, rows: RunRows, seed: int = 5) -> dict[str, np.ndarray]:
    _, _, truth = class_ids(task)
    rng, n_classes = np.random.default_rng(seed), len(rows.class_names)
    table = load(task.name)
    table = table[table["split"] == "train"]
    index = {name: k for k, name in enumerate(rows.class_names)}
    found = {
        column: np.array([index.get(cell, NO_ANSWER) for cell in table[column]])
        for column in table.columns
        if column.startswith(_STORED) and (table[column] == table["label"]).mean() < _ALIKE
    }
    known = (truth >= 0) & (truth < n_classes)
    for share in FLIPPED:
        moved = (truth + rng.integers(1, n_classes, len(truth))) % n_classes
        said = np.where(rng.random(len(truth)) < share, moved, truth)
        found[f"{share:.0%} flipped"] = np.where(known, said, NO_ANSWER)
    return found


def _at_shares(
    task: Task, rows: RunRows, name: str, stored: np.ndarray, is_told: bool
) -> Iterator[Pair]:
    _, given, truth = class_ids(task)
    known = (given >= 0) & (truth >= 0)
    heard = known & (stored >= 0)
    if heard.sum() < _LEAST_ANSWERS:
        return
    goals = {
        case.at_most: case.at_least
        for case in CASES
        if case.at_least is not None and (case.set_name, case.column) == (task.name, name)
    }
    accuracy = float((given == truth)[known].mean())
    better = float((stored == truth)[heard].mean()) - accuracy > _BETTER
    for share in sorted({*SHARES, *goals}):
        asked, _ = first_rows(rows, int(share * (given >= 0).sum()), N_PROBE)
        answers = np.full(len(given), NO_ANSWER)
        answers[asked] = stored[asked]
        answers, own = spread_to_duplicates(answers, given, rows.groups)
        before = (answers, given, rows.true_label_probs, rows.p_error)
        found = estimate_reliability(*before, learn_from=own)
        here = np.flatnonzero((answers >= 0) & (given >= 0) & (answers != given))
        if not len(here):
            continue
        yield Pair(
            f"{task.name}, {name}, {share:.0%}, {'told' if is_told else 'not told'}",
            goals.get(share),
            task.source,
            is_told,
            name.endswith("flipped"),
            better,
            features(here, *before, found),
            (answers == truth)[here] & known[here],
            (given == truth)[here] & known[here],
            int(known.sum()),
            accuracy,
            bool(alarm_of(*before, learn_from=own, pred_probs=rows.pred_probs)),
        )


def fit(data: list[Pair]) -> np.ndarray:
    """Return the coefficients, (4,), of the most likely model, slightly shrunk."""
    counts = Counter((pair.source, pair.is_told, pair.is_made) for pair in data)
    tables, right, weights = [], [], []
    for pair in data:
        one = pair.answer_right | pair.given_right
        if pair.alarm or not one.any():
            continue
        weight = MADE_WEIGHT if pair.is_made else 1.0
        weight /= counts[pair.source, pair.is_told, pair.is_made]
        weight *= min(1.0, one.sum() / pair.n_known / _LEAST_DISAGREEMENT)
        tables.append(pair.table[one])
        right.append(pair.answer_right[one].astype(float))
        weights.append(np.full(int(one.sum()), weight / one.sum()))
    table, target, weight = np.vstack(tables), np.concatenate(right), np.concatenate(weights)
    weight /= weight.sum()
    centre = weight @ table
    spread = np.sqrt(weight @ (table - centre) ** 2)
    centre[0], spread[0] = 0.0, 1.0
    scaled = (table - centre) / np.maximum(spread, 1e-9)
    ridge = np.array([0.0, *[RIDGE] * (table.shape[1] - 1)])

    def objective(b: np.ndarray) -> tuple[float, np.ndarray]:
        odds = scaled @ b
        loss = weight @ (np.logaddexp(0, odds) - target * odds) + 0.5 * float(ridge @ b**2)
        return float(loss), scaled.T @ (weight * (1 / (1 + np.exp(-odds)) - target)) + ridge * b

    found = minimize(objective, np.zeros(table.shape[1]), jac=True, method="L-BFGS-B").x
    coefficients = found / np.maximum(spread, 1e-9)
    coefficients[0] -= float(coefficients[1:] @ centre[1:])
    return coefficients


def run(progress: Callable[[str], None] = print) -> dict[str, Any]:
    """Gather the cases, refit, and score on sources left out.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    return measure(list(pairs(progress)))


def measure(data: list[Pair]) -> dict[str, Any]:
    """Refit, and score on sources left out."""
    margin = WEIGHING_MODEL.margin
    refitted = fit(data)
    sources = sorted({pair.source for pair in data})
    unseen = {source: fit([p for p in data if p.source != source]) for source in sources}
    ways: dict[str, Callable[[Pair], np.ndarray]] = {
        "shipped": lambda pair: WEIGHING_MODEL.weights,
        "refitted": lambda pair: refitted,
        "left out": lambda pair: unseen[pair.source],
    }
    groups = {
        f"{kind}, {'told' if told else 'not told'}": [
            p for p in data if p.is_told == told and chosen(p)
        ]
        for told in (True, False)
        for kind, chosen in (
            ("stored annotators", lambda p: not p.is_made),
            ("better than the labels", lambda p: not p.is_made and p.is_better),
            ("flipped truth", lambda p: p.is_made),
        )
    }
    return {
        "coefficients": {"shipped": list(WEIGHING_MODEL.weights), "refitted": list(refitted)},
        "goals": [
            {
                "name": pair.name,
                "at_least": pair.at_least,
                **{
                    w: pair.accuracy + pair.gain(choose(pair), margin) for w, choose in ways.items()
                },
            }
            for pair in data
            if pair.at_least is not None
        ],
        "groups": {
            group: {way: _summary(chosen, choose, margin) for way, choose in ways.items()}
            for group, chosen in groups.items()
            if chosen
        },
    }


def _summary(
    data: list[Pair], choose: Callable[[Pair], np.ndarray], margin: float
) -> dict[str, Any]:
    gains = [pair.gain(choose(pair), margin) for pair in data]
    by_source: dict[str, list[float]] = {}
    for pair, gain in zip(data, gains, strict=True):
        by_source.setdefault(pair.source, []).append(gain)
    worst = int(np.argmin(gains))
    return {
        "gain": mean(mean(own) for own in by_source.values()),
        "harm": mean(mean(min(gain, 0) for gain in own) for own in by_source.values()),
        "harmed": int(sum(gain < LEAST_GAIN for gain in gains)),
        "cases": len(gains),
        "worst": gains[worst],
        "worst_case": data[worst].name,
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Return the goals with coefficients fitted elsewhere, the summary, and the coefficients."""
    ways = ("shipped", "refitted", "left out")
    return [
        Table(
            "Goals with coefficients as shipped, refitted, and fitted without the set's source",
            ("case", "goal", *ways),
            tuple(
                (g["name"], number(g["at_least"]), *(number(g[way]) for way in ways))
                for g in result["goals"]
            ),
            "All rows asked in one round.",
        ),
        Table(
            "Change of right labels in points over all cases, every source counting the same",
            ("cases: coefficients", "mean", "mean harm", "below -0.3", "worst", "which"),
            tuple(
                (
                    f"{group}: {way}",
                    points(s["gain"]),
                    points(s["harm"]),
                    f"{s['harmed']} of {s['cases']}",
                    points(s["worst"]),
                    s["worst_case"],
                )
                for group, by_way in result["groups"].items()
                for way, s in by_way.items()
            ),
        ),
        Table(
            "Coefficients",
            ("", "intercept", "log ratio", "suspicion", "plausibility"),
            tuple(
                (way, *(number(value) for value in values))
                for way, values in result["coefficients"].items()
            ),
        ),
    ]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return what annotators do to labels with coefficients that were fitted elsewhere."""
    return [
        Headline(
            f"relabel with {group} who labelled, coefficients fitted without the source: right "
            f"labels gained, points (below -0.3 in {s['harmed']} of {s['cases']} cases, worst "
            f"{points(s['worst'])})",
            points(s["gain"]),
        )
        for group, s in ((g, ways["left out"]) for g, ways in result["groups"].items())
        if "flipped" not in group
    ]

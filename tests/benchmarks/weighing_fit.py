"""Refit the coefficients of ``noisefix/annotators/weighing.py``, and try them on sources left out.

``python tests/benchmarks/weighing_fit.py``. Cases are pairs of given labels and annotator: every
stored annotator of a set replayed on every other one's answers taken as given labels, and made-up
annotators (independent, copying, siding with the views) on noise put in. A logistic model says
which of the two is right where they contradict each other and one of them is. Every source of texts
counts the same, made-up cases half.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from detection import class_ids
from panel import ANSWERS, panel_tasks
from relabel_quality import CASES, N_PROBE, look
from report import Table, mean, number
from scipy.optimize import minimize
from shared_sets import CLEAN_SETS, MAIN_SETS, Task, load, make_task, source_of, train_tasks

from noisefix.annotators.reliability import estimate_reliability
from noisefix.annotators.weighing import NO_ANSWER, WEIGHING_MODEL, alarm_of, features
from noisefix.stages.asking import first_rows
from noisefix.stages.run_rows import RunRows

SHARES = (0.2, 0.5, 1.0)
RIDGE = 0.01
MADE_WEIGHT = 0.5
_STORED = ("llm_", "weak_label", "slm_")
_LEAST_DISAGREEMENT = 0.05  # of the rows: below, a case counts for less
_ALIKE = 0.995


@dataclass(frozen=True, eq=False)
class Pair:
    """Contradicted rows of one case at one share.

    Attributes:
        name: given labels and annotator.
        goal: place in ``relabel_quality.CASES``; None: it is none of these.
        source: which texts.
        is_made: annotator or noise is made up.
        table: (R, 5) ``weighing.features``.
        answer_right: (R,) bool.
        given_right: (R,) bool.
        n_known: rows of the set whose truth is known.
        accuracy: of the given labels.
        alarm: nothing is changed anyway.
    """

    name: str
    goal: int | None
    source: str
    is_made: bool
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
    for task, set_name, rows in _stored_tasks():
        looked = look(task)
        table = load(set_name).iloc[rows]
        for column in table.columns:
            cells = table[column].to_numpy()
            alike = np.mean(cells == np.array([g or "" for g in task.given]))
            if column.startswith(_STORED) and alike < _ALIKE:
                answers = _ids(cells, looked.class_names)
                yield from _at_shares(task, looked, answers, column, is_made=False)
        progress(f"replayed the annotators of {task.name}")
    for task in (*panel_tasks(), *train_tasks(CLEAN_SETS)):
        if task.kind not in ("made", "clean"):
            continue
        looked = look(task)
        for name, answers in _made_up(task, looked).items():
            yield from _at_shares(task, looked, answers, name, is_made=True)
        progress(f"made annotators up for {task.name}")


def _stored_tasks() -> Iterator[tuple[Task, str, np.ndarray]]:
    for name in MAIN_SETS:
        table = load(name)
        given = [("label", "main")]
        given += [
            (a.column, "answers") for a in ANSWERS if a.set_name == name and a.split == "train"
        ]
        for column, kind in given:
            labels = table[column].to_numpy()
            rows = np.flatnonzero((table["split"] == "train") & (labels != ""))
            counts = Counter(labels[rows])
            rows = np.array([row for row in rows if counts[labels[row]] >= 3])
            title = name if column == "label" else f"{name}:{column}"
            yield make_task(title, name, rows, labels[rows], kind=kind, is_fitted=True), name, rows


def _ids(cells: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    index = {name: k for k, name in enumerate(names)}
    return np.array([index.get(cell, NO_ANSWER) for cell in cells])


def _made_up(task: Task, rows: RunRows, seed: int = 5) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    _, given, truth = class_ids(task)
    n_classes = len(rows.class_names)

    def flipped(share: float) -> np.ndarray:
        moved = (truth + rng.integers(1, n_classes, len(truth))) % n_classes
        return np.where(rng.random(len(truth)) < share, moved, truth)

    if task.kind == "clean":
        return {"30 % flipped": flipped(0.3)}
    views = rows.pred_probs.argmax(axis=1)
    return {
        "10 % flipped": flipped(0.1),
        "30 % flipped": flipped(0.3),
        "50 % flipped": flipped(0.5),
        "copies": np.where(rng.random(len(truth)) < 0.6, given, flipped(0.1)),
        "sides with the views": np.where(rng.random(len(truth)) < 0.7, views, flipped(0.1)),
    }


def _at_shares(
    task: Task, rows: RunRows, stored: np.ndarray, name: str, *, is_made: bool
) -> Iterator[Pair]:
    _, given, truth = class_ids(task)
    known = (given >= 0) & (truth >= 0)
    goals = {
        i: case.at_most
        for i, case in enumerate(CASES)
        if case.at_least is not None
        and case.set_name == task.name
        and (case.column == name or task.kind == "clean")
    }
    for goal, share in [*((None, share) for share in SHARES), *goals.items()]:
        n_most = int(share * len(given))
        asked, _ = first_rows(rows, n_most, N_PROBE)
        answers = np.full(len(given), NO_ANSWER)
        answers[asked] = stored[asked]
        found = estimate_reliability(answers, given, rows.true_label_probs, rows.p_error)
        here = np.flatnonzero((answers >= 0) & (given >= 0) & (answers != given))
        if not len(here):
            continue
        yield Pair(
            f"{task.name}, {name}, {share:.0%}",
            goal,
            source_of(task.name.split(":")[0]) if task.kind != "made" else task.source,
            is_made,
            features(here, answers, given, rows.true_label_probs, rows.p_error, found),
            (answers == truth)[here] & known[here],
            (given == truth)[here] & known[here],
            int(known.sum()),
            float((given == truth)[known].mean()),
            bool(alarm_of(answers, given, found)),
        )


def fit(data: list[Pair]) -> np.ndarray:
    """Return the coefficients, (5,), of the most likely model, slightly shrunk."""
    counts = Counter((pair.source, pair.is_made) for pair in data)
    tables, right, weights = [], [], []
    for pair in data:
        one = pair.answer_right | pair.given_right
        if pair.alarm or not one.any():
            continue
        weight = (MADE_WEIGHT if pair.is_made else 1.0) / counts[pair.source, pair.is_made]
        weight *= min(1.0, len(one) / pair.n_known / _LEAST_DISAGREEMENT)
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
    data = list(pairs(progress))
    margin = WEIGHING_MODEL.margin
    refitted = fit(data)
    sources = sorted({pair.source for pair in data})
    unseen = {source: fit([p for p in data if p.source != source]) for source in sources}
    ways: dict[str, Callable[[Pair], np.ndarray]] = {
        "shipped": lambda pair: WEIGHING_MODEL.weights,
        "refitted": lambda pair: refitted,
        "left_out": lambda pair: unseen[pair.source],
    }
    goals = [pair for pair in data if pair.goal is not None]
    return {
        "coefficients": {"shipped": list(WEIGHING_MODEL.weights), "refitted": list(refitted)},
        "goals": [
            {
                "name": pair.name,
                "at_least": CASES[pair.goal or 0].at_least,
                **{
                    w: pair.accuracy + pair.gain(choose(pair), margin) for w, choose in ways.items()
                },
            }
            for pair in sorted(goals, key=lambda pair: pair.goal or 0)
        ],
        "groups": {
            group: {way: _summary(chosen, choose, margin) for way, choose in ways.items()}
            for group, chosen in {
                "stored annotators": [p for p in data if not p.is_made],
                "made-up annotators": [p for p in data if p.is_made],
            }.items()
        },
    }


def _summary(
    data: list[Pair], choose: Callable[[Pair], np.ndarray], margin: float
) -> dict[str, float]:
    by_source: dict[str, list[float]] = {}
    for pair in data:
        by_source.setdefault(pair.source, []).append(pair.gain(choose(pair), margin))
    return {
        "gain": mean(mean(gains) for gains in by_source.values()),
        "harm": mean(mean(min(gain, 0) for gain in gains) for gains in by_source.values()),
        "worst": min(min(gains) for gains in by_source.values()),
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Return the goals with coefficients fitted elsewhere, and the summary."""
    ways = ("shipped", "refitted", "left_out")
    return [
        Table(
            "Goals with coefficients as shipped, refitted, and fitted without the set's source",
            ("case", "goal", *ways),
            tuple(
                (g["name"], number(g["at_least"]), *(number(g[way], 4) for way in ways))
                for g in result["goals"]
            ),
            "All rows asked in one round.",
        ),
        Table(
            "Change of label accuracy over all cases, every source counting the same",
            ("cases: coefficients", "mean gain", "mean harm", "worst"),
            tuple(
                (f"{group}: {way}", *(number(s[way][m], 4) for m in ("gain", "harm", "worst")))
                for group, s in result["groups"].items()
                for way in ways
            ),
        ),
        Table(
            "Coefficients",
            ("", "intercept", "log ratio", "suspicion", "plausibility", "mean suspicion"),
            tuple(
                (way, *(number(value) for value in values))
                for way, values in result["coefficients"].items()
            ),
        ),
    ]


if __name__ == "__main__":
    for shown in tables(run()):
        print(f"\n{shown}")

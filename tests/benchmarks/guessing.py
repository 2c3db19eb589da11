"""Annotators that know nothing of their own: what ``relabel`` makes of them, on every set.

``python tests/benchmarks guessing``. Each is asked as production asks, with the labels that
production offers: one that picks at random (the labels are shown in random order, so the first or
the last of them is the same), one that always says the commonest label and one that always says the
rarest, where it is offered; one that repeats the given label, one that repeats what seems right
anyway, one that exchanges the flagged labels, and one that answers as the classifier does that
has learned the given labels. Right labels must not become fewer. The sets are those of
``../shared/data``, all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from detection import class_ids
from relabel_quality import N_PROBE, look
from report import Headline, Table, number, points
from shared_sets import Task, folder, train_task

from noisefix.annotators.protocol import INVALID, Answer
from noisefix.annotators.selection import spread_to_duplicates
from noisefix.annotators.weighing import NO_ANSWER, weigh
from noisefix.labels import UNLABELLED
from noisefix.relabelling.rounds import first_rows, rounds
from noisefix.run.rows import RunRows

SHARES = (None, 0.5, 1.0)
"""Rows asked: those flagged and the probe, half of all, all."""

LEAST_GAIN = -0.003


def guessers(rows: RunRows, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each annotator's name and its answers, (N,) class ids or ``NO_ANSWER``."""
    offered = rows.offered(np.arange(len(rows)))
    draws = np.random.default_rng(seed).random(offered.shape)
    yield "random", np.where(offered, draws, -1).argmax(axis=1)
    given = rows.given_labels[rows.given_labels != UNLABELLED]
    counts = np.bincount(given, minlength=offered.shape[1])
    for name, label in (("commonest", counts.argmax()), ("rarest", counts.argmin())):
        yield name, np.where(offered[:, label], int(label), NO_ANSWER)
    yield "always the given one", rows.given_labels
    yield "always the suggested one", rows.true_label_probs.argmax(axis=1)
    classes = np.arange(offered.shape[1])
    is_given = classes == rows.given_labels[:, None]
    other = np.where(is_given, -1, rows.true_label_probs).argmax(axis=1)
    yield "another where flagged", np.where(rows.is_issue, other, rows.given_labels)
    views = np.where(offered, rows.pred_probs, -1).argmax(axis=1)
    yield "errs like the views", views


def after(rows: RunRows, said: np.ndarray, n_most: int, seed: int) -> tuple[np.ndarray, str]:
    """Return (N,) labels after asking about ``n_most`` rows, and the alarm."""
    answers: list[Answer] = []
    first, probe = first_rows(rows, n_most, N_PROBE, seed=seed)
    asked = np.full(len(rows), NO_ANSWER)
    for now in rounds(rows, first, probe, n_most, answers):
        asked[now] = said[now]
        answers.extend(_answer(rows, row, int(said[row])) for row in now.tolist())
    heard, own = spread_to_duplicates(asked, rows.given_labels, rows.groups)
    verdicts = weigh(
        heard,
        rows.given_labels,
        rows.true_label_probs,
        rows.p_error,
        learn_from=own,
        pools=rows.offered(np.flatnonzero(heard >= 0)),
        pred_probs=rows.pred_probs,
    )
    return verdicts.final_labels, verdicts.alarm


def _answer(rows: RunRows, row: int, label: int) -> Answer:
    if label == NO_ANSWER:
        return Answer(rows.ids[row], INVALID)
    return Answer(rows.ids[row], rows.class_names[label], is_label=True)


def run_set(task: Task, n_seeds: int = 3) -> Iterator[dict[str, Any]]:
    """Yield one result for each annotator."""
    rows = look(task)
    _, given, truth = class_ids(task)
    known = (given >= 0) & (truth >= 0)
    before = float((given == truth)[known].mean())
    found: dict[str, list[tuple[float, bool]]] = {}
    for seed in range(n_seeds):
        for name, said in guessers(rows, seed):
            for share in SHARES:
                n_flagged = int(rows.is_issue.sum()) + N_PROBE
                n_most = n_flagged if share is None else int(share * len(rows))
                labels, alarm = after(rows, said, n_most, seed)
                gain = float((labels == truth)[known].mean()) - before
                found.setdefault(name, []).append((gain, bool(alarm)))
    for name, results in found.items():
        yield {
            "set": task.name,
            "annotator": name,
            "given": before,
            "worst": min(gain for gain, _ in results),
            "alarms": sum(alarm for _, alarm in results),
            "tries": len(results),
        }


def run(progress: Callable[[str], None] = print) -> dict[str, Any]:
    """Try all sets.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    found = []
    for name in sorted(path.stem for path in folder().glob("*.csv")):
        results = list(run_set(train_task(name)))
        found.extend(results)
        progress(f"{name}: {min(result['worst'] for result in results):+.4f}")
    return {"cases": found}


def tables(result: dict[str, Any]) -> list[Table]:
    """Return one row for each set and annotator."""
    return [
        Table(
            "Annotators that know nothing of their own: change of right labels, points",
            ("set: annotator", "right before", "worst change", "alarms"),
            tuple(
                (
                    f"{case['set']}: {case['annotator']}",
                    number(case["given"]),
                    points(case["worst"]),
                    f"{case['alarms']} of {case['tries']}",
                )
                for case in result["cases"]
            ),
            "Three seeds; the flagged rows and the probe asked, half of all rows, and all.",
        )
    ]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return the worst that happened."""
    worst = min(case["worst"] for case in result["cases"])
    return [
        Headline(
            "right labels after asking annotators that know nothing of their own, worst, points",
            points(worst),
            "≥ -0.3",
            worst >= LEAST_GAIN,
        )
    ]

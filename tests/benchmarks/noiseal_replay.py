"""What NoiseAL's classifiers gain from an annotator that is asked about few rows.

``python tests/benchmarks/noiseal_replay.py [--sets A,B] [--seeds N]``. Annotators are replayed from
the sets' own columns (what ``train --method noiseal --annotator column:NAME`` does), at most 30 %
of the training rows are asked about, and the test split's true labels score what comes out. The
reference is scikit-learn's LogisticRegression with its defaults on the same embeddings, trained on
the given labels, on the annotator's answers to all rows, and on the true labels.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from report import Headline, Table, least, mean, percent
from shared_sets import load, train_task
from training_cases import ANNOTATORS, Case, logistic_regression, make_case

from noisefix.labels import class_names
from noisefix.training.interface import TrainingStep, finish
from noisefix.training.methods import ce, noiseal

BAD_ANNOTATORS = {
    "fpb_llm": "llm_dolly",
    "semeval_weak": "llm_mixtral8x22b",
    "css_emotion_llm": "llm_chatgpt",
    "mr_chatgpt": "slm_freeal_pred",
}
"""Columns that are worse than the given labels: asking them should do no harm."""

GOAL = 0.04
MOST_ASKED = 0.3
N_SEEDS = 5

Result = dict[str, Any]


def train(case: Case, method: str, seed: int) -> tuple[float, float]:
    """Return the test accuracy, and the share of the training rows that were asked about.

    Args:
        case: a set with stored answers.
        method: "ce", "noiseal" (nobody is asked) or "asked".
        seed: of the training.
    """
    data, answers = case.data, case.answers
    share_asked = 0.0

    def look(step: TrainingStep) -> None:
        nonlocal share_asked
        share_asked = step.metrics.get("asked", 0.0) / len(data.given_labels)

    if method == "ce":
        training = ce.fit(data, ce.Params(), seed=seed, device="cpu")
    else:
        assert answers is not None
        training = noiseal.fit(
            data,
            noiseal.Params(most_asked=MOST_ASKED),
            seed=seed,
            device="cpu",
            annotate=(lambda rows, clean: answers[rows]) if method == "asked" else None,
        )
    model = finish(training, look)
    predicted = model.predict_probs(case.test_features).argmax(axis=1)
    return float((predicted == case.test_labels).mean()), share_asked


def run(
    sets: Sequence[str] = tuple(ANNOTATORS),
    n_seeds: int = N_SEEDS,
    bad: Sequence[str] = tuple(BAD_ANNOTATORS),
    *,
    progress: Callable[[str], None] | None = None,
) -> Result:
    """Train with and without the annotator.

    Args:
        sets: those with a good annotator.
        n_seeds: trainings of each kind.
        bad: sets with an annotator that is worse than the labels.
        progress: told how far it is.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    found: Result = {}
    for name in sets:
        case = make_case(name)
        assert case.answers is not None
        found[name] = {
            "lr_given": logistic_regression(case, case.data.given_labels),
            "lr_answers": logistic_regression(case, case.answers),
            "lr_true": logistic_regression(case, case.true_labels),
            **_train_all(case, ("ce", "noiseal", "asked"), n_seeds, progress),
        }
    harm = {
        name: _train_all(_with_bad(make_case(name)), ("noiseal", "asked"), n_seeds, progress)
        for name in bad
    }
    return {"seeds": n_seeds, "sets": found, "bad": harm}


def _with_bad(case: Case) -> Case:
    """Put the bad annotator's answers in the place of the good one's."""
    classes = {label: k for k, label in enumerate(class_names(train_task(case.name).given))}
    table = load(case.name)
    cells = table.loc[table["split"] == "train", BAD_ANNOTATORS[case.name]]
    return replace(case, answers=np.array([classes.get(cell, -1) for cell in cells]))


def _train_all(
    case: Case, methods: Sequence[str], n_seeds: int, progress: Callable[[str], None] | None
) -> Result:
    assert case.answers is not None
    known = (case.answers >= 0) & (case.true_labels >= 0)
    entry: Result = {
        "rows": len(case.true_labels),
        "given_right": float((case.data.given_labels == case.true_labels).mean()),
        "answers_right": float((case.answers == case.true_labels)[known].mean()),
    }
    for method in methods:
        started = time.perf_counter()
        outcomes = [train(case, method, seed) for seed in range(n_seeds)]
        entry[method] = [accuracy for accuracy, _ in outcomes]
        entry[f"{method}_s"] = (time.perf_counter() - started) / n_seeds
        if method == "asked":
            entry["share_asked"] = max(share for _, share in outcomes)
        if progress is not None:
            progress(f"{case.name}, {method}: {mean(entry[method]):.3f}")
    return entry


def tables(result: Result) -> list[Table]:
    """Return test accuracy by set, with the spread over the seeds."""
    rows = [(f"{name}: {ANNOTATORS[name]}", entry) for name, entry in result["sets"].items()]
    lines = [
        (
            name,
            f"{100 * entry['given_right']:.1f}",
            f"{100 * entry['answers_right']:.1f}",
            percent(entry["share_asked"], 0),
            f"{100 * entry['lr_given']:.1f}",
            _spread(entry["ce"]),
            _spread(entry["noiseal"]),
            _spread(entry["asked"]),
            f"{100 * entry['lr_answers']:.1f}",
            f"{100 * entry['lr_true']:.1f}",
        )
        for name, entry in rows
    ]
    entries = [entry for _, entry in rows]
    means = [
        f"{100 * mean(e[key] for e in entries):.1f}" for key in ("given_right", "answers_right")
    ]
    last = [
        percent(mean(e["share_asked"] for e in entries), 0),
        *(f"{100 * mean(mean(_list(e[k])) for e in entries):.1f}" for k in _ACCURACIES),
    ]
    return [
        Table(
            f"NoiseAL with replayed annotators: test accuracy in percent, {result['seeds']} seeds",
            (
                "set: annotator",
                "labels right",
                "answers right",
                "most asked",
                "LR, given",
                "ce",
                "noiseal, nobody asked",
                "noiseal, asked",
                "LR, all answers",
                "LR, true",
            ),
            (*lines, ("mean", *means, *last)),
            "± standard deviation over the seeds; labels and answers: of the training rows. "
            "One configuration for all sets.",
        ),
        Table(
            f"Annotators that are worse than the labels: test accuracy in percent, "
            f"{result['seeds']} seeds",
            ("set: annotator", "labels right", "answers right", "most asked", "nobody", "asked"),
            tuple(
                (
                    f"{name}: {BAD_ANNOTATORS[name]}",
                    f"{100 * entry['given_right']:.1f}",
                    f"{100 * entry['answers_right']:.1f}",
                    percent(entry["share_asked"], 0),
                    _spread(entry["noiseal"]),
                    _spread(entry["asked"]),
                )
                for name, entry in result["bad"].items()
            ),
        ),
    ]


_ACCURACIES = ("lr_given", "ce", "noiseal", "asked", "lr_answers", "lr_true")


def _list(value: Any) -> list[float]:
    return value if isinstance(value, list) else [value]


def _spread(values: list[float]) -> str:
    return f"{100 * mean(values):.1f} ± {100 * float(np.std(values)):.1f}"


def headlines(result: Result) -> list[Headline]:
    """Return the gain over logistic regression on the given labels, and the most harm done."""
    entries = result["sets"].values()
    gain = mean(mean(entry["asked"]) - entry["lr_given"] for entry in entries)
    return [
        Headline(
            "noiseal with replayed annotators, at most 30 % of the rows asked, over logistic "
            "regression on the given labels",
            f"{100 * gain:+.1f} points",
            f"at least {100 * GOAL:.0f} points",
            gain >= GOAL,
        ),
        Headline(
            "noiseal with annotators worse than the labels, over asking nobody, lowest",
            f"{100 * least(_gain(entry) for entry in result['bad'].values()):+.1f} points",
        ),
    ]


def _gain(entry: Result) -> float:
    return mean(entry["asked"]) - mean(entry["noiseal"])


def main() -> None:
    """Parse options, run, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default=",".join({**ANNOTATORS, **BAD_ANNOTATORS}))
    parser.add_argument("--seeds", type=int, default=N_SEEDS)
    options = parser.parse_args()
    sets = options.sets.split(",")
    result = run(
        [name for name in sets if name in ANNOTATORS],
        options.seeds,
        [name for name in sets if name in BAD_ANNOTATORS],
        progress=lambda text: print(text, flush=True),
    )
    for table in tables(result):
        print(f"\n{table}")
    for headline in headlines(result):
        print(headline.what, headline.value, headline.asked)


if __name__ == "__main__":
    main()

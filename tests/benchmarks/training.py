"""How good the trained classifiers are, on real noise: every method, several seeds.

``python tests/benchmarks/training.py [--sets A,B] [--methods A,B] [--seeds N]`` prints tables. All
methods get the same sentence embeddings of the train split, its given labels, and what the joint
and candidates stages make of them; the test split's true labels score what comes out. The reference
is scikit-learn's LogisticRegression with its defaults, trained on given and on true labels.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from report import Headline, Table
from shared_sets import (
    Task,
    embeddings_of,
    load,
    part_of,
    rows_of_part,
    stage_tables,
    train_task,
)

from noisefix.training.interface import METHODS, TrainingData, find_method, finish

SETS = (
    "semeval_mixtral",
    "semeval_weak",
    "fpb_llm",
    "fomc_llm",
    "mfrc_moral_llm",
    "css_emotion_llm",
    "rna_titles_weak",
    "hausa_news_distant",
    "mr_chatgpt",
)
CLEAN = ("clean_banking77", "clean_snips")
ANNOTATORS = {
    "semeval_mixtral": "weak_label",
    "fpb_llm": "llm_gpt4",
    "fomc_llm": "llm_gpt4",
    "mfrc_moral_llm": "llm_gpt35_finetuned",
    "css_emotion_llm": "llm_flan_ul2",
}
"""Columns with stored answers, for benchmarks that replay an annotator."""

Result = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Case:
    """A set, ready for training; K classes are those of the given labels."""

    name: str
    data: TrainingData
    true_labels: np.ndarray  # (N,) -1 = a class never given
    answers: np.ndarray | None  # (N,) stored answers, -1 = none
    test_features: np.ndarray
    test_labels: np.ndarray  # (T,) -1 = a class never given: always wrong


def judge_task(
    task: Task,
    seed: int = 0,
    *,
    labelled_by: str = "unknown",
    with_names: bool = True,
    shares_are_given: bool = False,
) -> tuple[TrainingData, tuple[str, ...]]:
    """Judge labels as ``detect`` does; return all a method may know, and the class names.

    Args:
        task: texts and given labels.
        seed: of the folds.
        labelled_by: what the judgement is told of who labelled.
        with_names: whether the judgement may look at the label names.
        shares_are_given: whether it takes the classes to be as common in truth as in the labels,
            instead of inferring what the noise did to their shares.
    """
    from noisefix.neighbors.candidates import retrieve_candidates
    from noisefix.probing.ngrams import ngram_features
    from noisefix.stages.joint import JointParams, judge_labels

    tables = stage_tables(task)
    label_names = np.array(tables["label_names"]["embedding"].to_pylist(), np.float32)
    if not with_names:
        del tables["label_names"]
    shares = given_shares(task.given) if shares_are_given else ()
    judged = judge_labels(tables, JointParams(class_shares=shares, labelled_by=labelled_by), seed=seed)
    names = judged.class_names
    groups = judged.surroundings.duplicate_groups
    p_error = judged.estimate.p_error
    found = retrieve_candidates(judged.embeddings, judged.given_labels, p_error, groups, len(names))
    rate = judged.estimate.noise_rate.value
    data = TrainingData(
        judged.embeddings,
        judged.given_labels,
        len(names),
        word_features=ngram_features(task.texts),
        pred_probs=judged.pred_probs,
        p_error=p_error,
        true_label_probs=judged.estimate.true_label_probs,
        candidate_weights=found.weights,
        is_certain=found.is_certain,
        is_issue=judged.is_issue,
        noise_rate=rate,
        groups=groups,
        label_embeddings=label_names,
        name_gain=0.0 if judged.names is None else judged.names.gain,
    )
    return data, names


def make_case(
    name: str,
    seed: int = 0,
    *,
    labelled_by: str = "unknown",
    most_rows: int | None = None,
    with_names: bool = True,
    shares_are_given: bool = False,
) -> Case:
    """Judge the train split of a set, see ``judge_task``; keep the test split for scoring.

    Args:
        name: of the set.
        seed: of the folds.
        labelled_by: what the judgement is told of who labelled.
        most_rows: train on a random part of the rows where there are more; None: on all.
        with_names: whether the judgement may look at the label names.
        shares_are_given: whether it takes the given class shares to be true.
    """
    task = train_task(name)
    n_rows = len(task.texts)
    rows = np.arange(n_rows)
    if most_rows is not None and most_rows < n_rows:
        task, rows = part_of(task, most_rows), rows_of_part(n_rows, most_rows)
    data, names = judge_task(
        task,
        seed,
        labelled_by=labelled_by,
        with_names=with_names,
        shares_are_given=shares_are_given,
    )
    table = load(name)
    train = table[table["split"] == "train"].iloc[rows]
    test = np.flatnonzero(table["split"] == "test")
    index = {label: k for k, label in enumerate(names)}

    def ids(labels: Sequence[str | None]) -> np.ndarray:
        return np.array([index.get(label or "", -1) for label in labels])

    column = ANNOTATORS.get(name)
    return Case(
        name,
        data,
        ids(task.truth),
        None if column is None else ids(train[column].tolist()),
        embeddings_of(name)[test],
        ids(table["true_label"].iloc[test].tolist()),
    )


def given_shares(labels: Sequence[str | None]) -> tuple[tuple[str, float], ...]:
    """Return each class name and its share of the labelled rows."""
    counts = Counter(label for label in labels if label)
    return tuple((label, count / counts.total()) for label, count in sorted(counts.items()))


def logistic_regression(case: Case, labels: np.ndarray) -> float:
    """Return the test accuracy of scikit-learn's defaults."""
    from sklearn.linear_model import LogisticRegression

    known = labels >= 0
    model = LogisticRegression(max_iter=2000).fit(case.data.features[known], labels[known])
    return float((model.predict(case.test_features) == case.test_labels).mean())


def accuracies(case: Case, method: str, seeds: Sequence[int]) -> tuple[list[float], float]:
    """Return the test accuracy of each seed, and seconds a training."""
    fit, params = find_method(method).load()
    found, started = [], time.perf_counter()
    for seed in seeds:
        model = finish(fit(case.data, params(), seed=seed, device="cpu"))
        predicted = model.predict_probs(case.test_features).argmax(axis=1)
        found.append(float((predicted == case.test_labels).mean()))
    return found, (time.perf_counter() - started) / len(seeds)


def run(
    sets: Sequence[str] = (*SETS, *CLEAN),
    methods: Sequence[str] = tuple(METHODS),
    n_seeds: int = 5,
    *,
    progress: Callable[[str], None] | None = None,
) -> Result:
    """Train every method on every set; accuracies by set and method, one for each seed."""
    result: Result = {"seeds": n_seeds, "sets": {}}
    for name in sets:
        case = make_case(name)
        entry: Result = {
            "lr_given": logistic_regression(case, case.data.given_labels),
            "lr_true": logistic_regression(case, case.true_labels),
            "rows": len(case.data.given_labels),
            "methods": {},
        }
        for method in methods:
            found, seconds = accuracies(case, method, range(n_seeds))
            entry["methods"][method] = {"accuracies": found, "seconds": seconds}
            if progress is not None:
                progress(f"{name}, {method}: {np.mean(found):.3f} ({seconds:.1f} s)")
        result["sets"][name] = entry
    return result


def mean_accuracy(entry: Result, method: str) -> float:
    """Return the mean over the seeds; NaN where the method was not run."""
    found = entry["methods"].get(method)
    return float(np.mean(found["accuracies"])) if found else float("nan")


def tables(result: Result) -> list[Table]:
    """Return accuracy by method and set, and what each method gains, spreads and takes."""
    sets = result["sets"]
    noisy = {name: entry for name, entry in sets.items() if name not in CLEAN}
    methods = list(dict.fromkeys(m for entry in sets.values() for m in entry["methods"]))
    fixed = {"LR, true labels": "lr_true", "LR, given labels": "lr_given"}

    def value(entry: Result, method: str) -> float:
        return entry[fixed[method]] if method in fixed else mean_accuracy(entry, method)

    accuracies, costs = [], []
    for method in (*fixed, *methods):
        accuracies.append((method, *(_cell(value(entry, method)) for entry in sets.values())))
    for method in methods:
        over_lr = gains(noisy, method, "lr_given")
        spreads = [np.std(e["methods"][method]["accuracies"], ddof=1) for e in noisy.values()]
        seconds = [entry["methods"][method]["seconds"] for entry in noisy.values()]
        costs.append(
            (
                method,
                _cell(float(np.mean([mean_accuracy(e, method) for e in noisy.values()]))),
                _points(float(np.mean(over_lr))),
                _points(min(over_lr)),
                _points(float(np.mean(gains(noisy, method, "ce")))),
                _points(min(gains(_clean(sets), method, "ce"), default=float("nan"))),
                _cell(float(np.mean(spreads))),
                f"{np.mean(seconds):.1f}",
            )
        )
    n_seeds = f"mean of {result['seeds']} seeds"
    return [
        Table(
            f"Test accuracy in percent on frozen features, {n_seeds}",
            ("method", *sets),
            tuple(accuracies),
            "One configuration for all sets.",
        ),
        Table(
            f"What a method gains on the {len(noisy)} noisy sets, in points, and what it takes",
            (
                "method",
                "accuracy",
                "over LR",
                "worst set",
                "over ce",
                "clean sets: worst, over ce",
                "spread of the seeds",
                "seconds a training",
            ),
            tuple(costs),
            "LR: scikit-learn's logistic regression on the given labels, with its defaults.",
        ),
    ]


def gains(sets: dict[str, Result], method: str, reference: str) -> list[float]:
    """Return how much more accurate a method is on each set, than "lr_given" or a method."""
    return [
        mean_accuracy(entry, method)
        - (entry[reference] if reference in entry else mean_accuracy(entry, reference))
        for entry in sets.values()
    ]


def _clean(sets: dict[str, Result]) -> dict[str, Result]:
    return {name: entry for name, entry in sets.items() if name in CLEAN}


def _cell(value: float) -> str:
    return "-" if np.isnan(value) else f"{100 * value:.1f}"


def _points(value: float) -> str:
    return "-" if np.isnan(value) else f"{100 * value:+.1f}"


def headlines(result: Result) -> list[Headline]:
    """Return what sidyp and the best method gain, and the worst loss on clean sets."""
    sets = result["sets"]
    noisy = {name: entry for name, entry in sets.items() if name not in CLEAN}
    methods = [m for m in METHODS if all(m in entry["methods"] for entry in sets.values())]
    found = []
    if noisy and "sidyp" in methods:
        over_lr, over_ce = gains(noisy, "sidyp", "lr_given"), gains(noisy, "sidyp", "ce")
        found += [
            Headline(
                "sidyp: accuracy over logistic regression / over ce, mean of 9 sets, points",
                f"{100 * np.mean(over_lr):+.1f} / {100 * np.mean(over_ce):+.1f}",
                "at least +3 / above 0",
                bool(np.mean(over_lr) >= 0.03 and np.mean(over_ce) > 0),
            ),
            Headline(
                "the same over logistic regression on the worst set",
                f"{100 * min(over_lr):+.1f}",
                "at least -1.5",
                min(over_lr) >= -0.015,
            ),
        ]
    if noisy and methods:
        best = max(methods, key=lambda m: float(np.mean(gains(noisy, m, "lr_given"))))
        gain = float(np.mean(gains(noisy, best, "lr_given")))
        found.append(
            Headline(f"best method without an annotator: {best}, points", f"{100 * gain:+.1f}")
        )
    if _clean(sets) and "ce" in methods:
        worst = min(methods, key=lambda m: min(gains(_clean(sets), m, "ce")))
        loss = min(gains(_clean(sets), worst, "ce"))
        found.append(
            Headline(
                f"clean sets: the worst method ({worst}) over ce, points",
                f"{100 * loss:+.2f}",
                "at least -0.5",
                loss >= -0.005,
            )
        )
    return found


def main() -> None:
    """Parse options, run, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default=",".join((*SETS, *CLEAN)))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    result = run(options.sets.split(","), options.methods.split(","), options.seeds, progress=print)
    for table in tables(result):
        print(f"\n{table}")
    for headline in headlines(result):
        print(headline.what, headline.value, headline.asked)


if __name__ == "__main__":
    main()

"""Sets made ready for training: judged by the joint stage, with a test split to score on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from shared_sets import (
    Task,
    embeddings_of,
    load,
    part_of,
    rows_of_part,
    stage_tables,
    train_task,
)

from noisefix.training.interface import TrainingData

ANNOTATORS = {
    "semeval_mixtral": "weak_label",
    "fpb_llm": "llm_gpt4",
    "fomc_llm": "llm_gpt4",
    "mfrc_moral_llm": "llm_gpt35_finetuned",
    "css_emotion_llm": "llm_flan_ul2",
}
"""Columns with stored answers, for benchmarks that replay an annotator."""


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
    from noisefix.detection.joint_stage import JointParams, judge_labels
    from noisefix.neighbors.candidates import retrieve_candidates
    from noisefix.probing.ngrams import ngram_features

    tables = stage_tables(task)
    label_names = np.array(tables["label_names"]["embedding"].to_pylist(), np.float32)
    if not with_names:
        del tables["label_names"]
    shares = given_shares(task.given) if shares_are_given else ()
    judged = judge_labels(
        tables, JointParams(class_shares=shares, labelled_by=labelled_by), seed=seed
    )
    names = judged.class_names
    groups = judged.surroundings.duplicate_groups
    p_error = judged.estimate.p_error
    found = retrieve_candidates(judged.embeddings, judged.given_labels, p_error, groups, len(names))
    rate = judged.estimate.noise_rate.value
    data = TrainingData(
        judged.embeddings.take(np.arange(len(judged.given_labels))),
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
    return float((regression_labels(case, labels) == case.test_labels).mean())


def regression_labels(case: Case, labels: np.ndarray) -> np.ndarray:
    """Return (T,) labels of the test rows by scikit-learn's defaults, trained on (N,) labels."""
    from sklearn.linear_model import LogisticRegression

    known = labels >= 0
    model = LogisticRegression(max_iter=2000).fit(case.data.features[known], labels[known])
    predicted: np.ndarray = model.predict(case.test_features)
    return predicted

"""Every method with an encoder that learns along: what is trained, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def finetuned(load_benchmark):
    return load_benchmark("finetuned_methods")


@pytest.fixture
def lesson(load_benchmark):
    data = load_benchmark("training_cases").TrainingData
    labels = np.arange(60) % 2
    texts = [("bad film" if label else "good film") + f" {row}" for row, label in enumerate(labels)]
    features = np.eye(2, 384, dtype=np.float32)[labels]
    made = data(features, labels, 2)
    return load_benchmark("tuned_training").Lesson(made, texts, texts, features), labels


def test_each_training_comes_once_and_the_whole_set_first(finetuned, monkeypatch):
    monkeypatch.setattr(finetuned, "is_for", lambda way, name: way.method != "pu")
    found = [(name, seed, way.title, size) for name, seed, way, size in finetuned.trainings()]
    assert len(set(found)) == len(found)
    assert found[0] == ("semeval_mixtral", 0, "ce", None)
    parts = [name for name, seed, method, size in found if method == "olr" and size is not None]
    assert parts == list(finetuned.NOISY)
    assert not any(method == "pu" for _, _, method, _ in found)
    whole = {seed for _, seed, method, size in found if size is None and method == "sidyp"}
    assert whole == {0, 1, 2}


def test_frozen_features_are_as_given(lesson):
    made, labels = lesson
    trained = made.train(_way("ce"), "frozen", 0, {"epochs": 1_000_000})
    assert trained.accuracy(labels) == 1
    assert trained.accuracy(1 - labels) == 0
    assert trained.features is made.data.features


def test_an_encoder_that_learns_makes_the_test_features(lesson):
    made, _labels = lesson
    settings = {"epochs": 1, "max_tokens": 16}
    trained = made.train(_way("ce"), "finetune", 0, settings, wants_features=True)
    assert trained.test_features.shape == (60, 384)
    assert not np.allclose(trained.test_features, made.test_features)
    assert np.array_equal(trained.features, trained.test_features)  # the texts are the same
    assert trained.seconds > 0


def test_a_method_that_refuses_is_noted_as_refusing(finetuned, lesson, monkeypatch):
    made, labels = lesson
    case = type("Case", (), {"test_labels": labels})
    monkeypatch.setattr(finetuned, "lesson_of", lambda name, seed, most_rows: (made, case))
    found = finetuned.measure("made", 0, _way("nested"), "finetune", 400)
    assert found["accuracy"] is None
    assert "nested" in found["refused"]
    assert finetuned.measure("made", 0, _way("nested"), "frozen", 400)["accuracy"] == 1


def test_tables_and_headlines(finetuned):
    def training(way, accuracy, name="fomc_llm", seed=0):
        method = way.partition(",")[0]
        about = {"set": name, "seed": seed, "average_precision": None, "test_rows": 600}
        return about | {"way": way, "method": method, "accuracy": accuracy, "seconds": 1.0}

    accuracies = {"ce": (0.5, 0.6), "repair": (0.55, 0.62), "elr": (0.5, 0.65)}
    trainings = [
        training(f"{method}, {kind}", accuracy + place / 100, name)
        for method, pair in accuracies.items()
        for kind, accuracy in zip(("frozen", "finetune"), pair, strict=True)
        for place, name in enumerate(finetuned.NOISY)
    ]
    trainings += [training("nested, frozen", 0.5), training("nested, finetune", None)]
    trainings += [
        training("sidyp, finetune", 0.51 + seed / 100, "semeval_mixtral, whole", seed)
        for seed in range(3)
    ]
    result = {"rows": 400, "of_encoder": {"epochs": 3}} | finetuned.gathered(trainings)
    gains, accuracy, published = finetuned.tables(result)
    rows = {row[0]: row[1:] for row in gains.rows}
    assert rows["`elr`"][:4] == ("9", "54.0", "69.0", "+15.0")
    assert rows["`elr`"][4] == "+5.0"
    assert rows["`elr`"][6] == "+3.0"
    assert "`nested`" in gains.note
    assert "`nested`" not in rows
    assert {row[0]: row[1] for row in accuracy.rows}["`ce`"] == "60.0"
    assert ("`sidyp`", "-", "52.0 ± 0.8 (3 seeds)") in published.rows
    assert ("published SiDyP, three branches", "-", "52.0") in published.rows
    first, second = finetuned.headlines(result)
    assert first.value == "+3.0 / +3.0"
    assert second.is_met
    assert "`elr`" in finetuned.pages(result)["methods/finetune.md"]


def _way(method):
    from methods_measured import Way

    return Way(method)

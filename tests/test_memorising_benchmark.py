"""Wrong labels that are put in, and what is said of those learnt by heart."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def memorising(load_benchmark):
    return load_benchmark("memorising")


def test_four_tenths_of_each_class_go_to_the_next(load_benchmark, memorising):
    sets = load_benchmark("shared_sets")
    truth = tuple(np.repeat(["a", "b", "c"], 2000).tolist())
    vectors = np.zeros((6000, 2), np.float32)
    task = sets.Task("made", "clean", "made", True, truth, truth, truth, vectors)
    spoilt = memorising.spoil(task, seed=0)
    assert spoilt.truth == truth
    following = {"a": "b", "b": "c", "c": "a"}
    wrong = [(g, t) for g, t in zip(spoilt.given, truth, strict=True) if g != t]
    assert all(given == following[true] for given, true in wrong)
    for name in following:
        share = sum(true == name for _, true in wrong) / 2000
        assert share == pytest.approx(0.4, abs=0.04)
    assert memorising.spoil(task, seed=0).given == spoilt.given
    assert memorising.spoil(task, seed=1).given != spoilt.given


def test_frozen_training_is_scored_on_test_rows_and_wrong_labels(load_benchmark, memorising):
    cases = load_benchmark("training_cases")
    true = np.arange(60) % 2
    given = np.where(np.arange(60) < 12, 1 - true, true)
    features = np.eye(2, 4, dtype=np.float32)[true]
    data = cases.TrainingData(features, given, 2)
    case = memorising.Spoilt(data, ("text",) * 60, true, ["text"] * 60, true, features)
    found = memorising.measure(case, 0, memorising.Way("ce"), "frozen")
    assert found["accuracy"] == 1  # the features say all: no wrong label can be learnt
    assert found["by_heart"] == 0
    assert found["wrong"] == pytest.approx(0.2)
    assert found["way"] == "ce, frozen"


def test_tables_and_headlines(memorising):
    def training(way, accuracy):
        about = {"set": "clean_hwu64", "seed": 0, "wrong": 0.4, "seconds": 1.0}
        return about | {"way": way, "accuracy": accuracy, "by_heart": accuracy / 2}

    trainings = [
        training("ce, frozen", 0.5),
        training("ce, finetune", 0.6),
        training("elr, finetune", 0.64),
    ]
    result = {"rows": 1000, "epochs": 6, "trainings": trainings}
    (table,) = memorising.tables(result)
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["`ce`"] == ("50.0 %", "60.0 %", "25.0 %", "30.0 %")
    assert rows["`elr`"] == ("-", "64.0 %", "-", "32.0 %")
    assert memorising.headlines(result)[0].value == "elr, +4.00"
    assert "| `elr`" in memorising.pages(result)["methods/finetune.md"]

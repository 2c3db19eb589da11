"""The table of all training methods: what is noted, what is gone on with, how gains are counted."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest

from noisefix.training.registry import METHODS


@pytest.fixture
def measured(load_benchmark):
    return load_benchmark("methods_measured")


@pytest.fixture
def methods(load_benchmark):
    return load_benchmark("methods")


def training(name, seed, way, accuracy, seconds=1.0, precision=None):
    return {
        "set": name,
        "seed": seed,
        "way": way,
        "method": way.split()[0],
        "accuracy": accuracy,
        "average_precision": precision,
        "seconds": seconds,
        "rows": 10,
        "test_rows": 100,
    }


def made(measured):
    """Two noisy sets, one kept apart, one clean; two seeds; ``gce`` was not run everywhere."""
    found = []
    for seed in (0, 1):
        for name, plain, other in (
            (measured.NOISY[0], 0.60, 0.66 + 0.02 * seed),
            (measured.NOISY[1], 0.50, 0.48),
            (measured.APART[0], 0.70, 0.65),
            (measured.CLEAN[0], 0.90, 0.875),
        ):
            found.append(training(name, seed, "ce", plain))
            found.append(training(name, seed, "repair", plain + 0.01))
            found.append(training(name, seed, "gaussian", other, 0.25, 0.5))
    return [*found, training(measured.NOISY[1], 0, "gce", 0.52, 3.0)]


def test_every_method_is_measured_as_it_comes(measured):
    titles = [way.title for way in measured.ways()]
    assert titles[:1] == ["ce"]
    assert set(METHODS) <= set(titles)
    assert len(set(titles)) == len(titles)
    for way in measured.ways():
        assert measured.find_method(way.method).load()[1](**way.settings)


def test_sets_are_in_one_group_each_and_every_seed_comes(measured):
    names = [name for group in measured.SETS.values() for name in group]
    assert len(set(names)) == len(names)
    parts = list(measured.parts())
    assert len(set(parts)) == len(parts)
    assert {seed for name, seed in parts if name in measured.NOISY} == {0, 1, 2}
    assert parts[: len(names)] == [(name, 0) for name in names]


def test_what_is_noted_is_not_measured_again(measured, tmp_path, monkeypatch):
    monkeypatch.setattr(measured, "SETS", {"noisy": ("one",)})
    monkeypatch.setattr(measured, "NOISY", ("one",))
    monkeypatch.setattr(measured, "judged_case", lambda name, seed: (name, seed))
    monkeypatch.setattr(measured, "ready", lambda case: case)
    monkeypatch.setattr(measured, "is_for", lambda way, name: way.method != "pu")
    calls = []

    def measure(case, seed, way):
        calls.append((*case, way.title))
        return training(case[0], seed, way.title, 0.5)

    monkeypatch.setattr(measured, "measure", measure)
    chosen = [measured.Way("ce"), measured.Way("gce"), measured.Way("pu")]
    clock = count()
    monkeypatch.setattr(measured.time, "monotonic", lambda: next(clock))
    path = tmp_path / "notes.jsonl"
    assert not measured.measure_all(measured.Notes(path), chosen, until=2.5)
    begun = [call for call in calls if call[2] != "ce --set epochs=1"]  # without the warm-up
    assert begun == [("one", 0, "ce"), ("one", 0, "gce")]
    assert len(path.read_text().splitlines()) == 2
    notes = measured.Notes(path)
    assert measured.measure_all(notes, chosen)
    assert len(notes.all) == 6
    assert len({measured._key(found) for found in notes.all}) == 6
    before = len(calls)
    assert measured.measure_all(measured.Notes(path), chosen)
    assert len(calls) == before


def test_gains_and_their_errors(measured, methods):
    result = methods.gathered(made(measured))
    gain = methods.Gain(result, measured.NOISY, "gaussian", "ce")
    first, second = measured.NOISY[:2]
    assert gain.by_set == pytest.approx({first: 0.07, second: -0.02})
    assert gain.mean == pytest.approx(0.025)
    per_seed = [(0.06 - 0.02) / 2, (0.08 - 0.02) / 2]
    assert gain.error == pytest.approx(np.std(per_seed, ddof=1) / np.sqrt(2))
    assert (gain.worst, gain.least) == (second, pytest.approx(-0.02))
    assert str(gain) == "+2.5 ± 0.5"
    one = methods.Gain(result, measured.NOISY, "gce", "ce")
    assert str(one) == "+2.0"  # a single seed has no error
    assert str(methods.Gain(result, measured.APART, "gce", "ce")) == "-"


def test_the_table_the_pages_and_the_headlines(measured, methods):
    result = methods.gathered(made(measured))
    rows = {row[0]: row[1:] for row in methods.gains_table(result).rows}
    assert list(rows) == ["`ce`", "`repair`", "`gce`", "`gaussian`"]
    assert rows["`gaussian`"] == (
        "2",
        "57.5",
        "+2.5 ± 0.5",
        f"-2.0 (`{measured.NOISY[1]}`)",
        "+1.5 ± 0.5",
        f"-3.0 (`{measured.NOISY[1]}`)",
        "-5.0 ± 0.0",
        "-6.0 ± 0.0",
        f"-6.0 (`{measured.APART[0]}`)",
        f"-2.5 (`{measured.CLEAN[0]}`)",
        "0.2",
    )
    assert rows["`gce`"][-1] == "3.0"
    shown = methods.pages(result)
    assert "| `gaussian` |" in shown["methods/gaussian.md"]
    assert "| `ce` " not in shown["methods/gaussian.md"]
    assert "| `ce` " in shown["methods/training-methods.md"]
    said = methods.headlines(result)[-1]
    assert (said.value, said.is_met) == ("-2.5", False)
    assert "(1 of 4); the worst (gaussian)" in said.what
    accuracies = str(methods.tables(result)[1])
    assert "67.0" in accuracies


def test_a_seed_that_is_not_done_is_no_seed_of_the_error(measured, methods):
    trainings = [
        f for f in made(measured) if not (f["seed"] == 1 and f["set"] == measured.NOISY[1])
    ]
    gain = methods.Gain(methods.gathered(trainings), measured.NOISY, "gaussian", "ce")
    assert gain.mean == pytest.approx(0.025)
    assert np.isnan(gain.error)


def test_the_class_that_nobody_looked_at_is_the_one_with_most_errors(load_benchmark, measured):
    cases = load_benchmark("training_cases")
    given, true = np.array([0, 0, 1, 1, 1]), np.array([0, 0, 0, 0, 1])
    data = cases.TrainingData(np.eye(5, dtype=np.float32), given, 2)
    case = cases.Case("made", data, true, None, np.eye(5, dtype=np.float32), true)
    told = measured.with_unverified_class(case).data
    assert told.unverified_class == told.class_names[1]


def test_judged_labels_are_made_ready_for_training(load_benchmark, monkeypatch):
    """``judge_task`` is what all benchmarks of training begin with."""
    cases, sets = load_benchmark("training_cases"), load_benchmark("shared_sets")
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, 90)
    vectors = np.eye(3, 8)[true] + 0.2 * rng.standard_normal((90, 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    names = np.array(["ask", "buy", "cry"])
    given = np.where(np.arange(90) % 9 == 0, (true + 1) % 3, true)
    texts = tuple(f"text {row} of {names[k]}" for row, k in enumerate(true))
    labels = tuple(names[given].tolist()), tuple(names[true].tolist())
    task = sets.Task("made", "main", "made", False, texts, *labels, vectors)
    monkeypatch.setattr(sets, "embed", lambda texts, label: np.eye(len(texts), 8, dtype=np.float32))
    data, found = cases.judge_task(task)
    assert found == ("ask", "buy", "cry")
    np.testing.assert_allclose(data.features, vectors, atol=1e-6)
    assert data.given_labels.tolist() == given.tolist()

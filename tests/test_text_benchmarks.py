"""The benchmarks of definitions and of pairs of columns, on tiny input of known outcome."""

from __future__ import annotations

import numpy as np
import pytest

N_FEATURES = 16


@pytest.fixture
def load(load_benchmark):
    return load_benchmark


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_exchanged_halves_are_found(load, monkeypatch):
    import pandas as pd

    pairs = load("pair_columns")
    rng = np.random.default_rng(0)
    words = [" ".join(f"w{k}x{row}" for k in range(12)) for row in range(300)]
    sides = unit(rng.normal(size=(300, N_FEATURES)))
    near = unit(sides + 0.05 * rng.normal(size=sides.shape))
    monkeypatch.setattr(pairs, "load", lambda name: pd.DataFrame({"text": ["short", *words]}))
    monkeypatch.setattr(pairs, "embed", lambda texts, label: np.concatenate([sides, near]))
    monkeypatch.setattr(pairs, "CHOSEN_ON", ())
    monkeypatch.setattr(pairs, "OTHERS", ("tiny",))
    result = load("results").plain(pairs.run(lambda text: None))
    (one,) = result["sets"]
    assert one["rows"] == 300
    assert one["as_is"]["listed"] == 0
    assert all(draw["moved"] == 30 for draw in one["draws"])
    assert all(draw["auc"] > 0.95 for draw in one["draws"])
    (table,) = pairs.tables(result)
    assert table.rows[0][0] == "tiny"
    assert float(pairs.headlines(result)[0].value.split()[0]) > 0.95


def test_halves_and_who_gets_whose(load, monkeypatch):
    import pandas as pd

    pairs = load("pair_columns")
    texts = ["a b c d e f g h i j k", "a b", "a b c d e f g h i j k"]
    monkeypatch.setattr(pairs, "load", lambda name: pd.DataFrame({"text": texts}))
    assert pairs.halves("any") == (["a b c d e"], ["f g h i j k"])
    source, is_moved = pairs.exchanged(50, 3)
    assert sorted(source) == list(range(50))
    np.testing.assert_array_equal(source != np.arange(50), is_moved)
    assert is_moved.sum() == 5


def test_definitions_of_a_tiny_set(load, monkeypatch):
    """Names that mean nothing, definitions that mean their class: they are worth what they say."""
    bench, sets = load("definitions"), load("shared_sets")
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, 240)
    given = np.where(rng.random(240) < 0.3, rng.integers(0, 3, 240), true)
    vectors = unit(np.eye(3, N_FEATURES)[true] + 0.2 * rng.standard_normal((240, N_FEATURES)))
    names = np.array(["ask", "buy", "cry"])
    task = sets.Task(
        "tiny",
        "main",
        "tiny",
        True,
        tuple(f"text number {row}" for row in range(240)),
        tuple(names[given].tolist()),
        tuple(names[true].tolist()),
        vectors,
    )
    meant = {
        f"{name} {side}": np.eye(3, N_FEATURES)[k] for k, name in enumerate(names) for side in "xy"
    }

    def embed(texts, label):
        nothing = np.eye(1, N_FEATURES, N_FEATURES - 1)[0]
        return np.stack([meant.get(text, nothing) for text in texts]).astype(np.float32)

    for module in (bench, sets):
        monkeypatch.setattr(module, "embed", embed)
    monkeypatch.setattr(bench, "train_task", lambda name: task)
    monkeypatch.setattr(bench, "SETS", ("tiny",))
    both = {name: (f"{name} x", f"{name} y") for name in names.tolist()}
    monkeypatch.setattr(bench, "DEFINITIONS", {"tiny": both})
    result = load("results").plain(bench.run(lambda text: None))
    (one,) = result["sets"]
    assert one["definitions"]["gain"] > 0.3 > one["ways"]["names"]["gain"]
    assert one["definitions"]["both"]["not_told"] >= one["ways"]["names"]["not_told"]
    assert one["definitions"]["both"] == pytest.approx(one["definitions"]["one"], abs=1e-4)
    defined, ways = bench.tables(result)
    assert [row[0] for row in defined.rows] == ["tiny", "mean"]
    assert ways.rows[-1][1:] == ("+0.0000",) * 4  # of other sources there are none
    assert " to " in bench.headlines(result)[0].value


def made(name, source, gain, value):
    ways = {way: {"gain": 0.1, "told": 0.5, "not_told": 0.5} for way in ("names",)}
    ways |= {
        way: {"gain": 0.0, "told": 0.9, "not_told": 0.9}
        for way in ("smoothed", "smoothed prototypes", "names and prototypes")
    }
    ways["prototypes"] = {"gain": gain, "told": value, "not_told": value}
    return {"name": name, "source": source, "ways": ways}


def test_a_set_has_no_part_in_what_is_chosen_for_it(load):
    bench = load("definitions")
    sets = [made("a", "one", 0.2, 0.7), made("b", "one", 0.2, 0.6), made("c", "two", 0.2, 0.4)]
    assert bench.change(sets[0], "smoothed", "told") == 0  # explains less than the names
    changes = bench.unseen(sets, "told")
    np.testing.assert_allclose(changes, [0, 0, -0.1])

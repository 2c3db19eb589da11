"""``detect`` of tables in memory, and what its result is good for in Python."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import random
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import noisefix
from noisefix.cli.terminal import write_json
from noisefix.errors import DataError, UsageError

WORDS = {
    "refund": ["refund", "money back", "charged twice", "reimburse", "overcharged"],
    "ship<b>": ["parcel", "delivery", "tracking", "courier", "arrived late"],
}
CLASSES = list(WORDS)
N = 80


def rows() -> pd.DataFrame:
    rng = random.Random(0)
    labels = [CLASSES[k % 2] for k in range(N)]
    texts = [
        f"<i>{k}</i> {rng.choice(WORDS[y])} and {rng.choice(WORDS[y])}"
        for k, y in enumerate(labels)
    ]
    given = [CLASSES[(k + 1) % 2] if k % 20 == 3 else y for k, y in enumerate(labels)]
    return pd.DataFrame(
        {"text": texts, "label": given, "more": [object()] * N}, index=[f"k{k}" for k in range(N)]
    )


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return rows()


@pytest.fixture(scope="module")
def result(frame: pd.DataFrame) -> noisefix.detection.findings.DetectResult:
    return noisefix.detect(frame, encoder="tfidf", seed=1)


def test_flagged_rows_are_a_data_frame_with_the_index_that_was_given(frame, result):
    issues = result.issues
    assert len(issues) == result.n_issues > 0
    assert list(issues) == ["id", "text", "given_label", "suggested_label", "p_error", "reasons"]
    assert issues["p_error"].is_monotonic_decreasing
    assert frame.loc[issues.index, "text"].tolist() == issues["text"].tolist()
    assert {"k3", "k23", "k43", "k63"} <= set(issues.index)
    whole = result.to_pandas()
    assert whole.index.tolist() == frame.index.tolist()
    assert whole["text"].tolist() == frame["text"].tolist()
    assert result.to_arrow()["text"].to_pylist() == frame["text"].tolist()


def test_columns_are_those_of_datalab(frame, result):
    found = result.to_datalab()
    assert list(found) == ["is_label_issue", "label_score", "given_label", "predicted_label"]
    assert found.index.tolist() == frame.index.tolist()
    assert found["is_label_issue"].sum() == result.n_issues
    assert found["label_score"].between(0, 1).all()
    flagged = found["is_label_issue"]
    assert found.loc[flagged, "label_score"].max() < found.loc[~flagged, "label_score"].min()


def test_every_kind_of_input_gives_the_same_verdicts(frame, result):
    plain = frame[["text", "label"]].reset_index(drop=True)
    expected = result.to_pandas()["p_error"].tolist()
    for data in (
        plain,
        pl.from_pandas(plain),
        pa.Table.from_pandas(plain),
        datasets.Dataset.from_pandas(plain),
    ):
        found = noisefix.detect(data, encoder="tfidf", seed=1)
        assert found.to_arrow()["p_error"].to_pylist() == expected
        assert found.issues.index.tolist() == [int(k[1:]) for k in result.issues.index]
    texts, labels = frame["text"].tolist(), frame["label"].to_numpy()
    found = noisefix.detect(texts=texts, labels=labels, ids=frame.index, encoder="tfidf", seed=1)
    assert found.to_arrow()["p_error"].to_pylist() == expected
    assert found.issues["id"].tolist() == result.issues.index.tolist()


def test_numbers_as_labels_and_vectors_without_texts(frame):
    labels = [CLASSES.index(label) for label in frame["label"]]
    rng = np.random.default_rng(0)
    right = np.arange(N) % 2
    vectors = rng.normal(0, 0.3, (N, 4)) + np.eye(4)[right]
    found = noisefix.detect(labels=labels, embeddings=vectors)
    assert {3, 23, 43, 63} <= set(found.issues.index)
    assert found.issues["text"].iloc[0].startswith("row ")


def test_probabilities_of_ones_own_in_memory_are_those_of_a_file(frame, tmp_path):
    rng = np.random.default_rng(0)
    probs = rng.dirichlet([1, 1], N)
    np.savez(tmp_path / "p.npz", pred_probs=probs)
    expected = None
    named = pd.DataFrame(probs, columns=sorted(CLASSES))
    for given in (tmp_path / "p.npz", probs, probs.tolist(), named, pl.from_pandas(named)):
        found = noisefix.detect(frame, encoder="tfidf", pred_probs=given)
        values = found.to_arrow()["p_error"].to_pylist()
        assert values == (expected or values)
        expected = values
    with pytest.raises(DataError, match="79 rows of probabilities for 80"):
        noisefix.detect(frame, encoder="tfidf", pred_probs=probs[1:])


def test_a_folder_that_is_named_is_kept_and_nothing_runs_twice(frame, tmp_path):
    first = noisefix.detect(frame, tmp_path / "run", encoder="tfidf")
    assert first.skipped == ()
    again = noisefix.detect(frame.copy(), tmp_path / "run", encoder="tfidf")
    assert again.skipped == ("embed", "joint", "candidates")
    changed = frame.assign(label=frame["label"].to_numpy()[::-1])
    with pytest.raises(DataError, match="made from another input"):
        noisefix.detect(changed, tmp_path / "run", encoder="tfidf")
    del first, again
    gc.collect()
    assert (tmp_path / "run" / "issues.parquet").is_file()


def test_a_temporary_folder_lives_as_long_as_the_result(frame, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = noisefix.detect(frame, encoder="tfidf")
    assert list(tmp_path.iterdir()) == []
    folder = result.run
    other = copy.deepcopy(result)
    assert pickle.loads(pickle.dumps(result)).n_issues == result.n_issues
    del result
    gc.collect()
    assert len(other.issues) == other.n_issues
    del other
    gc.collect()
    assert not folder.exists()
    assert not folder.parent.exists()


def test_cleaned_copies_are_of_the_same_kind(frame, result):
    flagged = set(result.issues.index)
    marked = result.clean(frame)
    assert marked.index.tolist() == frame.index.tolist()
    assert marked["noisefix_is_issue"].dtype == bool
    assert set(marked.index[marked["noisefix_is_issue"]]) == flagged
    assert marked["label"].equals(frame["label"])
    assert "noisefix_is_issue" not in frame
    kept = result.clean(frame, strategy="drop")
    assert kept.index.tolist() == [k for k in frame.index if k not in flagged]
    weights = result.clean(frame, strategy="weight", column_prefix="w_")["w_weight"]
    np.testing.assert_allclose(weights, 1 - result.to_pandas()["p_error"])
    again = result.clean(strategy="drop")
    assert again["text"].tolist() == kept["text"].tolist()


def test_new_labels_have_the_type_of_the_column(frame, result, tmp_path):
    change = {"strategy": "relabel", "min_probability": 0.0, "min_margin": 0.0}
    plain = frame[["text", "label"]].reset_index(drop=True)
    new = result.clean(frame, **change)["label"].tolist()
    assert new != frame["label"].tolist()
    noisefix.apply(result, tmp_path / "c.parquet", **change)
    assert pd.read_parquet(tmp_path / "c.parquet")["label"].tolist() == new
    numbers = [CLASSES.index(label) for label in new]
    given = plain.assign(label=[CLASSES.index(label) for label in plain["label"]])
    names = datasets.ClassLabel(names=CLASSES)
    for data in (
        given,
        given.assign(label=given["label"].astype("category")),
        pl.from_pandas(given),
        pa.Table.from_pandas(given),
        datasets.Dataset.from_pandas(given),
        datasets.Dataset.from_pandas(given).cast_column("label", names),
    ):
        found = noisefix.detect(data, encoder="tfidf", seed=1)
        cleaned = found.clean(data, **change)
        assert type(cleaned) is type(data)
        labels = cleaned["label"]
        labels = labels.to_pylist() if isinstance(data, pa.Table) else list(labels)
        assert labels == numbers
        assert len(found.clean(data, strategy="drop")) == N - found.n_issues
        marked = found.clean(data)
        assert "noisefix_reasons" in getattr(marked, "column_names", getattr(marked, "columns", ()))


def test_another_table_is_not_cleaned(frame, result):
    for other, message in (
        (frame.iloc[:-1], "has 80 rows, but"),
        (frame.iloc[::-1], "of row 1 is not the one that was judged"),
        (frame.assign(noisefix_p_error=1), "'noisefix_p_error' is there already"),
    ):
        with pytest.raises((DataError, UsageError), match=message):
            result.clean(other)
    with pytest.raises(UsageError, match="strategy"):
        result.clean(frame, strategy="mend")


def test_a_result_stands_for_its_run_folder(frame, result, tmp_path):
    model = noisefix.train(result, tmp_path / "model", method="ce", epochs=2)
    assert noisefix.load_model(model.model).predict(["a parcel"])[0] in CLASSES
    assert noisefix.report(result, tmp_path / "r.html").rows == N
    assert noisefix.check(result, max_issues=N).passed
    assert noisefix.audit_rows(result, 5)
    assert noisefix.relabel(result, annotator="column:label", dry_run=True).estimate is not None
    assert noisefix.joint(result, seed=1).skipped
    assert noisefix.candidates(result, seed=1).skipped
    assert noisefix.apply(result, dry_run=True).flagged == result.n_issues
    scores = noisefix.evaluate(result, "truth", truth_table(frame, tmp_path))
    assert scores.errors == 4


def truth_table(frame: pd.DataFrame, folder: Path) -> Path:
    truth = [CLASSES[k % 2] for k in range(N)]
    pd.DataFrame({"text": frame["text"], "truth": truth}).to_csv(folder / "t.csv", index=False)
    return folder / "t.csv"


def test_decisions_count_in_the_frames(frame, tmp_path):
    result = noisefix.detect(frame, tmp_path / "run", encoder="tfidf", seed=1)
    first = result.issues.iloc[0]
    (tmp_path / "r.csv").write_text(f"id,decision\n{first['id']},keep\n")
    noisefix.apply(result, tmp_path / "out.parquet", review=tmp_path / "r.csv")
    assert first.name not in result.issues.index
    assert not result.clean(frame).loc[first.name, "noisefix_is_issue"]


def test_it_is_short_to_read_and_safe_to_show(result, capsys):
    assert repr(result).startswith("<DetectResult: 80 rows, ")
    assert len(repr(result)) < 200
    html = result._repr_html_()
    assert "&lt;i&gt;" in html
    assert "ship&lt;b&gt;" in html
    assert "<i>" not in html
    assert "<b>" not in html
    write_json(result)
    said = json.loads(capsys.readouterr().out)
    assert said["issues"] == result.n_issues
    assert not {"n_issues", "index", "kept"} & set(said)


def test_what_is_asked_for_must_be_one_thing(frame):
    for arguments, message in (
        ({}, "no labels to judge"),
        ({"texts": ["a"]}, "no labels to judge"),
        ({"data": frame, "texts": ["a"], "labels": ["b"]}, "data are given, and texts="),
        ({"data": frame, "labels": ["b"]}, "data are given"),
        ({"data": 3}, "no table that noisefix knows"),
    ):
        with pytest.raises(UsageError, match=message):
            noisefix.detect(**arguments)


def test_without_pandas_a_frame_is_refused_with_the_remedy(result, monkeypatch):
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(
        "noisefix.tables.pandas_frames.find_spec",
        lambda name: None if name == "pandas" else found(name),
    )
    with pytest.raises(UsageError, match="pandas is not installed") as caught:
        _ = result.issues
    assert "pip install" in caught.value.hint
    assert result.to_arrow().num_rows == N


def test_no_library_of_frames_is_needed():
    code = """
import sys
sys.meta_path.insert(0, type("Hider", (), {"find_spec": staticmethod(hide)}))
import pyarrow as pa, noisefix
table = pa.table({"text": ["a x", "b x", "c y", "d y"], "label": list("xxyy")})
found = noisefix.detect(table, encoder="tfidf")
print(found.to_arrow().num_rows, found.clean(table).num_columns)
"""
    hide = """
def hide(name, path=None, target=None):
    if name.partition(".")[0] in ("pandas", "polars", "datasets"):
        raise ModuleNotFoundError(name)
"""
    done = subprocess.run(
        [sys.executable, "-c", hide + code], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["4", "6"], done.stderr

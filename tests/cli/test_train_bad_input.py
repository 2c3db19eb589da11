"""What ``train`` and ``evaluate MODEL`` refuse, and how they say it."""

from __future__ import annotations

import json
import resource
import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import noisefix
from noisefix.run.parquet import read_table, write_table
from noisefix.run.schemas import CANDIDATES, EMBEDDINGS, ISSUES

HEAD = "id,text,label\n"
ROWS = [
    f"{i},{['please refund my money', 'where is my parcel'][i % 2]} number {i},{'ab'[i % 2]}\n"
    for i in range(1, 31)
]


@pytest.fixture(scope="module")
def model(detected, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "model"
    noisefix.train(detected, folder, method="ce", epochs=10)
    return folder


def refusal(outcome, code, *parts):
    assert (outcome.code, outcome.out) == (code, ""), outcome.err
    assert outcome.err.count("error: ") == 1
    assert "hint: " in outcome.err
    assert "Traceback" not in outcome.err
    for part in parts:
        assert str(part) in outcome.err


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_one_class(cli, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(HEAD + "".join(row.replace(",b\n", ",a\n") for row in ROWS))
    refusal(cli("train", path, "-o", tmp_path / "m", "-q"), 3, "'label'", "'a'", "two classes")
    assert names_in(tmp_path) == ["x.csv"]


@pytest.mark.slow
def test_a_class_that_is_left_with_one_row(cli, tmp_path):
    """Every method for many classes bears it; predicting knows the class."""
    from noisefix.training.registry import METHODS, find_method

    path = tmp_path / "x.csv"
    path.write_text(HEAD + "".join(ROWS) + "31,a lonely question about the weather,c\n")
    assert cli("detect", path, "--encoder", "tfidf", "-q", "-o", tmp_path / "run").code == 0
    for method in METHODS:
        has_epochs = hasattr(find_method(method).load()[1], "epochs")
        epochs = ("--epochs", 2) if has_epochs else ()
        words = ("--method", method, *epochs, "-q")
        done = cli("train", tmp_path / "run", "-o", tmp_path / "m", *words)
        if method in ("pu", "smoothap"):
            assert (done.code, "for two classes" in done.err) == (3, True)
            continue
        assert done.code == 0, (method, done.err)
        model = noisefix.load_model(tmp_path / "m")
        assert model.class_names == ("a", "b", "c")
        assert model.predict_probs(["a question"]).shape == (1, 3)


def test_features_that_are_not_numbers(cli, detected, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(detected, run)
    table, provenance = read_table(run / "embeddings.parquet", EMBEDDINGS)
    vectors = np.array(table["embedding"].to_pylist(), np.float32)
    vectors[3, 5] = np.nan
    vectors[7] = np.inf
    flat = pa.array(vectors.ravel(), pa.float32())
    column = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    place = table.column_names.index("embedding")
    write_table(
        table.set_column(place, "embedding", column),
        run / "embeddings.parquet",
        EMBEDDINGS,
        provenance,
    )
    for schema in (ISSUES, CANDIDATES):  # as if they had been made of these very embeddings
        path = run / f"{schema.name}.parquet"
        made, provenance = read_table(path, schema)
        write_table(made, path, schema, replace(provenance, inputs={}))
    refusal(
        cli("train", run, "-o", tmp_path / "m", "--method", "ce"), 3, "row 4", "NaN or infinity (2"
    )
    assert names_in(tmp_path) == ["run"]


def test_output_that_is_no_place_for_a_model(cli, mortal_cli, detected, tmp_path):
    arguments = ["--method", "ce", "--epochs", 2, "-q"]
    file = tmp_path / "file"
    file.write_text("mine")
    refusal(cli("train", detected, "-o", file, *arguments), 3, "a file is in the way", "-o")
    refusal(cli("train", detected, "-o", file / "m", *arguments), 3, "is a file, not a folder")
    home = tmp_path / "home"
    home.mkdir()
    (home / "precious.txt").write_text("mine")
    refusal(cli("train", detected, "-o", home, *arguments), 3, "something other than a model")
    assert names_in(home) == ["precious.txt"]
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    refusal(mortal_cli("train", detected, "-o", closed / "m", *arguments), 3, "read-only")
    assert names_in(closed) == []
    closed.chmod(0o755)
    assert names_in(tmp_path) == ["closed", "file", "home"]


@pytest.mark.slow
def test_a_full_disk_leaves_the_old_model(mortal_cli, model, detected, tmp_path):
    target = tmp_path / "m"
    shutil.copytree(model, target)
    before = {path.name: path.read_bytes() for path in target.iterdir()}
    outcome = mortal_cli(
        "train", detected, "-o", target, "--method", "ce", "--epochs", 2, "-q",
        before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)),
    )  # fmt: skip
    refusal(outcome, 3, "disk is full")
    assert {path.name: path.read_bytes() for path in target.iterdir()} == before
    assert names_in(tmp_path) == ["m"]


def test_an_older_model_is_replaced(cli, model, detected, tmp_path):
    target = tmp_path / "m"
    shutil.copytree(model, target)
    assert cli("train", detected, "-o", target, "--method", "gce", "--epochs", 2, "-q").code == 0
    assert json.loads((target / "model.json").read_text())["method"] == "gce"
    assert names_in(tmp_path) == ["m"]


@pytest.fixture
def test_table(tmp_path):
    path = tmp_path / "test.csv"
    path.write_text(
        "text,label,truth\n"
        "money back for the reimburse,x,refund\n"
        "my parcel and the courier,x,shipping\n"
        "locked out without a password,y,account\n"
        "tracking the delivery,x,refund\n"
        "a song of praise,y,praise\n"
        "nobody knows,y,\n"
    )
    return path


def test_evaluate_a_model(cli, model, test_table):
    done = cli("evaluate", model, "--data", test_table, "--truth", "truth", "--json")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert (result["rows"], result["scored"], result["without_truth"]) == (6, 5, 1)
    assert result["unknown_labels"] == {"praise": 1}
    assert "1 row has a true label that the model was never trained on (praise)" in done.err
    assert result["accuracy"] == pytest.approx(3 / 5)
    assert result["accuracy_low"] < 3 / 5 < result["accuracy_high"]
    by_label = {c["label"]: c for c in result["classes"]}
    assert list(by_label) == ["account", "refund", "shipping", "praise"]
    assert by_label["praise"]["recall"] == 0
    assert by_label["refund"]["recall"] == pytest.approx(1 / 2)
    mixed = {(c["true"], c["predicted"]): c["rows"] for c in result["confusions"]}
    assert mixed[("refund", "shipping")] == 1
    assert sum(mixed.values()) == 2
    twin = noisefix.evaluate(model, "truth", test_table)
    assert twin.accuracy == result["accuracy"]
    assert twin.macro_f1 == pytest.approx(np.mean([c.f1 for c in twin.classes]))


def test_evaluate_a_model_for_people(cli, model, test_table):
    done = cli("evaluate", model, "--data", test_table, "--truth", "truth")
    assert done.code == 0, done.err
    for line in (
        "on 5 rows of test.csv with a true label; 1 without one left out",
        "accuracy                     60.0 % (95 % interval 23 to 88 %)",
        "labels unknown to the model  1 row (praise)",
        "Most frequent mix-ups",
        "Is the confidence what it says?",
    ):
        assert line in done.out


def test_evaluate_a_model_refuses(cli, model, test_table, tmp_path):
    refusal(cli("evaluate", model, "--truth", "truth"), 2, "--data")
    refusal(
        cli("evaluate", model, "--data", test_table, "--truth", "trooth"), 3, "'trooth'", "'truth'"
    )
    refusal(
        cli("evaluate", model, "--data", test_table, "--truth", "label"),
        3,
        "no label is a class of the model",
        "account, refund, shipping",
    )
    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    (broken / "model.json").unlink()
    refusal(cli("evaluate", broken, "--data", test_table, "--truth", "truth"), 4, "model.json")
    refusal(cli("evaluate", tmp_path, "--data", test_table, "--truth", "truth"), 3, tmp_path)


def test_trusted_rows_of_unknown_classes_are_said(cli, detected, test_table, tmp_path):
    arguments = ["--valid", test_table, "--label-column", "truth", "--epochs", 3, "--method", "ce"]
    done = cli("train", detected, "-o", tmp_path / "m", *arguments)
    assert done.code == 0, done.err
    assert "4 trusted rows" in done.err
    assert "praise" in done.err


def test_predictions_of_a_model_are_a_table_for_pandas(model, test_table, tmp_path):
    noisefix.predict(model, test_table, tmp_path / "p.parquet", proba=True)
    rows = pq.read_table(tmp_path / "p.parquet").to_pylist()
    assert all(
        row["label"] == max(["account", "refund", "shipping"], key=lambda name: row[f"p: {name}"])
        for row in rows
    )

"""Vectors of anything: pictures of digits with wrong labels, without a text and without a model."""

from __future__ import annotations

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score

import noisefix

N_ROWS, N_WRONG = 600, 40


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Pictures as .npy, labels as CSV of which some are wrong, and which are."""
    folder = tmp_path_factory.mktemp("digits")
    pixels, true = load_digits(return_X_y=True)
    pixels, true = pixels[:N_ROWS], true[:N_ROWS]
    rng = np.random.default_rng(0)
    wrong = np.zeros(N_ROWS, dtype=bool)
    wrong[rng.choice(N_ROWS, N_WRONG, replace=False)] = True
    given = np.where(wrong, (true + rng.integers(1, 10, N_ROWS)) % 10, true)
    np.save(folder / "pixels.npy", pixels.astype(np.float16))
    rows = [("image", "label"), *((f"img/{k}.png", label) for k, label in enumerate(given))]
    with (folder / "digits.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder, wrong, pixels, given


@pytest.fixture(scope="module")
def run(digits):
    folder = digits[0]
    return noisefix.detect(folder / "digits.csv", embeddings=folder / "pixels.npy").run


def test_wrong_labels_of_pictures_are_found_by_one_command(digits, cli, tmp_path):
    folder, wrong = digits[:2]
    arguments = ("detect", folder / "digits.csv", "--embeddings", folder / "pixels.npy")
    outcome = cli(*arguments, "-o", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert "text column: none, rows are shown by their image" in outcome.err
    assert "image img/" in outcome.out
    assert "given vectors" in outcome.out
    issues = pq.read_table(tmp_path / "run" / "issues.parquet")
    p_error = issues["p_error"].to_numpy()
    assert average_precision_score(wrong, p_error) > 0.95
    assert issues["is_issue"].to_numpy()[wrong].mean() > 0.9
    assert "words alone" not in str(issues["reasons"].to_pylist())
    again = cli(*arguments, "-o", tmp_path / "run", "--json")
    assert json.loads(again.out)["skipped"] == ["embed", "joint", "candidates"]


def test_the_parts_make_what_detect_makes(digits, run, cli, tmp_path):
    folder = digits[0]
    vectors = ("--embeddings", folder / "pixels.npy")
    assert cli("embed", folder / "digits.csv", "-o", tmp_path / "r", *vectors).code == 0
    assert cli("joint", tmp_path / "r").code == 0
    assert cli("candidates", tmp_path / "r").code == 0
    for name in ("embeddings", "issues", "candidates"):
        file = f"{name}.parquet"
        assert (tmp_path / "r" / file).read_bytes() == (run / file).read_bytes()


def test_two_kinds_of_vectors_are_two_views(digits, cli, tmp_path):
    folder, wrong, pixels, _ = digits
    halves = pixels[:, :32] + 0.01, pixels[:, 32:] + 0.01
    np.save(tmp_path / "top.npy", halves[0])
    np.save(tmp_path / "low.npy", halves[1])
    quality = {}
    for name, given in (
        ("top", ("--embeddings", tmp_path / "top.npy")),
        ("both", ("--embeddings", f"{tmp_path / 'top.npy'},{tmp_path / 'low.npy'}")),
    ):
        outcome = cli("detect", folder / "digits.csv", "-o", tmp_path / name, *given)
        assert outcome.code == 0, outcome.err
        issues = pq.read_table(tmp_path / name / "issues.parquet")
        quality[name] = average_precision_score(wrong, issues["p_error"].to_numpy())
    assert quality["both"] > quality["top"] + 0.02
    assert "one on the second embeddings gives" in str(issues["reasons"].to_pylist())
    twice = noisefix.detect(folder / "digits.csv", tmp_path / "both", embeddings=list(halves))
    assert twice.skipped == ("embed", "joint", "candidates")


def test_copies_of_a_picture_are_duplicates_with_two_labels(digits, tmp_path):
    _, _, pixels, given = digits
    doubled = np.vstack([pixels, pixels[:1] * 2])
    labels = [*given, (given[0] + 1) % 10]
    pq.write_table(pa.table({"label": labels}), tmp_path / "d.parquet")
    found = noisefix.detect(tmp_path / "d.parquet", embeddings=doubled)
    assert found.duplicate_conflicts == 2


def test_later_commands_know_the_rows_by_their_names(run, digits, cli, tmp_path):
    assert cli("report", run, "-o", tmp_path / "r.html").code == 0
    outcome = cli("apply", run, "-o", tmp_path / "out.csv", "--review-csv", tmp_path / "see.csv")
    assert outcome.code == 0, outcome.err
    assert "image img/" in (tmp_path / "see.csv").read_text()
    check = ("check", digits[0] / "digits.csv", "--max-noise-rate", 0.9)
    outcome = cli(*check, "--embeddings", digits[0] / "pixels.npy")
    assert outcome.code == 0, outcome.err
    outcome = cli("relabel", run, "--model", "m", "--base-url", "http://127.0.0.1:9/v1")
    assert outcome.code == 2
    assert "reads texts, and the rows" in outcome.err


def test_a_model_of_vectors_predicts_vectors(run, digits, cli, tmp_path):
    folder, wrong, _, given = digits
    data, vectors = folder / "digits.csv", ("--embeddings", folder / "pixels.npy")
    assert cli("train", run, "-o", tmp_path / "m").code == 0
    outcome = cli("predict", tmp_path / "m", data, "-o", tmp_path / "p.parquet", *vectors)
    assert outcome.code == 0, outcome.err
    labels = np.array(pq.read_table(tmp_path / "p.parquet")["label"].to_pylist()).astype(int)
    assert (labels == given)[~wrong].mean() > 0.9
    assert (labels == given)[wrong].mean() < 0.2
    model = noisefix.load_model(tmp_path / "m")
    pixels = np.load(folder / "pixels.npy")
    assert model.predict_vectors(pixels).argmax(axis=1).tolist() == labels.tolist()
    outcome = cli("predict", tmp_path / "m", data, "-o", tmp_path / "q.csv")
    assert outcome.code == 2
    assert "cannot read texts" in outcome.err
    assert "--embeddings FILE" in outcome.err
    np.save(tmp_path / "short.npy", pixels[:, :9])
    outcome = cli(
        "predict", tmp_path / "m", data, "-o", tmp_path / "q.csv", "--embeddings", "short.npy"
    )
    assert outcome.code == 3
    outcome = cli(
        *("predict", tmp_path / "m", data, "-o", tmp_path / "q.csv"),
        *("--embeddings", tmp_path / "short.npy"),
    )
    assert outcome.code == 3
    assert "9 numbers a row, and the model was trained on 64" in outcome.err
    assert not (tmp_path / "q.csv").exists()
    for arguments in (
        ("train", run, "-o", tmp_path / "f", "--features", "finetune"),
        ("train", run, "-o", tmp_path / "f", "--valid", data),
        ("evaluate", tmp_path / "m", "--data", data, "--truth", "label"),
    ):
        outcome = cli(*arguments)
        assert outcome.code == 2, (arguments, outcome.err)
        assert "given" in outcome.err


def test_what_does_not_go_together_is_refused_before_any_work(digits, cli, tmp_path):
    folder = digits[0]
    base = ("detect", folder / "digits.csv", "-o", tmp_path / "r")
    vectors = ("--embeddings", folder / "pixels.npy")
    np.save(tmp_path / "few.npy", np.ones((3, 2)))
    for more, code, message in (
        ((*vectors, "--encoder", "tfidf"), 2, "name one of both"),
        ((*vectors, "--against", folder / "digits.csv"), 2, "no vectors of its rows"),
        ((*vectors, *vectors, *vectors), 2, "3 are given"),
        (("--embeddings", tmp_path / "few.npy"), 3, "3 vectors for 600 rows of data"),
        (("--embeddings", "column:label"), 3, "row 1 is no list of numbers"),
        (("--embeddings", "none.npy"), 3, "none.npy"),
        ((), 3, "column is clearly the text"),
    ):
        outcome = cli(*base, *more)
        assert outcome.code == code, (more, outcome.err)
        assert message in outcome.err
        assert not (tmp_path / "r").exists()
    output = ("embed", folder / "digits.csv", "-o", tmp_path / "few.npy")
    outcome = cli(*output, "--embeddings", tmp_path / "few.npy")
    assert outcome.code == 2
    assert np.load(tmp_path / "few.npy").shape == (3, 2)


def test_a_file_of_options_names_vectors_as_seen_from_it(digits, cli, tmp_path):
    folder = digits[0]
    copy = tmp_path / "data"
    copy.mkdir()
    for name in ("digits.csv", "pixels.npy"):
        (copy / name).write_bytes((folder / name).read_bytes())
    for value in ("pixels.npy", "pixels.npy,pixels.npy"):
        (copy / "noisefix.toml").write_text(f'embeddings = "{value}"\n')
        outcome = cli("detect", copy / "digits.csv", "-o", tmp_path / "r")
        assert outcome.code == 0, outcome.err
    assert (tmp_path / "r" / "issues.parquet").is_file()

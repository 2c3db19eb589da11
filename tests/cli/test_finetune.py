"""``train --features finetune`` and ``predict``, end to end, with the real small encoder."""

from __future__ import annotations

import csv
import json
import shutil

import pyarrow.parquet as pq
import pytest


@pytest.fixture(scope="module")
def embedded(detected, tmp_path_factory):
    """Return a run folder with embeddings by an encoder that has weights."""
    import noisefix

    data = tmp_path_factory.mktemp("embedded") / "tickets.csv"
    shutil.copy(detected.parent / "tickets.csv", data)
    return noisefix.detect(data).run


@pytest.fixture(scope="module")
def tuned(embedded, tmp_path_factory):
    import noisefix

    folder = tmp_path_factory.mktemp("tuned") / "model"
    options = {"features": "finetune", "epochs": 2, "parameters": {"max_tokens": 24}}
    result = noisefix.train(embedded, folder, method="repair", **options)
    assert result.epochs == 2
    assert result.parameters["encoder_rate"] == 1e-4
    assert result.parameters["max_tokens"] == 24
    return folder


def read_truth(detected) -> list[str]:
    with (detected.parent / "truth.csv").open(newline="") as file:
        return [row["label_was"] for row in csv.DictReader(file)]


def test_train_then_predict(cli, detected, tuned, tmp_path):
    about = json.loads((tuned / "model.json").read_text())
    assert about["encoder"]["is_tuned"]
    output = tmp_path / "p.parquet"
    done = cli("predict", tuned, detected.parent / "tickets.csv", "-o", output)
    assert done.code == 0, done.err
    found = pq.read_table(output)["label"].to_pylist()
    right = sum(a == b for a, b in zip(found, read_truth(detected), strict=True))
    assert right >= 55
    assert not list(tuned.parent.glob(".*"))  # no checkpoint and no half-written model


def test_a_truncated_encoder_ends_with_4_and_a_remedy(cli, detected, tuned, tmp_path):
    folder = shutil.copytree(tuned, tmp_path / "cut")
    weights = folder / "encoder" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    done = cli("predict", folder, detected.parent / "tickets.csv", "-o", tmp_path / "p.csv")
    assert done.code == 4
    assert "cut short or changed" in done.err
    assert "train again" in done.err
    assert not (tmp_path / "p.csv").exists()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (("--set", "encoder_rate=0"), "encoder_rate"),
        (("--set", "token_noise=-1"), "token_noise"),
        (("--set", "max_tokens=9999"), "max_tokens"),
        (("--method", "noiseal"), "features of their own"),
    ],
)
def test_wrong_options_end_with_2(cli, embedded, tmp_path, options, match):
    done = cli("train", embedded, "--features", "finetune", "-o", tmp_path / "m", *options)
    assert done.code == 2, done.err
    assert match in done.err
    assert not (tmp_path / "m").exists()


def test_an_encoder_without_weights_is_refused(cli, detected, tmp_path):
    done = cli("train", detected, "--features", "finetune", "-o", tmp_path / "m")
    assert done.code == 2
    assert "tfidf has no layers to tune" in done.err


def test_options_of_the_encoder_are_refused_with_frozen_features(cli, detected, tmp_path):
    done = cli("train", detected, "-o", tmp_path / "m", "--set", "encoder_rate=1e-4")
    assert done.code == 2
    assert "no parameter 'encoder_rate'" in done.err


@pytest.mark.slow
def test_methods_are_compared_with_an_encoder_of_their_own_each(cli, embedded, tmp_path):
    truth = tmp_path / "truth.csv"
    with (embedded.parent / "tickets.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    labels = [("account", "refund", "shipping")[i % 3] for i in range(len(rows))]
    with truth.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["text", "label"])
        writer.writerows([row["text"], label] for row, label in zip(rows, labels, strict=True))
    options = ("--features", "finetune", "--epochs", 2, "--seeds", 1, "--test", truth, "--json")
    done = cli("train", embedded, "--compare", "repair", *options)
    assert done.code == 0, done.err
    scores = {score["method"]: score["accuracy"] for score in json.loads(done.out)["scores"]}
    assert scores.keys() == {"ce", "repair"}
    assert scores["repair"] >= 0.9

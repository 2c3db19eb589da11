"""A static encoder from the data file to the predictions of a trained model."""

import csv
import json

import pyarrow.parquet as pq
import pytest

from noisefix.encoders.find import find_encoder

pytest.importorskip("model2vec")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory, write_static_model):
    return write_static_model(tmp_path_factory.mktemp("static") / "words")


def test_detect_train_and_predict_with_it(cli, tickets, encoder, tmp_path):
    name = f"static:{encoder}"
    done = cli("detect", tickets, "--encoder", name)
    assert done.code == 0, done.err
    run = tmp_path / "tickets.noisefix"
    facts = json.loads((run / "run.json").read_text())["stages"]["embed"]
    assert facts["parameters"]["encoder"] == name
    assert facts["inputs"]["encoder"] == find_encoder(name).sha256
    issues = pq.read_table(run / "issues.parquet").to_pylist()
    flagged = {row["id"] for row in issues if row["is_issue"]}
    assert flagged
    assert flagged <= {f"t{i + 1}" for i in range(60) if i % 10 == 4}

    model = tmp_path / "m"
    done = cli("train", run, "-o", model, "--epochs", 10)
    assert done.code == 0, done.err
    assert json.loads((model / "model.json").read_text())["encoder"]["name"] == name
    new = tmp_path / "new.csv"
    new.write_text("text\nmy parcel is late\nwhere is the courier\nlogin and password\n")
    done = cli("predict", model, new, "-o", tmp_path / "p.csv")
    assert done.code == 0, done.err
    with (tmp_path / "p.csv").open(newline="") as file:
        labels = [row["label"] for row in csv.DictReader(file)]
    assert labels == ["shipping", "shipping", "account"]


def test_a_model_refuses_an_encoder_whose_files_have_changed(
    cli, tickets, tmp_path, write_static_model
):
    folder = write_static_model(tmp_path / "words")
    assert cli("detect", tickets, "--encoder", f"static:{folder}").code == 0
    model = tmp_path / "m"
    assert cli("train", tmp_path / "tickets.noisefix", "-o", model, "--epochs", 2).code == 0
    write_static_model(folder, "float32")
    done = cli("predict", model, tickets, "-o", tmp_path / "p.csv")
    assert done.code == 4
    assert "not the one that the model was trained with" in done.err


def test_it_cannot_be_tuned(cli, tickets, encoder, tmp_path):

    done = cli("detect", tickets, "--encoder", f"static:{encoder}")
    assert done.code == 0, done.err
    run = tmp_path / "tickets.noisefix"
    done = cli("train", run, "--features", "finetune", "-o", tmp_path / "m")
    assert done.code == 2
    assert "has no layers to tune" in done.err


def test_a_folder_that_is_not_there_names_the_remedy(cli, tickets, tmp_path):
    done = cli("detect", tickets, "--encoder", "static:/no/such")
    assert done.code == 4
    assert "static:/no/such: no such folder" in done.err
    assert not (tmp_path / "tickets.noisefix" / "embeddings.parquet").exists()

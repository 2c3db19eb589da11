from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from noisefix.errors import DataError, ModelError
from noisefix.training.heads import HeadClassifier, init_heads
from noisefix.training.model_folder import (
    EncoderReference,
    ModelInfo,
    read_model,
    write_model,
)
from noisefix.training.predictor import Model, load_model

INFO = ModelInfo(
    class_names=("a", "b`c", "ü"),
    encoder=EncoderReference("sentence-transformers/x", "0" * 64, 5),
    method="ce",
    parameters={"epochs": 3},
    seed=7,
    kind="head",
    metrics={"rows": 9.0},
    noisefix_version="0.1.0",
)
FEATURES = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)


@pytest.fixture
def classifier():
    state = init_heads(2, 5, 3, kind="mlp", hidden=4, seed=0)
    return HeadClassifier(state)


@pytest.fixture
def folder(tmp_path, classifier):
    write_model(tmp_path / "model", INFO, classifier)
    return tmp_path / "model"


def test_write_then_read_is_identity(folder, classifier):
    stored = read_model(folder)
    assert stored.info == INFO
    assert (stored.classifier.predict_probs(FEATURES) == classifier.predict_probs(FEATURES)).all()
    assert stored.encoder_state is None


def test_same_model_same_bytes_and_nothing_left_over(folder, classifier, tmp_path):
    write_model(tmp_path / "again", INFO, classifier)
    for file in folder.iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()
    assert {p.name for p in tmp_path.iterdir()} == {"model", "again"}
    assert {p.name for p in folder.iterdir()} == {"model.json", "model.safetensors", "README.md"}


def test_an_older_model_is_replaced_but_nothing_else(folder, classifier, tmp_path):
    write_model(folder, replace(INFO, seed=8), classifier)
    assert read_model(folder).info.seed == 8
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="something other than a model"):
        write_model(folder, INFO, classifier)
    assert (folder / "thesis.txt").read_text() == "years of work"
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="in the way"):
        write_model(tmp_path / "file", INFO, classifier)


def test_names_alone_make_no_model(folder, classifier, tmp_path):
    project = tmp_path / "project"
    (project / "encoder").mkdir(parents=True)
    (project / "encoder" / "design.txt").write_text("mine")
    (project / "README.md").write_text("mine")

    def refused():
        with pytest.raises(DataError, match="something other than a model"):
            write_model(project, INFO, classifier)
        assert (project / "README.md").read_text() == "mine"
        assert (project / "encoder" / "design.txt").read_text() == "mine"

    refused()
    for theirs in ("{", "[]", '{"format": 1, "name": "my app"}', '{"encoder": {}}'):
        (project / "model.json").write_text(theirs)
        refused()
    shutil.copy(folder / "model.json", project)  # a model, but one without an encoder of its own
    refused()
    shutil.rmtree(project / "encoder")
    write_model(project, INFO, classifier)
    assert (project / "README.md").read_text() != "mine"


def test_a_failed_write_leaves_the_old_model(folder, classifier):
    class Broken(HeadClassifier):
        def state(self):
            return super().state()[0], {"loss": float("nan")}  # JSON refuses it

    with pytest.raises(ValueError, match="JSON"):
        write_model(folder, replace(INFO, seed=9), Broken(classifier.parameters))
    assert read_model(folder).info.seed == 7
    assert [p.name for p in folder.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("keep", [0, 5, 100, -8])
def test_truncated_weights_are_a_model_error(folder, keep):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match="cut short or damaged"):
        read_model(folder)


def test_damaged_or_foreign_json(folder, tmp_path):
    with pytest.raises(ModelError, match="not a model folder"):
        read_model(tmp_path)
    path = folder / "model.json"
    about = json.loads(path.read_text())
    for change, message in (
        ({"format": 99}, "format 99"),
        ({"kind": "os:system"}, "unknown here"),
        ({"encoder": {"name": "x"}}, "incomplete"),
    ):
        path.write_text(json.dumps(about | change))
        with pytest.raises(ModelError, match=message):
            read_model(folder)
    path.write_text("{")
    with pytest.raises(ModelError, match="as JSON"):
        read_model(folder)


def test_the_card_names_no_code_that_breaks_out(folder):
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "- `b c`" in card
    assert "- `ü`" in card
    assert "Nobody knows yet" in card


def test_another_encoder_is_refused(folder, monkeypatch):
    import noisefix.encoders
    from noisefix.encoders import EncoderFiles

    monkeypatch.setattr(
        noisefix.encoders, "find_encoder", lambda name: EncoderFiles(name, None, "hub", "1" * 64)
    )
    with pytest.raises(ModelError, match="not the one that the model was trained with"):
        load_model(folder, device="cpu").predict(["text"])


def test_predict_gives_labels_and_probabilities(folder, monkeypatch, classifier):
    monkeypatch.setattr(
        Model, "features", lambda self, texts, progress=None: FEATURES[: len(texts)]
    )
    model = load_model(folder)
    probs = model.predict_probs(["x", "y"])
    assert (probs == classifier.predict_probs(FEATURES[:2])).all()
    assert model.predict(["x", "y"]) == [INFO.class_names[k] for k in probs.argmax(axis=1)]
    assert model.predict([]) == []

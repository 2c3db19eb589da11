from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from noisefix.errors import DataError, ModelError
from noisefix.training.heads import HeadClassifier, init_heads
from noisefix.training.model_folder import read_model, write_model
from noisefix.training.model_info import EncoderReference, ModelInfo
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_names": "abc"}, "class_names is 'abc': it must be a list"),
        ({"class_names": ["a", 1, "b"]}, "class_names is"),
        ({"class_names": ["a", "b", "a"]}, "stands there twice"),
        ({"class_names": ["a", "b"]}, "2 class names for 3 classes"),
        ({"encoder": "x"}, "encoder is missing or no table"),
        ({"encoder": {"name": 1, "sha256": "", "dimension": 5}}, "name is 1"),
        ({"encoder": {"name": "x", "sha256": "", "dimension": "5"}}, "dimension is '5'"),
        ({"encoder": {"name": "x", "sha256": "", "dimension": 6}}, "do not fit together"),
        ({"encoder": {"name": "x", "sha256": "", "dimension": 10**30}}, "do not fit together"),
        ({"kind": ["head"]}, "kind is"),
        ({"config": []}, "config is"),
        ({"seed": "seven"}, "seed is"),
        ({"metrics": {"loss": "low"}}, "metrics is"),
    ],
)
def test_odd_values_are_named(folder, change, message):
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelError) as caught:
        read_model(folder)
    assert message in caught.value.message
    assert str(folder) in caught.value.message
    assert "train again" in caught.value.hint


def test_json_nested_too_deeply_is_a_model_error(folder):
    (folder / "model.json").write_text('{"format": ' + "[" * 100_000)
    with pytest.raises(ModelError, match=r"model\.json: cannot be read as JSON: nested too deeply"):
        read_model(folder)


def test_weights_of_another_shape_are_a_model_error(folder):
    from safetensors.numpy import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    flat = {name: value.reshape(-1) for name, value in tensors.items()}
    fewer = tensors | {"hidden_weight": tensors["hidden_weight"][0]}
    for damaged in (flat, fewer):
        save_file(damaged, folder / "model.safetensors")
        with pytest.raises(ModelError, match="do not fit together"):
            read_model(folder)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda c: c.pop("words"), "words is missing"),
        (lambda c: c.pop("dimension"), "dimension is missing"),
        (lambda c: c.update(words="abc"), "words is 'abc'"),
        (lambda c: c.update(words=c["words"][:1]), "do not fit together"),
        (lambda c: c["words"][0].pop(), "do not fit together"),
        (lambda c: c["words"][0].__setitem__(0, c["words"][0][1]), "do not fit together"),
        (lambda c: c.update(dimension=8), "do not fit together|trained on"),
        (lambda c: c.update(dimension="16"), "dimension is '16'"),
        (lambda c: c.update(encoder="other"), "do not fit together"),
    ],
)
def test_an_incomplete_vocabulary_is_found_before_any_text_comes(tmp_path, damage, message):
    from noisefix.training.fitted_encoder import fit_tfidf, tfidf_state

    tensors, config = tfidf_state(fit_tfidf([f"text number {i} of many" for i in range(12)], 0))
    info = replace(INFO, encoder=EncoderReference("tfidf", "", config["dimension"]))
    head = HeadClassifier(init_heads(1, config["dimension"], 3, kind="linear", hidden=4, seed=0))
    folder = tmp_path / "fitted"
    write_model(folder, info, head, (tensors, config))
    assert read_model(folder).encoder_state is not None
    damage(config)
    (folder / "encoder.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=message) as caught:
        read_model(folder)
    assert "encoder.json" in caught.value.message

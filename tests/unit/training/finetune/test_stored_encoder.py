from __future__ import annotations

import shutil

import pytest

from noisefix.encoders.find import find_encoder
from noisefix.errors import ModelError
from noisefix.training.interface import finish
from noisefix.training.methods import ce
from noisefix.training.model_folder import write_model
from noisefix.training.model_info import EncoderReference, ModelInfo
from noisefix.training.predictor import load_model


@pytest.fixture(scope="module")
def written(tiny_bert, make_texts, tmp_path_factory):
    problem = make_texts(tiny_bert, noise=0.0)
    classifier = finish(ce.fit(problem.data, ce.Params(epochs=4), seed=0, device="cpu"))
    tuning = problem.data.tuning
    digest = find_encoder(str(tuning.folder)).sha256
    info = ModelInfo(
        class_names=("cat", "dog"),
        encoder=EncoderReference(tiny_bert.name, digest, 32, is_tuned=True),
        method="ce",
        parameters={},
        seed=0,
        kind="head",
    )
    folder = tmp_path_factory.mktemp("models") / "model"
    write_model(folder, info, classifier, tuned_encoder=tuning.folder)
    return folder, problem, classifier.predict_probs(tuning.encode(problem.test_texts))


@pytest.fixture
def folder(written, tmp_path):
    return shutil.copytree(written[0], tmp_path / "model")


def test_a_model_folder_carries_its_own_encoder(folder, written, tiny_bert):
    _, problem, wanted = written
    model = load_model(folder, device="cpu")
    assert (model.predict_probs(problem.test_texts) == wanted).all()
    labels = [("cat", "dog")[k] for k in problem.test_labels]
    right = sum(a == b for a, b in zip(model.predict(problem.test_texts), labels, strict=True))
    assert right >= 180
    assert {p.suffix for p in folder.rglob("*") if p.is_file()} == {".json", ".safetensors", ".md"}
    assert "fine-tuned" in (folder / "README.md").read_text()
    modes = {p.stat().st_mode for p in written[0].rglob("*") if p.is_file()}
    assert len(modes) == 1  # whoever may read the card may read the weights


def refused(folder, match):
    with pytest.raises(ModelError, match=match) as caught:
        load_model(folder, device="cpu").predict(["cat1"])
    assert "train again" in caught.value.hint
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("keep", [0, 100, -8])
def test_truncated_weights_are_refused(folder, keep):
    weights = folder / "encoder" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    refused(folder, "cut short or changed")


def test_weights_of_another_encoder_are_refused(folder, tiny_bert):
    shutil.copy(tiny_bert.folder / "model.safetensors", folder / "encoder" / "model.safetensors")
    refused(folder, "cut short or changed")


def test_a_missing_encoder_is_refused(folder):
    shutil.rmtree(folder / "encoder")
    refused(folder, "missing")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "own.py", "weights.pt"])
def test_files_that_may_hold_code_are_refused(folder, name):
    (folder / "encoder" / name).write_bytes(b"\x80\x04.")
    refused(folder, "may hold code")


def test_a_model_with_an_encoder_of_its_own_is_replaced_whole(folder, written):
    from noisefix.training.model_folder import read_model

    stored = read_model(folder)
    frozen = ModelInfo(**vars(stored.info) | {"encoder": EncoderReference("x", "0" * 64, 32)})
    write_model(folder, frozen, stored.classifier)
    assert not (folder / "encoder").exists()
    assert not read_model(folder).info.encoder.is_tuned

import logging

import numpy as np
import pytest

from noisefix.encoders import sentence_transformers
from noisefix.encoders.batched import BatchedEncoder
from noisefix.encoders.sentence_transformers import SentenceTransformerModel
from noisefix.errors import ModelError


@pytest.fixture(scope="module")
def model(minilm_folder):
    return SentenceTransformerModel(minilm_folder, device="cpu", precision="fp32")


def test_loading_is_silent_and_leaves_the_libraries_as_they_were(minilm_folder, capfd):
    from transformers.utils import logging as transformers_logging

    before = logging.getLogger("transformers").level
    SentenceTransformerModel(minilm_folder, device="cpu", precision="bf16")
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
    assert logging.getLogger("transformers").level == before
    assert transformers_logging.is_progress_bar_enabled()


def test_huge_texts_are_cut_before_they_are_tokenized(model):
    encoder = BatchedEncoder(model, name="minilm", precision="fp32", fingerprint="")
    found = encoder.embed(["ab " * 1_000_000, "ab " * 300, "ab"])
    assert found.is_truncated.tolist() == [True, True, False]
    assert np.abs(found.vectors[0] - found.vectors[1]).max() < 1e-6


def test_what_cannot_be_loaded_is_a_model_error(minilm_copy):
    (minilm_copy / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="sentence-transformers cannot load this encoder"):
        SentenceTransformerModel(minilm_copy, device="cpu", precision="fp32")


def test_code_in_a_model_folder_is_not_run(minilm_copy, edit_json, tmp_path):
    trace = tmp_path / "was_run"
    code = f"from pathlib import Path\nPath({str(trace)!r}).touch()\nclass Own: pass\n"
    (minilm_copy / "own.py").write_text(code)
    edit_json(
        minilm_copy / "config.json",
        model_type="own",
        auto_map={"AutoConfig": "own.Own", "AutoModel": "own.Own"},
    )
    with pytest.raises(ModelError, match="cannot load this encoder"):
        SentenceTransformerModel(minilm_copy, device="cpu", precision="fp32")
    assert not trace.exists()


def test_on_a_gpu_texts_are_padded_to_few_lengths_which_changes_no_vector(model, monkeypatch):
    options = sentence_transformers._padding(model.model, "cuda")
    texts = ["one", "two words", "quite a few more words than that"]
    plain = model.embed(texts)
    seen = []
    preprocess = model.model.preprocess

    def watched(*args, **kwargs):
        features = preprocess(*args, **kwargs)
        seen.append(features["input_ids"].shape)
        return features

    monkeypatch.setattr(model.model, "preprocess", watched)
    monkeypatch.setattr(model, "_padding", options)
    assert np.abs(model.embed(texts) - plain).max() < 1e-6
    assert model.embed(["word " * 900]).shape == (1, 384)
    assert seen == [(3, 16), (1, 256)]


def test_no_padding_beyond_what_a_model_reads_nor_on_a_cpu(model, monkeypatch):
    assert sentence_transformers._padding(model.model, "cpu") == {}
    monkeypatch.setattr(model.model, "max_seq_length", 250)
    assert sentence_transformers._padding(model.model, "cuda") == {}

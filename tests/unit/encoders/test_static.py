import os
import subprocess
import sys

import numpy as np
import pytest

from noisefix.encoders.find import find_encoder
from noisefix.encoders.load import load_encoder
from noisefix.encoders.static import MAX_CHARACTERS
from noisefix.errors import ModelError

pytest.importorskip("model2vec")

TEXTS = ["late parcel", "parcel late", "refund money", "nothing known here", "", "late parcel"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, write_static_model):
    return write_static_model(tmp_path_factory.mktemp("static") / "model")


@pytest.fixture(scope="module")
def encoder(folder):
    return load_encoder(f"static:{folder}")


def test_a_vector_is_the_mean_of_its_words_as_model2vec_makes_it(encoder, folder):
    from model2vec import StaticModel

    model = StaticModel.from_pretrained(folder, normalize=True, quantize_to="float32")
    found = encoder.encode(TEXTS)
    np.testing.assert_allclose(found[:3], model.encode(TEXTS[:3]), atol=1e-6)
    table = model.embedding[[model.tokens.index(word) for word in ("late", "parcel")]]
    mean = table.mean(axis=0)
    np.testing.assert_allclose(found[0], mean / np.linalg.norm(mean), atol=1e-6)


def test_rows_are_unit_vectors_and_what_has_no_known_word_is_alike(encoder):
    found = encoder.encode(TEXTS)
    assert (found.dtype, found.shape) == (np.float32, (6, 8))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert (found[3] == found[4]).all()
    assert (found[0] == found[5]).all()
    assert encoder.encode([]).shape == (0, 8)


def test_the_same_bytes_whatever_stands_beside(encoder):
    texts = [f"parcel {'late ' * (i % 7)}{i}" for i in range(300)]
    whole = encoder.encode(texts)
    assert whole.tobytes() == encoder.encode(texts).tobytes()
    np.testing.assert_allclose(encoder.encode(texts[7:9]), whole[7:9], atol=1e-6)


def test_only_the_beginning_of_a_very_long_text_is_read(encoder):
    cut = "late " * (MAX_CHARACTERS // 5)
    found = encoder.embed(["late", cut, cut + "refund " * 9999])
    assert found.is_truncated.tolist() == [False, False, True]
    np.testing.assert_allclose(found.vectors[2], found.vectors[0], atol=1e-5)


def test_what_it_is_and_that_other_files_give_another_fingerprint(
    encoder, folder, tmp_path, write_static_model
):
    assert (encoder.device, encoder.precision, encoder.is_fitted) == ("cpu", "fp32", False)
    assert encoder.name == f"static:{folder}"
    files = find_encoder(f"static:{folder}")
    assert (files.folder, files.found_in, files.is_static) == (folder, "folder", True)
    other = load_encoder(f"static:{write_static_model(tmp_path / 'm', 'float32')}")
    assert other.fingerprint != encoder.fingerprint
    assert not find_encoder(str(folder)).is_static


def test_neither_torch_nor_transformers_is_imported(folder):
    program = (
        "import os, sys\nfrom noisefix.encoders import load_encoder\n"
        f"assert load_encoder('static:{folder}').encode(['late']).shape == (1, 8)\n"
        "assert 'TOKENIZERS_PARALLELISM' not in os.environ\n"
        "found = {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)\n"
        "sys.exit(' '.join(found) or None)\n"
    )
    # Of this process nothing follows: other tests may have imported the library itself.
    without = {k: v for k, v in os.environ.items() if k != "TOKENIZERS_PARALLELISM"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=without
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_without_the_library_the_error_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "model2vec", None)
    with pytest.raises(ModelError, match="model2vec, which is not installed") as caught:
        load_encoder(f"static:{folder}")
    assert caught.value.hint == 'pip install "noisefix[static]"'


def test_a_folder_of_another_kind_or_cut_short_is_a_model_error(
    minilm_folder, tmp_path, write_static_model
):
    cut = write_static_model(tmp_path / "cut")
    weights = cut / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    for folder in (minilm_folder, cut):
        with pytest.raises(ModelError, match="model2vec cannot load this encoder") as caught:
            load_encoder(f"static:{folder}")
        assert "static:" in caught.value.hint


@pytest.mark.parametrize("name", ["static:", "static:/no/such/folder", "static:./nothing"])
def test_a_folder_that_is_not_there(name):
    with pytest.raises(ModelError, match="no such folder"):
        find_encoder(name)


def test_a_name_is_looked_for_in_the_hub_cache(folder, tmp_path, monkeypatch):
    import shutil

    monkeypatch.delenv("SENTENCE_TRANSFORMERS_HOME", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    storage = tmp_path / "models--someone--words"
    shutil.copytree(folder, storage / "snapshots" / "abc")
    (storage / "refs").mkdir()
    (storage / "refs" / "main").write_text("abc")
    assert find_encoder("static:someone/words").found_in == "hub cache"
    with pytest.raises(ModelError, match="not on this machine"):
        find_encoder("static:someone/else")

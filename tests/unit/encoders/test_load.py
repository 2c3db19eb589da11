import subprocess
import sys

import numpy as np
import pytest

from noisefix.encoders.load import LOADERS, load_encoder, open_encoder
from noisefix.errors import ModelError, UsageError

TEXTS = ["a late parcel", "the invoice is wrong", "", "hello"]


def test_nothing_heavy_is_imported_before_an_encoder_is_loaded():
    program = (
        "import sys\n"
        "import noisefix.encoders, noisefix.encoders.load\n"
        "import noisefix.encoders.bert, noisefix.encoders.batched, noisefix.encoders.tfidf\n"
        "import noisefix.encoders.sentence_transformers\n"
        "noisefix.encoders.find_encoder()\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'sklearn', 'tokenizers'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or None)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_plain_bert_needs_no_sentence_transformers(minilm_folder):
    program = (
        "import sys\n"
        "from noisefix.encoders import load_encoder\n"
        f"encoder = load_encoder({str(minilm_folder)!r}, device='cpu')\n"
        "assert encoder.encode(['a']).shape == (1, 384)\n"
        "found = {'transformers', 'sentence_transformers'} & set(sys.modules)\n"
        "sys.exit(' '.join(found) or None)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_same_texts_give_the_same_bytes(minilm, minilm_folder):
    again = load_encoder(str(minilm_folder), device="cpu", precision="fp32")
    first = minilm.encode(TEXTS * 20)
    assert first.tobytes() == minilm.encode(TEXTS * 20).tobytes()
    assert first.tobytes() == again.encode(TEXTS * 20).tobytes()


def test_the_number_of_threads_changes_no_byte(minilm, monkeypatch):
    texts = [f"{text} {number}" for text in TEXTS for number in range(60)]
    found = []
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        found.append(minilm.encode(texts).tobytes())
    assert found[0] == found[1]


def test_rows_are_unit_vectors_empty_texts_too(minilm):
    vectors = minilm.encode(TEXTS)
    assert vectors.dtype == np.float32
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-6


def test_lone_surrogates_do_no_harm(minilm):
    found = minilm.encode(["a \ud800 b", "a ? b", "ü \udfff"])
    assert np.abs(found[0] - found[1]).max() < 1e-6
    assert minilm.token_counts(["\ud800"]).tolist() == [3]


def test_row_order_changes_nothing_but_order(minilm):
    texts = [f"{text} {number}" for text in TEXTS for number in range(30)]
    shuffled = np.random.default_rng(0).permutation(len(texts))
    found = minilm.encode([texts[i] for i in shuffled])
    assert np.abs(found - minilm.encode(texts)[shuffled]).max() < 1e-6


def test_fingerprints_tell_weights_and_precision(minilm, minilm_folder, minilm_copy, edit_json):
    same = load_encoder(str(minilm_copy), device="cpu", precision="fp32")
    assert same.fingerprint == minilm.fingerprint
    rough = load_encoder(str(minilm_folder), device="cpu", precision="bf16")
    assert (rough.precision, minilm.precision) == ("bf16", "fp32")
    assert rough.fingerprint != minilm.fingerprint
    edit_json(minilm_copy / "sentence_bert_config.json", max_seq_length=16)
    shorter = load_encoder(str(minilm_copy), device="cpu", precision="fp32")
    assert shorter.max_tokens == 16
    assert shorter.fingerprint != minilm.fingerprint


def test_what_asks_for_the_impossible_is_refused(minilm_folder):
    with pytest.raises(UsageError, match="precision"):
        load_encoder(str(minilm_folder), precision="int8")
    with pytest.raises(ModelError, match="no such device"):
        load_encoder(str(minilm_folder), device="cuda:63")


def test_several_gpus_share_the_work(monkeypatch, minilm_folder):
    from noisefix import hardware
    from noisefix.encoders import load

    made = []
    monkeypatch.setattr(hardware, "choose_device", lambda wanted: "cuda")
    monkeypatch.setattr(hardware, "choose_precision", lambda wanted, device: "bf16")
    monkeypatch.setattr(hardware, "n_gpus", lambda: 3)
    monkeypatch.setattr(load, "ParallelEncoder", lambda *args: made.append(args))
    load_encoder(str(minilm_folder))
    ((loader, devices),) = made
    assert devices == ["cuda:0", "cuda:1", "cuda:2"]
    assert (loader.func, loader.keywords) == (open_encoder, {"precision": "bf16"})


@pytest.mark.parametrize("name", LOADERS)
def test_every_encoder_with_a_word_of_its_own_is_an_encoder(name):
    first, again = (load_encoder(name, device="cpu") for _ in range(2))
    found = first.embed([*TEXTS, TEXTS[0]])
    assert found.vectors.shape == (len(TEXTS) + 1, first.dimension)
    assert found.vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)
    assert (found.vectors[0] == found.vectors[-1]).all()
    assert found.is_truncated.shape == (len(TEXTS) + 1,)
    assert again.encode([*TEXTS, TEXTS[0]]).tobytes() == found.vectors.tobytes()
    assert (first.name, first.fingerprint) == (name, again.fingerprint)

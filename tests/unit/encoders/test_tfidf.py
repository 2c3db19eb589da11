import numpy as np
import pytest

from noisefix.encoders import tfidf
from noisefix.encoders.load import load_encoder
from noisefix.encoders.tfidf import MAX_CHARACTERS, TfidfEncoder
from noisefix.errors import ModelError

PARCELS = [f"my parcel number {n} has not arrived, where is the delivery" for n in range(20)]
BILLS = [f"the invoice {n} shows a wrong amount, refund the payment" for n in range(20)]
TEXTS = [*PARCELS, *BILLS, "", "where is my parcel"]


def test_the_same_texts_give_the_same_bytes():
    first = TfidfEncoder(dimension=16).encode(TEXTS)
    assert first.tobytes() == TfidfEncoder(dimension=16).encode(TEXTS).tobytes()


def test_rows_are_unit_vectors_of_the_dimension_however_few_texts():
    for texts in (TEXTS, TEXTS[:3], ["only one"]):
        vectors = TfidfEncoder(dimension=16).encode(texts)
        assert vectors.shape == (len(texts), 16)
        assert vectors.dtype == np.float32
        assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-5


def test_texts_about_the_same_are_near():
    vectors = TfidfEncoder(dimension=16).encode(TEXTS)
    similarity = vectors @ vectors.T
    within = similarity[:20, :20].mean() + similarity[20:40, 20:40].mean()
    assert within / 2 > similarity[:20, 20:40].mean() + 0.4
    assert similarity[-1, :20].mean() > similarity[-1, 20:40].mean() + 0.2


def test_a_typo_is_forgiven():
    vectors = TfidfEncoder(dimension=32).encode([*TEXTS, "parcle delivry not arived"])
    assert (vectors[-1] @ vectors[:20].T).mean() > (vectors[-1] @ vectors[20:40].T).mean()


def test_later_texts_go_into_the_space_of_the_first():
    encoder = TfidfEncoder(dimension=16)
    first = encoder.encode(TEXTS)
    assert np.abs(encoder.encode(TEXTS[5:8]) - first[5:8]).max() < 1e-6
    assert encoder.encode(["zzz"]).shape == (1, 16)


def test_many_texts_are_placed_into_the_space_of_a_sample(monkeypatch):
    monkeypatch.setattr(tfidf, "_MAX_FITTED", 30)
    first = TfidfEncoder(dimension=16).encode(TEXTS)
    assert first.shape == (42, 16)
    assert first.tobytes() == TfidfEncoder(dimension=16).encode(TEXTS).tobytes()
    similarity = first @ first.T
    assert similarity[:20, :20].mean() > similarity[:20, 20:40].mean() + 0.4


def test_rows_with_the_same_text_get_the_same_vector():
    vectors = TfidfEncoder(dimension=8).encode(["a b c", "d e f", "a b c"])
    assert vectors[0].tolist() == vectors[2].tolist() != vectors[1].tolist()


def test_only_the_beginning_of_a_huge_text_is_read():
    huge = "parcel " * 1_500_000
    found = TfidfEncoder(dimension=4).embed([huge, huge[:MAX_CHARACTERS], *TEXTS])
    assert found.is_truncated.tolist() == [True] + [False] * (1 + len(TEXTS))
    assert np.abs(found.vectors[0] - found.vectors[1]).max() < 1e-6


def test_texts_without_a_word_are_a_model_error():
    with pytest.raises(ModelError, match="2 distinct texts have no words"):
        TfidfEncoder().encode(["", " "])


def test_it_is_an_encoder_by_its_name():
    encoder = load_encoder("tfidf", device="cpu", precision="auto", seed=3)
    assert isinstance(encoder, TfidfEncoder)
    assert encoder.is_fitted
    assert encoder.fingerprint != load_encoder("tfidf", seed=4).fingerprint

"""N-gram features: the same as scikit-learn's TfidfVectorizer, up to the order of the columns."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from noisefix.probing import ngrams
from noisefix.probing.ngrams import ngram_features

TEXTS = [
    "Please refund my card, my card was charged twice!",
    "please REFUND  the second charge on my card",
    "the parcel never came",
    "Where is the parcel? It never came...",
    "größe passt nicht, Größe L",
    "größe m passt",
    "日本語の 文章",
    "日本語の 本",
    "",
    "   ",
    "zzz",
]


def reference(**options):
    return TfidfVectorizer(min_df=2, sublinear_tf=True, **options).fit_transform(
        [text.casefold() for text in TEXTS]
    )


@pytest.mark.parametrize("chunk", [20, 2_000_000])
def test_words_and_characters_have_scikit_learns_inner_products(monkeypatch, chunk):
    monkeypatch.setattr(ngrams, "_CHUNK", chunk)
    features = ngram_features(TEXTS)
    words = reference(ngram_range=(1, 2), token_pattern=r"(?u)\w+")
    chars = reference(analyzer="char_wb", ngram_range=(3, 5))
    assert features.shape == (len(TEXTS), words.shape[1] + chars.shape[1])
    expected = ((words @ words.T + chars @ chars.T) / 2).toarray()
    np.testing.assert_allclose((features @ features.T).toarray(), expected, atol=1e-5)


def test_only_the_most_frequent_features_are_kept(monkeypatch):
    everything = ngram_features(TEXTS)
    monkeypatch.setattr(ngrams, "_MAX_CHARS", 10)
    monkeypatch.setattr(ngrams, "_MAX_WORDS", 3)
    few = ngram_features(TEXTS)
    assert few.shape[1] == 13 < everything.shape[1]
    assert (few.getnnz(axis=0) >= 2).all()


def test_none_empty_and_broken_text_are_rows_without_features():
    features = ngram_features([None, "", "\x00", "\ud800 \ud800", "a b", "a b"])
    assert features.shape[0] == 6
    assert features[:2].nnz == 0
    assert features[4:].nnz > 0
    assert ngram_features([]).shape[0] == 0


def test_a_huge_text_counts_by_its_beginning():
    features = ngram_features(["word " * 2_000_000, "word " * (ngrams.MAX_CHARACTERS // 5)])
    np.testing.assert_allclose(features[0].toarray(), features[1].toarray())

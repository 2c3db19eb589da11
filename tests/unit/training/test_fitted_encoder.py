from __future__ import annotations

import numpy as np
import pytest

from noisefix.encoders.tfidf import TfidfEncoder
from noisefix.errors import ModelError
from noisefix.training.fitted_encoder import fit_tfidf, tfidf_from_state, tfidf_state

TEXTS = ["a red house", "the blue car", "red cars and blue houses", "a red house", "nothing else"]


def test_the_fit_is_that_of_the_embed_stage():
    embedded = TfidfEncoder(seed=3).encode(TEXTS)
    np.testing.assert_array_equal(fit_tfidf(TEXTS, 3).encode(TEXTS), embedded)


def test_state_makes_it_again_for_texts_never_seen():
    encoder = fit_tfidf(TEXTS, 0)
    again = tfidf_from_state(*tfidf_state(encoder))
    unseen = ["a blue house", "", "zzz"]
    np.testing.assert_allclose(again.encode(unseen), encoder.encode(unseen), atol=1e-6)


def test_incomplete_state():
    tensors, config = tfidf_state(fit_tfidf(TEXTS, 0))
    with pytest.raises(ModelError, match="incomplete"):
        tfidf_from_state({}, config)
    config["words"][0].append("more")
    with pytest.raises(ModelError):
        tfidf_from_state(tensors, config)
    with pytest.raises(ModelError, match="not been fitted"):
        tfidf_state(TfidfEncoder())

"""The recipe that makes a static encoder is run as it stands on its page."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from noisefix.encoders.find import offline_extra
from noisefix.encoders.load import load_encoder

pytest.importorskip("model2vec")

PAGE = Path(__file__).parents[1] / "docs" / "recipes" / "static-encoder.md"


@pytest.mark.slow
def test_the_recipe_makes_an_encoder_that_knows_words_of_a_kind(tmp_path):
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.S | re.M)
    names: dict[str, object] = {}
    exec(compile(code, str(PAGE), "exec"), names)
    names["distil"](str(offline_extra()), str(tmp_path / "static"))  # type: ignore[operator]
    encoder = load_encoder(f"static:{tmp_path / 'static'}")
    texts = ["the parcel arrived late", "a delayed delivery", "I forgot my password", "login fails"]
    similarity = encoder.encode(texts) @ encoder.encode(texts).T
    np.fill_diagonal(similarity, -1)
    assert encoder.dimension == 256
    assert similarity.argmax(axis=1).tolist() == [1, 0, 3, 2]

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.reporting.packing import pack
from noisefix.reporting.texts import Limits, fitting_limits, text_columns
from noisefix.run.decisions import decision_key


def set_bits(text: str, n_rows: int) -> list[int]:
    raw = base64.b64decode(text)
    return [k for k in range(n_rows) if raw[k >> 3] >> (k & 7) & 1]


def test_short_texts_are_whole_and_need_no_keys():
    columns = text_columns(["a", None, "c"], ["x", "y", None], np.zeros(3, bool), Limits())
    assert columns == {"text": ["a", "", "c"]}


def test_of_a_cut_text_its_length_and_its_key_are_kept():
    texts = ["a" * 300, "b" * 300, "c"]
    detailed = np.array([True, False, False])
    columns = text_columns(texts, ["x", None, "z"], detailed, Limits())
    assert [len(text) for text in columns["text"]] == [300, 120, 1]
    assert columns["signs"] == [300]
    assert set_bits(columns["cut"], 3) == [1]
    assert columns["key_bytes"] == 32
    assert base64.b64decode(columns["keys"]).hex() == decision_key(texts[1], None)


def test_where_very_many_are_cut_their_keys_are_short():
    texts = [f"{k} " + "long " * 40 for k in range(20_001)]
    detailed = np.zeros(len(texts), bool)
    detailed[7] = True
    columns = text_columns(texts, ["x"] * len(texts), detailed, Limits(whole=150, other=40))
    keys = base64.b64decode(columns["keys"]).hex()
    assert columns["key_bytes"] == 8
    assert keys[16 * 7 : 16 * 8] == decision_key(texts[7], "x")[:16]
    assert len(keys) == 16 * 20_001
    assert len(columns["signs"]) == 20_001
    assert {len(text) for text in columns["text"]} == {40, 150}


def test_a_lone_surrogate_is_cut_and_keyed_as_it_was_read():
    texts = ["\ud800" + "a" * 200]
    columns = text_columns(texts, ["x"], np.zeros(1, bool), Limits())
    assert columns["text"][0].startswith("?a")
    assert base64.b64decode(columns["keys"]).hex() == decision_key(texts[0], "x")


def random_texts(n_rows: int, signs: int, seed: int) -> list[str]:
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz      "))
    drawn = np.random.default_rng(seed).choice(letters, (n_rows, signs))
    return ["".join(row) for row in drawn]


@pytest.mark.slow
@given(
    signs=st.sampled_from([30, 119, 200, 1000]),
    share=st.sampled_from([0.0, 0.1, 1.0]),
    room=st.sampled_from([40_000, 80_000, 300_000]),
    seed=st.integers(0, 3),
)
def test_the_limits_keep_the_page_within_its_room(signs, share, room, seed):
    texts = random_texts(600, signs, seed)
    detailed = np.arange(600) < share * 600
    limits = fitting_limits(texts, detailed, 5_000, room)
    size = len(pack(text_columns(texts, ["x"] * 600, detailed, limits)))
    least = Limits(whole=120, other=40)
    smallest = len(pack(text_columns(texts, ["x"] * 600, detailed, least)))
    assert size + 5_000 <= max(room, smallest + 5_000) * 1.1
    assert 40 <= limits.other <= 120


def test_with_room_for_all_nothing_is_cut_shorter():
    assert fitting_limits(["a" * 500] * 50, np.zeros(50, bool), 0) == Limits()
    assert fitting_limits([], np.zeros(0, bool), 0) == Limits()

import base64
import gzip
import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from noisefix.reporting.packing import NO_P, bits, map_places, numbers, pack, probabilities, safe


def uint16(text: str) -> list[int]:
    return np.frombuffer(base64.b64decode(text), "<u2").tolist()


@given(st.dictionaries(st.text(), st.lists(st.integers() | st.text())))
def test_what_is_packed_comes_out_again(data):
    data = json.loads(json.dumps(data, ensure_ascii=True).encode("utf-8", "replace"))
    data = {safe(k): [safe(v) if isinstance(v, str) else v for v in vs] for k, vs in data.items()}
    packed = pack(data)
    assert json.loads(gzip.decompress(base64.b64decode(packed))) == data
    assert pack(data) == packed


@given(st.lists(st.booleans(), max_size=40))
def test_bit_zero_of_byte_zero_is_the_first_row(values):
    raw = base64.b64decode(bits(np.array(values, bool)))
    assert [bool(raw[k >> 3] >> (k & 7) & 1) for k in range(len(values))] == values


def test_probabilities_keep_four_digits_and_say_where_there_is_none():
    assert uint16(probabilities(np.array([0, 0.12344, 1, np.nan]))) == [0, 1234, 10000, NO_P]


def test_numbers_are_little_endian_whatever_the_machine():
    assert base64.b64decode(numbers(np.array([258], dtype=">u2"))) == b"\x02\x01"


def test_the_map_fills_its_square_and_draws_outliers_in():
    places = np.random.default_rng(0).normal(size=(1000, 2))
    places[0] = 1e6
    drawn = np.array(uint16(map_places(places))).reshape(-1, 2)
    assert drawn[0].tolist() == [65535, 65535]
    assert np.ptp(drawn[1:], axis=0).min() > 40_000
    assert uint16(map_places(np.zeros((2, 2)))) == [32768] * 4


def test_half_of_a_pair_becomes_a_question_mark():
    assert safe("a\ud800b") == "a?b"

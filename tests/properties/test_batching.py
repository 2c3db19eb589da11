from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from noisefix.encoders.batching import (
    distinct_texts,
    shrinking_batches,
    token_batches,
)
from noisefix.hardware import BatchTooLargeError

COUNTS = st.lists(st.integers(1, 300), min_size=1, max_size=80).map(np.array)
BUDGETS = st.integers(1, 2000)


def room(counts: np.ndarray, batch: np.ndarray, is_padded: bool) -> int:
    lengths = counts[batch]
    return int(lengths.max() * len(batch) if is_padded else lengths.sum())


@given(COUNTS, BUDGETS, st.booleans())
def test_batches_hold_each_text_once_within_the_budget(counts, budget, is_padded):
    batches = list(token_batches(counts, budget, is_padded=is_padded))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(counts)))
    assert all(len(b) == 1 or room(counts, b, is_padded) <= budget for b in batches)
    lengths = counts[np.concatenate(batches)]
    assert (np.diff(lengths) <= 0).all(), "longest first"


@given(COUNTS, BUDGETS, st.booleans())
def test_no_batch_could_take_the_next_text_as_well(counts, budget, is_padded):
    batches = list(token_batches(counts, budget, is_padded=is_padded))
    for batch, following in pairwise(batches):
        assert room(counts, np.append(batch, following[0]), is_padded) > budget


@given(COUNTS, BUDGETS, st.booleans(), st.integers(300, 1000))
def test_shrinking_reaches_every_text_if_each_fits_alone(counts, budget, is_padded, memory):
    def run(batch):
        if room(counts, batch, is_padded) > memory:
            raise BatchTooLargeError
        return batch[:, None].astype(np.float32)

    found = list(shrinking_batches(counts, budget, run, is_padded=is_padded))
    assert sorted(np.concatenate([batch for batch, _ in found]).tolist()) == list(
        range(len(counts))
    )
    assert all((result[:, 0] == batch).all() for batch, result in found)


@given(st.lists(st.text(max_size=3)))
def test_distinct_texts_give_the_rows_back(texts):
    distinct, inverse = distinct_texts(texts)
    assert [distinct[i] for i in inverse] == texts
    assert len(set(distinct)) == len(distinct)

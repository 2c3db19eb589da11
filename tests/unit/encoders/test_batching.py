import numpy as np
import pytest

from noisefix.encoders.batching import (
    distinct_texts,
    shrinking_batches,
    token_batches,
)
from noisefix.hardware import BatchTooLargeError


def test_distinct_texts_keep_the_order_of_their_first_row():
    distinct, inverse = distinct_texts(["b", "a", "b", "", "a"])
    assert distinct == ["b", "a", ""]
    assert inverse.tolist() == [0, 1, 0, 2, 1]


def test_no_texts_are_no_batches():
    distinct, inverse = distinct_texts([])
    assert distinct == []
    assert inverse.shape == (0,)
    assert list(token_batches(np.array([], dtype=np.int64), 10, is_padded=True)) == []


def test_longest_first_ties_in_row_order():
    counts = np.array([3, 7, 3, 7, 1])
    batches = [b.tolist() for b in token_batches(counts, 14, is_padded=False)]
    assert batches == [[1, 3], [0, 2, 4]]


def test_padding_counts_where_there_is_some():
    counts = np.array([8, 2, 2, 2])
    packed = [b.tolist() for b in token_batches(counts, 14, is_padded=False)]
    padded = [b.tolist() for b in token_batches(counts, 16, is_padded=True)]
    assert packed == [[0, 1, 2, 3]]
    assert padded == [[0, 1], [2, 3]]


@pytest.mark.parametrize("is_padded", [True, False])
def test_a_text_over_the_budget_is_alone(is_padded):
    batches = [b.tolist() for b in token_batches(np.array([9, 50, 1]), 10, is_padded=is_padded)]
    assert batches[0] == [1]


class TooSmall:
    """A device that holds so many tokens at a time."""

    def __init__(self, counts, room):
        self.counts, self.room, self.tried = counts, room, []

    def __call__(self, batch):
        tokens = int(self.counts[batch].sum())
        self.tried.append(tokens)
        if tokens > self.room:
            raise BatchTooLargeError
        return self.counts[batch][:, None].astype(np.float32)


def test_a_batch_that_does_not_fit_is_halved_and_so_is_the_rest():
    counts = np.full(64, 10)
    device = TooSmall(counts, room=100)
    found = list(shrinking_batches(counts, 640, device, is_padded=False))
    assert device.tried[:4] == [640, 320, 160, 80]
    assert device.tried.count(640) == 1
    assert max(device.tried[3:]) == 80
    assert sorted(np.concatenate([batch for batch, _ in found]).tolist()) == list(range(64))
    for batch, result in found:
        assert result[:, 0].tolist() == counts[batch].tolist()


def test_a_single_text_that_does_not_fit_is_an_error():
    counts = np.array([5, 500])
    with pytest.raises(BatchTooLargeError):
        list(shrinking_batches(counts, 1000, TooSmall(counts, room=100), is_padded=False))

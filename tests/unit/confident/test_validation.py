import numpy as np
import pytest

from noisefix.confident.validation import check_given_labels, check_pred_probs, row_blocks
from noisefix.errors import DataError

GOOD = np.array([[0.2, 0.8], [0.5, 0.5], [1.0, 0.0]])


def test_good_float64_is_returned_as_it_is():
    assert check_pred_probs(GOOD, 3) is GOOD


def test_good_float32_is_not_widened():
    probs = GOOD.astype(np.float32)
    assert check_pred_probs(probs) is probs


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(np.float16, np.float32), (np.int64, np.float64), (">f8", np.float64), (bool, np.float64)],
)
def test_other_numbers_are_converted(dtype, expected):
    checked = check_pred_probs(np.array([[0, 1], [1, 0]], dtype=dtype))
    assert checked.dtype == expected
    assert checked.dtype.isnative
    np.testing.assert_array_equal(checked, [[0, 1], [1, 0]])


def test_column_order_is_made_row_order():
    checked = check_pred_probs(np.asfortranarray(GOOD))
    assert checked.flags.c_contiguous
    np.testing.assert_array_equal(checked, GOOD)


@pytest.mark.parametrize("block_rows", [1, 2, 100])
@pytest.mark.parametrize(
    ("bad_row", "said"),
    [
        ([np.nan, 0.5], "class column 1: nan"),
        ([0.5, np.inf], "class column 2: inf"),
        ([-np.inf, np.inf], "class column 1: -inf"),
        ([-0.1, 1.1], "class column 1: -0.1 is negative"),
        ([0.2, 0.2], "sum to 0.4, not 1"),
        ([20.0, 80.0], "sum to 100, not 1"),
    ],
)
def test_a_bad_row_is_named_by_its_number(bad_row, said, block_rows):
    probs = np.vstack([GOOD, [bad_row], [[3.0, 3.0]]])
    with pytest.raises(DataError) as error:
        check_pred_probs(probs, block_rows=block_rows)
    assert "row 4" in error.value.message
    assert said in error.value.message
    assert error.value.hint


def test_rounded_probabilities_pass_and_the_tolerance_is_an_option():
    rounded = np.array([[0.333, 0.333, 0.333], [0.334, 0.334, 0.334]])
    check_pred_probs(rounded)
    with pytest.raises(DataError, match="row 1"):
        check_pred_probs(rounded, tolerance=1e-4)


def test_rounding_below_zero_passes():
    check_pred_probs(np.array([[-1e-9, 1.0]]))


@pytest.mark.parametrize(
    ("probs", "said"),
    [
        (np.zeros(3), "shape"),
        (np.zeros((0, 2)), "no rows"),
        (np.ones((4, 1)), "at least 2"),
        (np.array([["a", "b"]]), "not numbers"),
    ],
)
def test_wrong_shape_or_type(probs, said):
    with pytest.raises(DataError, match=said):
        check_pred_probs(probs)


def test_wrong_number_of_rows():
    with pytest.raises(DataError, match="3 rows, but there are 2 labels"):
        check_pred_probs(GOOD, 2)


def test_labels_become_int64():
    checked = check_given_labels(np.array([0, -1, 2], dtype=np.int8), 3)
    assert checked.dtype == np.int64
    np.testing.assert_array_equal(checked, [0, -1, 2])


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.array([0, 1, 2]), "row 3: class id 2"),
        (np.array([0, -2, 1]), "row 2: class id -2"),
        (np.array([0.0, 1.0]), "float64"),
        (np.array([[0], [1]]), "shape"),
    ],
)
def test_bad_labels(labels, said):
    with pytest.raises(DataError, match=said):
        check_given_labels(labels, 2)


@pytest.mark.parametrize("block_rows", [None, 1, 3, 10, 99])
def test_blocks_cover_every_row_once_in_order(block_rows):
    rows = np.concatenate([np.arange(10)[b] for b in row_blocks(10, 4, block_rows)])
    np.testing.assert_array_equal(rows, np.arange(10))

"""The user's own probabilities: joined by id, ordered by class, or refused with a reason."""

import numpy as np
import pyarrow as pa
import pytest

from noisefix.detection.own_probs import align_probs
from noisefix.errors import DataError

NAMES = ("a", "b")
PROBS = {"a": [0.9, 0.2, 0.4], "b": [0.1, 0.8, 0.6]}
MATRIX = [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]


def table(**columns):
    return pa.table(PROBS | columns)


def test_without_ids_rows_are_taken_in_order():
    found = align_probs(table(text=["x", "y", "z"]), ["7", "8", "9"], NAMES)
    assert found.tolist() == MATRIX
    assert found.dtype == np.float64


def test_ids_join_whatever_the_order_of_rows_and_columns():
    shuffled = pa.table({"b": PROBS["b"], "id": ["x", "y", "z"], "a": PROBS["a"]})
    found = align_probs(shuffled, ["z", "x"], NAMES)
    assert found.tolist() == [MATRIX[2], MATRIX[0]]


@pytest.mark.parametrize("ids", [[1, 2, 3], [1.0, 2.0, 3.0], [" 1", "2 ", "3"], ["1", "2", "3"]])
def test_ids_are_read_like_those_of_the_data(ids):
    wanted = [str(key).strip() if isinstance(key, int | float) else key for key in ids]
    wanted = [key.removesuffix(".0") for key in wanted]
    found = align_probs(table(id=ids), wanted[::-1], NAMES)
    assert found.tolist() == MATRIX[::-1]


def test_a_class_called_id_is_a_class():
    probs = pa.table({"en": [0.9, 0.2], "id": [0.1, 0.8]})
    assert align_probs(probs, ["r1", "r2"], ("en", "id")).tolist() == [[0.9, 0.1], [0.2, 0.8]]


def test_numbers_may_come_as_text_and_single_stays_single():
    text = pa.table({name: [str(p) for p in column] for name, column in PROBS.items()})
    assert align_probs(text, ["1", "2", "3"], NAMES).tolist() == MATRIX
    single = pa.table({name: pa.array(column, pa.float32()) for name, column in PROBS.items()})
    found = align_probs(single, ["1", "2", "3"], NAMES)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, MATRIX, rtol=1e-6)


def test_a_missing_number_is_left_to_the_check_of_the_values():
    holes = pa.table({"a": [0.9, None, 0.4], "b": PROBS["b"]})
    assert np.isnan(align_probs(holes, ["1", "2", "3"], NAMES)[1, 0])


@pytest.mark.parametrize(
    ("bad", "ids", "message"),
    [
        (pa.table({"a": [1.0]}), ["1"], "no column for 1 of 2 classes: b"),
        (table(), ["1", "2"], "3 rows of probabilities for 2 rows"),
        (table(id=["x", "y", "y"]), ["x"], "doubled"),
        (table(id=["x", None, "y"]), ["x"], "row 2 has no id"),
        (table(id=["x", "y", "z"]), ["x", "q", "w"], "2 of 3 rows have no probabilities: ids q, w"),
        (pa.table({"a": ["x"], "b": ["0.1"]}), ["1"], "'a' holds something that is not a number"),
        (pa.table({"a": [""], "b": ["0.1"]}), ["1"], "'a' holds something that is not a number"),
        (pa.table({"a": [[0.1]], "b": [0.9]}), ["1"], "'a' holds something that is not a number"),
    ],
)
def test_what_does_not_fit_is_refused(bad, ids, message):
    with pytest.raises(DataError, match=message):
        align_probs(bad, ids, NAMES)

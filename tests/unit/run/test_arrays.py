import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.run.arrays import column_array, list_matrix, take_rows

NUMBERS = st.lists(st.none() | st.integers(-9, 9), max_size=8)


@given(chunks=st.lists(NUMBERS, max_size=3), start=st.integers(0, 5))
@pytest.mark.parametrize("kind", [pa.int64(), pa.float32()])
def test_numbers_are_as_arrow_converts_them(kind, chunks, start):
    column = pa.chunked_array([pa.array(part, kind) for part in chunks], kind).slice(start)
    found, expected = column_array(column), column.to_numpy()
    assert np.array_equal(found, expected.astype(found.dtype), equal_nan=True)


@given(values=st.lists(st.booleans(), max_size=20), start=st.integers(0, 5))
def test_booleans_are_booleans(values, start):
    column = pa.chunked_array([pa.array(values, pa.bool_())]).slice(start)
    assert column_array(column).tolist() == values[start:]
    assert column_array(column).dtype == bool


def test_lists_of_one_length_are_a_matrix():
    matrix = np.arange(6, dtype=np.float32).reshape(3, 2)
    column = pa.chunked_array([pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), 2)])
    assert np.array_equal(list_matrix(column), matrix)
    assert np.array_equal(list_matrix(column.slice(1)), matrix[1:])
    assert list_matrix(column.slice(3)).shape == (0, 0)


def test_rows_are_taken_in_the_order_given():
    table = pa.table({"a": ["x", "y", "z"]})
    assert take_rows(table, np.array([2, 0])[::-1])["a"].to_pylist() == ["x", "z"]
    assert take_rows(table, np.array([], np.int32)).num_rows == 0


def test_a_page_is_made_without_pandas(tmp_path, write_page_run):
    run = write_page_run(tmp_path, 60)
    program = (
        "import sys; from noisefix.reporting.report import report; "
        "report(sys.argv[1], sys.argv[2]); "
        "print(*{'pandas', 'sklearn', 'scipy', 'torch'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program, str(run.path), str(tmp_path / "r.html")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "\n"

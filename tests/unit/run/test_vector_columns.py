"""The vectors of a table, read without holding them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from noisefix.errors import DataError
from noisefix.run import vector_columns
from noisefix.run.parquet import write_table
from noisefix.run.provenance import Provenance
from noisefix.run.schemas import EMBEDDINGS, SECOND_EMBEDDING
from noisefix.run.vector_columns import open_vectors, read_matrix, second_vectors, vectors_of
from noisefix.vectors import InFile, InMemory

N_ROWS, D = 23, 3


def table_of(matrix: np.ndarray, second: np.ndarray | None = None) -> pa.Table:
    n_rows = len(matrix)

    def lists(values: np.ndarray) -> pa.Array:
        return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])

    columns = {
        "id": [str(row) for row in range(n_rows)],
        "row_number": list(range(1, n_rows + 1)),
        "text": pa.array(["text"] * n_rows, pa.large_string()),
        "given_label": ["a"] * n_rows,
        "embedding": lists(matrix),
    }
    return pa.table(columns if second is None else columns | {SECOND_EMBEDDING: lists(second)})


@pytest.fixture
def matrix() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((N_ROWS, D)).astype(np.float32)


@pytest.fixture
def in_files(monkeypatch):
    monkeypatch.setattr(vector_columns, "IN_MEMORY_ROWS", 0)
    monkeypatch.setattr(vector_columns, "_BLOCK_ROWS", 5)


def write(path: Path, table: pa.Table) -> Path:
    write_table(table, path, EMBEDDINGS, Provenance("embeddings", 1, "0"))
    return path


def test_a_short_table_is_held(tmp_path, matrix):
    path = write(tmp_path / "embeddings.parquet", table_of(matrix))
    with open_vectors(path, tmp_path) as opened:
        assert isinstance(opened["embedding"], InMemory)
        np.testing.assert_array_equal(opened["embedding"].rows(0, N_ROWS), matrix)
        assert [file.name for file in tmp_path.iterdir()] == ["embeddings.parquet"]


def test_a_long_table_lies_in_files_while_it_is_open(tmp_path, matrix, in_files):
    scratch = tmp_path / "run"
    scratch.mkdir()
    path = write(tmp_path / "embeddings.parquet", table_of(matrix, matrix[:, :2].copy()))
    with open_vectors(path, scratch) as opened:
        assert list(opened) == ["embedding", SECOND_EMBEDDING]
        assert all(isinstance(found, InFile) for found in opened.values())
        np.testing.assert_array_equal(opened["embedding"].rows(0, N_ROWS), matrix)
        np.testing.assert_array_equal(opened[SECOND_EMBEDDING].rows(4, 9), matrix[4:9, :2])
        assert len(list(scratch.iterdir())) == 2
    assert not list(scratch.iterdir())


def test_nothing_is_left_after_an_error(tmp_path, matrix, in_files):
    path = write(tmp_path / "embeddings.parquet", table_of(matrix))
    with pytest.raises(KeyError), open_vectors(path, tmp_path):
        raise KeyError
    assert [file.name for file in tmp_path.iterdir()] == ["embeddings.parquet"]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("least", [0, 1000])
def test_what_is_no_number_is_named_by_its_row(tmp_path, matrix, monkeypatch, bad, least):
    monkeypatch.setattr(vector_columns, "IN_MEMORY_ROWS", least)
    monkeypatch.setattr(vector_columns, "_BLOCK_ROWS", 5)
    matrix[[7, 8, 21], [0, 1, 2]] = bad
    path = write(tmp_path / "embeddings.parquet", table_of(matrix))
    with (
        pytest.raises(DataError, match=r"row 8 holds NaN or infinity \(3 such rows\)"),
        open_vectors(path, tmp_path),
    ):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["embeddings.parquet"]


def test_vectors_left_out_of_a_table_or_in_it(matrix):
    table = table_of(matrix)
    opened = {"embedding": InMemory(matrix)}
    assert vectors_of(table.drop_columns("embedding"), opened) is opened["embedding"]
    found = vectors_of(table, None)
    np.testing.assert_array_equal(found.rows(0, N_ROWS), matrix)
    assert second_vectors(table, opened) is None
    both = table_of(matrix, matrix[:, :2].copy())
    assert second_vectors(both, None).shape == (N_ROWS, 2)
    assert second_vectors(table, {SECOND_EMBEDDING: InMemory(matrix)}).shape == (N_ROWS, D)


def test_a_matrix_is_read_in_parts_into_its_place(tmp_path, matrix, in_files):
    path = write(tmp_path / "embeddings.parquet", table_of(matrix, matrix[:, :2].copy()))
    found = read_matrix(path)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, matrix)
    np.testing.assert_array_equal(read_matrix(path, SECOND_EMBEDDING), matrix[:, :2])


def test_a_long_matrix_is_a_map_that_leaves_nothing_behind(tmp_path, matrix, in_files, monkeypatch):
    path = write(tmp_path / "embeddings.parquet", table_of(matrix))
    before = path.read_bytes()
    found = read_matrix(path)
    assert isinstance(found.base, np.memmap)
    assert [file.name for file in tmp_path.iterdir()] == ["embeddings.parquet"]
    found[0] = 0.0  # its own
    assert path.read_bytes() == before
    np.testing.assert_array_equal(read_matrix(path), matrix)

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(vector_columns.os, "access", lambda folder, mode: False)
    monkeypatch.setattr(vector_columns.tempfile, "gettempdir", lambda: str(elsewhere))
    np.testing.assert_array_equal(read_matrix(path), matrix)
    assert not list(elsewhere.iterdir())


def test_a_matrix_with_what_is_no_number_is_refused(tmp_path, matrix, in_files):
    matrix[17, 1] = np.nan
    path = write(tmp_path / "embeddings.parquet", table_of(matrix))
    with pytest.raises(DataError, match="row 18 holds NaN"):
        read_matrix(path)

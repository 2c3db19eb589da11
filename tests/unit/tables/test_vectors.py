"""Vectors of the rows, from wherever they come: joined, of unit length, or refused with the row."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from noisefix.errors import DataError
from noisefix.tables import vectors
from noisefix.tables.source import Source, read_source
from noisefix.tables.vectors import open_vectors, read_vectors, unit_rows
from noisefix.vectors import InMemory

VECTORS = np.array([[3.0, 4.0], [0.0, -2.0], [1.0, 0.0]])
UNIT = np.array([[0.6, 0.8], [0.0, -1.0], [1.0, 0.0]], dtype=np.float32)
IDS = ["a", "b", "c"]


@pytest.fixture
def source(tmp_path: Path) -> Source:
    path = tmp_path / "data.csv"
    cells = [f'"{json.dumps(row)}"' for row in VECTORS.tolist()]
    rows = [f"{key},x,{cell}" for key, cell in zip(IDS, cells, strict=True)]
    path.write_text("id,label,emb\n" + "\n".join(rows) + "\n")
    return read_source(path)


def table(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def lists(rows: np.ndarray, kind: pa.DataType) -> pa.Array:
    return pa.array([row.tolist() for row in rows], kind)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", ">f4"])
def test_an_array_of_any_numbers_in_the_order_of_the_rows(tmp_path, source, dtype):
    np.save(tmp_path / "x.npy", VECTORS.astype(dtype))
    np.savez(tmp_path / "x.npz", embeddings=VECTORS.astype(dtype), more=np.zeros(2))
    asked = (VECTORS.astype(dtype), VECTORS.tolist(), tmp_path / "x.npy", str(tmp_path / "x.npz"))
    for one in asked:
        found = read_vectors(one, source, IDS)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, UNIT, atol=1e-7)


def test_a_column_of_the_table(tmp_path, source):
    np.testing.assert_allclose(read_vectors("column:emb", source, IDS), UNIT, atol=1e-7)
    for kind in (pa.list_(pa.float64()), pa.list_(pa.float32(), 2), pa.large_list(pa.int32())):
        data = read_source(table(tmp_path / "d.parquet", emb=lists(VECTORS, kind)))
        np.testing.assert_allclose(read_vectors("column:emb", data, IDS), UNIT, atol=1e-7)
    with pytest.raises(DataError, match=r"no column 'enb'") as caught:
        read_vectors("column:enb", source, IDS)
    assert "did you mean 'emb'" in caught.value.hint
    with pytest.raises(DataError, match="row 1 is no list of numbers"):
        read_vectors("column:label", source, IDS)


def test_ids_join_whatever_the_order_and_however_many_more(tmp_path, source):
    more = np.vstack([[9.0, 9.0], VECTORS[::-1]])
    keys = ["z", *IDS[::-1]]
    wide = {"id": keys, "v1": more[:, 0], "v2": more[:, 1]}
    np.savez(tmp_path / "x.npz", embeddings=more, ids=np.array(keys))
    for one in (
        table(tmp_path / "l.parquet", id=keys, embedding=lists(more, pa.list_(pa.float32()))),
        table(tmp_path / "w.parquet", **wide),
        tmp_path / "x.npz",
    ):
        np.testing.assert_allclose(read_vectors(one, source, IDS), UNIT, atol=1e-7)
    with pytest.raises(DataError, match=r"1 of 4 rows have no vector: ids nobody"):
        read_vectors(tmp_path / "x.npz", source, [*IDS, "nobody"])
    doubled = table(tmp_path / "2.parquet", id=["a", "a", "b"], v=[1.0, 2.0, 3.0])
    with pytest.raises(DataError, match="3 ids, of which 2 differ"):
        read_vectors(doubled, source, IDS)


def test_what_does_not_fit_is_refused_with_its_place(tmp_path, source):
    spoiled = VECTORS.copy()
    spoiled[1, 1] = np.nan
    ragged = table(tmp_path / "r.parquet", embedding=[[1.0, 2.0], [1.0], [2.0, 3.0]])
    gap = table(tmp_path / "g.parquet", embedding=[[1.0, 2.0], None, [2.0, 3.0]])
    inner = table(tmp_path / "i.parquet", embedding=[[1.0, 2.0], [None, 1.0], [2.0, 3.0]])
    two = table(tmp_path / "t.parquet", a=[[1.0]] * 3, b=[[1.0]] * 3)
    words = table(tmp_path / "s.parquet", a=["x"] * 3, b=[1.0] * 3)
    for one, message in (
        (VECTORS[:2], "2 vectors for 3 rows of data"),
        (np.zeros((0, 2)), "0 vectors for 3 rows"),
        (np.zeros((3, 0)), "hold no numbers"),
        (VECTORS[:, 0], r"shape \(3,\)"),
        (VECTORS.astype(complex), "type complex128"),
        ([[1.0], [1.0, 2.0], [3.0]], "rows of different lengths"),
        (spoiled, "NaN or infinity in the vectors of row 2"),
        (np.where(VECTORS == -2, 0, VECTORS), "all numbers are zero in the vectors of row 2, "),
        (ragged, "2 numbers in row 1, but 1 in row 2"),
        (gap, "no vector in row 2"),
        (inner, "NaN or infinity in the vectors of row 2"),
        (two, "no column is clearly the vectors; the columns are: a, b"),
        (words, "no column is clearly the vectors"),
        (tmp_path / "data.csv", "neither a NumPy file nor Parquet"),
        (tmp_path / "none.npy", "none.npy"),
    ):
        with pytest.raises(DataError, match=message):
            read_vectors(one, source, IDS)
    np.save(tmp_path / "o.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read as a NumPy array"):
        read_vectors(tmp_path / "o.npy", source, IDS)


@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 5), st.integers(1, 4)),
        elements=st.floats(-1e300, 1e300, allow_subnormal=False).filter(lambda x: abs(x) > 1e-290),
    )
)
def test_rows_of_any_size_get_unit_length_and_keep_their_direction(matrix):
    unit = unit_rows(matrix, "x")
    np.testing.assert_allclose(np.linalg.norm(unit.astype(float), axis=1), 1, atol=1e-6)
    assert (np.sign(unit) * np.sign(matrix) >= 0).all()
    scaled = matrix / np.abs(matrix).max(axis=1, keepdims=True)
    by_hand = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    np.testing.assert_allclose(unit, by_hand, atol=1e-6)


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", "<f2", "<i4"])
def test_a_npy_file_is_read_where_it_lies(tmp_path, source, kind):
    matrix = np.array([[3, 4], [0, 2], [5, 12]]).astype(kind)
    np.save(tmp_path / "x.npy", matrix)
    opened = open_vectors(tmp_path / "x.npy", source, IDS[:3])
    assert not isinstance(opened, InMemory)
    assert opened.shape == (3, 2)
    held = read_vectors(tmp_path / "x.npy", source, IDS[:3])
    for first, last in ((0, 3), (1, 2), (2, 9), (3, 3)):
        np.testing.assert_array_equal(opened.rows(first, last), held[first:last])
    np.testing.assert_array_equal(opened.take(np.array([2, 0, 2])), held[[2, 0, 2]])
    assert opened.take(np.array([], dtype=np.int64)).shape == (0, 2)


def test_a_npy_file_that_lies_otherwise_is_held(tmp_path, source):
    matrix = np.asfortranarray(np.arange(1.0, 7.0).reshape(3, 2))
    np.save(tmp_path / "x.npy", matrix)
    np.savez(tmp_path / "x.npz", embeddings=matrix)
    for name in ("x.npy", "x.npz"):
        opened = open_vectors(tmp_path / name, source, IDS[:3])
        held = read_vectors(tmp_path / name, source, IDS[:3])
        np.testing.assert_array_equal(opened.rows(0, 3), held)


@pytest.mark.parametrize(
    "matrix",
    [
        [[1.0, np.nan], [1.0, 1.0], [np.inf, 0.0]],
        [[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]],
        [[1.0, 0.0], [1.0, 1.0]],
        [1.0, 2.0, 3.0],
        np.zeros((3, 0)),
    ],
)
def test_faults_of_a_npy_file_are_those_of_an_array(tmp_path, source, monkeypatch, matrix):
    monkeypatch.setattr(vectors, "_BLOCK", 2)
    np.save(tmp_path / "x.npy", np.array(matrix))
    with pytest.raises(DataError) as held:
        read_vectors(tmp_path / "x.npy", source, IDS[:3])
    with pytest.raises(DataError) as opened:
        open_vectors(tmp_path / "x.npy", source, IDS[:3])
    assert str(opened.value) == str(held.value)

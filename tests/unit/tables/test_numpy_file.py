from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from noisefix.detection.own_probs import is_in_class_order, own_probs
from noisefix.errors import DataError
from noisefix.tables.numpy_file import is_numpy, read_matrix

PROBS = np.array([[0.2, 0.8], [0.6, 0.4]])


def test_an_array_has_the_classes_in_order(tmp_path: Path) -> None:
    for path in (tmp_path / "p.npy", tmp_path / "p.npz"):
        np.save(path, PROBS) if path.suffix == ".npy" else np.savez(path, pred_probs=PROBS, more=1)
        table = read_matrix(path)
        assert is_numpy(path)
        assert is_in_class_order(table)
        np.testing.assert_array_equal(own_probs(table, ["1", "2"], ["a", "b"]), PROBS)
    with pytest.raises(DataError, match="2 columns for 3 classes") as caught:
        own_probs(table, ["1", "2"], ["a", "b", "c"])
    assert "a, b, c" in caught.value.hint
    with pytest.raises(DataError, match="2 rows of probabilities for 3 rows"):
        own_probs(table, ["1", "2", "3"], ["a", "b"])


def test_what_is_no_matrix_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "p.npy"
    for array, message in (
        (np.zeros(3), r"shape \(3,\)"),
        (np.array([["a"]]), "type <U1"),
        (np.array([[{}]], dtype=object), "cannot be read as a NumPy array"),
    ):
        np.save(path, array, allow_pickle=True)
        with pytest.raises(DataError, match=message):
            read_matrix(path)
    path.write_text("a,b\n")
    with pytest.raises(DataError, match="is no NumPy file"):
        read_matrix(path)
    np.savez(tmp_path / "p.npz", a=PROBS, b=PROBS)
    with pytest.raises(DataError, match="holds 2 arrays: a, b"):
        read_matrix(tmp_path / "p.npz")
    np.save(path, PROBS)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"p\.npy: cannot be read"):
        read_matrix(path)


def test_tables_without_class_names_are_told_the_order() -> None:
    import pyarrow as pa

    numbered = pa.table({"Unnamed: 0": ["0"], "0": ["0.2"], "1": ["0.8"]})
    with pytest.raises(DataError, match="are numbered") as caught:
        own_probs(numbered, ["1"], ["a", "b"])
    assert "0 = a, 1 = b" in caught.value.hint
    bare = pa.table({"1.5e-01": ["0.2"], "0.85": ["0.8"]})
    with pytest.raises(DataError, match="have no header") as caught:
        own_probs(bare, ["1"], ["a", "b"])
    assert "a,b" in caught.value.hint

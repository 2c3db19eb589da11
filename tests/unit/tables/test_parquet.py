from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisefix.errors import DataError
from noisefix.run.parquet import column_parts, read_provenance, read_table, write_table
from noisefix.run.provenance import Provenance
from noisefix.run.schemas import CANDIDATES, EMBEDDINGS
from noisefix.tables.parquet import any_parquet_tables, open_any_parquet

PROVENANCE = Provenance("embeddings", 1, "0.1.0", ("a", "b"), {"x": 1}, 0, {"data": "ff"}, "f0")


def embeddings(n_rows: int = 3, size: int = 4) -> pa.Table:
    vectors = np.arange(n_rows * size, dtype=np.float32)
    return pa.table(
        {
            "id": [f"r{k}" for k in range(n_rows)],
            "row_number": list(range(1, n_rows + 1)),
            "text": pa.array([f"text \0 {k}" for k in range(n_rows)], pa.large_string()),
            "given_label": pa.array([None] + ["a"] * (n_rows - 1), pa.string()),
            "embedding": pa.FixedSizeListArray.from_arrays(vectors, size),
        }
    )


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "embeddings.parquet"
    write_table(embeddings(), path, EMBEDDINGS, PROVENANCE)
    return path


def test_write_then_read_is_identity(written: Path) -> None:
    table, provenance = read_table(written, EMBEDDINGS)
    assert table.to_pydict() == embeddings().to_pydict()
    assert table.schema.field("embedding").type == pa.list_(pa.float32(), 4)
    assert table.schema.field("text").type == pa.large_string()
    assert provenance == PROVENANCE
    assert read_provenance(written) == PROVENANCE


def test_the_same_table_gives_the_same_bytes(tmp_path: Path, written: Path) -> None:
    chunked = pa.concat_tables([embeddings().slice(0, 1), embeddings().slice(1)])
    write_table(chunked, tmp_path / "again.parquet", EMBEDDINGS, PROVENANCE)
    assert (tmp_path / "again.parquet").read_bytes() == written.read_bytes()


def test_wanted_columns_come_in_the_order_asked(written: Path) -> None:
    table, _ = read_table(written, EMBEDDINGS, ["text", "id"])
    assert table.column_names == ["text", "id"]
    with pytest.raises(DataError, match="the embeddings table has no column 'p_error'"):
        read_table(written, EMBEDDINGS, ["id", "p_error"])


def test_a_table_that_does_not_fit_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"e\.parquet: embeddings table: missing column 'text'"):
        write_table(
            embeddings().drop_columns("text"), tmp_path / "e.parquet", EMBEDDINGS, PROVENANCE
        )
    assert list(tmp_path.iterdir()) == []


def test_another_table_is_told(written: Path) -> None:
    with pytest.raises(
        DataError, match="this is the embeddings table, but the candidates table is needed"
    ):
        read_table(written, CANDIDATES)


@pytest.mark.parametrize(
    ("version", "message", "hint"),
    [(2, "version 2 of the embeddings table", "pip install -U"), (0, "too old", "again")],
)
def test_other_versions_are_told(tmp_path: Path, version: int, message: str, hint: str) -> None:
    path = tmp_path / "e.parquet"
    write_table(embeddings(), path, EMBEDDINGS, replace(PROVENANCE, version=version))
    with pytest.raises(DataError, match=message) as caught:
        read_table(path, EMBEDDINGS)
    assert hint in caught.value.hint


@pytest.mark.parametrize("cut", [0, 3, 10, -1, -200])
def test_a_truncated_file_is_told(written: Path, cut: int) -> None:
    written.write_bytes(written.read_bytes()[:cut])
    for read in (lambda: read_table(written, EMBEDDINGS), lambda: read_provenance(written)):
        with pytest.raises(DataError, match="not a whole Parquet file") as caught:
            read()
        assert "make or copy it again" in caught.value.hint


def test_damage_in_the_middle_is_told(written: Path) -> None:
    raw = bytearray(written.read_bytes())
    raw[8:200] = b"\xff" * 192
    written.write_bytes(raw)
    with pytest.raises(DataError, match="not a whole Parquet file"):
        read_table(written, EMBEDDINGS)


def test_foreign_parquet_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    pq.write_table(embeddings().drop_columns("text"), path)
    with pytest.raises(DataError, match=r"not one that noisefix wrote.*no column 'text'") as caught:
        read_table(path, EMBEDDINGS)
    assert "noisefix detect" in caught.value.hint
    pq.write_table(embeddings().replace_schema_metadata({b"noisefix": b"{"}), path)
    with pytest.raises(DataError, match=r"mine\.parquet: the noisefix metadata cannot be read"):
        read_provenance(path)


def test_vanished_and_other_places(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_table(tmp_path / "none.parquet", EMBEDDINGS)
    with pytest.raises(DataError, match="is a folder"):
        read_provenance(tmp_path)


def test_a_missing_required_column_is_told(tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    table = embeddings().drop_columns("embedding")
    pq.write_table(table.replace_schema_metadata({b"noisefix": PROVENANCE.to_json()}), path)
    with pytest.raises(DataError, match="has no column 'embedding'"):
        read_table(path, EMBEDDINGS)


def test_a_full_disk_leaves_the_old_table(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    before = written.read_bytes()
    with pytest.raises(DataError, match="disk is full"):
        write_table(embeddings(5), written, EMBEDDINGS, PROVENANCE)
    assert written.read_bytes() == before
    assert [item.name for item in written.parent.iterdir()] == [written.name]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_arrow_tells_of_a_full_disk_as_the_system_does(tmp_path: Path) -> None:
    # A link, never the device itself: Arrow removes the file it could not write.
    (tmp_path / "full").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        pq.write_table(embeddings(5000, 64), tmp_path / "full")
    assert caught.value.errno == errno.ENOSPC
    assert Path("/dev/full").exists()


def test_a_column_read_in_parts_is_not_kept(tmp_path: Path) -> None:
    """Arrow would by itself keep the bytes of every row group read, and so the whole file."""
    rng = np.random.default_rng(0)  # what does not pack well
    table = pa.table({"x": pa.FixedSizeListArray.from_arrays(rng.random(2**20), 16)})
    path = tmp_path / "long.parquet"
    pq.write_table(table, path, row_group_size=2**12)  # 16 groups of 512 kB

    def most_held(parts: Iterable[object]) -> int:
        return max(pa.total_allocated_bytes() - before for _ in parts)

    before = pa.total_allocated_bytes()
    assert most_held(column_parts(path, "x", 1000)) < 3 * 2**20
    with path.open("rb") as raw:
        file = open_any_parquet(raw, "long.parquet", path.stat().st_size)
        assert most_held(any_parquet_tables(file, ["x"], 1000, "long.parquet")) < 3 * 2**20

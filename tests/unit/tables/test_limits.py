from __future__ import annotations

import gzip
import io
import os
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisefix.errors import DataError, UsageError
from noisefix.tables import limits
from noisefix.tables.limits import pipe_limit, size_words, unpacked_limit
from noisefix.tables.source import read_source
from noisefix.tables.stream import open_stream

MIB = 1 << 20


def test_defaults_and_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(limits.VARIABLE, raising=False)
    assert unpacked_limit(10) == 256 * MIB
    assert unpacked_limit(100 * MIB) == 6400 * MIB
    assert pipe_limit() == 2048 * MIB
    monkeypatch.setenv(limits.VARIABLE, "3G")
    assert unpacked_limit(10) == pipe_limit() == 3072 * MIB
    for text, size in (("100", 100), ("5k", 5120), ("2 MiB", 2 * MIB)):
        monkeypatch.setenv(limits.VARIABLE, text)
        assert pipe_limit() == size
    monkeypatch.setenv(limits.VARIABLE, "much")
    with pytest.raises(UsageError, match="NOISEFIX_MAX_UNPACKED=much"):
        pipe_limit()
    assert (size_words(1536), size_words(12), size_words(2048 * MIB)) == (
        "1.5 KiB",
        "12 bytes",
        "2 GiB",
    )


def test_a_packed_file_that_holds_far_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "d.csv.gz"
    path.write_bytes(gzip.compress(b"text,label\n" + b"a,b\n" * MIB))
    monkeypatch.setenv(limits.VARIABLE, "1M")
    with pytest.raises(DataError, match="unpacks to more than 1 MiB") as caught:
        read_source(path)
    assert "NOISEFIX_MAX_UNPACKED=" in caught.value.hint
    with pytest.raises(DataError, match="unpacks to more than 1 MiB"), open_stream(path):
        pass
    monkeypatch.setenv(limits.VARIABLE, "10M")
    assert len(read_source(path)) == MIB


def test_what_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limits.VARIABLE, "8M")

    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return b"y\n" * (size // 2)

    with pytest.raises(DataError, match="<stdin>: more than 8 MiB, and no end yet"):
        read_source("-", Endless())  # type: ignore[arg-type]
    with pytest.raises(DataError, match="more than 8 MiB"), open_stream("-", Endless()):  # type: ignore[arg-type]
        pass
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)

    def write() -> None:
        with pipe.open("wb") as file:
            try:
                while True:
                    file.write(b"y\n" * MIB)
            except BrokenPipeError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())

    writer = threading.Thread(target=write)
    writer.start()
    with pytest.raises(DataError, match="more than 8 MiB"):
        read_source(pipe)
    writer.join()


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such devices here")
def test_devices_are_no_files() -> None:
    with pytest.raises(DataError, match="/dev/zero: is a device"):
        read_source("/dev/zero")
    with pytest.raises(DataError, match="/dev/zero: is a device"), open_stream("/dev/zero"):
        pass


def test_a_parquet_file_that_claims_far_too_many_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "d.parquet"
    same = pa.DictionaryArray.from_arrays(pa.nulls(300_000, pa.int32()), pa.array(["a"]))
    pq.write_table(pa.table({"text": same, "label": same}), path)
    monkeypatch.setenv(limits.VARIABLE, "1M")
    with pytest.raises(DataError, match="unpacks to more than 1 MiB"):
        read_source(path)
    with pytest.raises(DataError, match="unpacks to more than 1 MiB"), open_stream(path):
        pass
    monkeypatch.setenv(limits.VARIABLE, "9M")
    assert len(read_source(path)) == 300_000

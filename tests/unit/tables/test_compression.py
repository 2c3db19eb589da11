from __future__ import annotations

import gzip

import pytest

from noisefix.errors import DataError
from noisefix.tables.compression import compress, decompress, is_gzip


def test_round_trip_and_same_bytes_each_time() -> None:
    data = b"id,text\n1,a\n" * 100
    assert decompress(compress(data), "x") == data
    assert compress(data) == compress(data)
    assert is_gzip(compress(data))
    assert not is_gzip(data)


def test_several_members_are_all_read() -> None:
    assert decompress(gzip.compress(b"a") + gzip.compress(b"b"), "x") == b"ab"


@pytest.mark.parametrize(
    "raw",
    [
        b"id,text\n",
        compress(b"abc" * 1000)[:-5],
        compress(b"abc" * 1000)[:12],
        b"\x1f\x8b" + b"x" * 40,
    ],
)
def test_what_is_no_whole_gzip_file_is_refused(raw: bytes) -> None:
    with pytest.raises(DataError, match=r"data\.csv\.gz: not a whole gzip file") as caught:
        decompress(raw, "data.csv.gz")
    assert "gzip -t" in caught.value.hint

from __future__ import annotations

import pytest

from noisefix.errors import DataError
from noisefix.tables.compression import GZIP, PACKINGS, Packing, decompress, packing_of


def test_round_trip_and_same_bytes_each_time() -> None:
    data = b"id,text\n1,a\n" * 100
    for kind in PACKINGS:
        packed = kind.pack(data)
        assert decompress(packed, "x", kind) == data
        assert packed == kind.pack(data)
        assert packing_of(packed) is kind
    assert packing_of(data) is None


def test_several_members_are_all_read() -> None:
    for kind in PACKINGS:
        assert decompress(kind.pack(b"a") + kind.pack(b"b"), "x", kind) == b"ab"


@pytest.mark.parametrize("kind", PACKINGS[1:])
def test_other_packings_that_are_damaged_or_cut_short(kind: Packing) -> None:
    packed = kind.pack(bytes(range(256)) * 1000)
    spoiled = [packed[:-9], packed[: len(packed) // 2]]
    if kind.ending != ".zst":  # whose check sum is left out by most that write it
        spoiled.append(packed[:20] + b"xxxx" + packed[24:])
    for raw in spoiled:
        with pytest.raises(DataError, match=f"not a whole {kind.title} file"):
            decompress(raw, "x", kind)


@pytest.mark.parametrize(
    "raw",
    [
        b"id,text\n",
        GZIP.pack(b"abc" * 1000)[:-5],
        GZIP.pack(b"abc" * 1000)[:12],
        b"\x1f\x8b" + b"x" * 40,
    ],
)
def test_what_is_no_whole_gzip_file_is_refused(raw: bytes) -> None:
    with pytest.raises(DataError, match=r"data\.csv\.gz: not a whole gzip file") as caught:
        decompress(raw, "data.csv.gz")
    assert "gzip -t" in caught.value.hint

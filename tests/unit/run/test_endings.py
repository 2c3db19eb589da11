"""What a file's name promises of its format."""

from __future__ import annotations

from pathlib import Path

import pytest

from noisefix.errors import UsageError
from noisefix.run.endings import check_ending


def test_endings(tmp_path: Path) -> None:
    for name in ("a.csv", "a.txt", "a.CSV.GZ", "a", "a.v2", "-", "/dev/null"):
        check_ending(name, ("csv",))
    check_ending("a.tsv", ("csv",), delimiter="\t")
    check_ending("a.db", ("csv",), like="mine.db")
    for name in ("a.tsv", "a.parquet", "a.json", "a.XLSX", "a.csv.zip"):
        with pytest.raises(UsageError, match="promises") as refused:
            check_ending(name, ("csv",), like="mine.csv.gz")
        assert refused.value.hint == "name it like mine.csv.gz"
    with pytest.raises(UsageError, match=r"promises CSV, but the output is Parquet") as refused:
        check_ending("a.csv", ("parquet",))
    assert refused.value.hint == "let it end in .parquet"

from __future__ import annotations

from pathlib import Path

import pytest

from noisefix.errors import DataError
from noisefix.tables.addresses import local_path
from noisefix.tables.atomic import read_bytes


@pytest.mark.parametrize(
    ("address", "remedy"),
    [
        ("hf://datasets/me/set/a/b.csv", "hf download me/set a/b.csv --repo-type dataset"),
        ("s3://bucket/key.csv", "aws s3 cp s3://bucket/key.csv key.csv"),
        ("gs://bucket/key.csv", "gcloud storage cp gs://bucket/key.csv key.csv"),
        ("https://host/x.csv", "curl -LO https://host/x.csv"),
        ("abfs://c@a/x.csv", "az storage blob download"),
        ("dbfs://x/y.csv", "download it first, and name the file: y.csv"),
    ],
)
def test_an_address_is_shown_as_typed_with_the_way_to_the_file(address: str, remedy: str) -> None:
    for path in (address, Path(address)):  # which leaves one slash of two
        with pytest.raises(DataError) as caught:
            local_path(path)
        assert caught.value.message.startswith(f"{address}: is an address")
        assert remedy in caught.value.hint
        with pytest.raises(DataError, match="is an address"):
            read_bytes(path)


def test_a_file_by_its_address() -> None:
    for path in ("file:///data/a%20b.csv", Path("file:///data/a%20b.csv")):
        with pytest.raises(DataError, match=r"file:///data/a%20b\.csv: is an address") as caught:
            local_path(path)
        assert caught.value.hint == "name the file so: /data/a b.csv"


def test_paths_are_paths(tmp_path: Path) -> None:
    odd = tmp_path / "a:" / "b.csv"
    for path in (odd, Path("x.csv"), Path("C:/data/x.csv")):
        assert local_path(path) == path

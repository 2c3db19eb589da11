from __future__ import annotations

import gzip

import pytest

from noisefix.cleaning.handover.write import BOM
from noisefix.cleaning.outputs import marked, write_handed
from noisefix.tables.source import read_source

TEXT = "text,label\nüber,ship\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_mark_is_set_once_whatever_the_input_was_in(tmp_path, encoding):
    path = tmp_path / "d.csv"
    path.write_bytes(TEXT.encode(encoding))
    assert marked(path.read_bytes(), read_source(path)) == BOM + TEXT.encode()


def test_rows_handed_over_are_packed_as_the_name_says(tmp_path):
    write_handed(tmp_path / "o.csv", b"a\n", bom=True)
    write_handed(tmp_path / "o.csv.gz", b"a\n", bom=False)
    assert (tmp_path / "o.csv").read_bytes() == BOM + b"a\n"
    assert gzip.decompress((tmp_path / "o.csv.gz").read_bytes()) == b"a\n"

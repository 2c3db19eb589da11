"""A file read in pieces is the file read at once, wherever it is cut."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.errors import DataError
from noisefix.tables.compression import GZIP, decompress, decompress_chunks
from noisefix.tables.csv_source import csv_blocks, read_csv, survey_csv
from noisefix.tables.encoding import (
    TextFile,
    decode_chunks,
    decode_text,
    decoded_offset,
    survey_encoding,
)
from noisefix.tables.json_values import note_kinds, rows_table
from noisefix.tables.jsonl import json_rows, read_jsonl

CELLS = st.text(alphabet="ab ,\"'\n\r\tü€", max_size=5)
ENDINGS = st.sampled_from(["\n", "\r\n"])


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def outcome(read):
    try:
        return read()
    except DataError as error:
        return error.message, error.hint


def streamed_csv(raw: bytes, size: int):
    text = TextFile.in_pieces(lambda: [raw[:size], *pieces(raw[size:], size)], "x.csv")
    survey = survey_csv(text)
    tables = [
        pa.table([records.column(k) for k in range(len(survey.columns))], list(survey.columns))
        for records in csv_blocks(text, survey)
    ]
    table = pa.concat_tables(tables)
    assert survey.n_rows == table.num_rows
    return table.to_pydict(), survey.warnings, survey.dialect.delimiter, survey.dialect.quote


def whole_csv(raw: bytes):
    content = read_csv(raw, "x.csv")
    dialect = content.dialect
    return content.table.to_pydict(), content.warnings, dialect.delimiter, dialect.quote


@given(
    st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=12),
    ENDINGS,
    st.integers(1, 60),
    st.sampled_from(["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"]),
    st.sampled_from([",", "\t"]),
)
def test_csv_that_is_well_formed(rows, ending, size, encoding, delimiter):
    lines = ["id" + delimiter + "text"]
    for first, second in rows:
        cells = ['"' + cell.replace('"', '""') + '"' for cell in (first, second)]
        lines.append(delimiter.join(cells))
    raw = (ending.join(lines) + ending).encode(encoding, "replace")
    assert outcome(lambda: streamed_csv(raw, size)) == outcome(lambda: whole_csv(raw))


@given(st.text(alphabet='ab,"\n\rü', max_size=60), st.integers(1, 20), st.booleans())
def test_csv_of_any_kind_gives_the_same_table_or_the_same_message(text, size, is_latin):
    raw = ("x,y\n" + text).encode("latin-1" if is_latin else "utf-8")

    def without_count(found):
        # In pieces, the first ragged row is named; how many there are is not known yet.
        if len(found) == 2:
            return found[0].partition(" (")[0], found[1]
        return found

    whole = outcome(lambda: whole_csv(raw))
    parts = outcome(lambda: streamed_csv(raw, size))
    if len(whole) == 2 and len(parts) == 2 and "fields, expected" in parts[0] + whole[0]:
        return  # of two errors in a file the whole reading may name the later one
    assert without_count(parts) == without_count(whole)


@given(st.binary(max_size=80), st.integers(1, 9))
def test_encoding_is_the_same_wherever_it_is_cut(raw, size):
    # The first piece must hold what the sniffing looks at.
    chunks = [raw[:40], *pieces(raw[40:], size)]
    if len(raw) > 40 and survey_encoding([raw]).encoding.startswith("utf-16"):
        return
    if survey_encoding([raw[:40]]).encoding.startswith("utf-16"):
        return
    found = survey_encoding(chunks)
    assert found == survey_encoding([raw])
    whole = outcome(lambda: decode_text(raw, "x"))
    if isinstance(whole, tuple):
        assert outcome(lambda: b"".join(decode_chunks(chunks, found, "x"))) == whole
    else:
        assert b"".join(decode_chunks(chunks, found, "x")) == whole.data
        assert decoded_offset(chunks, found) == whole.bad_offset


@given(st.text(alphabet="aü€😀\u00ff", max_size=40), st.integers(1, 5))
def test_characters_that_are_cut_in_two_are_still_utf8(text, size):
    chunks = pieces(text.encode(), size)
    assert survey_encoding(chunks).encoding == "utf-8"
    assert survey_encoding(chunks).bad_offset is None


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 2**64), st.floats(-9, 9), st.text(max_size=3)
)


@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), VALUES), min_size=1, max_size=10),
    st.integers(1, 40),
)
def test_json_lines(rows, size):
    import json

    raw = "".join(json.dumps(row) + "\n" for row in rows).encode()
    if not any(rows):
        return
    kinds = {}
    assert note_kinds(json_rows(pieces(raw, size), "x"), kinds) == len(rows)
    found = list(json_rows(pieces(raw, size), "x"))
    blocks = [rows_table(found[at : at + 3], kinds) for at in range(0, len(found), 3)]
    whole, _ = read_jsonl(raw, "x")
    table = pa.concat_tables(blocks)
    assert table.schema == whole.schema
    assert table.equals(whole)


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.integers(1, 50))
def test_gzip_of_several_members(parts, size):
    packed = b"".join(GZIP.pack(part) for part in parts)
    assert b"".join(decompress_chunks(pieces(packed, size), "x")) == b"".join(parts)
    assert decompress(packed, "x") == b"".join(parts)


def test_gzip_that_unpacks_to_very_much_comes_in_pieces():
    packed = GZIP.pack(bytes(1 << 26))
    sizes = [len(part) for part in decompress_chunks([packed], "x")]
    assert sum(sizes) == 1 << 26
    assert max(sizes) <= 1 << 22


@pytest.mark.parametrize("cut", [1, 5, 12, 30])
def test_gzip_cut_short(cut):
    packed = GZIP.pack(b"some text " * 50)
    with pytest.raises(DataError, match="not a whole gzip file"):
        list(decompress_chunks(pieces(packed[:-cut], 7), "x"))

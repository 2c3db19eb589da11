"""Whatever a cell holds: what is written is read back, and a rewrite changes only what it should.

The files are built here, byte by byte, from cells whose raw form is known, so that the expected
bytes come from no code of ours.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from noisefix.cleaning.rewrite import rewritten
from noisefix.errors import DataError
from noisefix.tables.csv_fields import Grammar, MalformedQuoteError, split_fields
from noisefix.tables.formulas import defused
from noisefix.tables.source import read_source

settings.register_profile(
    "tables", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TABLES = settings(settings.get_profile("tables"), max_examples=80)

NASTY = [
    "",
    " ",
    '"',
    '""',
    "'",
    ",",
    ";",
    "|",
    "\n",
    "\r",
    "\r\n",
    "\0",
    "=cmd|' /C calc'!A0",
    "+1",
    "@SUM(A1)",
    "\u202eevil\u202c",
    "\x1b[31mred\x1b[0m",
    "[red]",
    "\U0001f600",
    "\u2028",
    "\x85",
    "\ufeff",
    "é",
    "שלום",
    'say "hi", ok',
    "NaN",
    "None",
    "\\",
    '\\"',
]
pieces = st.one_of(
    st.sampled_from(NASTY), st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
)
cells = st.lists(pieces, max_size=3).map("".join)
ENCODINGS = {
    "utf-8": b"",
    "utf-8 bom": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}
COLUMNS = ("id", "text", "label")


@dataclass
class RawCsv:
    """A CSV file with the raw form of every cell known; row 0 is the header."""

    values: list[list[str]]
    raw: list[list[str]]
    delimiter: str
    terminator: str
    blank_after: set[int]
    ends_with_newline: bool
    encoding: str

    def content(self, skip: frozenset[int] = frozenset()) -> bytes:
        lines = []
        for row, fields in enumerate(self.raw):
            line = self.delimiter.join(fields) + self.terminator
            if row in skip:
                line = ""
            if row in self.blank_after:
                line += self.terminator
            lines.append(line)
        text = "".join(lines)
        if not self.ends_with_newline:
            text = text.removesuffix(self.terminator)
        return ENCODINGS[self.encoding] + text.encode(self.encoding.removesuffix(" bom"))


def raw_field(value: str, delimiter: str, wants_quotes: bool) -> str:
    needs = any(mark in value for mark in (delimiter, "\n", "\r", '"'))
    if not (needs or wants_quotes):
        return value
    return '"' + value.replace('"', '""') + '"'


@st.composite
def raw_csvs(draw: st.DrawFn) -> RawCsv:
    delimiter = draw(st.sampled_from([",", ";", "|", "\t"]))
    terminator = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    n_rows = draw(st.integers(1, 5))
    rows = [[str(k), draw(cells), draw(cells)] for k in range(1, n_rows + 1)]
    if delimiter == "\t":
        # Lines of a quoted cell that look like rows make the file ambiguous, as in real life.
        assume(not any("\t" in value and "\n" in value for row in rows for value in row))
    values = [list(COLUMNS), *rows]
    raw = [[raw_field(value, delimiter, draw(st.booleans())) for value in row] for row in values]
    return RawCsv(
        values,
        raw,
        delimiter,
        terminator,
        draw(st.sets(st.integers(0, n_rows - 1))),
        draw(st.booleans()),
        draw(st.sampled_from(sorted(ENCODINGS))),
    )


@TABLES
@given(file=raw_csvs())
def test_a_csv_file_is_read_cell_for_cell(tmp_path: Path, file: RawCsv) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(file.content())
    source = read_source(path)
    assert source.columns == COLUMNS
    assert [list(row.values()) for row in source.table.to_pylist()] == file.values[1:]
    assert source.dialect is not None
    assert source.dialect.delimiter == file.delimiter
    assert source.dialect.bom == bool(ENCODINGS[file.encoding])


@TABLES
@given(file=raw_csvs(), data=st.data())
def test_rewriting_a_csv_changes_these_cells_and_no_other_byte(
    tmp_path: Path, file: RawCsv, data: st.DataObject
) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(file.content())
    source = read_source(path)
    assert rewritten(path, source, tmp_path / "out.csv") == path.read_bytes()

    n_rows = len(source)
    keys = st.tuples(st.integers(1, n_rows), st.sampled_from(COLUMNS))
    edits = data.draw(st.dictionaries(keys, cells, max_size=4))
    # Without a line end of its own the last row is a case by itself, tested below.
    dropped = data.draw(st.frozensets(st.integers(1, n_rows - 1))) if n_rows > 1 else frozenset()
    result = rewritten(path, source, tmp_path / "out.csv", edits=edits, dropped=dropped)

    for (row, column), value in edits.items():
        k = COLUMNS.index(column)
        if value != file.values[row][k]:
            was_quoted = file.raw[row][k].startswith('"')
            all_quoted = all(raw.startswith('"') for fields in file.raw for raw in fields)
            file.raw[row][k] = raw_field(value, file.delimiter, was_quoted or all_quoted)
            file.values[row][k] = value
    assert result == file.content(skip=dropped)

    path.write_bytes(result)
    again = read_source(path).table.to_pylist()
    kept = [values for row, values in enumerate(file.values) if row and row not in dropped]
    assert [list(row.values()) for row in again] == kept


@TABLES
@given(file=raw_csvs(), new=st.data())
def test_added_csv_columns_come_last_and_leave_the_rest(
    tmp_path: Path, file: RawCsv, new: st.DataObject
) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(file.content())
    source = read_source(path)
    values = new.draw(st.lists(cells, min_size=len(source), max_size=len(source)))
    assume(file.delimiter != "\t" or not any("\t" in v and "\n" in v for v in values))
    result = rewritten(path, source, tmp_path / "out.csv", added={"flag": values})
    all_quoted = all(raw.startswith('"') for fields in file.raw for raw in fields)
    for fields, value in zip(file.raw, ["flag", *values], strict=True):
        fields.append(raw_field(defused(value), file.delimiter, all_quoted))
    assert result == file.content()


@settings(TABLES, max_examples=300)
@given(text=st.lists(st.sampled_from(['"', ",", "\n", "\r\n", "a", "bc", '""', " "])).map("".join))
def test_the_scanner_agrees_with_the_standard_library(text: str) -> None:
    """Python's strict csv reader is the independent reading of the same grammar."""
    try:
        expected = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error:
        expected = None
    try:
        fields = split_fields(text.encode(), Grammar())
    except MalformedQuoteError:
        assert expected is None
        return
    assert expected is not None
    rows, first = [], 0
    for last in fields.record_lasts.tolist():
        spans = range(first, last + 1)
        raws = [text[fields.starts[k] : fields.ends[k]] for k in spans]
        rows.append([r[1:-1].replace('""', '"') if r.startswith('"') else r for r in raws])
        first = last + 1
    assert rows == expected


@settings(TABLES, max_examples=200)
@given(
    raw=st.one_of(
        st.binary(max_size=60),
        st.lists(
            st.sampled_from([b"a", b",", b'"', b"\n", b"\xe9", b"\xc3\xa9", b"\r", b"\0"])
        ).map(b"".join),
    )
)
def test_any_bytes_are_read_or_refused_and_come_back_the_same(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(b"id,text\n" + raw)
    try:
        source = read_source(path)
    except DataError:
        return
    added = rewritten(path, source, tmp_path / "out.csv", added={"new": ["x"] * len(source)})
    path2 = tmp_path / "data2.csv"
    path2.write_bytes(added)
    again = read_source(path2).table
    assert again.drop_columns("new").equals(source.table)
    assert again["new"].to_pylist() == ["x"] * len(source)


json_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    cells,
    st.lists(cells, max_size=2),
)


@TABLES
@given(
    rows=st.lists(
        st.fixed_dictionaries({"text": cells, "label": cells}, optional={"meta": json_values}),
        min_size=1,
        max_size=5,
    ),
    separators=st.sampled_from([(", ", ": "), (",", ":")]),
    ascii_only=st.booleans(),
    terminator=st.sampled_from(["\n", "\r\n"]),
    data=st.data(),
)
def test_rewriting_json_lines_changes_these_values_and_no_other_byte(
    tmp_path: Path,
    rows: list[dict[str, object]],
    separators: tuple[str, str],
    ascii_only: bool,
    terminator: str,
    data: st.DataObject,
) -> None:
    def dump(row: dict[str, object]) -> str:
        return json.dumps(row, ensure_ascii=ascii_only, separators=separators) + terminator

    path = tmp_path / "data.jsonl"
    path.write_bytes("".join(map(dump, rows)).encode())
    is_ascii = path.read_bytes().isascii()
    source = read_source(path)
    assert [row["text"] for row in source.table.to_pylist()] == [row["text"] for row in rows]
    row_number = data.draw(st.integers(1, len(rows)))
    new = data.draw(cells)
    dropped = data.draw(st.frozensets(st.integers(1, len(rows))))
    result = rewritten(
        path, source, tmp_path / "out.jsonl", edits={(row_number, "label"): new}, dropped=dropped
    )
    if new != rows[row_number - 1]["label"]:
        # Our new value follows the file: escapes where the file is plain ASCII.
        rows[row_number - 1]["label"] = "\0marker\0"
    raw_new = json.dumps(new, ensure_ascii=is_ascii)
    lines = [dump(row) for number, row in enumerate(rows, 1) if number not in dropped]
    expected = "".join(lines).replace(json.dumps("\0marker\0"), raw_new)
    assert result.decode() == expected


@TABLES
@given(
    rows=st.lists(
        st.tuples(cells, st.one_of(st.none(), st.integers(-9, 9)), st.booleans()),
        min_size=1,
        max_size=6,
    ),
    data=st.data(),
)
def test_rewriting_parquet_changes_these_values_only(
    tmp_path: Path, rows: list[tuple[str, int | None, bool]], data: st.DataObject
) -> None:
    texts, labels, flags = map(list, zip(*rows, strict=True))
    table = pa.table(
        {"text": pa.array(texts, pa.string()), "label": pa.array(labels, pa.int8()), "flag": flags},
        metadata={b"mine": b"kept"},
    )
    path = tmp_path / "data.parquet"
    pq.write_table(table, path)
    source = read_source(path)
    row = data.draw(st.integers(1, len(rows)))
    result = rewritten(
        path, source, tmp_path / "out.parquet", edits={(row, "label"): "7", (row, "flag"): "true"}
    )
    labels[row - 1], flags[row - 1] = 7, True
    again = pq.read_table(pa.BufferReader(result))
    assert again.schema.equals(table.schema, check_metadata=True)
    assert again.to_pydict() == {"text": texts, "label": labels, "flag": flags}


@pytest.mark.parametrize("terminator", ["\n", "\r\n", "\r"])
def test_dropping_the_last_row_keeps_a_missing_final_newline_missing(
    tmp_path: Path, terminator: str
) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(terminator.join(["id,text,label", "1,a,x", "2,b,y"]).encode())
    result = rewritten(path, read_source(path), tmp_path / "o.csv", dropped={2})
    assert result == terminator.join(["id,text,label", "1,a,x"]).encode()

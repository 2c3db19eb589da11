"""Whatever sets a small table holds and a person gives it: what did not change stays as it was."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from noisefix.annotators.protocol import HUMAN
from noisefix.cleaning.decide import Decision
from noisefix.cleaning.rewrite import rewrite_source
from noisefix.cleaning.set_edits import set_edits
from noisefix.labels import ordered_set, set_labels, set_text
from noisefix.run.folder import RunFolder
from noisefix.tables.dataset import load_dataset
from noisefix.tables.label_sets import LISTS, SetReading
from noisefix.tables.source import read_source

LABELS = ("=cmd|x", "a, b", 'say "hi"', "ü\u202e", "two\nlines", "plain", "-1x")
PLAIN = tuple(label for label in LABELS if "|" not in label)
KINDS = ("csv", "json in csv", "jsonl", "parquet", "xlsx", "columns")


def sets_of(labels):
    """Sets of labels, or None: unlabelled."""
    return st.one_of(st.none(), st.lists(st.sampled_from(labels), max_size=3, unique=True))


@st.composite
def tables(draw, kind):
    """Sets before, and what some of them are to be."""
    labels = PLAIN if kind in ("csv", "xlsx") else LABELS
    rows = draw(st.lists(sets_of(labels), min_size=2, max_size=6))
    rows = [list(labels[:2]), *rows]  # this one stays: two labels at least
    if kind in ("csv", "xlsx"):
        rows = [row or None for row in rows]  # a blank cell is unlabelled
    wanted = st.lists(st.sampled_from(labels), max_size=3, unique=True)
    return rows, draw(st.dictionaries(st.integers(1, len(rows) - 1), wanted, max_size=3))


def write(path: Path, kind: str, rows, blank: str) -> SetReading:
    """Write a table of texts and sets in one of the ways there are."""
    texts = [f"a text, of {k} words" for k in range(len(rows))]
    if kind == "parquet":
        table = {"text": texts, "label": pa.array(rows, pa.list_(pa.string()))}
        pq.write_table(pa.table(table), path)
        return SetReading(LISTS)
    if kind == "jsonl":
        lines = [json.dumps({"text": t, "label": r}) for t, r in zip(texts, rows, strict=True)]
        path.write_text("\r\n".join(lines), newline="")
        return SetReading(LISTS)
    between = f"{blank}|{blank}"
    cells = ["" if row is None else between.join(row) for row in rows]
    if kind == "xlsx":
        book = openpyxl.Workbook()
        for line in (("text", "label"), *zip(texts, cells, strict=True)):
            book.active.append(list(line))
        book.save(path)
        return SetReading("|")
    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=csv.QUOTE_ALL if blank else csv.QUOTE_MINIMAL)
    if kind == "columns":
        writer.writerow(["text", *LABELS])
        for text, row in zip(texts, rows, strict=True):
            marks = ["" if row is None else "ny"[label in row] for label in LABELS]
            writer.writerow([text, *marks])
    else:
        if kind == "json in csv":
            cells = ["" if row is None else json.dumps(row) for row in rows]
        writer.writerow(["text", "label", "note"])
        writer.writerows((text, cell, "n") for text, cell in zip(texts, cells, strict=True))
    path.write_text(file.getvalue(), newline="", encoding="utf-8")
    if kind == "columns":
        return SetReading(columns=LABELS)
    return SetReading("|" if kind == "csv" else LISTS)


def read(path: Path, reading: SetReading):
    source = read_source(path)
    data = load_dataset(
        source,
        text_column="text",
        label_column=None if reading.columns else "label",
        sets=reading,
    )
    return source, data


def decision(row: int, labels, data) -> Decision:
    return Decision(
        index=row,
        id=str(row + 1),
        row_number=row + 1,
        action="relabel",
        given_label=data.given_labels[row],
        new_label=ordered_set(labels, sorted(labels)),
        suggested_label="",
        reasons=(),
        p_error=1.0,
        annotator=HUMAN,
    )


def apply(folder: Path, kind: str, rows, wanted, blank: str):
    """Write a table and what it becomes; return both files, and the sets of the latter."""
    ending = {"json in csv": "csv", "columns": "csv"}.get(kind, kind)
    path, new = folder / f"d.{ending}", folder / f"new.{ending}"
    reading = write(path, kind, rows, blank)
    source, data = read(path, reading)
    run = RunFolder.create(folder / "run", source)
    columns = {"text_column": "text", "label_column": data.label_column, "id_column": None}
    run.set_input(source, **columns, sets=reading)
    decisions = [decision(row, labels, data) for row, labels in wanted.items()]
    edits = set_edits(run, source, decisions, reading)
    values = {(edit.decision.row_number, edit.column): edit.value for edit in edits}
    rewrite_source(path, source, new, edits=values)
    return path, new, read(new, reading)[1].given_labels


def unchanged(path: Path, new: Path, kind: str, rows) -> bool:
    """Tell whether all but some rows are as they were: byte for byte where rows are text."""
    if kind in ("parquet", "xlsx"):
        before, after = (read_source(file).table for file in (path, new))
        kept = [row for row in range(before.num_rows) if row not in rows]
        return before.schema == after.schema and before.take(kept) == after.take(kept)
    before, after = path.read_bytes(), new.read_bytes()
    parts = [f"a text, of {k} words".encode() for k in range(200) if k not in rows]
    return all(_row(before, part) == _row(after, part) for part in parts)


def _row(content: bytes, text: bytes) -> bytes:
    """Return a row from its text to the text of the next one."""
    start = content.find(text)
    return content[start : content.find(b"a text, of", start + 1)] if start >= 0 else b""


def check(kind: str, table, blank: str) -> None:
    rows, wanted = table
    with TemporaryDirectory() as folder:
        path, new, after = apply(Path(folder), kind, rows, wanted, blank)
        real = {k: v for k, v in wanted.items() if rows[k] is None or set(v) != set(rows[k])}
        if kind in ("csv", "xlsx"):  # none of the labels is a blank cell, as it was before
            real = {k: v for k, v in real.items() if v or rows[k]}
        assert unchanged(path, new, kind, real)
        if not real and kind != "xlsx":
            assert path.read_bytes() == new.read_bytes()
        for row, before in enumerate(rows):
            labels = wanted.get(row, before)
            blank_cell = kind in ("csv", "xlsx") and not labels
            text = None if labels is None or blank_cell else set_text(sorted(labels))
            got = after[row]
            assert (got if got is None else set_text(sorted(set_labels(got)))) == text


@settings(max_examples=20, deadline=None)
@given(st.data(), st.sampled_from([k for k in KINDS if k != "xlsx"]), st.sampled_from(["", " "]))
def test_sets_are_written_back_and_all_else_stays(data, kind, blank):
    check(kind, data.draw(tables(kind)), blank)


@settings(max_examples=5, deadline=None)
@given(tables("xlsx"))
def test_sets_in_a_workbook(table):
    check("xlsx", table, "")


@given(st.lists(st.text(min_size=1, max_size=9), max_size=4))
def test_a_set_as_one_text_comes_back(labels):
    assert list(set_labels(set_text(labels))) == labels

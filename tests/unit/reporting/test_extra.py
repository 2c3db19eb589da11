import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import noisefix
from noisefix.errors import DataError
from noisefix.reporting.across import across_section
from noisefix.reporting.annotators import FILE_NAME, annotators_section
from noisefix.reporting.data import page_data, read_tables
from noisefix.reporting.extra import TEXT, PageSection, PageTable, section_data
from noisefix.run.folder import RunFolder

OTHER = "text,label\nmy parcel case 1 again,shipping\nmy parcel case 4 again,money\nelse,money\n"


@pytest.fixture
def compared(tmp_path):
    """A run that was compared with another file: two texts in common, one of another label."""
    words, labels = ("refund", "parcel", "password"), ("money", "shipping", "account")
    lines = [f"my {words[k % 3]} case {k} again,{labels[k % 3]}" for k in range(60)]
    data, other = tmp_path / "data.csv", tmp_path / "other.csv"
    data.write_text("\n".join(["text,label", *lines]) + "\n")
    other.write_text(OTHER)
    return RunFolder(noisefix.detect(data, encoder="tfidf", against=other).run)


def place(n_rows=60):
    return {str(k + 1): k for k in range(n_rows)}


def test_conflicts_come_first_and_lead_to_their_rows(compared):
    section = section_data(across_section(compared, place()))
    assert section["said"][0] == (
        "other.csv: 2 of 3 rows have (nearly) the text of a row in here (2 equal), 1 with another "
        "label."
    )
    differ, alike = section["tables"]
    assert differ["rows"] == [[4, "shipping", "2", "money", 1.0, 1, "my parcel case 4 again"]]
    assert [row[:4] for row in alike["rows"]] == [[1, "shipping", "1", "shipping"]]
    assert page_data(read_tables(compared))["sections"] == [section]


def test_a_comparison_with_other_rows_is_not_shown(compared):
    table = pq.read_table(compared.embeddings)
    pq.write_table(table.slice(0, 50), compared.embeddings)
    assert across_section(compared, place()) is None


def test_a_file_without_common_texts_is_said(compared, tmp_path):
    other = tmp_path / "else.csv"
    other.write_text("text,label\nsomething entirely different,money\n")
    noisefix.detect(tmp_path / "data.csv", encoder="tfidf", against=other)
    section = across_section(compared, place())
    assert section.said == ("else.csv: of 1 row none has the text of a row in here.",)
    assert section_data(section)["tables"] == []


def test_long_and_broken_texts_are_made_safe():
    table = PageTable("t", (("a", TEXT),), [["x" * 1000], ["\ud800"], [None]])
    [made] = section_data(PageSection("s", "S", ("\ud800",), (table,)))["tables"]
    assert [cell and len(cell) for [cell] in made["rows"]] == [302, 1, None]


def write_annotators(run, **columns):
    pq.write_table(pa.table(columns), run.path / FILE_NAME)


def test_annotators_are_shown_as_far_as_their_columns_go(compared):
    write_annotators(
        compared,
        column=["ann", "bob"],
        rows=[60, 50],
        accuracy=[0.9, None],
        accuracy_low=[0.8, None],
        accuracy_high=[0.95, None],
        kappa=[0.7, float("nan")],
        why_not=["", ""],
        others=[["bob"], ["ann"]],
        error_correlations=[[0.5], [0.5]],
        kappas=[[0.4], [0.4]],
    )
    section = section_data(annotators_section(compared, {}))
    each, together = section["tables"]
    assert [name for name, _ in each["columns"]] == [
        *("Annotator", "Rows", "Right, estimated", "Interval", "Kappa")
    ]
    assert each["rows"] == [["ann", 60, 0.9, [0.8, 0.95], 0.7], ["bob", 50, None, None, None]]
    assert together["rows"] == [["ann", "bob", 0.5, 0.4]]
    json.dumps(section, allow_nan=False)


def test_without_annotators_there_is_no_section(compared):
    assert annotators_section(compared, {}) is None
    write_annotators(compared, column=pa.array([], pa.string()))
    assert annotators_section(compared, {}) is None


def test_a_broken_file_of_annotators_is_told(compared):
    (compared.path / FILE_NAME).write_bytes(b"PAR1 nothing")
    with pytest.raises(DataError, match=r"annotators\.parquet"):
        annotators_section(compared, {})

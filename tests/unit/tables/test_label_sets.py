"""Several labels a row: cells, lists and columns say the same."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.errors import DataError, UsageError
from noisefix.tables.dataset import load_dataset
from noisefix.tables.label_rules import LabelRules
from noisefix.tables.label_sets import LISTS, SetReading, read_sets, set_reading
from noisefix.tables.source import read_source

SETS = [["b"], ["a", "c"], None, ["c", "a", "b"], ["a"], ["b"]]
TEXTS = [f"a text of more words than labels {i}" for i in range(len(SETS))]
NAMES = ("a", "b", "c")


def write(tmp_path, kind):
    """Write the sets in one of the ways that there are; return the file and how to read it."""
    if kind == "cells":
        cells = ["" if s is None else " | ".join(s) for s in SETS]
        return _csv(tmp_path, cells), SetReading("|")
    if kind == "json":
        rows = [{"text": t, "label": s} for t, s in zip(TEXTS, SETS, strict=True)]
        path = tmp_path / "d.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)) + "\n")
        return path, SetReading(LISTS)
    if kind == "python":
        return _csv(tmp_path, ["" if s is None else f'"{s}"' for s in SETS]), SetReading(LISTS)
    if kind == "parquet":
        path = tmp_path / "d.parquet"
        pq.write_table(pa.table({"text": TEXTS, "label": pa.array(SETS)}), path)
        return path, SetReading(LISTS)
    lines = [f"text,{','.join(reversed(NAMES))}"]
    for text, labels in zip(TEXTS, SETS, strict=True):
        marks = ["" if labels is None else str(int(n in labels)) for n in reversed(NAMES)]
        lines.append(f"{text},{','.join(marks)}")
    path = tmp_path / "d.csv"
    path.write_text("\n".join(lines) + "\n")
    return path, SetReading(columns=("c", "b", "a"))


def _csv(tmp_path, cells):
    path = tmp_path / "d.csv"
    lines = [f"{text},{cell}" for text, cell in zip(TEXTS, cells, strict=True)]
    path.write_text("\n".join(["text,label", *lines]) + "\n")
    return path


@pytest.mark.parametrize("kind", ["cells", "json", "python", "parquet", "columns"])
def test_every_way_of_writing_says_the_same(tmp_path, kind):
    path, reading = write(tmp_path, kind)
    data = load_dataset(read_source(path), sets=reading)
    assert data.class_names == NAMES
    assert data.given_labels == ["b", "a|c", None, "a|b|c", "a", "b"]
    assert data.sets.labelled.tolist() == [s is not None for s in SETS]
    want = [[name in (s or ()) for name in NAMES] for s in SETS]
    assert np.array_equal(data.sets.given, want)
    assert data.label_column == (None if kind == "columns" else "label")


def test_a_row_may_have_none_of_the_labels(tmp_path):
    rows = [{"text": t, "label": [] if i == 0 else ["a", "b"]} for i, t in enumerate(TEXTS)]
    path = tmp_path / "d.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    sets = load_dataset(read_source(path), sets=SetReading(LISTS)).sets
    assert (sets.labelled[0], sets.as_text()[:2]) == (True, ["", "a|b"])


def test_the_rules_of_labels_hold_for_each(tmp_path):
    path = _csv(tmp_path, ["0;1", "1;0;0", "NA", " 0 ; x ", ";", "1"])
    rules = LabelRules(missing=("NA",), names={"0": "refund", "1": "parcel", "x": "parcel"})
    sets = load_dataset(read_source(path), sets=SetReading(";"), rules=rules).sets
    assert sets.as_text() == [
        "parcel|refund",
        "parcel|refund",
        None,
        "parcel|refund",
        None,
        "parcel",
    ]
    assert sets.spellings == {"refund": "0", "parcel": "1"}
    assert any("stand twice in their cell (rows 2)" in warning for warning in sets.warnings)


def test_a_row_with_gaps_in_its_columns_is_unlabelled(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("text,a,b\nx y,1,\nz y,yes,no\nw z,False,TRUE\nv w,x,-\n")
    data = load_dataset(read_source(path), text_column="text", sets=SetReading(columns=("a", "b")))
    assert data.given_labels == [None, "a", "b", "a"]
    assert any("1 row has a label in some of --label-columns" in w for w in data.warnings)


@pytest.mark.parametrize(
    ("content", "reading", "message"),
    [
        ("text,label\nx,a\ny,a\n", SetReading("|"), "two labels or more are needed"),
        ("text,label\nx,a\ny,b\n", SetReading(LISTS), "row 1: 'a' is no list of labels"),
        ("text,a,b\nx,1,2\ny,0,1\n", SetReading(columns=("a", "b")), "row 1: '2' is neither 1"),
        ('text,label\nx,"[1, [2]]"\n', SetReading(LISTS), "row 1: a list within the list"),
        ('text,label\nx,"[""a""]"\n', SetReading("|"), "row 1: the cell is a list"),
    ],
)
def test_cells_that_are_something_else_are_refused(tmp_path, content, reading, message):
    path = tmp_path / "d.csv"
    path.write_text(content)
    with pytest.raises(DataError) as caught:
        load_dataset(read_source(path), text_column="text", sets=reading)
    assert message in caught.value.message
    assert caught.value.hint


def test_the_options_name_one_way(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text('text,"a,1",b,c\nx,1,0,1\n')
    source = read_source(path)
    assert set_reading(None, None, source) is None
    assert set_reading("|", None, source) == SetReading("|")
    assert set_reading(None, "b, a,1", source).columns == ("b", "a,1")
    for multi, columns in (("|", "b,c"), (" ", None), (None, "b"), (None, "b,b")):
        with pytest.raises(UsageError):
            set_reading(multi, columns, source)
    with pytest.raises(DataError, match="no column 'd'"):
        set_reading(None, "b,d", source)
    with pytest.raises(UsageError, match="cannot serve two purposes"):
        load_dataset(source, text_column="b", sets=SetReading(columns=("b", "c")))


def test_lists_are_refused_without_the_option_which_is_named(tmp_path):
    path, _ = write(tmp_path, "json")
    with pytest.raises(DataError) as caught:
        load_dataset(read_source(path))
    assert "--multi-label list" in caught.value.hint
    path, _ = write(tmp_path, "cells")
    with pytest.raises(DataError) as caught:
        load_dataset(read_source(path))
    assert 'noisefix detect --multi-label "|"' in caught.value.hint


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (["O", "B-PER", "I-PER"], "labels of single words"),
        ("O O B-LOC", "labels of single words"),
        ([{"start": 0, "end": 3, "label": "PER"}], "labels of spans"),
        ([0, 1, 1, 2], "a label for each word"),
    ],
)
def test_labels_of_words_and_spans_are_refused_with_a_word(tmp_path, cell, message):
    rows = [{"text": "four words in it", "label": cell}] * 4
    path = tmp_path / "d.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    for sets in (None, SetReading(LISTS)):
        if sets is None or not isinstance(cell, str):
            with pytest.raises(DataError, match=message):
                load_dataset(read_source(path), text_column="text", label_column="label", sets=sets)


def test_labels_that_look_a_little_like_tags_are_labels(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("text,label\n" + "a b,O\nc d,O B\ne f,B-52\ng h,I-9 form\n" * 3)
    assert set(load_dataset(read_source(path)).given_labels) == {"O", "O B", "B-52", "I-9 form"}


@given(st.lists(st.sets(st.sampled_from("abcde"), min_size=1), min_size=2))
def test_reading_is_the_inverse_of_writing(tmp_path_factory, sets):
    if len(set().union(*sets)) < 2:
        return
    path = tmp_path_factory.mktemp("sets") / "d.csv"
    lines = [f"text {i},{'|'.join(sorted(s, reverse=True))}" for i, s in enumerate(sets)]
    path.write_text("\n".join(["text,label", *lines]) + "\n")
    source = read_source(path)
    found = read_sets(source, "label", SetReading("|"), ["" for _ in sets])
    assert found.as_text() == ["|".join(sorted(s)) for s in sets]

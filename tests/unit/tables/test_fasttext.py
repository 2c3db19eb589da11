from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.cleaning.rewrite import rewritten
from noisefix.errors import DataError
from noisefix.tables.fasttext import parse_line
from noisefix.tables.line_numbers import line_numbers
from noisefix.tables.source import read_source

LINES = (
    '__label__praise I am  happy, "very" \N{PARTY POPPER}\r\n'
    "__label__refund\tmy money back, =1+1 \u202eabc\n"
    "\n"
    "no label here\n"
    "__label__a__label__b one label by fastText's rule\n"
    "__label__x"
)
ROWS = [
    ("praise", 'I am  happy, "very" \N{PARTY POPPER}'),
    ("refund", "my money back, =1+1 \u202eabc"),
    (None, "no label here"),
    ("a__label__b", "one label by fastText's rule"),
    ("x", ""),
]


@pytest.mark.parametrize("name", ["d.txt", "d.ft", "train.fasttext"])
def test_lines_are_rows(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(LINES.encode())
    source = read_source(path)
    assert source.format == "fasttext"
    found = source.table.to_pylist()
    assert [(row["label"], row["text"]) for row in found] == ROWS
    assert source.warnings == ()
    lines = line_numbers(source, path)
    assert lines is not None
    assert lines.tolist() == [1, 2, 4, 5, 6]


def test_all_bytes_but_the_label_stay(tmp_path: Path) -> None:
    path = tmp_path / "d.txt"
    path.write_bytes(LINES.encode("utf-16"))
    source = read_source(path)
    edits = {(1, "label"): "refund", (2, "label"): None, (3, "label"): "new"}
    new = rewritten(path, source, "o.txt", edits=edits, dropped=[5]).decode("utf-16")
    expected = LINES.replace("__label__praise", "__label__refund", 1)
    expected = expected.replace("__label__refund\tmy", "my").replace(
        "no lab", "__label__new no lab"
    )
    assert new == expected.removesuffix("\n__label__x")
    assert rewritten(path, source, "o.txt") == path.read_bytes()


def test_what_lines_cannot_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.txt"
    path.write_text(LINES)
    source = read_source(path)
    with pytest.raises(DataError, match="no blanks"):
        rewritten(path, source, "o.txt", edits={(1, "label"): "two words"})
    with pytest.raises(DataError, match="no room for a column 'flag'") as caught:
        rewritten(path, source, "o.txt", added={"flag": ["1"] * 5})
    assert "--format csv" in caught.value.hint


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("__label__a __label__b text", "has 2 labels: __label__a, __label__b"),
        ("__label__a text __label__b", "has 2 labels"),
        ("text __label__b", "has its label, __label__b, not at its beginning"),
        ("__label__ text", "has a label without a name"),
    ],
)
def test_other_lines_are_refused_or_left_out(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "d.txt"
    path.write_text(f"__label__x good\n{line}\n__label__y fine\n")
    with pytest.raises(DataError, match=rf"d\.txt: line 2 {reason}") as caught:
        read_source(path)
    assert "one label a line" in caught.value.hint
    source = read_source(path, bad_rows="skip")
    assert source.table["label"].to_pylist() == ["x", "y"]
    assert [(bad.line, bad.text) for bad in source.bad] == [(2, line)]
    new = rewritten(path, source, "o.txt", edits={(2, "label"): "x"}).decode()
    assert new == path.read_text().replace("__label__y", "__label__x")


def test_a_csv_file_may_hold_such_words(tmp_path: Path) -> None:
    path = tmp_path / "d.txt"
    path.write_text("text,label\nsee __label__x,a\nb,b\n")
    assert read_source(path).format == "csv"


words = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=" \t\v\f\r\n\0"), min_size=1
)


@given(words, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n")))
def test_a_label_and_a_text_are_parted_at_the_first_blank(label: str, text: str) -> None:
    if "__label__" in label or "__label__" in text:
        return
    found = parse_line(f"__label__{label} {text}")
    assert found.label == label
    assert f"__label__{label} {text}"[found.text_at :] == text.lstrip(" \t")

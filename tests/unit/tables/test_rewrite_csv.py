"""The general case is in tests/properties/test_tables.py; here are the corners."""

from __future__ import annotations

import codecs
import io

import pytest

from noisefix.errors import DataError
from noisefix.tables.changes import Changes
from noisefix.tables.rewrite_csv import rewrite_csv
from noisefix.tables.source import read_source


def rewrite(
    raw: bytes,
    edits: dict[tuple[int, str], str | None] | None = None,
    dropped: tuple[int, ...] = (),
    added: dict[str, list[str | None]] | None = None,
) -> bytes:
    source = read_source("-", io.BytesIO(raw))
    return rewrite_csv(raw, source, Changes.checked(source, edits or {}, dropped, added or {}))


def test_an_edited_cell_keeps_its_quotes_and_gets_them_where_needed() -> None:
    raw = b'id,text,label\n1,"a","x"\n2,b,y\n3,c,z\n'
    assert rewrite(raw, {(1, "label"): "q", (2, "label"): "q", (3, "label"): "q,r"}) == (
        b'id,text,label\n1,"a","q"\n2,b,q\n3,c,"q,r"\n'
    )


def test_a_cell_given_its_own_value_keeps_its_odd_spelling() -> None:
    raw = b'id,label\n1,"x"\n2,5" y\n'
    assert rewrite(raw, {(1, "label"): "x", (2, "label"): '5" y'}) == raw


def test_none_empties_a_cell() -> None:
    assert rewrite(b'id,label\n1,x\n2,"y"\n', {(1, "label"): None, (2, "label"): None}) == (
        b'id,label\n1,\n2,""\n'
    )


def test_an_emptied_cell_of_a_one_column_file_stays_a_row() -> None:
    assert rewrite(b"text\na\nb\n", {(1, "text"): ""}) == b'text\n""\nb\n'


def test_mixed_line_ends_and_blank_lines_stay() -> None:
    raw = b"\nid,label\r\n1,x\n\r\n2,y\r\n\n3,z"
    assert rewrite(raw, {(2, "label"): "q"}) == b"\nid,label\r\n1,x\n\r\n2,q\r\n\n3,z"
    assert rewrite(raw, dropped=(1, 3)) == b"\nid,label\r\n\r\n2,y\r\n"
    assert rewrite(raw, dropped=(1, 2, 3)) == b"\nid,label\r\n\r\n"
    assert rewrite(raw, added={"n": ["1", "2", "3"]}) == (
        b"\nid,label,n\r\n1,x,1\n\r\n2,y,2\r\n\n3,z,3"
    )


def test_edits_drops_and_new_columns_together() -> None:
    raw = b"id,label\n1,x\n2,y\n3,z\n"
    result = rewrite(raw, {(3, "label"): "q"}, (2,), {"a": ["1", "2", None], "b,c": ["", "", "5"]})
    assert result == b'id,label,a,"b,c"\n1,x,1,\n3,q,,5\n'


def test_new_fields_are_quoted_where_every_field_is() -> None:
    raw = b'"id","label"\n"1","x"\n'
    assert rewrite(raw, added={"n": ["1"]}) == b'"id","label","n"\n"1","x","1"\n'


def test_utf16_with_mark() -> None:
    raw = codecs.BOM_UTF16_BE + 'id,label\r\n1,"ä"\r\n'.encode("utf-16-be")
    assert rewrite(raw, {(1, "label"): "\U0001f600"}) == (
        codecs.BOM_UTF16_BE + 'id,label\r\n1,"\U0001f600"\r\n'.encode("utf-16-be")
    )


def test_latin1_stays_latin1_or_says_that_it_cannot() -> None:
    raw = "id,label\n1,é\n2,b\n".encode("latin-1")
    assert rewrite(raw, {(2, "label"): "ü"}) == "id,label\n1,é\n2,ü\n".encode("latin-1")
    with pytest.raises(DataError, match=r"<stdin>: the character U\+4E2D cannot be written"):
        rewrite(raw, {(2, "label"): "中"})


def test_a_value_that_needs_quotes_in_a_file_without_is_refused() -> None:
    raw = b'id\ttext\tlabel\n1\t"Hi" he said\tx\n'
    assert rewrite(raw, {(1, "label"): '"y'}) == raw[:-2] + b'"y\n'
    with pytest.raises(DataError, match=r"row 1, column 'label': .* no quotes"):
        rewrite(raw, {(1, "label"): "a\tb"})
    with pytest.raises(DataError, match="row 1, column 'new': "):
        rewrite(raw, added={"new": ["a\nb"]})

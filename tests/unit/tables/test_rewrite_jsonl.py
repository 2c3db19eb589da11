"""The general case is in tests/properties/test_tables.py; here are the corners."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from noisefix.errors import DataError
from noisefix.tables.changes import Changes
from noisefix.tables.rewrite_jsonl import rewrite_jsonl
from noisefix.tables.source import read_source


@pytest.fixture
def rewrite(tmp_path: Path):  # type: ignore[no-untyped-def]
    def run(raw: bytes, edits=None, dropped=(), added=None) -> bytes:  # type: ignore[no-untyped-def]
        (tmp_path / "d.jsonl").write_bytes(raw)
        source = read_source(tmp_path / "d.jsonl")
        return rewrite_jsonl(
            raw, source, Changes.checked(source, edits or {}, dropped, added or {})
        )

    return run


@pytest.mark.parametrize(
    ("line", "value", "expected"),
    [
        (b'{"l" : 1,"t":"a"}', "2", b'{"l" : 2,"t":"a"}'),
        (b'{"l": true}', "false", b'{"l": false}'),
        (b'{"l": 1.0}', "2", b'{"l": 2.0}'),
        (b'{"l": 1.0}', "1", b'{"l": 1.0}'),
        (b'{"l": "\\u0061"}', "a", b'{"l": "\\u0061"}'),
        (b'{"l": "a"}', 'say "hi"', b'{"l": "say \\"hi\\""}'),
        (b'{"l": "a"}', None, b'{"l": null}'),
        (b'{"l": "a", "x": "\xc3\xa9"}', "\xfc", b'{"l": "\xc3\xbc", "x": "\xc3\xa9"}'),
        (b'{"l": "a"}', "\xfc", b'{"l": "\\u00fc"}'),
        (b'{"l": ["a"]}', "b", b'{"l": "b"}'),
    ],
)
def test_values_keep_their_type_and_style(rewrite, line, value, expected) -> None:  # type: ignore[no-untyped-def]
    assert rewrite(line + b"\n", {(1, "l"): value}) == expected + b"\n"


def test_empty_and_missing_values_take_the_columns_type(rewrite) -> None:  # type: ignore[no-untyped-def]
    raw = b'{"l":3,"t":"a"}\r\n{"l":null,"t":"b"}\r\n{ "t":"c" }\r\n{}'
    edits = {(row, "l"): "7" for row in (2, 3, 4)}
    assert rewrite(raw, edits) == (
        b'{"l":3,"t":"a"}\r\n{"l":7,"t":"b"}\r\n{ "t":"c","l":7 }\r\n{"l": 7}'
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [(b'{"l": 1}', "a whole number"), (b'{"l": 1.5}', "a number"), (b'{"l": true}', "true or")],
)
def test_what_the_cell_cannot_hold_is_refused(rewrite, line, why) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match=f"row 1, column 'l': 'spam' cannot be written: .*{why}"):
        rewrite(line, {(1, "l"): "spam"})


def test_new_keys_follow_the_lines_style(rewrite) -> None:  # type: ignore[no-untyped-def]
    raw = b'{"a": 1, "b": 2}\n\n{"a":1,"b":2}\n'
    assert rewrite(raw, added={"n": ["x", None]}) == (
        b'{"a": 1, "b": 2, "n": "x"}\n\n{"a":1,"b":2,"n":null}\n'
    )


def test_dropping_lines(rewrite) -> None:  # type: ignore[no-untyped-def]
    raw = b'{"a":1}\n{"a":2}\n{"a":3}'
    assert rewrite(raw, dropped=(1,)) == b'{"a":2}\n{"a":3}'
    assert rewrite(raw, dropped=(3,)) == b'{"a":1}\n{"a":2}'
    assert rewrite(raw + b"\n", dropped=(3,)) == b'{"a":1}\n{"a":2}\n'


def test_byte_order_mark_and_utf16_stay(rewrite) -> None:  # type: ignore[no-untyped-def]
    text = '{"l": "é"}\n'
    assert rewrite(codecs.BOM_UTF8 + text.encode(), {(1, "l"): "ü"}) == (
        codecs.BOM_UTF8 + '{"l": "ü"}\n'.encode()
    )
    assert rewrite(codecs.BOM_UTF16_LE + text.encode("utf-16-le"), {(1, "l"): "ü"}) == (
        codecs.BOM_UTF16_LE + '{"l": "ü"}\n'.encode("utf-16-le")
    )

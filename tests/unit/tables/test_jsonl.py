from __future__ import annotations

import json

import pytest

from noisefix.errors import DataError
from noisefix.tables.json_values import KINDS_KEY, value_spans
from noisefix.tables.jsonl import line_spans, read_jsonl


def read(*rows: object) -> dict[str, list[object]]:
    return read_jsonl("\n".join(map(json.dumps, rows)).encode(), "x")[0].to_pydict()


def test_columns_in_order_of_appearance_with_gaps_as_null() -> None:
    assert read({"text": "a"}, {"label": 1, "text": "b"}, {"label": 2}) == {
        "text": ["a", "b", None],
        "label": [None, 1, 2],
    }


@pytest.mark.parametrize(
    ("values", "kind", "read_as"),
    [
        (["a", None], "large_string", ["a", None]),
        ([1, -2], "int64", [1, -2]),
        ([True, False], "bool", [True, False]),
        ([1, 2.5], "double", [1.0, 2.5]),
        ([None, None], "null", [None, None]),
        ([1, "1"], "large_string", ["1", "1"]),
        ([True, 1], "large_string", ["true", "1"]),
        ([["a"], {"b": 1}], "large_string", ['["a"]', '{"b":1}']),
        ([2**70, 1], "large_string", [str(2**70), "1"]),
        ([2**53 + 1, 0.5], "large_string", [str(2**53 + 1), "0.5"]),
        (["\ud800x", "\U0001f600"], "large_string", ["�x", "\U0001f600"]),
    ],
)
def test_types(values: list[object], kind: str, read_as: list[object]) -> None:
    raw = "\n".join(json.dumps({"v": value}) for value in values).encode()
    column = read_jsonl(raw, "x")[0]["v"]
    assert str(column.type) == kind
    assert column.to_pylist() == read_as


def test_kinds_are_kept_for_whoever_asks() -> None:
    table, _ = read_jsonl(b'{"v": 1}\n{"v": "1"}\n{"v": null}', "x")
    assert table.schema.field("v").metadata == {KINDS_KEY: b"int,str"}


def test_blank_lines_carriage_returns_and_odd_line_separators() -> None:
    raw = '{"a": "x\u2028y"}\r\n\r\n  \n{"a": "\x85"}'.encode()
    assert read_jsonl(raw, "x")[0].to_pydict() == {"a": ["x\u2028y", "\x85"]}
    assert [raw[s:e] for s, e in line_spans(raw)] == [raw.splitlines()[0], raw.split(b"\n")[-1]]


@pytest.mark.parametrize(
    ("raw", "message", "hint"),
    [
        (b"", "there are no rows", "one JSON object a line"),
        (b"{}\n", "there are no rows", "one JSON object a line"),
        (b'{"a": 1}\n\n{"a": }\n', "line 3 is not valid JSON: Expecting value, column 7", "jq -c"),
        (b'{"a": 1}\n[1]\n', "line 2 is a JSON array, not an object", "jq -c"),
        (b'[{"a": 1},\n{"a": 2}]', "line 1 is not valid JSON", "jq -c '.[]' data.jsonl"),
        (b'[{"a": 1}]', "line 1 is a JSON array", "jq -c '.[]' data.jsonl"),
        (b'{"a": 1, "b": 2, "a": 3}', "line 1 .*: the key 'a' appears twice", "jq"),
        (b'{"a": "k\xc3\xb6ln"}\n{"a": "\xff"}', "byte 0xFF at line 2", "iconv"),
        (b"[" * 100_000, "line 1 is not valid JSON", "jq"),
    ],
)
def test_errors_name_the_line(raw: bytes, message: str, hint: str) -> None:
    with pytest.raises(DataError, match=r"data\.jsonl: .*" + message) as caught:
        read_jsonl(raw, "data.jsonl")
    assert hint in caught.value.hint


def test_latin1_is_read_with_a_warning() -> None:
    table, survey = read_jsonl('{"a": 1}\n{"a": 2, "b": "é"}'.encode("latin-1"), "x")
    assert table["b"].to_pylist() == [None, "é"]
    assert "0xE9 at line 2" in survey.warnings[0]


def test_value_spans_cover_exactly_the_values() -> None:
    line = '{ "a" :1 ,"b\\"}": {"c": [1, "}"]}, "é": "x\\u00e9" , "d":null}'
    spans = value_spans(line)
    assert {key: line[s:e] for key, (s, e) in spans.items()} == {
        "a": "1",
        'b"}': '{"c": [1, "}"]}',
        "é": '"x\\u00e9"',
        "d": "null",
    }
    assert value_spans("{ }") == {}

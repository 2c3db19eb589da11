"""Tables with hostile cells in every format: read, and written again with little changed."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.feather as feather
import pytest

from noisefix.cleaning.rewrite import rewritten
from noisefix.errors import DataError
from noisefix.tables.compression import PACKINGS
from noisefix.tables.formats import FORMATS
from noisefix.tables.rewriters import REWRITERS
from noisefix.tables.source import read_source
from noisefix.tables.stream import open_stream

TEXTS = [
    'commas, "quotes", it\'s; and\ttabs',
    "two\nlines",
    "=cmd|' /C calc'!A0",
    "\N{FAMILY} 👩\u200d👩\u200d👧 ünï",
    "\u202eright to left\u202c",
    "long " * 6000,
    "007",
    "2024-01-31",
    "12345678901234567890",
    " blanks ",
    "<b>&amp;</b> ]]> {}",
    "TRUE",
    "1e5",
    "#N/A",
]
LABELS = ["x", "y"] * (len(TEXTS) // 2)
N = len(TEXTS)


def as_json(rows: list[dict[str, object]], **how: object) -> bytes:
    return json.dumps(rows, ensure_ascii=False, **how).encode()


def rows() -> list[dict[str, object]]:
    return [{"text": t, "label": k, "n": None} for t, k in zip(TEXTS, LABELS, strict=True)]


def arrow(
    *, stream: bool = False, codec: str | None = None, text: pa.DataType | None = None
) -> bytes:
    labels = pa.array(LABELS).dictionary_encode()
    big = pa.array([2**62 + k for k in range(N)])
    texts = pa.array(TEXTS, text or pa.string())
    table = pa.table({"text": texts, "label": labels, "n": big})
    table = table.replace_schema_metadata({"kept": "yes"})
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=codec)
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=5)
    return bytes(sink.getvalue())


def xlsx() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "answers"
    sheet.append(["text", "label", "n"])
    for text, label in zip(TEXTS, LABELS, strict=True):
        sheet.append([None, label])
        cell = sheet.cell(sheet.max_row, 1)
        cell.value, cell.data_type = text, "s"
        cell.font = openpyxl.styles.Font(bold=True)
    book.create_sheet("other").append(["=1+1", "kept"])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def zip_of(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return file.getvalue()


def csv_text() -> bytes:
    lines = ['"{}",{}'.format(r["text"].replace('"', '""'), r["label"]) for r in rows()]  # type: ignore[attr-defined]
    return ("text,label\r\n" + "\r\n".join(lines)).encode()


FILES: dict[str, Callable[[], bytes]] = {
    "d.csv": csv_text,
    "d.json": lambda: as_json(rows()),
    "pretty.json": lambda: b"\xef\xbb\xbf" + as_json(rows(), indent=2) + b"\n",
    "ascii.json": lambda: json.dumps(rows(), separators=(",", ":")).encode(),
    "inner.json": lambda: json.dumps({"about": [1, 2], "data": rows(), "n": 3}, indent=1).encode(),
    "d.arrow": arrow,
    "views.arrow": lambda: arrow(text=pa.string_view()),
    "d.feather": lambda: arrow(codec="lz4"),
    "stream.arrow": lambda: arrow(stream=True, codec="zstd"),
    "d.xlsx": xlsx,
    "d.csv.zip": lambda: zip_of(d_csv=csv_text()),
    **{f"d.json{kind.ending}": lambda k=kind: k.pack(as_json(rows())) for kind in PACKINGS},  # type: ignore[misc]
}


@pytest.mark.parametrize("name", FILES)
def test_hostile_cells_are_read_and_come_back_with_one_label_changed(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name]())
    source = read_source(path)
    assert source.table["text"].to_pylist() == TEXTS
    assert source.table["label"].to_pylist() == LABELS
    assert source.warnings == ()
    with open_stream(path) as stream:
        blocks = pa.concat_tables(stream.blocks(["text", "label"], 3))
        assert blocks.to_pydict() == {"text": TEXTS, "label": LABELS}
        assert stream.head.sha256 == source.sha256

    output = tmp_path / f"new-{name}"
    assert rewritten(path, source, output) == path.read_bytes()
    new_labels = ["x"] * N
    added = {"flag": [f"{k}, =1" for k in range(N)]}
    output.write_bytes(
        rewritten(
            path,
            source,
            output,
            edits={(k, "label"): "x" for k in range(1, N + 1)},
            dropped=[1, 4, N],
            added=added,
        )
    )
    kept = [k for k in range(N) if k not in (0, 3, N - 1)]
    again = read_source(output)
    assert again.columns == (*source.columns, "flag")
    assert again.format == source.format
    assert again.table["text"].to_pylist() == [TEXTS[k] for k in kept]
    assert again.table["label"].to_pylist() == [new_labels[k] for k in kept]
    assert again.table["flag"].to_pylist() == [added["flag"][k] for k in kept]
    if "n" in source.columns:
        assert again.table["n"].to_pylist() == [source.table["n"][k].as_py() for k in kept]
        assert again.table.schema.field("label").type == source.table.schema.field("label").type


def test_every_format_has_somebody_who_writes_it() -> None:
    assert list(REWRITERS) == list(FORMATS)


def test_no_format_makes_the_others_start_slower(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(csv_text())
    script = (
        "import sys; from noisefix.tables.source import read_source; read_source(sys.argv[1])\n"
        "heavy = {'openpyxl', 'fsspec', 'sqlalchemy', 'aiohttp', 'lxml', 'xml.etree.ElementTree'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_json_list_keeps_every_byte_that_is_not_changed(tmp_path: Path) -> None:
    text = (
        '  [ {"t" : "a",  "label":"x" } ,\n\n'
        '\t{"label":"y","n":1.50,"big":1e400,"t":"b"}\n ,{"t":"c"}]\n\n'
    )
    path = tmp_path / "d.json"
    path.write_text(text)
    source = read_source(path)
    edits = {(2, "label"): "x", (3, "label"): "z"}
    new = rewritten(path, source, tmp_path / "o.json", edits=edits).decode()
    assert new == text.replace('"y"', '"x"').replace('{"t":"c"}', '{"t":"c","label":"z"}')
    gone = rewritten(path, source, tmp_path / "o.json", dropped=[2]).decode()
    assert gone == '  [ {"t" : "a",  "label":"x" }\n ,{"t":"c"}]\n\n'
    assert json.loads(rewritten(path, source, tmp_path / "o.json", dropped=[1, 2, 3])) == []


def test_new_members_of_an_indented_list_stand_on_lines_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    path.write_text(json.dumps([{"t": "a", "label": "x"}], indent=4))
    new = rewritten(path, read_source(path), tmp_path / "o.json", added={"flag": ["true"]})
    assert new.decode() == json.dumps([{"t": "a", "label": "x", "flag": "true"}], indent=4)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('[{"a": 1}, {"a": 2}', "item 3 of the list is not valid JSON: the array is not", ""),
        ('[{"a": 1} {"a": 2}]', "item 2 of the list is not valid JSON: no comma", ""),
        ('[{"a": 1},]', "item 2 of the list is not there", ""),
        ('[{"a": 1}, 7]', "item 2 of the list is a JSON int", "orient='records'"),
        ('[{"a": 1, "a": 2}]', "item 1 .* the key 'a' appears twice", ""),
        ("[]", "there are no rows", ""),
        ('[{"a": 1}] x', "more text follows the list, on line 1", ""),
        ('{\n"a": {"0": "x"},\n"b": {"0": "y"}\n}', "no list of objects in it; its keys: 'a'", ""),
        ('{\n"a": [{"t": 1}],\n"b": [{"t": 1}]\n}', "several lists of objects: 'a', 'b'", "jq"),
        ('{\n"a": [{"t": 1}],\n', "the document is not valid JSON", ""),
        ('{"text":{"0":"a"},"label":{"0":"x"}}', "no list of objects in it; its keys: 'text'", ""),
        ('{"columns":["text"],"data":[["a"]]}', "no list of objects in it", "orient='records'"),
        ("[" * 100_000, "item 1 of the list is not valid JSON: it is nested", ""),
    ],
)
def test_json_that_is_no_table(tmp_path: Path, text: str, message: str, hint: str) -> None:
    (tmp_path / "d.json").write_text(text)
    with pytest.raises(DataError, match=rf"d\.json: {message}") as caught:
        read_source(tmp_path / "d.json")
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"messages": [{"role": "user"}], "label": "x"}\n' * 2, "jsonl"),
        ('{"data": [{"t": "a"}, {"t": "b"}]}', "json"),
        ('{"schema": {"fields": []}, "data": [{"t": "a"}]}', "json"),
        ('{"t": "a"}', "jsonl"),
        ('\n {"t": "a"}\n{"t": "b"}\n', "jsonl"),
        ('{\n "rows": [\n {"t": "a"}]}', "json"),
    ],
)
def test_a_json_file_is_told_from_json_lines(tmp_path: Path, text: str, kind: str) -> None:
    (tmp_path / "d.json").write_text(text)
    assert read_source(tmp_path / "d.json").format == kind


def test_arrow_keeps_container_metadata_and_codec(tmp_path: Path) -> None:
    for name in ("d.arrow", "d.feather", "stream.arrow"):
        path = tmp_path / name
        path.write_bytes(FILES[name]())
        new = rewritten(path, read_source(path), path.with_name("o" + name), dropped=[1])
        assert new[:6] == path.read_bytes()[:6]
        assert read_source(path).table.schema.metadata == {b"kept": b"yes"}
        assert len(new) < 1.1 * path.stat().st_size
    feather.read_table(pa.BufferReader(new if new[:6] == b"ARROW1" else FILES["d.arrow"]()))


@pytest.mark.parametrize("name", ["d.arrow", "d.feather", "stream.arrow", "d.xlsx", "d.csv.zip"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_half_a_file_is_said_to_be_so(tmp_path: Path, name: str, share: float) -> None:
    content = FILES[name]()
    path = tmp_path / name
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=rf"{name}: not a whole ") as caught:
        read_source(path)
    assert caught.value.exit_code == 3
    assert "again" in caught.value.hint
    with pytest.raises(DataError, match=rf"{name}: not a whole "), open_stream(path):
        pass

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from noisefix.errors import DataError
from noisefix.run.folder import RunFolder, default_run_path
from noisefix.tables.source import Source, read_source

CSV = b"id,text,label\n1,a,x\n2,b,y\n"


@pytest.fixture
def source(tmp_path: Path) -> Source:
    path = tmp_path / "data.csv"
    path.write_bytes(CSV)
    return read_source(path)


@pytest.fixture
def run(tmp_path: Path, source: Source) -> RunFolder:
    run = RunFolder.create(tmp_path / "run", source)
    run.set_input(source, text_column="text", label_column="label", id_column="id")
    return run


def other_source(content: bytes = CSV + b"3,c,x\n") -> Source:
    return read_source("-", io.BytesIO(content))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("a/tickets.csv", "a/tickets.noisefix"),
        ("tickets.csv.gz", "tickets.noisefix"),
        ("tickets.csv.GZ", "tickets.noisefix"),
        ("v1.2.jsonl", "v1.2.noisefix"),
        ("plain", "plain.noisefix"),
        (".csv", ".csv.noisefix"),
        ("-", "stdin.noisefix"),
    ],
)
def test_default_place(data: str, expected: str) -> None:
    assert default_run_path(data) == Path(expected)


def test_what_is_recorded(run: RunFolder, source: Source) -> None:
    run.record_stage(
        "joint",
        parameters={"k": 5},
        seed=1,
        inputs={"embeddings": "ab"},
        outputs={"issues": "issues.parquet"},
        seconds=1.23456,
    )
    content = RunFolder.open(run.path).read()
    assert content["input"] == {
        "name": "data.csv",
        "path": str(source.path),
        "path_from_here": "../data.csv",
        "sha256": source.sha256,
        "rows": 2,
        "format": "csv",
        "columns": {"text": "text", "label": "label", "id": "id"},
        "dialect": {
            "encoding": "utf-8",
            "bom": False,
            "delimiter": ",",
            "quote": '"',
            "terminator": "\n",
            "quote_all": False,
            "escape": "",
            "padded": False,
            "preamble": "",
        },
        "bad_rows": "stop",
    }
    stage = content["stages"]["joint"]
    assert stage.pop("finished_at").endswith("+00:00")
    assert stage == {
        "parameters": {"k": 5},
        "seed": 1,
        "inputs": {"embeddings": "ab"},
        "outputs": {"issues": "issues.parquet"},
        "seconds": 1.235,
    }


def test_the_same_input_comes_back_to_its_folder(run: RunFolder, source: Source) -> None:
    run.issues.write_bytes(b"table")
    run.record_stage("joint", parameters={}, seed=0, inputs={}, outputs={}, seconds=0)
    for force in (False, True):
        again = RunFolder.create(run.path, source, force=force)
        assert again.issues.read_bytes() == b"table"
        assert "joint" in again.read()["stages"]


def test_another_input_is_refused_unless_forced(run: RunFolder) -> None:
    run.issues.write_bytes(b"table")
    run.ledger.write_bytes(b"ledger")
    other = other_source()
    with pytest.raises(DataError, match=r"made from another input \(data\.csv, 2 rows\)") as caught:
        RunFolder.create(run.path, other)
    assert "-o" in caught.value.hint
    assert "--force" in caught.value.hint
    taken = RunFolder.create(run.path, other, force=True)
    assert not taken.issues.exists()
    assert taken.ledger.read_bytes() == b"ledger"
    assert taken.read()["stages"] == {}


def test_a_changed_input_is_told_apart_from_another(run: RunFolder, source: Source) -> None:
    assert source.path is not None
    assert (run.input_state(), run.input.files()[0]) == ("same", source.path)
    source.path.write_bytes(CSV + b"3,c,x\n")
    with pytest.raises(DataError, match=r"made from data\.csv before that file changed"):
        run.input.check_same(read_source(source.path))
    assert run.input_state() == "changed"
    with pytest.raises(DataError, match="changed since") as caught:
        run.input.files()[0]
    assert "detect" in caught.value.hint


def test_a_vanished_input_is_told(run: RunFolder, source: Source) -> None:
    assert source.path is not None
    source.path.unlink()
    assert run.input_state() == "vanished"
    with pytest.raises(DataError, match="no longer there") as caught:
        run.input.files()[0]
    assert "put it back" in caught.value.hint


def test_standard_input_is_kept(tmp_path: Path) -> None:
    other = other_source()
    run = RunFolder.create(tmp_path / "run", other)
    run.set_input(other, text_column="text", label_column="label", id_column=None)
    assert run.input.files()[0].read_bytes() == other.content
    assert run.read()["input"]["path"] is None
    assert read_source(run.input.files()[0]).sha256 == other.sha256


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no run.json in it"),
        ("{", "not valid JSON"),
        ("[]", "'input' or 'stages' is missing"),
        ('{"input": {}}', "'input' or 'stages' is missing"),
        ('{"input": [], "stages": {}}', "'input' or 'stages' is missing"),
    ],
)
def test_what_is_no_run_folder_is_refused(
    tmp_path: Path, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        RunFolder.open(tmp_path)
    assert "noisefix detect" in caught.value.hint


def test_missing_folders_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such run folder"):
        RunFolder.open(tmp_path / "none")
    (tmp_path / "file.csv").write_bytes(CSV)
    with pytest.raises(DataError, match="a file, not a run folder"):
        RunFolder.open(tmp_path / "file.csv")


def test_no_input_recorded_yet(tmp_path: Path, source: Source) -> None:
    run = RunFolder.create(tmp_path / "run", source)
    assert run.input_state() == "vanished"
    with pytest.raises(DataError, match="no input is recorded"):
        run.input.files()[0]


def test_run_json_is_for_people_too(run: RunFolder) -> None:
    text = run.run_json.read_text()
    assert text.endswith("}\n")
    assert list(json.loads(text)) == ["noisefix_version", "input", "stages"]


def test_an_input_that_was_moved_with_its_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "a" / "in").mkdir(parents=True)
    data = tmp_path / "a" / "in" / "data.csv"
    data.write_bytes(CSV)
    source = read_source(data)
    run = RunFolder.create(tmp_path / "a" / "out" / "run", source)
    run.set_input(source, text_column="text", label_column="label", id_column="id")
    (tmp_path / "a").rename(tmp_path / "b")
    moved = RunFolder.open(tmp_path / "b" / "out" / "run")
    assert moved.input.files()[0].samefile(tmp_path / "b" / "in" / "data.csv")
    (tmp_path / "b" / "in" / "data.csv").rename(tmp_path / "b" / "out" / "data.csv")
    assert moved.input.files()[0] == tmp_path / "b" / "out" / "data.csv"
    (tmp_path / "b" / "out" / "data.csv").write_bytes(CSV + b"3,c,x\n")
    assert moved.input_state() == "changed"


def test_the_input_may_be_named(tmp_path: Path, run: RunFolder, source: Source) -> None:
    assert source.path is not None
    away = source.path.rename(tmp_path / "away.csv")
    assert RunFolder.open(run.path, away).input.files()[0] == away
    away.write_bytes(CSV + b"3,c,x\n")
    with pytest.raises(DataError, match=r"is not the input that .* \(data\.csv, 2 rows\)"):
        RunFolder.open(run.path, away)
    with pytest.raises(DataError, match="no such file"):
        RunFolder.open(run.path, tmp_path / "none.csv")


def _damage(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["input"].update(path=5), "path is 5: it must be a text or null"),
        (lambda c: c["input"].update(columns="text"), "columns is 'text': it must be a table"),
        (lambda c: c["input"].update(rows=[1]), "rows is"),
        (lambda c: c["stages"].update(embed=[]), "embed is not a table"),
        (lambda c: c["stages"].update(embed={"inputs": 3}), "inputs is 3"),
    ],
)
def test_odd_values_in_run_json_are_bad_data(tmp_path, change, said):
    data = tmp_path / "d.csv"
    data.write_text("text,label\na,b\n")
    source = read_source(data)
    run = RunFolder.create(tmp_path / "run", source)
    run.set_input(source, text_column="text", label_column="label", id_column=None)
    _damage(run.run_json, change)
    with pytest.raises(DataError) as caught:
        RunFolder.open(run.path)
    assert said in caught.value.message
    assert str(run.run_json) in caught.value.message
    assert "detect again" in caught.value.hint


def test_nested_run_json_is_bad_data(tmp_path):
    (tmp_path / "run.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match="not valid JSON: nested too deeply"):
        RunFolder.open(tmp_path)


def test_an_input_that_was_never_recorded_is_bad_data(tmp_path):
    data = tmp_path / "d.csv"
    data.write_text("text,label\na,b\n")
    run = RunFolder.create(tmp_path / "run", read_source(data))
    with pytest.raises(DataError, match="the input's columns is not recorded"):
        run.read()["input"]["columns"]

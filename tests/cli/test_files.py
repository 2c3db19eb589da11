"""Every kind of file through the commands: found out, written back in kind, taken back."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest

from noisefix.tables.compression import PACKINGS
from noisefix.tables.source import read_source

from .conftest import Cli, ticket_rows, tickets_csv


def _rows() -> list[dict[str, str]]:
    return [{"id": i, "text": text, "label": label} for i, text, label in ticket_rows()]


def _arrow() -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.Table.from_pylist(_rows())
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _xlsx() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["id", "text", "label"])
    for row in _rows():
        book.active.append(list(row.values()))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("in/tickets.csv", tickets_csv())
    return file.getvalue()


def _fasttext() -> bytes:
    return "".join(f"__label__{row['label']} {row['text']}\n" for row in _rows()).encode()


KINDS: dict[str, Callable[[], bytes]] = {
    "tickets.json": lambda: json.dumps({"data": _rows()}, indent=1).encode(),
    "tickets.arrow": _arrow,
    "tickets.feather": _arrow,
    "tickets.xlsx": _xlsx,
    "tickets.txt": _fasttext,
    "tickets.csv.zip": _zip,
    **{f"tickets.csv{k.ending}": lambda k=k: k.pack(tickets_csv().encode()) for k in PACKINGS},  # type: ignore[misc]
}


@pytest.mark.parametrize("name", KINDS)
def test_a_file_is_repaired_in_kind_and_the_repair_taken_back(
    cli: Cli, tmp_path: Path, name: str
) -> None:
    data = tmp_path / name
    data.write_bytes(KINDS[name]())
    found = cli("detect", data, "--encoder", "tfidf", "--json", "--quiet")
    assert found.code == 0, found.err
    run = tmp_path / "tickets.noisefix"
    assert json.loads(found.out)["run"] == str(run)

    output = tmp_path / f"clean-{name}"
    key = "5" if name == "tickets.txt" else "t5"
    review = tmp_path / "review.csv"
    review.write_text(f"id,decision\n{key},refund\n")
    repaired = cli("apply", run, "-o", output, "--strategy", "relabel", "--review", review)
    assert repaired.code == 0, repaired.err
    old, new = read_source(data), read_source(output)
    labels = old.table["label"].to_pylist()
    labels[4] = "refund"
    assert new.table["label"].to_pylist() == labels != old.table["label"].to_pylist()
    assert new.table.drop_columns("label") == old.table.drop_columns("label")
    assert cli("apply", run, "-o", output, "--revert").code == 0
    assert output.read_bytes() == data.read_bytes()

    flagged = cli("apply", run, "-o", output, "--column-prefix", "q_")
    if name == "tickets.txt":
        assert flagged.code == 3
        assert "have no room for a column 'q_is_issue'" in flagged.err
    else:
        assert flagged.code == 0, flagged.err
        assert read_source(output).columns[:4] == ("id", "text", "label", "q_is_issue")
    assert cli("check", run, "--max-noise-rate", 1).code == 0
    refused = cli("apply", run, "-o", tmp_path / "x.parquet")
    assert refused.code == 2
    assert "the name promises Parquet" in refused.err


def test_an_input_is_never_written_over_whatever_of_it_is_meant(cli: Cli, tmp_path: Path) -> None:
    data = tmp_path / "d.zip"
    data.write_bytes(_zip())
    inside = f"{data}::in/tickets.csv"
    outcome = cli("noise", inside, "-o", data)
    assert outcome.code == 2
    assert "the input itself" in outcome.err
    assert cli("embed", inside, "-o", data, "--encoder", "tfidf").code == 2
    assert data.read_bytes() == _zip()


def test_a_sheet_has_a_run_folder_of_its_own(cli: Cli, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(io.BytesIO(_xlsx()))
    book.create_sheet("2 empty").append(["text"])
    book.active.title = "my rows"
    data = tmp_path / "d.xlsx"
    book.save(data)
    found = cli("detect", f"{data}::my rows", "--encoder", "tfidf", "--quiet", "--json")
    run = tmp_path / "d.my-rows.noisefix"
    assert json.loads(found.out)["run"] == str(run)
    assert json.loads((run / "run.json").read_text())["input"]["inside"] == ["my rows"]
    moved = tmp_path / "elsewhere.xlsx"
    data.rename(moved)
    output = tmp_path / "o.xlsx"
    applied = cli("apply", run, "--data", moved, "-o", output)
    assert applied.code == 0, applied.err
    assert openpyxl.load_workbook(output).sheetnames == ["my rows", "2 empty"]


def test_a_workbook_for_people_is_made_of_a_workbook(cli: Cli, tmp_path: Path) -> None:
    data = tmp_path / "d.xlsx"
    data.write_bytes(_xlsx())
    cli("detect", data, "--encoder", "tfidf", "--quiet")
    for options in (["--format", "xlsx"], ["--only-flagged"]):
        output = tmp_path / f"{len(options)}.xlsx"
        assert cli("apply", tmp_path / "d.noisefix", "-o", output, *options).code == 0
        sheets = openpyxl.load_workbook(output).sheetnames
        assert sheets == ["rows", "classes"]

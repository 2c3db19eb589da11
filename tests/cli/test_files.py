"""Every kind of file through the commands: found out, written back in kind, taken back."""

from __future__ import annotations

import io
import json
import shutil
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
        archive.writestr(zipfile.ZipInfo("in/tickets.csv"), tickets_csv())
    return file.getvalue()


def _fasttext() -> bytes:
    return "".join(f"__label__{row['label']} {row['text']}\n" for row in _rows()).encode()


KINDS: dict[str, Callable[[], bytes]] = {
    "tickets.json": lambda: json.dumps({"data": _rows()}, indent=1).encode(),
    "tickets.arrow": _arrow,
    "tickets.xlsx": _xlsx,
    "tickets.txt": _fasttext,
    "tickets.csv.zip": _zip,
    "tickets.csv.zst": lambda: PACKINGS[-1].pack(tickets_csv().encode()),
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


def review(tmp_path: Path, key: str) -> Path:
    path = tmp_path / "review.csv"
    path.write_text(f"id,decision\n{key},refund\n")
    return path


RELABEL = ("--strategy", "relabel", "--review")


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """The tickets in two files of a folder, written in two ways, without ids."""
    folder = tmp_path / "parts"
    folder.mkdir()
    lines = [f'"{text}",{label}' for _, text, label in ticket_rows()]
    (folder / "a.csv").write_text("\n".join(["text,label", *lines[:40]]) + "\n")
    (folder / "b.csv.gz").write_bytes(
        PACKINGS[0].pack("\r\n".join(["text,label", *lines[40:]]).encode("utf-16"))
    )
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_folder_is_repaired_as_a_folder_and_taken_back(
    cli: Cli, tmp_path: Path, parts: Path
) -> None:
    before = contents(parts)
    found = cli("detect", parts, "--encoder", "tfidf", "--json", "--quiet")
    assert found.code == 0, found.err
    run = tmp_path / "parts.noisefix"
    assert json.loads(found.out)["run"] == str(run)
    output = tmp_path / "clean"
    decided = review(tmp_path, "b.csv.gz:5")
    repaired = cli("apply", run, "-o", output, *RELABEL, decided)
    assert repaired.code == 0, repaired.err
    after = contents(output)
    assert after["a.csv"] == before["a.csv"]
    labels = read_source(parts).table["label"].to_pylist()
    labels[44] = "refund"
    assert read_source(output).table["label"].to_pylist() == labels
    assert PACKINGS[0].magic == after["b.csv.gz"][:2]
    (output / "a.csv").write_bytes(after["a.csv"].replace(b"case 1 ", b"case one "))
    edited = cli("apply", run, "-o", output, "--revert")
    assert edited.code == 0, edited.err
    assert contents(output)["b.csv.gz"] == before["b.csv.gz"]
    (output / "a.csv").write_bytes(after["a.csv"])
    assert cli("apply", run, "-o", output).code == 2  # somebody has edited it
    assert cli("apply", run, "-o", tmp_path / "new", *RELABEL, decided).code == 0
    assert cli("apply", run, "-o", tmp_path / "new").code == 0  # as apply has written it
    assert cli("apply", run, "-o", tmp_path / "new", "--revert").code == 0
    assert contents(tmp_path / "new") == before == contents(parts)


def test_outputs_for_several_files_are_new_folders(cli: Cli, tmp_path: Path, parts: Path) -> None:
    cli("detect", f"{parts}/*", "--encoder", "tfidf", "-o", tmp_path / "run", "--quiet")
    other = tmp_path / "other"
    other.mkdir()
    (other / "x").write_text("mine")
    for output, message in (
        (parts, "is read from it"),
        (other, "holds other files"),
        (tmp_path / "x.csv", "written again as a folder"),
        ("-", "written again as a folder"),
    ):
        refused = cli("apply", tmp_path / "run", "-o", output)
        assert (refused.code, message in refused.err) == (2, True), refused.err
        assert cli("noise", parts, "-o", output).code == 2
    noisy = cli("noise", parts / "a.csv", parts / "b.csv.gz", "-o", tmp_path / "noisy")
    assert noisy.code == 0, noisy.err
    assert read_source(tmp_path / "noisy").columns == ("text", "label", "true_label")
    refused = cli("noise", f"{parts}/*", "-o", parts / "a.csv")
    assert refused.code == 2


def test_several_files_are_named_one_by_one(cli: Cli, tmp_path: Path, parts: Path) -> None:
    run = tmp_path / "run"
    files = (parts / "b.csv.gz", parts / "a.csv")
    found = cli("detect", *files, "--encoder", "tfidf", "-o", run, "--quiet", "--json")
    assert found.code == 0, found.err
    about = json.loads((run / "run.json").read_text())["input"]
    assert [part["name"] for part in about["parts"]] == ["b.csv.gz", "a.csv"]
    assert cli("check", run, "--max-noise-rate", 1).code == 0
    assert cli("detect", *files[::-1], "--encoder", "tfidf", "-o", run, "--quiet").code == 3
    (parts / "a.csv").write_text("text,label\nx,refund\n")
    refused = cli("apply", run, "-o", tmp_path / "new")
    assert refused.code == 3
    assert "a.csv: changed since" in refused.err


def test_an_address_is_read_once_and_never_shown_whole(cli: Cli, tmp_path: Path) -> None:
    import fsspec

    system = fsspec.filesystem("memory")
    system.pipe("/in/tickets.csv.gz", PACKINGS[0].pack(tickets_csv().encode()))
    run = tmp_path / "run"
    address = "memory://user:hunter22@in/tickets.csv.gz?sig=s3cr3t"
    try:
        system.pipe("/user:hunter22@in/tickets.csv.gz?sig=s3cr3t", system.cat("/in/tickets.csv.gz"))
        found = cli("detect", address, "--encoder", "tfidf", "-o", run)
        assert found.code == 0, found.err
        system.rm("/user:hunter22@in/tickets.csv.gz?sig=s3cr3t")
        output = tmp_path / "clean.csv.gz"
        applied = cli("apply", run, "-o", output, *RELABEL, review(tmp_path, "t5"))
        assert applied.code == 0, applied.err
        again = cli("apply", run, "-o", "memory://out/clean.csv.gz")
        assert again.code == 0, again.err
        assert system.cat("/out/clean.csv.gz")[:2] == PACKINGS[0].magic
        refused = cli("apply", run, "-o", "memory://in/tickets.csv.gz")
        assert (refused.code, "the input itself" in refused.err) == (2, True)
        assert cli("apply", run, "-o", "memory://out/x.csv.gz", "--revert").code == 2
    finally:
        system.store.clear()
    assert read_source(output).table["label"][4].as_py() == "refund"
    said = found.out + found.err + applied.out + applied.err + again.out + again.err
    kept = b"".join(path.read_bytes() for path in run.rglob("*") if path.is_file())
    for secret in ("hunter22", "s3cr3t"):
        assert secret not in said
        assert secret.encode() not in kept
    about = json.loads((run / "run.json").read_text())["input"]
    assert about["address"] == "memory://in/tickets.csv.gz"


def test_a_table_of_a_database_becomes_a_new_table(cli: Cli, tmp_path: Path) -> None:
    import sqlite3

    database = tmp_path / "x.db"
    with sqlite3.connect(database) as connection:
        connection.execute("create table tickets (id text primary key, text text, label text)")
        connection.executemany("insert into tickets values (?, ?, ?)", ticket_rows())
    connection.close()
    before = read_source(f"sqlite:///{database}::tickets")
    run = tmp_path / "run"
    found = cli("detect", f"sqlite:///{database}::tickets", "--encoder", "tfidf", "-o", run)
    assert found.code == 0, found.err
    decided = review(tmp_path, "t5")
    target = f"sqlite:///{database}::repaired"
    applied = cli("apply", run, "-o", target, *RELABEL, decided)
    assert applied.code == 0, applied.err
    after = read_source(target).table.sort_by("id")
    assert after.drop_columns("label") == before.table.drop_columns("label")
    assert after["label"].to_pylist() != before.table["label"].to_pylist()
    refused = cli("apply", run, "-o", target)
    assert (refused.code, "there is such a table" in refused.err) == (3, True)
    refused = cli("apply", run, "-o", f"sqlite:///{database}::tickets")
    assert (refused.code, "the input itself" in refused.err) == (2, True)
    assert read_source(f"sqlite:///{database}::tickets").sha256 == before.sha256
    assert cli("apply", run, "-o", tmp_path / "clean.parquet", *RELABEL, decided).code == 0
    promised = cli("apply", run, "-o", tmp_path / "clean.csv")
    assert (promised.code, "the output is Parquet" in promised.err) == (2, True)
    csv = cli("apply", run, "-o", tmp_path / "rows.csv", "--format", "csv")
    assert csv.code == 0, csv.err


def test_a_csv_file_can_become_a_table_too(cli: Cli, tmp_path: Path, detected: Path) -> None:
    run = tmp_path / "tickets.noisefix"
    shutil.copytree(detected, run)
    shutil.copy(detected.parent / "tickets.csv", tmp_path)
    target = f"sqlite:///{tmp_path}/new.db::tickets"
    applied = cli("apply", run, "-o", target)
    assert applied.code == 0, applied.err
    assert "new.db::tickets" in applied.out
    assert read_source(target).table.num_rows == 60
    refused = cli("apply", run, "-o", f"sqlite:///{tmp_path}/none/new.db::tickets")
    assert (refused.code, "its folder does not exist" in refused.err) == (3, True)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("none-*.csv", "no file fits this pattern"),
        ("sqlite:///none.db::t", "none.db: no such file"),
        ("memory://none.csv", "no such file"),
        ("http://127.0.0.1:1/x.csv", "cannot be read"),
        ("none.xlsx::a", "none.xlsx: no such file"),
    ],
)
def test_what_cannot_be_had_is_said_plainly(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (["detect", data], ["embed", data, "-o", "x"], ["train", data, "-o", "m"]):
        outcome = cli(*command, "--encoder", "tfidf") if command[0] != "train" else cli(*command)
        assert outcome.code == 3, outcome.err
        assert message in outcome.err
        assert "Traceback" not in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_predict_reads_what_detect_reads(
    cli: Cli, tmp_path: Path, parts: Path, detected: Path
) -> None:
    model = tmp_path / "model"
    assert cli("train", detected, "-o", model, "--quiet").code == 0
    output = tmp_path / "p.csv"
    assert cli("predict", model, parts, "-o", output, "--quiet").code == 0
    ids = [line.partition(",")[0].strip('"') for line in output.read_text().splitlines()[1:]]
    assert ids[0] == "a.csv:1"
    assert ids[-1] == "b.csv.gz:20"


def test_what_is_compared_with_may_lie_in_a_database(
    cli: Cli, tmp_path: Path, tickets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    monkeypatch.chdir(tmp_path)
    with sqlite3.connect("x.db") as connection:
        connection.execute("create table other (text text, label text)")
        connection.executemany(
            "insert into other values (?, ?)", [r[1:] for r in ticket_rows()[:5]]
        )
    connection.close()
    found = cli(
        "check", tickets, "--against", "sqlite:///x.db::other", "--encoder", "tfidf",
        "--max-leaks", 4, "--quiet",
    )  # fmt: skip
    assert found.code == 1, found.err
    assert "5" in found.out


def test_a_folder_of_tables_is_trained_on(cli: Cli, tmp_path: Path, parts: Path) -> None:
    trained = cli("train", parts, "-o", tmp_path / "model", "--quiet")
    assert trained.code == 0, trained.err
    assert (tmp_path / "parts.noisefix" / "run.json").is_file()


def test_a_found_configuration_asks_no_server(cli: Cli, tmp_path: Path, tickets: Path) -> None:
    config = tmp_path / "noisefix.toml"
    config.write_text('[detect]\nagainst = "memory://in/x.csv"\n')
    refused = cli("detect", tickets, "--encoder", "tfidf")
    assert refused.code == 2
    assert "against names an address" in refused.err
    named = cli("detect", tickets, "--encoder", "tfidf", "--config", config)
    assert named.code == 3
    assert "memory://in/x.csv: no such file" in named.err


@pytest.mark.parametrize("name", ["clean.csv", "clean.zip"])
def test_an_edited_repair_of_a_file_in_a_zip_file_is_taken_back(
    cli: Cli, tmp_path: Path, name: str
) -> None:
    data = tmp_path / "d.zip"
    with zipfile.ZipFile(data, "w") as archive:
        for member in ("a.csv", "b.csv"):
            archive.writestr(zipfile.ZipInfo(member), tickets_csv())
    run, output = tmp_path / "run", tmp_path / name
    assert cli("detect", f"{data}::b.csv", "--encoder", "tfidf", "-o", run, "--quiet").code == 0
    assert cli("apply", run, "-o", output, *RELABEL, review(tmp_path, "t5")).code == 0
    given = f"{output}::b.csv" if name == "clean.zip" else str(output)
    assert read_source(given).table["label"][4].as_py() == "refund"
    edited = tickets_csv().replace("case 1 ", "case one ")
    if name == "clean.csv":
        output.write_text(output.read_text().replace("case 1 ", "case one "))
    else:
        repaired = zipfile.ZipFile(output).read("b.csv").decode()
        with zipfile.ZipFile(output, "w") as archive:
            archive.writestr("a.csv", tickets_csv())
            archive.writestr("b.csv", repaired.replace("case 1 ", "case one "))
    undone = cli("apply", run, "-o", output, "--revert")
    assert undone.code == 0, undone.err
    source = read_source(given)
    assert source.table["label"].to_pylist() == [label for _, _, label in ticket_rows()]
    if name == "clean.csv":
        assert output.read_text() == edited

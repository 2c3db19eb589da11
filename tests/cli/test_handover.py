"""``apply --format``, ``--only-flagged`` and ``--bom``: out to other tools, and back in."""

from __future__ import annotations

import csv
import io
import json

import pytest

from noisefix.run.decisions import read_decisions

CSV = "text,label\nwhere is it,ship\nmy money,bill\n=hello,ship\nüber,ship\n"
CLEAN = "text,label\nwhere is it,ship\nmy money,bill\n=hello,bill\n"


@pytest.fixture
def run(make_run, verdict):
    rows = [
        verdict("ship", "ship", 0.99),
        verdict("bill", "ship", 0.60, is_issue=True),
        verdict("ship", "bill", 0.97, is_issue=True),
        verdict("ship", "bill", 0.55, is_issue=True),
    ]
    return make_run(CSV, rows)


def back(cli, run, tmp_path, answers):
    """Apply answers that keep row 2, make row 3 bill and drop row 4; return what was written."""
    output = tmp_path / "clean.csv"
    outcome = cli("apply", run.path, "--strategy", "relabel", "--review", answers, "-o", output)
    assert outcome.code == 0, outcome.err
    assert "A person has decided on 3 rows" in outcome.out
    return output.read_text(encoding="utf-8")


def test_a_workbook_goes_out_and_comes_back(cli, run, tmp_path):
    openpyxl = pytest.importorskip("openpyxl", reason='pip install "noisefix[files]"')
    path = tmp_path / "rows.xlsx"
    out = ("apply", run.path, "--format", "xlsx", "--only-flagged", "-o", path)
    outcome = cli(*out)
    assert outcome.code == 0
    assert "3 rows written to" in outcome.out
    assert f"--review {path} -o CLEANED" in outcome.out
    assert not run.ledger.exists()
    assert cli(*out).code == 0, "nothing was filled in: it may be written anew"

    book = openpyxl.load_workbook(path)
    sheet = book["rows"]
    assert [sheet[f"A{row}"].value for row in (2, 3, 4)] == ["3", "2", "4"]
    for cell, decision in (("K2", "bill"), ("K3", "keep"), ("K4", "drop")):
        sheet[cell].value = decision
    book.save(path)
    again = cli(*out)
    assert again.code == 3
    assert "may hold decisions" in again.err
    assert back(cli, run, tmp_path, path) == CLEAN


def test_label_studio_goes_out_and_comes_back(cli, run, tmp_path):
    path, export = tmp_path / "tasks.json", tmp_path / "export.json"
    outcome = cli("apply", run.path, "--format", "label-studio", "-o", path)
    assert outcome.code == 0
    tasks = json.loads(path.read_text(encoding="utf-8"))
    assert [task["data"]["noisefix_id"] for task in tasks] == ["1", "2", "3", "4"]
    for task, choice in zip(tasks[1:], ("bill", "bill", "drop"), strict=True):
        result = {"type": "choices", "from_name": "label", "value": {"choices": [choice]}}
        task["annotations"] = [{"completed_by": 4, "result": [result]}]
    export.write_text(json.dumps(tasks))
    assert back(cli, run, tmp_path, export) == CLEAN
    decided = read_decisions(run.decisions)
    assert [(d.id, d.decision, d.label, d.who) for d in decided] == [
        ("2", "keep", None, "annotator 4"),
        ("3", "class", "bill", "annotator 4"),
        ("4", "drop", None, "annotator 4"),
    ]
    back(cli, run, tmp_path, export)
    assert read_decisions(run.decisions) == decided, "read twice, said once"


def test_argilla_goes_out_and_comes_back(cli, run, tmp_path):
    path = tmp_path / "records.json"
    assert cli("apply", run.path, "--format", "argilla", "--only-flagged", "-o", path).code == 0
    records = json.loads(path.read_text(encoding="utf-8"))
    assert [record["id"] for record in records] == ["3", "2", "4"]
    for record, value in zip(records, ("bill", "keep", "drop"), strict=True):
        record["responses"] = {"label": [{"value": value, "user_id": "u"}]}
    export = tmp_path / "export.json"
    export.write_text(json.dumps(records))
    assert back(cli, run, tmp_path, export) == CLEAN
    back(cli, run, tmp_path, export)
    assert len(read_decisions(run.decisions)) == 3


def test_the_flagged_rows_alone_for_a_spreadsheet(cli, run, tmp_path):
    path = tmp_path / "flagged.csv"
    outcome = cli("apply", run.path, "--only-flagged", "--bom", "-o", path)
    assert outcome.code == 0
    assert "3 rows written to" in outcome.out
    assert path.read_bytes().startswith(b"\xef\xbb\xbftext,")
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
    assert [row["text"] for row in rows] == ["=hello", "my money", "über"]
    assert [row["noisefix_p_error"] for row in rows] == ["0.9700", "0.6000", "0.5500"]
    assert rows[0]["noisefix_reasons"] == "9 of 10 nearest rows say bill"
    assert not run.ledger.exists()


def test_the_whole_table_in_another_format(cli, run, tmp_path):
    path = tmp_path / "rows.jsonl"
    assert cli("apply", run.path, "--format", "jsonl", "-o", path).code == 0
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line["text"] for line in lines] == ["where is it", "my money", "=hello", "über"]
    assert [line["noisefix_is_issue"] for line in lines] == ["false", "true", "true", "true"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_mark_makes_it_utf8_and_it_can_be_taken_back(cli, make_run, verdict, tmp_path, encoding):
    content = CSV.encode(encoding)
    verdicts = [verdict("ship", "bill", 0.9, is_issue=True)] * 4
    run = make_run(content, verdicts, name="coded.csv", folder="coded")
    output = tmp_path / "out.csv"
    assert cli("apply", run.path, "--bom", "-o", output).code == 0
    raw = output.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbftext,label,noisefix_is_issue")
    assert "über,ship,true" in raw.decode("utf-8-sig")
    assert not raw.decode("utf-8-sig").startswith("\ufeff")
    assert cli("apply", run.path, "--revert", "-o", output).code == 0
    assert output.read_bytes() == content


@pytest.mark.parametrize(
    ("options", "name", "words"),
    [
        (("--format", "xlsx", "--strategy", "drop"), "o.xlsx", "changes the data"),
        (("--only-flagged", "--fill-unlabelled"), "o.csv", "changes the data"),
        (("--format", "argilla", "--bom"), "o.json", "marks CSV"),
        (("--bom",), "o.csv.gz", "packed"),
        (("--format", "label-studio"), "o.csv", "promises CSV"),
        (("--format", "xlsx"), "o.csv", "promises CSV, but the output is an Excel workbook"),
        (("--format", "csv"), "o.xlsx", "promises .xlsx"),
        (("--format", "word"), "o.docx", "is not one of"),
    ],
)
def test_what_does_not_go_together_is_refused(cli, run, tmp_path, options, name, words):
    outcome = cli("apply", run.path, *options, "-o", tmp_path / name)
    assert (outcome.code, outcome.out) == (2, "")
    assert words in outcome.err
    assert not (tmp_path / name).exists()


def test_a_dry_run_writes_nothing(cli, run, tmp_path):
    path = tmp_path / "o.json"
    outcome = cli("apply", run.path, "--format", "argilla", "-o", path, "--dry-run")
    assert outcome.code == 0
    assert "3 of 4 rows would be flagged" in outcome.out
    assert not path.exists()


def test_what_is_decided_already_is_not_handed_over_again(cli, run, tmp_path):
    answers, path = tmp_path / "answers.csv", tmp_path / "left.csv"
    answers.write_text("id,decision\n3,drop\n4,bill\n")
    out = ("apply", run.path, "--only-flagged", "--review", answers, "-o", path)
    for options in ((), ("--format", "jsonl")):
        path = path.with_suffix(".jsonl") if options else path
        outcome = cli(*out[:-1], path, *options)
        assert outcome.code == 0, outcome.err
        assert "1 row written to" in outcome.out
        assert "my money" in path.read_text(encoding="utf-8").splitlines()[-1]

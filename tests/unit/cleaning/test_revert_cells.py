"""``apply --revert`` puts the cells back as they stood, by the write that really happened."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisefix.cleaning.apply import apply
from noisefix.cleaning.ledger import read_ledger
from noisefix.cleaning.revert import revert
from noisefix.errors import DataError, UsageError
from noisefix.run.schemas import LEDGER
from noisefix.tables import atomic

CSV = (
    "text,label,note\n"
    "one, bill ,1\n"
    'two,"bill",2\n'
    'three," bill",3\n'
    "four,bill,4\n"
    "five,nan,5\n"
    "six,  ,6\n"
    'seven,"a,b",7\n'
)
JSONL = (
    '{"text": "one", "label": " bill "}\n'
    '{"label":"b\\u0069ll","text":"two"}\n'
    '{"text": "three", "label": null, "n": 1}\n'
    '{"text": "four" }\n'
    '{"text": "five", "label": "ship"}\n'
)


def edited(path: Path, old: str, new: str) -> None:
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new))


def test_csv_cells_come_back_with_blanks_quotes_and_spelling(make_run, verdict, tmp_path):
    wrong = verdict("bill", "a,b", 0.97, is_issue=True)
    none = verdict(None, "a,b", 0.97)
    run = make_run(CSV, [wrong] * 4 + [none] * 2 + [verdict("a,b", "a,b", 0.99)])
    output = tmp_path / "clean.csv"
    applied = apply(run.path, output, strategy="relabel", fill_unlabelled=True)
    assert [c.old for c in applied.changes] == [" bill ", "bill", " bill", "bill", "nan", "  "]
    assert [c.old_cell for c in applied.changes][:2] == [" bill ", '"bill"']
    assert output.read_text().count('"a,b"') == 7
    edited(output, '"a,b",7', '"a,b",seven')  # from here on cell by cell

    result = revert(run.path, output)

    assert output.read_text() == CSV.replace(",7\n", ",seven\n")
    assert (len(result.changes), result.kept) == (6, ())


def test_json_values_come_back_as_they_were_written(make_run, verdict, tmp_path):
    wrong, none = verdict("bill", "ship", 0.97, is_issue=True), verdict(None, "ship", 0.97)
    rows = [wrong, wrong, none, none, verdict("ship", "ship", 0.99)]
    run = make_run(JSONL, rows, name="data.jsonl")
    output = tmp_path / "clean.jsonl"
    apply(run.path, output, strategy="relabel", fill_unlabelled=True)
    assert [json.loads(line)["label"] for line in output.read_text().splitlines()] == ["ship"] * 5
    edited(output, '"five"', '"FIVE"')

    revert(run.path, output)

    assert output.read_text() == JSONL.replace('"five"', '"FIVE"')


def test_parquet_values_come_back_with_their_blanks(make_run, verdict, tmp_path):
    path = tmp_path / "made.parquet"
    labels = [" bill ", "", None, "ship"]
    table = pa.table({"text": ["one", "two", "three", "four"], "label": labels})
    pq.write_table(table, path)
    wrong, none = verdict("bill", "ship", 0.97, is_issue=True), verdict(None, "ship", 0.97)
    rows = [wrong, none, none, verdict("ship", "ship", 0.99)]
    run = make_run(path.read_bytes(), rows, name="data.parquet")
    output = tmp_path / "clean.parquet"
    apply(run.path, output, strategy="relabel", fill_unlabelled=True)
    written = pq.read_table(output)
    assert written["label"].to_pylist() == ["ship"] * 4
    pq.write_table(written.append_column("more", pa.array([1, 2, 3, 4])), output)

    revert(run.path, output)

    assert pq.read_table(output)["label"].to_pylist() == labels


def test_a_file_written_otherwise_by_now_gets_the_values(make_run, verdict, tmp_path):
    run = make_run(CSV, [verdict("bill", "ship", 0.97, is_issue=True)] * 7)
    output = tmp_path / "clean.csv"
    apply(run.path, output, strategy="relabel")
    output.write_text(output.read_text().replace('"a,b"', "ship").replace(",", ";"))

    revert(run.path, output)

    lines = output.read_text().splitlines()
    assert lines[1:3] == ["one; bill ;1", 'two;"bill";2']


def test_a_ledger_of_the_first_version_still_serves(make_run, verdict, tmp_path):
    run = make_run(CSV, [verdict("bill", "ship", 0.97, is_issue=True)] * 7)
    output = tmp_path / "clean.csv"
    apply(run.path, output, strategy="relabel")
    old = pq.read_table(run.ledger)
    pq.write_table(old.drop_columns(["old_cell"]), run.ledger)

    apply(run.path, tmp_path / "other.csv", strategy="drop")
    assert read_ledger(run.ledger).table.schema.names == LEDGER.arrow().names
    edited(output, ",7", ",seven")
    revert(run.path, output)
    assert "one, bill ,1" in output.read_text()


def killed_before_the_file_appears(monkeypatch, *arguments, **options):
    """Run ``apply``; the ledger has its entry, but the file never takes its place."""

    class KilledError(BaseException):
        pass

    def flush(path):
        if path.name.endswith(".tmp") and path.parent == Path(arguments[1]).parent:
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "_flush", flush)
        with pytest.raises(KilledError):
            apply(*arguments, **options)


def test_an_entry_whose_file_never_appeared_is_passed_over(
    make_run, verdict, tmp_path, monkeypatch
):
    rows = [verdict("bill", "ship", 0.97, is_issue=True)] * 7
    run = make_run(CSV, rows)
    output = tmp_path / "clean.csv"
    apply(run.path, output, strategy="relabel")
    before = output.read_bytes()
    killed_before_the_file_appears(monkeypatch, run.path, output, strategy="drop")
    assert output.read_bytes() == before
    assert [write.action for write in read_ledger(run.ledger).writes] == ["relabel", "drop"]

    (tmp_path / "data.csv").rename(tmp_path / "away.csv")  # so that the ledger alone must do
    result = revert(run.path, output)

    assert output.read_text() == CSV
    assert len(result.changes) == 7

    killed_before_the_file_appears(
        monkeypatch, run.path, output, strategy="flag", run_data=tmp_path / "away.csv"
    )
    with pytest.raises(DataError, match="taken back already"):
        revert(run.path, output)


def test_a_moved_file_whose_revert_was_killed_can_be_reverted(make_run, verdict, tmp_path):
    run = make_run(CSV, [verdict("bill", "ship", 0.97, is_issue=True)] * 7)
    apply(run.path, tmp_path / "clean.csv", strategy="relabel")
    moved = (tmp_path / "clean.csv").rename(tmp_path / "moved.csv")
    before = moved.read_bytes()
    revert(run.path, moved)
    moved.write_bytes(before)  # as if the entry were there, and the file had not yet appeared

    assert revert(run.path, moved).is_identical


def test_what_went_to_standard_output_is_known_by_its_content(
    make_run, verdict, tmp_path, capfdbinary
):
    run = make_run(CSV, [verdict("bill", "ship", 0.97, is_issue=True)] * 7)
    apply(run.path, "-", strategy="relabel")
    saved = tmp_path / "saved.csv"
    saved.write_bytes(capfdbinary.readouterr().out)
    assert [write.output for write in read_ledger(run.ledger).writes] == ["-"]
    with pytest.raises(UsageError, match="no file that could be set back"):
        revert(run.path, "-")
    assert revert(run.path, saved).is_identical


def test_a_moved_input_is_found_or_named(make_run, verdict, tmp_path):
    run = make_run(CSV, [verdict("bill", "ship", 0.97, is_issue=True)] * 7)
    elsewhere = tmp_path / "else" / "where"
    elsewhere.mkdir(parents=True)
    moved = Path(shutil.move(run.path, elsewhere / "run"))
    data = Path(shutil.move(tmp_path / "data.csv", elsewhere / "data.csv"))
    assert apply(moved, dry_run=True).rows == 7

    named = data.rename(elsewhere / "renamed.csv")
    with pytest.raises(DataError, match="no longer there") as error:
        apply(moved, dry_run=True)
    assert "--data" in error.value.hint
    assert apply(moved, dry_run=True, run_data=named).rows == 7
    with pytest.raises(UsageError, match="the input itself"):
        apply(moved, named, run_data=named)
    named.write_text(CSV + "eight,ship,8\n")
    with pytest.raises(DataError, match="is not the input that"):
        apply(moved, dry_run=True, run_data=named)

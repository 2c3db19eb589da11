import gzip
from pathlib import Path

import pytest

from noisefix.cleaning.apply import apply
from noisefix.cleaning.ledger import read_ledger
from noisefix.cleaning.revert import revert
from noisefix.errors import DataError, UsageError

CSV = (
    b"text;label;note\r\n"
    b'"where; is it";"ship";1\r\n'
    b"my money ;bill; kept \r\n"
    b'"a ""quote""";ship;\r\n'
    b"no label;;x\r\n"
)


@pytest.fixture
def verdicts(verdict):
    return [
        verdict("ship", "ship", 0.99),
        verdict("bill", "ship", 0.97, is_issue=True),
        verdict("ship", "bill", 0.60, is_issue=True),
        verdict(None, "bill", 0.95),
    ]


def test_relabel_changes_only_clear_cells_and_no_other_byte(make_run, verdicts, tmp_path):
    run = make_run(CSV, verdicts)
    output = tmp_path / "clean.csv"

    result = apply(run.path, output, strategy="relabel")

    assert output.read_bytes() == CSV.replace(b"my money ;bill;", b"my money ;ship;")
    assert (result.relabelled, result.flagged, result.filled, result.dropped) == (1, 2, 0, 0)
    assert (tmp_path / "data.csv").read_bytes() == CSV


def test_thresholds_decide_what_is_clearly_better(make_run, verdicts, tmp_path):
    run = make_run(CSV, verdicts)
    output = tmp_path / "clean.csv"

    result = apply(run.path, output, strategy="relabel", min_probability=0.55, min_margin=0.19)
    assert [c.row_number for c in result.changes] == [2, 3]

    result = apply(run.path, output, strategy="relabel", min_probability=0.55, min_margin=0.21)
    assert [c.row_number for c in result.changes] == [2]


def test_unlabelled_rows_are_filled_only_on_request(make_run, verdicts, tmp_path):
    run = make_run(CSV, verdicts)
    output = tmp_path / "clean.csv"

    apply(run.path, output, strategy="relabel")
    assert b"no label;;x" in output.read_bytes()

    result = apply(run.path, output, strategy="relabel", fill_unlabelled=True)
    assert b"no label;bill;x" in output.read_bytes()
    assert [c.action for c in result.changes] == ["relabel", "fill"]


def test_drop_leaves_flagged_rows_out(make_run, verdicts, tmp_path):
    run = make_run(CSV, verdicts)
    output = tmp_path / "clean.csv"

    result = apply(run.path, output, strategy="drop")

    lines = CSV.splitlines(keepends=True)
    assert output.read_bytes() == b"".join([lines[0], lines[1], lines[4]])
    assert result.dropped == 2


def test_flag_adds_columns_and_touches_nothing_else(make_run, verdicts, tmp_path):
    run = make_run(CSV, verdicts)
    output = tmp_path / "clean.csv"

    result = apply(run.path, output)

    lines = output.read_bytes().splitlines()
    added = b";noisefix_is_issue;noisefix_suggested_label;noisefix_p_error;noisefix_reasons"
    assert lines[0] == b"text;label;note" + added
    assert lines[2] == b"my money ;bill; kept ;true;ship;0.9700;9 of 10 nearest rows say ship"
    assert lines[4] == b"no label;;x;false;bill;;9 of 10 nearest rows say bill"
    assert result.flagged == 2
    assert [(c.row_number, c.column, c.new) for c in result.changes] == [
        (2, "noisefix_is_issue", "true"),
        (3, "noisefix_is_issue", "true"),
    ]


def test_flag_columns_that_are_there_already_are_refused(make_run, verdicts, tmp_path):
    run = make_run(CSV.replace(b"note", b"noisefix_reasons"), verdicts)

    with pytest.raises(UsageError, match="'noisefix_reasons' is there already") as error:
        apply(run.path, tmp_path / "clean.csv")
    assert "--column-prefix" in error.value.hint
    assert not (tmp_path / "clean.csv").exists()

    apply(run.path, tmp_path / "clean.csv", column_prefix="nf_")
    assert b"nf_reasons" in (tmp_path / "clean.csv").read_bytes()


def test_trusted_rows_are_never_changed(make_run, verdict, tmp_path):
    rows = [verdict("ship", "bill", 0.99, is_issue=True, is_trusted=True)] * 4
    run = make_run(CSV, rows)
    for strategy in ("flag", "drop", "relabel"):
        assert apply(run.path, strategy=strategy, dry_run=True).changes == ()


def test_dry_run_decides_the_same_and_writes_nothing(make_run, verdicts, tmp_path):
    run = make_run(CSV, verdicts)
    before = sorted(tmp_path.rglob("*"))

    planned = apply(run.path, strategy="relabel", dry_run=True)

    assert sorted(tmp_path.rglob("*")) == before
    assert planned.output is None
    written = apply(run.path, tmp_path / "clean.csv", strategy="relabel")
    assert written.changes == planned.changes


def test_ledger_grows_and_keeps_what_was_there(make_run, verdicts, tmp_path):
    run = make_run(CSV, verdicts)
    apply(run.path, tmp_path / "a.csv", strategy="relabel")
    apply(run.path, tmp_path / "b.csv", strategy="drop")

    ledger = read_ledger(run.ledger)

    assert ledger.table["action"].to_pylist() == ["relabel", "drop", "drop"]
    assert ledger.table["old"].to_pylist() == ["bill", "bill", "ship"]
    assert ledger.table["new"].to_pylist() == ["ship", None, None]
    assert [Path(write.output).name for write in ledger.writes] == ["a.csv", "b.csv"]
    assert ledger.table["p_error"].to_pylist() == pytest.approx([0.97, 0.97, 0.60])


@pytest.mark.parametrize("strategy", ["flag", "drop", "relabel"])
def test_revert_gives_the_input_back_byte_for_byte(make_run, verdicts, tmp_path, strategy):
    run = make_run(CSV, verdicts)
    output = tmp_path / "clean.csv"
    applied = apply(run.path, output, strategy=strategy, fill_unlabelled=strategy != "drop")
    assert output.read_bytes() != CSV

    result = revert(run.path, output)

    assert output.read_bytes() == CSV
    assert result.is_identical
    assert len(result.changes) == len(applied.changes)
    assert read_ledger(run.ledger).table["action"].to_pylist()[-1] == "revert"
    with pytest.raises(DataError, match="taken back already"):
        revert(run.path, output)


def test_revert_finds_a_file_that_was_moved(make_run, verdicts, tmp_path):
    run = make_run(CSV, verdicts)
    apply(run.path, tmp_path / "clean.csv", strategy="relabel")
    moved = (tmp_path / "clean.csv").rename(tmp_path / "moved.csv")

    revert(run.path, moved)

    assert moved.read_bytes() == CSV


def test_revert_keeps_what_a_person_has_edited_since(make_run, verdicts, tmp_path):
    run = make_run(CSV, verdicts)
    output = tmp_path / "clean.csv"
    apply(run.path, output, strategy="relabel", min_probability=0.5, min_margin=0.1)
    edited = output.read_bytes().replace(b" kept ", b"edited")
    output.write_bytes(edited.replace(b'"a ""quote""";bill', b'"a ""quote""";lost'))

    result = revert(run.path, output)

    after = output.read_bytes()
    assert b"my money ;bill;edited" in after
    assert b'"a ""quote""";lost' in after
    assert [c.row_number for c in result.kept] == [3]
    assert not result.is_identical


def test_revert_works_by_the_ledger_alone_when_the_input_was_replaced(make_run, verdicts, tmp_path):
    run = make_run(CSV, verdicts)
    output = tmp_path / "clean.csv"
    apply(run.path, output, strategy="relabel")
    data = output.rename(tmp_path / "data.csv")

    result = revert(run.path, data)

    assert data.read_bytes() == CSV
    assert result.is_identical


def test_revert_of_rows_that_cannot_be_restored_changes_nothing(make_run, verdicts, tmp_path):
    run = make_run(CSV, verdicts)
    output = tmp_path / "clean.csv"
    apply(run.path, output, strategy="drop")
    (tmp_path / "data.csv").unlink()
    before = output.read_bytes()

    with pytest.raises(DataError, match="cannot be set back cell by cell"):
        revert(run.path, output)
    assert output.read_bytes() == before


def test_revert_of_a_file_never_written_names_those_that_were(make_run, verdicts, tmp_path):
    run = make_run(CSV, verdicts)
    apply(run.path, tmp_path / "clean.csv")
    other = tmp_path / "other.csv"
    other.write_text("text,label\n")

    with pytest.raises(DataError, match="nothing to take back") as error:
        revert(run.path, other)
    assert "clean.csv" in error.value.hint


def test_input_is_never_overwritten(make_run, verdicts, tmp_path):
    run = make_run(CSV, verdicts)
    (tmp_path / "link.csv").symlink_to(tmp_path / "data.csv")

    for name in ("data.csv", "link.csv"):
        with pytest.raises(UsageError, match="the input itself"):
            apply(run.path, tmp_path / name)
    assert (tmp_path / "data.csv").read_bytes() == CSV


def test_changed_or_vanished_input_is_refused(make_run, verdicts, tmp_path):
    run = make_run(CSV, verdicts)
    (tmp_path / "data.csv").write_bytes(CSV + b"more;bill;\r\n")
    with pytest.raises(DataError, match="changed since"):
        apply(run.path, tmp_path / "clean.csv")

    (tmp_path / "data.csv").unlink()
    with pytest.raises(DataError, match="no longer there"):
        apply(run.path, tmp_path / "clean.csv")
    assert not (tmp_path / "clean.csv").exists()


def test_name_of_another_format_is_refused(make_run, verdicts, tmp_path):
    run = make_run(CSV, verdicts)
    with pytest.raises(UsageError, match="promises Parquet"):
        apply(run.path, tmp_path / "clean.parquet")


def test_without_output_only_a_dry_run_makes_sense(make_run, verdicts):
    with pytest.raises(UsageError, match="no output"):
        apply(make_run(CSV, verdicts).path)


def test_nothing_is_written_when_the_ledger_cannot_be(make_run, verdicts, tmp_path):
    run = make_run(CSV, verdicts)
    run.ledger.mkdir()

    with pytest.raises(DataError, match="ledger"):
        apply(run.path, tmp_path / "clean.csv")
    assert not (tmp_path / "clean.csv").exists()
    assert not list(tmp_path.glob(".noisefix*"))


def test_compressed_output_holds_the_same(make_run, verdicts, tmp_path):
    run = make_run(CSV, verdicts)
    output = tmp_path / "clean.csv.gz"

    apply(run.path, output, strategy="relabel")
    assert gzip.decompress(output.read_bytes()) == CSV.replace(b"money ;bill;", b"money ;ship;")

    revert(run.path, output)
    assert gzip.decompress(output.read_bytes()) == CSV

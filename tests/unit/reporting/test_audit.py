import pytest

from noisefix.auditing.audit import audit
from noisefix.auditing.plan import audit_rows
from noisefix.reporting.audit import audit_columns
from noisefix.run.decisions import PersonDecision, append_decisions


@pytest.fixture
def run(tmp_path, write_page_run):
    return write_page_run(tmp_path, 200)


def ids_of(run):
    return [str(k + 1) for k in range(200)]


def mark(run, rows, decision="keep", label=None):
    append_decisions(
        run.decisions,
        [PersonDecision(row.key, row.id, decision, label, "ann", "2026-01-01") for row in rows],
    )


def test_the_page_asks_about_the_commands_rows(run):
    columns = audit_columns(run, ids_of(run), seed=3)
    sample = audit_rows(run.path, 30, seed=8)  # drawn already: the seed means nothing
    assert [str(row + 1) for row in columns["rows"]] == [row.id for row in sample]
    assert [stratum == 0 for stratum in columns["stratum"]] == [row.is_random for row in sample]
    assert columns["said"] == columns["unsure"] == []
    assert columns["command"] == "noisefix audit data.noisefix"
    assert audit_columns(run, ids_of(run), seed=4) == columns


def test_a_longer_sample_of_the_command_is_the_pages_too(run):
    audit(run.path, rows=50)
    assert len(audit_columns(run, ids_of(run), seed=0)["rows"]) == 50


def test_it_says_what_the_command_says(run, capsys):
    sample = audit_rows(run.path, 30)
    mark(run, sample[:20])
    mark(run, sample[20:29], "class", "class_7")
    mark(run, sample[29:], "unsure")
    columns = audit_columns(run, ids_of(run), seed=0)
    assert columns["said"][0] == "A sample of 30 rows: 29 marked, 1 unsure, which do not count."
    assert columns["said"][1].startswith("Of the ")
    assert len(columns["said"]) == 5
    assert columns["unsure"] == [int(sample[29].id) - 1]


def test_where_all_is_decided_it_says_so(run):
    rows = audit_rows(run.path, 200)
    run.audit.unlink()
    mark(run, rows)
    columns = audit_columns(run, ids_of(run), seed=0)
    assert columns["rows"] == []
    assert columns["why"] == "every row that could be drawn is decided"


def test_a_folder_that_cannot_be_written_to_has_no_audit(run, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    columns = audit_columns(run, ids_of(run), seed=0)
    assert columns["why"].startswith("the run folder cannot be written to")
    assert not run.audit.exists()

"""Which rows can be drawn, how they are divided, and the file that remembers the draw."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict

import pytest

from noisefix.auditing.sample_file import (
    STRATA,
    draw,
    population,
    read_samples,
    rows_to_draw,
    write_samples,
)
from noisefix.errors import DataError
from noisefix.run.decisions import KEEP
from noisefix.run.parquet import read_table
from noisefix.run.schemas import ISSUES
from noisefix.run.settled import run_decisions

COLUMNS = ("id", "text", "given_label", "is_issue", "is_trusted")


@pytest.fixture
def issues(run):
    table, _ = read_table(run.issues, ISSUES, COLUMNS)
    return {name: table[name].to_pylist() for name in COLUMNS}


def test_rows_without_text_or_label_or_of_a_trusted_column_are_not_drawn(issues):
    assert rows_to_draw(issues, {}) == list(range(37))


def test_a_trusted_row_that_a_person_decided_counts(run, issues, say):
    say(38, KEEP)
    decided = run_decisions(run)
    assert rows_to_draw(issues, decided) == list(range(38))
    sample = draw(run, issues, rows_to_draw(issues, decided), decided, seed=0)
    assert sample.decided_unflagged == ["38"]
    assert "38" not in sample.ids
    assert sample.left_out == 1  # labelled, but it says nothing


def test_strata_hold_every_row_once(run, issues, say):
    say(1, KEEP)
    decided = run_decisions(run)
    pool = rows_to_draw(issues, decided)
    sample = draw(run, issues, pool, decided, seed=3)
    assert dict(zip(STRATA, sample.strata, strict=True)) == {
        "unflagged": 25,
        "flagged": 7,
        "disputed, unflagged": 2,
        "disputed, flagged": 2,
        "decided, unflagged": 0,
        "decided, flagged": 1,
    }
    assert (sample.decided_flagged, sample.flagged) == (["1"], 10)
    assert Counter(sample.stratum) == {0: 25, 1: 7, 2: 2, 3: 2}
    assert sorted(sample.ids, key=int) == [str(n) for n in range(2, 38)]
    assert draw(run, issues, pool, decided, seed=3) == sample
    assert draw(run, issues, pool, decided, seed=4).ids != sample.ids


def test_another_label_is_another_population_and_another_order_is_none(issues):
    pool = rows_to_draw(issues, {})
    before = population(issues, pool)
    flags = {**issues, "is_issue": [not flag for flag in issues["is_issue"]]}
    assert population(flags, pool) == before
    labels = {**issues, "given_label": ["b", *issues["given_label"][1:]]}
    assert issues["given_label"][0] == "b" or population(labels, pool) != before
    assert population(issues, pool[:-1]) != before


def test_nothing_to_draw_is_said(run, issues):
    with pytest.raises(DataError, match="no row to mark"):
        draw(run, issues, [], {}, seed=0)


def test_what_is_written_is_read_back(run, issues):
    sample = draw(run, issues, rows_to_draw(issues, {}), {}, seed=0)
    assert read_samples(run.audit) == []
    write_samples(run.audit, [sample, sample])
    assert read_samples(run.audit) == [sample, sample]
    content = json.loads(run.audit.read_text())
    assert content["samples"][0] == asdict(sample)
    assert "words of row" not in run.audit.read_text()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"samples": [{"seed": "x"}]}', '{"samples": 3}']
)
def test_a_broken_file_is_named_and_the_way_out(run, content):
    run.audit.write_text(content)
    with pytest.raises(DataError, match="is no file of an audit") as error:
        read_samples(run.audit)
    assert "decisions stay" in error.value.hint

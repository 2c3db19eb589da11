"""The sample of a run: drawn once, continued, and what of it is marked."""

from __future__ import annotations

import pytest

from noisefix.auditing.plan import audit_rows, is_wrong, open_plan
from noisefix.errors import DataError
from noisefix.run.decisions import CLASS, DROP, KEEP, NOT, UNSURE, PersonDecision, now
from noisefix.run.parquet import read_table, with_columns, write_table
from noisefix.run.schemas import ISSUES


def test_a_sample_is_drawn_once_and_only_continued(run):
    first = open_plan(run, 12, seed=1)
    assert len(first.rows) == 12
    assert open_plan(run, 12, seed=2).sample == first.sample
    more = open_plan(run, 20, seed=2)
    assert [row.id for row in more.rows][:12] == [row.id for row in first.rows]
    fewer = open_plan(run, 5)
    assert len(fewer.rows) == 20
    assert len(open_plan(run, 1_000).rows) == 37
    assert [row.id for row in audit_rows(run.path, 1)] == [row.id for row in open_plan(run, 1).rows]


def test_inclusion_probabilities_are_shares_of_the_strata(run):
    plan = open_plan(run, 12)
    for row in plan.rows:
        drawn = sum(other.stratum == row.stratum for other in plan.rows)
        size = {"unflagged": 25, "flagged": 8}.get(row.stratum, 2)
        assert row.inclusion_probability == pytest.approx(drawn / size)
        assert row.is_random == (row.stratum == "unflagged")
    assert plan.coming(12) == open_plan(run, 12).coming(12)
    assert sum(plan.coming(12)) == 12
    assert sum(plan.coming(1_000)) == 37 - 12


def test_marked_rows_count_in_their_stratum_and_unsure_ones_do_not(run, say):
    plan = open_plan(run, 37)
    flagged = [row for row in plan.rows if row.stratum == "flagged"]
    clean = [row for row in plan.rows if row.stratum == "unflagged"]
    say(int(flagged[0].id), DROP)
    say(int(flagged[1].id), CLASS, "b" if flagged[1].given_label == "a" else "a")
    say(int(flagged[2].id), KEEP)
    say(int(clean[0].id), UNSURE)
    after = open_plan(run, 37)
    by_name = dict(zip(("unflagged", "flagged"), after.strata, strict=False))
    assert (by_name["flagged"].marked, by_name["flagged"].wrong) == (3, 2)
    assert (by_name["unflagged"].marked, by_name["unflagged"].is_flagged) == (0, False)
    assert [row.id for row in after.rows if row.is_unsure] == [clean[0].id]
    gone = {flagged[0].id, flagged[1].id, flagged[2].id, clean[0].id}
    assert {row.id for row in after.to_mark} == {row.id for row in plan.rows} - gone
    assert after.sample == plan.sample


def test_a_label_that_is_ruled_out_is_a_wrong_one_though_no_other_is_named(run, say):
    first, second, *_ = open_plan(run, 12).rows
    say(int(first.id), NOT)
    say(int(second.id), NOT, "a" if second.given_label == "b" else "b")
    plan = open_plan(run, 12)
    assert [row.id for row in plan.rows if row.is_marked] == [first.id]
    assert sum(stratum.wrong for stratum in plan.strata) == 1


def test_what_was_decided_before_the_draw_is_a_stratum_that_is_known_whole(run, say):
    say(1, CLASS, "a")
    say(20, KEEP)
    plan = open_plan(run, 6)
    assert not {"1", "20"} & {row.id for row in plan.rows}
    unflagged, flagged = plan.strata[4:]
    assert (unflagged.rows, unflagged.marked, unflagged.wrong) == (1, 1, 0)
    assert (flagged.rows, flagged.marked, flagged.wrong) == (1, 1, 1)


def test_decisions_that_are_not_kept_yet_count_and_are_not_written(run, say):
    word = say(1, CLASS, "a")
    run.decisions.unlink()
    plan = open_plan(run, 6, more=(word,))
    assert (plan.strata[5].marked, plan.strata[5].wrong) == (1, 1)
    assert not run.decisions.exists()


def test_other_data_get_a_new_sample_and_the_old_one_stays_on_record(run):
    before = open_plan(run, 6).sample
    issues, provenance = read_table(run.issues, ISSUES)
    labels = issues["given_label"].to_pylist()
    other = with_columns(issues, {"given_label": ["a", "b", *labels[2:]]})
    write_table(other, run.issues, ISSUES, provenance)
    plan = open_plan(run, 6)
    assert plan.sample.population != before.population
    assert plan.notes == ("the data have changed since the last audit: a new sample is drawn",)
    assert open_plan(run, 6).notes == ()
    assert run.audit.read_text().count('"population"') == 2


def test_where_nothing_can_be_drawn_nothing_is_written(run, say):
    for number in range(1, 38):
        say(number, KEEP)
    with pytest.raises(DataError, match="no row to mark"):
        open_plan(run, 6)
    assert not run.audit.exists()


@pytest.mark.parametrize(
    ("decision", "label", "expected"),
    [
        *((KEEP, None, False), (DROP, None, True), (CLASS, "b", True), (CLASS, "a", False)),
        *((NOT, None, True), (NOT, "b", False)),
    ],
)
def test_which_words_say_that_a_label_is_wrong(decision, label, expected):
    assert is_wrong(PersonDecision("0", "1", decision, label, "", now()), "a") is expected

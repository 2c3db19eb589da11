from __future__ import annotations

import pytest

from noisefix.cleaning.handover.write import handed_format, unflagged
from noisefix.cleaning.options import ApplyOptions
from noisefix.errors import UsageError


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, None),
        ({"format": "csv"}, None),
        ({"strategy": "drop", "format": "csv", "bom": True}, None),
        ({"only_flagged": True}, "csv"),
        ({"format": "jsonl"}, "jsonl"),
        ({"format": "argilla", "only_flagged": True}, "argilla"),
    ],
)
def test_the_input_is_written_again_unless_something_else_is_asked_for(fields, kind):
    assert handed_format(ApplyOptions(**fields), "csv") == kind


@pytest.mark.parametrize("strategy", ["drop", "relabel", "weight"])
def test_rows_handed_over_change_nothing(strategy):
    with pytest.raises(UsageError, match=strategy):
        handed_format(ApplyOptions(strategy=strategy, only_flagged=True), "csv")


def test_the_mark_is_for_csv():
    with pytest.raises(UsageError, match="--bom"):
        handed_format(ApplyOptions(bom=True), "parquet")
    assert handed_format(ApplyOptions(bom=True, format="csv"), "parquet") == "csv"


def test_decided_rows_lose_their_flag(make_issues, verdict):
    issues = make_issues([verdict("a", "b", 0.9, is_issue=True)] * 3, ("a", "b"))
    assert unflagged(issues, {"2"})["is_issue"].to_pylist() == [True, False, True]
    assert unflagged(issues, ()) is issues

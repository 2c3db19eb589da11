"""New means new: a row counts only if its text or its label was not there before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.common_options import LabelledTableOptions
from noisefix.detection.baseline import (
    Baseline,
    baseline_of,
    check_baseline_output,
    new_issues,
    read_baseline,
    row_key,
    row_keys,
    write_baseline,
)
from noisefix.errors import DataError, UsageError

CLASSES = ("a", "b")
OPTIONS = LabelledTableOptions()


@pytest.fixture
def table(make_issues, verdict):
    def make(*rows: tuple[str, str, str, bool]):
        return make_issues(
            [verdict(label, "b", 0.9, is_issue=flag) for _, _, label, flag in rows],
            CLASSES,
            ids=[row[0] for row in rows],
            texts=[row[1] for row in rows],
        )

    return make


@pytest.fixture
def fresh():
    def find(now, old):
        return new_issues(now, row_keys(now), baseline_of(old, row_keys(old)), CLASSES)

    return find


def test_an_old_row_is_never_new_flagged_before_or_not(table, fresh):
    old = table(("1", "x", "a", True), ("2", "y", "a", False))
    now = table(("1", "x", "a", True), ("2", "y", "a", True))
    assert fresh(now, old) == []


def test_same_id_with_another_label_or_text_is_new(table, fresh):
    old = table(("1", "x", "b", False), ("2", "y", "a", True))
    now = table(("1", "x", "a", True), ("2", "changed", "a", True), ("3", "z", "a", False))
    assert fresh(now, old) == [0, 1]


def test_rows_inserted_above_and_copies_do_not_make_old_ones_new(table, fresh):
    old = table(("1", "x", "a", True), ("2", "y", "a", True))
    now = table(("1", "n", "a", True), ("2", "x", "a", True), ("3", "y", "a", True))
    assert fresh(now, old) == [0]
    copies = table(("1", "x", "a", True), ("2", "x", "a", True))
    assert fresh(copies, old) == []


def test_a_label_that_was_flagged_and_is_changed_is_no_new_issue(table, fresh):
    old = table(("1", "x", "a", True), ("2", "y", "a", False))
    now = table(("1", "x", "b", True), ("2", "y", "b", True))
    assert fresh(now, old) == [1]


def test_a_text_whose_flagged_label_is_still_there_is_an_added_row(table, fresh):
    old = table(("1", "x", "a", True))
    now = table(("1", "x", "a", True), ("2", "x", "b", True))
    assert fresh(now, old) == [1]


def test_text_and_label_are_told_apart():
    assert row_key("ab", "c") != row_key("a", "bc")
    assert row_key("a", None) == row_key("a", "")
    assert len(row_key("\ud800", "a")) == 32  # half a surrogate pair


@given(st.sets(st.binary(min_size=16, max_size=16).map(bytes.hex)), st.data())
def test_what_is_written_is_read_back(tmp_path_factory, keys, data):
    flagged = data.draw(st.sets(st.sampled_from(sorted(keys)))) if keys else set()
    path = tmp_path_factory.mktemp("baseline") / "b.txt"
    baseline = Baseline(frozenset(keys), frozenset(flagged))
    write_baseline(baseline, path)
    assert read_baseline(path, OPTIONS) == baseline
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert lines == sorted(lines)
    assert len(lines) == len(keys)


def test_one_row_more_is_one_line_more_and_no_text_is_in_it(tmp_path):
    write_baseline(Baseline(frozenset({row_key("secret", "a")})), tmp_path / "one")
    write_baseline(
        Baseline(frozenset({row_key("secret", "a"), row_key("other", "b")})), tmp_path / "two"
    )
    one, two = ((tmp_path / name).read_text().splitlines() for name in ("one", "two"))
    assert set(one) < set(two)
    assert len(two) == len(one) + 1
    assert "secret" not in "".join(one)


def test_an_issues_table_and_an_earlier_table_serve_as_well(make_run, verdict, tmp_path):
    rows = [verdict("a", "b", 0.9, is_issue=True), verdict("b", "b", 0.9)]
    run = make_run("text,label\nx,a\ny,b\n", rows)
    keys = frozenset({row_key("x", "a"), row_key("y", "b")})
    assert read_baseline(run.issues, OPTIONS) == Baseline(keys, frozenset({row_key("x", "a")}))
    assert read_baseline(tmp_path / "data.csv", OPTIONS) == Baseline(keys)


def test_both_sides_of_a_merge_count():
    one, two = Baseline(frozenset("a"), frozenset("a")), Baseline(frozenset("b"))
    assert one | two == Baseline(frozenset("ab"), frozenset("a"))


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("# noisefix baseline 1:\n<<<<<<< ours\n", "line 2"),
        ("# noisefix baseline 1:\nabc flagged\n", "line 2"),
        ("# noisefix baseline 9:\n", "another version"),
    ],
)
def test_a_broken_baseline_is_named_with_the_line(tmp_path, content, where):
    path = tmp_path / "b"
    path.write_text(content)
    with pytest.raises(DataError, match=where) as error:
        read_baseline(path, OPTIONS)
    assert "--write-baseline" in error.value.hint


def test_only_a_baseline_is_written_over(tmp_path):
    path = tmp_path / "b"
    check_baseline_output(path, ())
    write_baseline(Baseline(), path)
    check_baseline_output(path, ())
    path.write_text("mine")
    with pytest.raises(UsageError, match="no baseline"):
        check_baseline_output(path, ())

import pytest

from noisefix.detection.gates import Gates, judge, new_issues
from noisefix.errors import UsageError

CLASSES = ("a", "b")


def test_a_number_at_its_limit_passes():
    gates = Gates(max_noise_rate=0.1, max_issues=5, max_new_issues=0)
    results = judge(gates, noise_rate=0.1, issues=5, new_issues=0)
    assert [r.passed for r in results] == [True, True, True]
    results = judge(gates, noise_rate=0.1001, issues=6, new_issues=1)
    assert [r.passed for r in results] == [False, False, False]
    assert results[0].message == "estimated noise rate 10.01 %, limit 10.00 %"
    assert results[2].message == "1 row is flagged that the baseline does not flag, limit 0"


def test_only_gates_that_are_set_are_judged():
    assert not Gates()
    (result,) = judge(Gates(max_issues=0), noise_rate=0.9, issues=0, new_issues=None)
    assert (result.name, result.passed) == ("max-issues", True)


def test_new_issues_need_a_baseline():
    with pytest.raises(UsageError, match="compare with") as error:
        judge(Gates(max_new_issues=0), noise_rate=0, issues=0, new_issues=None)
    assert "--baseline" in error.value.hint


@pytest.mark.parametrize(
    ("gates", "what"),
    [({"max_noise_rate": 5.0}, "noise rate"), ({"max_issues": -1}, "max_issues is -1")],
)
def test_limits_out_of_range_are_refused(gates, what):
    with pytest.raises(UsageError, match=what):
        Gates(**gates)


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


def test_same_row_is_not_new(table):
    old = table(("1", "x", "a", True), ("2", "y", "a", False))
    assert new_issues(old, old) == []


def test_row_that_was_not_flagged_before_is_new(table):
    old = table(("1", "x", "a", True), ("2", "y", "a", False))
    now = table(("1", "x", "a", True), ("2", "y", "a", True))
    assert new_issues(now, old) == [1]


def test_same_id_with_another_label_or_text_is_new(table):
    old = table(("1", "x", "a", True), ("2", "y", "a", True))
    now = table(("1", "x", "b", True), ("2", "changed", "a", True))
    assert new_issues(now, old) == [0, 1]


def test_rows_inserted_above_do_not_make_old_ones_new(table):
    old = table(("1", "x", "a", True), ("2", "y", "a", True))
    now = table(("1", "fresh", "a", True), ("2", "x", "a", True), ("3", "y", "a", True))
    assert new_issues(now, old) == [0]


def test_more_copies_than_before_are_new(table):
    old = table(("1", "x", "a", True))
    now = table(("5", "x", "a", True), ("1", "x", "a", True), ("6", "x", "a", True))
    assert new_issues(now, old) == [0, 2]

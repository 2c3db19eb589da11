import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.detection.gates import Gates, NoiseRate, judge
from noisefix.errors import UsageError


def test_a_number_at_its_limit_passes():
    gates = Gates(max_noise_rate=0.1, max_issues=5, max_new_issues=0)
    results = judge(gates, noise_rate=NoiseRate(0.2, 0.1, 0.3), issues=5, new_issues=0)
    assert [r.passed for r in results] == [True, True, True]
    results = judge(gates, noise_rate=NoiseRate(0.2, 0.1001, 0.3), issues=6, new_issues=1)
    assert [r.passed for r in results] == [False, False, False]
    assert results[0].message == (
        "at least 10.01 % of the labels look wrong (estimate 20.00 %, 90 % interval 10.01 to "
        "30.00 %), limit 10.00 %"
    )
    assert results[2].message == (
        "1 row is flagged whose text or label is not in the baseline, limit 0"
    )


@given(st.floats(0, 1), st.lists(st.floats(0, 1), min_size=3, max_size=3).map(sorted))
def test_the_noise_rate_fails_only_where_the_whole_interval_lies_above_the_limit(limit, ends):
    low, estimate, high = ends
    (result,) = judge(
        Gates(max_noise_rate=limit),
        noise_rate=NoiseRate(estimate, low, high),
        issues=0,
        new_issues=None,
    )
    assert result.passed == (low <= limit)
    assert result.value == low


def test_only_gates_that_are_set_are_judged():
    assert not Gates()
    (result,) = judge(
        Gates(max_issues=0), noise_rate=NoiseRate(0.9, 0.9, 0.9), issues=0, new_issues=None
    )
    assert (result.name, result.passed) == ("max-issues", True)


def test_new_issues_need_a_baseline():
    with pytest.raises(UsageError, match="compare with") as error:
        judge(Gates(max_new_issues=0), noise_rate=NoiseRate(0, 0, 0), issues=0, new_issues=None)
    assert "--baseline" in error.value.hint


@pytest.mark.parametrize(
    ("gates", "what"),
    [({"max_noise_rate": 5.0}, "noise rate"), ({"max_issues": -1}, "max_issues is -1")],
)
def test_limits_out_of_range_are_refused(gates, what):
    with pytest.raises(UsageError, match=what):
        Gates(**gates)

"""Hard limits, and expectations learned on the way."""

import pytest

from noisefix.annotators.budget import Account, Budget, Prices, Usage
from noisefix.errors import UsageError


def spend(account, questions, usage):
    """Ask one after the other; return how many were allowed."""
    for n, question in enumerate(questions):
        estimate = account.try_start(question)
        if estimate is None:
            return n
        account.settle(question, estimate, usage, paid=True)
    return len(questions)


def test_prices():
    prices = Prices(2.5, 10.0)
    assert prices.cost_usd(1_000_000, 500_000) == 7.5
    assert prices.halved().cost_usd(1_000_000, 500_000) == 3.75


@pytest.mark.parametrize(
    "limits",
    [{"max_requests": -1}, {"max_tokens_total": -5}, {"max_cost_usd": float("nan")}],
)
def test_impossible_limits_are_wrong_usage(limits):
    with pytest.raises(UsageError):
        Budget(**limits, prices=Prices(1, 1))


def test_a_cost_limit_needs_prices():
    with pytest.raises(UsageError, match="prices"):
        Budget(max_cost_usd=1.0)


def test_requests_are_counted_exactly(make_questions):
    account = Account(Budget(max_requests=7))
    assert spend(account, make_questions(20), Usage(50, 5)) == 7
    assert "7 questions asked (limit 7)" in account.reached().message


def test_tokens_stay_within_the_limit(make_questions):
    account = Account(Budget(max_tokens_total=1000))
    spend(account, make_questions(100), Usage(45, 5))
    assert 950 <= account.input_tokens + account.output_tokens <= 1000


def test_cost_stays_within_the_limit(make_questions):
    account = Account(Budget(max_cost_usd=0.01, prices=Prices(1.0, 2.0)))
    n = spend(account, make_questions(1000), Usage(450, 25))  # US$0.0005 each
    assert n in (19, 20)  # 20 of them are US$0.01 up to rounding
    assert account.cost_usd <= 0.01 + 1e-12


def test_what_is_under_way_is_reserved(make_questions):
    account = Account(Budget(max_tokens_total=1000))
    first, *others = make_questions(50)
    account.settle(first, account.try_start(first), Usage(90, 10), paid=True)
    estimates = [account.try_start(question) for question in others]
    allowed = [estimate for estimate in estimates if estimate is not None]
    assert len(allowed) in (8, 9)  # 100 tokens each; ids of two digits are a little longer
    assert account.running == len(allowed)


def test_a_question_that_failed_gives_its_place_back(make_questions):
    account = Account(Budget(max_requests=1))
    first, second = make_questions(2)
    account.settle(first, account.try_start(first), Usage(), paid=False)
    assert account.settled == 0
    assert account.try_start(second) is not None


def test_without_usage_the_expectation_is_booked(make_questions):
    account = Account(Budget())
    (question,) = make_questions(1)
    account.settle(question, account.try_start(question), Usage(), paid=True)
    assert account.input_tokens > 0
    assert account.output_tokens > 0


def test_usage_adds_up_and_unknown_stays_unknown():
    assert Usage(1, 2) + Usage(10, 20) == Usage(11, 22)
    assert Usage() + Usage(10, None) == Usage(10, None)
    assert Usage() + Usage() == Usage()


def test_what_is_lost_counts_as_spent_and_what_is_reserved_stays(make_questions):
    account = Account(Budget(max_tokens_total=300, prices=Prices(1.0, 1.0)))
    first, second = make_questions(2)
    estimate = account.try_start(first)
    account.settle(first, estimate, Usage(90, 10), paid=True)
    estimate = account.try_start(second)
    assert account.lose(estimate), "100 spent, 100 lost, 100 reserved: just within the limit"
    assert account.input_tokens + account.output_tokens == 200
    assert account.cost_usd == pytest.approx(200e-6)
    assert not account.lose(estimate)
    account.settle(second, estimate, Usage(), paid=False)
    assert account.input_tokens + account.output_tokens == 300
    assert account.try_start(first) is None
    assert "300 tokens (limit 300)" in account.reached().message

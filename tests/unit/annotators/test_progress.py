"""Rates and projections, with a clock of our own."""

import pytest

from noisefix.annotators.budget import Account, Budget, Prices, Usage
from noisefix.annotators.progress import Meter
from noisefix.annotators.protocol import Answer


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_rate_cost_and_time_left(make_questions):
    clock, seen = Clock(), []
    account = Account(Budget(prices=Prices(1.0, 1.0)))
    meter = Meter(account, 100, seen.append, every_s=1.0, clock=clock)
    for question in make_questions(20):
        account.settle(question, account.try_start(question), Usage(900, 100), paid=True)
        clock.now += 0.1
        meter.count(Answer(question.id, "pos", True))
    last = seen[-1]
    assert 1 <= len(seen) <= 2
    assert last.requests_per_s == pytest.approx(10.0, rel=0.1)
    assert last.cost_usd == pytest.approx(last.answered * 0.001)
    assert last.projected_cost_usd == pytest.approx(0.1)
    assert last.remaining_s == pytest.approx((100 - last.done) / last.requests_per_s)


def test_the_rate_is_that_of_the_last_seconds(make_questions):
    clock, seen = Clock(), []
    meter = Meter(Account(Budget()), None, seen.append, every_s=0.0, clock=clock)
    for wait_s in [1.0] * 30 + [0.1] * 300:
        clock.now += wait_s
        meter.count(Answer("a", "pos", True))
    assert seen[28].requests_per_s == pytest.approx(1.0)
    assert seen[-1].requests_per_s == pytest.approx(10.0, rel=0.02)


def test_what_is_unknown_stays_none():
    seen = []
    meter = Meter(Account(Budget()), None, seen.append)
    meter.tick(is_last=True)
    (only,) = seen
    assert (only.total, only.cost_usd, only.projected_cost_usd, only.remaining_s) == (None,) * 4

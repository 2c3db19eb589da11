"""What may be spent, what has been spent, and when to stop."""

from __future__ import annotations

from dataclasses import dataclass

from noisefix.annotators.protocol import Question
from noisefix.errors import ServiceError, UsageError


@dataclass(frozen=True)
class Prices:
    """US dollars for a million tokens."""

    input_per_million: float
    output_per_million: float

    def cost_usd(self, input_tokens: float, output_tokens: float) -> float:
        """Return the price of these tokens in US dollars."""
        return (
            input_tokens * self.input_per_million + output_tokens * self.output_per_million
        ) / 1e6

    def halved(self) -> Prices:
        """Return the prices of a batch, which services offer at half the price."""
        return Prices(self.input_per_million / 2, self.output_per_million / 2)


@dataclass(frozen=True)
class Budget:
    """Hard limits of one run; None where there is no limit.

    Attributes:
        max_requests: questions put to the annotator. What is stored already costs nothing and
            does not count.
        max_tokens_total: tokens in and out.
        max_cost_usd: US dollars; needs ``prices``.
        prices: what tokens cost; without them costs stay unknown.

    Raises:
        UsageError: a limit is negative, or a limit on the cost comes without prices.
    """

    max_requests: int | None = None
    max_tokens_total: int | None = None
    max_cost_usd: float | None = None
    prices: Prices | None = None

    def __post_init__(self) -> None:
        for name in ("max_requests", "max_tokens_total", "max_cost_usd"):
            limit = getattr(self, name)
            if limit is not None and not limit >= 0:
                raise UsageError(f"{name.replace('_', ' ')} is {limit}; it cannot be below 0")
        if self.max_cost_usd is not None and self.prices is None:
            raise UsageError(
                "a limit on the cost needs the prices of the tokens",
                "give --price-in and --price-out, in US dollars per million tokens",
            )


class BudgetError(ServiceError):
    """A limit was reached; everything paid for is stored."""


@dataclass(frozen=True)
class Usage:
    """Tokens that an exchange was billed for; None where the server did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            _sum(self.input_tokens, other.input_tokens),
            _sum(self.output_tokens, other.output_tokens),
        )

    def cost_usd(self, prices: Prices | None) -> float | None:
        """Return the price in US dollars; None where prices or tokens are not known."""
        if prices is None or self.input_tokens is None:
            return None
        return prices.cost_usd(self.input_tokens, self.output_tokens or 0)


NO_USAGE = Usage()


@dataclass(frozen=True)
class Estimate:
    """What a question under way is expected to take."""

    input_tokens: float
    output_tokens: float

    def as_usage(self) -> Usage:
        """Return it as if it had been billed."""
        return Usage(round(self.input_tokens), round(self.output_tokens))


class Account:
    """Keeps the books of one run.

    A question starts only when what has been spent, plus what the questions under way are expected
    to take, plus its own expected tokens, stays within the limits. Expectations are learned from
    what the server reports, so a limit is overrun by no more than the requests in flight turn out
    longer than expected.

    Not thread-safe: one thread or event loop at a time.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.running = 0
        self.settled = 0
        self.input_tokens = 0.0
        self.output_tokens = 0.0
        self._reserved_in = 0.0
        self._reserved_out = 0.0
        self._seen_chars = 0
        self._seen_in = 0
        self._seen_out = 0
        self._seen = 0

    @property
    def cost_usd(self) -> float | None:
        """US dollars spent in this run; None when no prices are known."""
        prices = self.budget.prices
        return None if prices is None else prices.cost_usd(self.input_tokens, self.output_tokens)

    def try_start(self, question: Question) -> Estimate | None:
        """Reserve what the question is expected to take; None when that breaks a limit."""
        guess = self._guess(_characters(question), question.more_tokens)
        most = self.budget.max_requests
        if most is not None and self.settled + self.running >= most:
            return None
        if not self._has_room(guess.input_tokens, guess.output_tokens):
            return None
        self.running += 1
        self._reserved_in += guess.input_tokens
        self._reserved_out += guess.output_tokens
        return guess

    def settle(self, question: Question, estimate: Estimate, usage: Usage, *, paid: bool) -> None:
        """Replace a reservation by what was really taken.

        Args:
            question: the question given to ``try_start``.
            estimate: what ``try_start`` returned.
            usage: tokens billed; where the server does not say, the estimate stands in.
            paid: False when nothing was answered, so nothing is billed.
        """
        self.running -= 1
        self._reserved_in -= estimate.input_tokens
        self._reserved_out -= estimate.output_tokens
        if not self.running:  # no rounding errors may pile up
            self._reserved_in = self._reserved_out = 0.0
        if not paid:
            return
        self.settled += 1
        tokens_in, tokens_out = usage.input_tokens, usage.output_tokens
        self.input_tokens += estimate.input_tokens if tokens_in is None else tokens_in
        self.output_tokens += estimate.output_tokens if tokens_out is None else tokens_out
        if tokens_in is not None and tokens_out is not None:
            self._seen += 1
            self._seen_chars += _characters(question)
            self._seen_in += tokens_in
            self._seen_out += tokens_out

    def lose(self, estimate: Estimate) -> bool:
        """Book a request that was sent and whose answer is lost: it may have been billed.

        Args:
            estimate: what ``try_start`` returned for its question, which stays reserved.

        Returns:
            Whether the question may be sent once more within the limits.
        """
        lost = estimate.as_usage()
        self.input_tokens += lost.input_tokens or 0
        self.output_tokens += lost.output_tokens or 0
        return self._has_room(0.0, 0.0)

    def reached(self) -> BudgetError:
        """Return the error that says which limit ended the run."""
        budget, tokens = self.budget, self.input_tokens + self.output_tokens
        spent = [f"{self.settled} questions asked"]
        if budget.max_requests is not None:
            spent[0] += f" (limit {budget.max_requests})"
        spent.append(f"{tokens:.0f} tokens")
        if budget.max_tokens_total is not None:
            spent[1] += f" (limit {budget.max_tokens_total})"
        if self.cost_usd is not None:
            spent.append(f"US${self.cost_usd:.4f}")
            if budget.max_cost_usd is not None:
                spent[2] += f" (limit US${budget.max_cost_usd:g})"
        return BudgetError(
            f"budget reached: {', '.join(spent)}",
            "every answer is stored: run again, or with a higher limit, to ask only the rest",
        )

    def _has_room(self, more_in: float, more_out: float) -> bool:
        """Tell whether so many tokens more stay within the limits."""
        budget = self.budget
        tokens_in = self.input_tokens + self._reserved_in + more_in
        tokens_out = self.output_tokens + self._reserved_out + more_out
        limit = budget.max_tokens_total
        if limit is not None and tokens_in + tokens_out > limit:
            return False
        if budget.max_cost_usd is None or budget.prices is None:
            return True
        return budget.prices.cost_usd(tokens_in, tokens_out) <= budget.max_cost_usd

    def _guess(self, characters: int, more_tokens: float = 0) -> Estimate:
        if not self._seen:  # before the first answer: English has about four characters a token
            return Estimate(characters / 4.0 + 8.0, 16.0 + more_tokens)
        per_character = self._seen_in / max(self._seen_chars, 1)
        return Estimate(characters * per_character, self._seen_out / self._seen)


def _characters(question: Question) -> int:
    return sum(len(message.content) for message in question.prompt)


def _sum(left: int | None, right: int | None) -> int | None:
    return right if left is None else left if right is None else left + right

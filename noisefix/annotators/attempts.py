"""What has come of one question: requests made, failures among them, and the answer in the end."""

from __future__ import annotations

from noisefix.annotators.budget import Prices, Usage
from noisefix.annotators.exchange import Reply
from noisefix.annotators.protocol import Answer, Identity, Question
from noisefix.annotators.retry import RetryableError, RetryPolicy

_WINDOWS = 1.25
"""So many windows of a limit are waited out before refusals alone make a question hopeless."""


class Attempts:
    """The requests made for one question.

    Args:
        n_replies: replies that the service has given to any question so far.
    """

    def __init__(self, n_replies: int) -> None:
        self.reply: Reply | None = None
        self.error: str | None = None
        self.hint = ""
        self.requests = 0
        self.latency_s: float | None = None
        self.failures = 0
        self._counted_failures = 0
        self._failed_at: float | None = None
        self._n_replies = n_replies

    @property
    def is_over(self) -> bool:
        """True when there is a reply or an error, and nothing more to send."""
        return self.reply is not None or self.error is not None

    def is_hopeless(
        self, problem: RetryableError, n_replies: int, policy: RetryPolicy, now: float
    ) -> bool:
        """Count a failure; when it was one too many, make it the error and return True.

        A 429 counts only when no other question got a reply since the last failure: as long as
        others get through, this one waits for its turn. 429s alone are no reason to give up before
        a limit by the minute must have begun anew.

        Args:
            problem: the failure.
            n_replies: replies that the service has given to any question so far.
            policy: patience.
            now: the event loop's time.
        """
        if self._failed_at is None:
            self._failed_at = now
        others_get_through = n_replies > self._n_replies
        self._n_replies = n_replies
        self.failures += 1
        if not (problem.slow_down and others_get_through):
            self._counted_failures += 1
        if self._counted_failures < policy.max_attempts and self.failures < policy.most_attempts:
            return False
        if problem.slow_down and now - self._failed_at < _WINDOWS * policy.window_s:
            return False
        self.error = f"{problem.message} ({self.failures} attempts)"
        self.hint = problem.hint
        return True

    def answer(
        self,
        key: bytes,
        question: Question,
        identity: Identity,
        usage: Usage,
        prices: Prices | None,
    ) -> Answer:
        """Return the answer, or what stands for one that did not come."""
        reply, cost = self.reply, None
        if prices is not None and usage.input_tokens is not None:
            cost = prices.cost_usd(usage.input_tokens, usage.output_tokens or 0)
        return Answer(
            id=question.id,
            answer=None if reply is None else reply.answer,
            is_label=reply is not None and reply.is_label,
            confidence=None if reply is None else reply.confidence,
            probabilities=None if reply is None else reply.probabilities,
            annotator=identity.annotator,
            model=identity.model,
            prompt_sha256=key.hex(),
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cost_usd=cost,
            latency_s=self.latency_s,
            attempts=self.requests,
            error=self.error if reply is None else None,
            raw_answer=None if reply is None else reply.raw_answer,
            vote=question.vote,
        )

"""When to give a service up: it fails, or answers uselessly, many times in a row."""

from __future__ import annotations

from noisefix.annotators.protocol import INVALID, REFUSED, Answer
from noisefix.errors import ServiceError

FAILURES_IN_A_ROW = 5
"""Questions given up one after the other, none answered between them: the service is down."""

USELESS_IN_A_ROW = 20
"""Refused or invalid answers one after the other: this model will not do it."""


class Streaks:
    """Looks at the answers as they arrive, in any order."""

    def __init__(self) -> None:
        self._failures = 0
        self._useless = 0

    def judge(self, answer: Answer, hint: str = "") -> ServiceError | None:
        """Take one more answer into account; return the error when it is time to give up.

        Args:
            answer: what has come of a question that was asked now.
            hint: what may help when it failed.
        """
        if answer.answer is None:
            self._failures += 1
            if self._failures < FAILURES_IN_A_ROW:
                return None
            return ServiceError(
                f"{self._failures} questions in a row got no answer; the last one: {answer.error}",
                hint or "run again later: what is stored will not be asked again",
            )
        self._failures = 0
        if answer.is_label or answer.answer not in (INVALID, REFUSED):
            self._useless = 0
            return None
        self._useless += 1
        if self._useless < USELESS_IN_A_ROW:
            return None
        return ServiceError(
            f"{self._useless} answers in a row were refusals or outside of what was offered;"
            f" the last one is {answer.answer!r}",
            "look at the prompt (--dry-run), take a model that follows instructions or a server"
            " that enforces JSON schemas, or raise --max-output-tokens if answers are cut off",
        )

"""When to give a service up: it fails, or answers uselessly, many times in a row."""

from __future__ import annotations

from noisefix.annotators.protocol import CUT_MARK, REFUSED, Answer
from noisefix.errors import ServiceError

FAILURES_IN_A_ROW = 5
"""Questions given up one after the other, none answered between them: the service is down."""

USELESS_IN_A_ROW = 20
"""Refused or invalid answers one after the other: this model will not do it."""

_LONGEST_SHOWN = 160


class NothingUsableError(ServiceError):
    """No answer, of all or of many in a row, can be used."""


def what_came(answer: Answer) -> str:
    """Return in a few words what came in the place of a usable answer."""
    if answer.answer is None:
        return f"the last one: {answer.error or 'no reason given'}"
    kind = "cut off" if answer.is_cut else answer.answer
    said = " ".join((answer.raw_answer or "").removesuffix(CUT_MARK).split())
    if not said:
        return f"the last one is {kind}, and empty"
    shown = said if len(said) <= _LONGEST_SHOWN else f"{said[:_LONGEST_SHOWN]}…"
    return f"the last one is {kind}: {shown!r}"


def remedy(answer: Answer) -> str:
    """Return what to do about a service whose answers look like this one."""
    if answer.answer is None:
        return "run again later: what is stored will not be asked again"
    if answer.is_cut:
        return (
            "raise --max-output-tokens, or switch the model's reasoning off: answers were cut off "
            "before they came to a label"
        )
    if answer.answer == REFUSED:
        return "take another model or provider: this one does not judge such texts"
    return (
        "look at the prompt (--dry-run), take a model that follows instructions or a server"
        " that enforces JSON schemas, or raise --max-output-tokens if answers are cut off"
    )


class GiveUp:
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
        if not answer.is_useless:
            self._useless = 0
            return None
        self._useless += 1
        if self._useless < USELESS_IN_A_ROW:
            return None
        return NothingUsableError(
            f"{self._useless} answers in a row were refusals or outside of what was offered;"
            f" {what_came(answer)}",
            remedy(answer),
        )

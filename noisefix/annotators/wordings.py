"""The same question in other words: does the answer hang on the wording?

Source: CoIPO, ICLR 2026 (known from its abstract and a summary), which trains language models so
that clean and noisy prompts lead to the same label. Only the question is taken from there: typing
errors, other words and another layout are put to the model, and what changes is counted.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from noisefix.annotators.protocol import Answer
from noisefix.annotators.quoting import digest

NAMES = ("as it is", "labels in another order", "other words", "typing errors")
"""What vote 0, 1, 2, ... of a row is, over and over."""

REWORDED_BODY = """\
$text

Which of these labels says best what stands above?
$labels

$task

$knowledge

$demonstrations
"""
_NOISE = 0.05


def wording(vote: int) -> int:
    """Return which of ``NAMES`` a vote is."""
    return vote if vote < len(NAMES) else 1 + (vote - 1) % (len(NAMES) - 1)


def with_typing_errors(text: str, seed: int) -> str:
    """Return a text in which one letter in twenty is left out, doubled, or changes its place.

    Args:
        text: any text.
        seed: with the text, it decides which letters.
    """
    rng = random.Random(digest("typing errors", seed, text))
    letters = list(text)
    for place, letter in enumerate(letters):
        if not letter.isalpha() or rng.random() >= _NOISE:
            continue
        kind = rng.randrange(3)
        if kind == 2 and place + 1 < len(letters) and letters[place + 1][:1].isalpha():
            letters[place], letters[place + 1] = letters[place + 1], letter
        else:
            letters[place] = letter * 2 if kind == 1 else ""
    return "".join(letters)


@dataclass(frozen=True)
class Flips:
    """How many answers a wording changed.

    Attributes:
        wording: what was changed, one of ``NAMES``.
        compared: rows with an answer to both.
        changed: of these, rows with another answer.
    """

    wording: str
    compared: int
    changed: int

    @property
    def rate(self) -> float:
        """Share of the answers that changed; NaN where none can be compared."""
        return self.changed / self.compared if self.compared else float("nan")


def count_flips(answers: Iterable[Sequence[Answer]]) -> tuple[Flips, ...]:
    """Count, for each wording, the answers that differ from the first.

    Args:
        answers: all votes of one row, for each row; answers that say nothing do not count.
    """
    compared, changed = [0] * len(NAMES), [0] * len(NAMES)
    for votes in answers:
        first = next((vote for vote in votes if vote.vote == 0 and not vote.is_useless), None)
        for vote in votes:
            if first is None or vote.vote == 0 or vote.is_useless:
                continue
            kind = wording(vote.vote)
            compared[kind] += 1
            changed[kind] += vote.answer != first.answer
    return tuple(
        Flips(name, compared[kind], changed[kind])
        for kind, name in enumerate(NAMES)
        if compared[kind]
    )

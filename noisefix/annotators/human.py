"""A person as the annotator: one row after the other, one key for each label.

What is shown, and where keys come from, is a ``Desk`` that the caller brings: a terminal, or a
script in tests. Here is only what the keys mean.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from noisefix.annotators.protocol import AMBIGUOUS, HUMAN, NONE, Answer, Identity, Question

BACK, SKIP, QUIT, WHOLE, KEEP = "b", "s", "q", "v", "\n"
COMMANDS = {BACK: "back", SKIP: "skip", WHOLE: "whole text", QUIT: "quit"}
NONE_KEY, AMBIGUOUS_KEY = "0", "?"
END = ""
"""What ``read_key`` returns when there are no more keys: the same as quit."""

_DIGITS = "123456789"
_LETTERS = "".join(c for c in "abcdefghijklmnopqrstuvwxyz" if c not in COMMANDS)
_SINGLE_KEYS = list(_DIGITS + _LETTERS + _LETTERS.upper())
_ERASE = ("\x7f", "\b", "\x1b")


@dataclass(frozen=True)
class Neighbor:
    """A row near to the one under review: its text, its label, its cosine similarity."""

    text: str
    label: str
    similarity: float


@dataclass(frozen=True)
class RowFacts:
    """What is known of a row, for a person to look at.

    Attributes:
        text: the text, as read.
        neighbors: nearest rows, nearest first.
        probabilities: label to estimated probability; empty: not known.
        given_label: the label in the input; None: not to be shown, so that it sways nobody.
    """

    text: str
    neighbors: tuple[Neighbor, ...] = ()
    probabilities: dict[str, float] = field(default_factory=dict)
    given_label: str | None = None


@dataclass(frozen=True)
class Card:
    """One row as it is put before a person.

    Attributes:
        question: what is asked.
        facts: what is known of the row.
        keys: key (or code of several keys) to the word answered with it, in the order to show.
        number: how many rows have been shown before this one, plus one.
        can_go_back: True when there is an answer that can still be taken back.
        earlier: the answer given before, when the person has come back to this row; KEEP keeps it.
        typed: the beginning of a code that has been typed.
        is_whole: True: show the text however long it is.
    """

    question: Question
    facts: RowFacts
    keys: dict[str, str]
    number: int
    can_go_back: bool = False
    earlier: str | None = None
    typed: str = ""
    is_whole: bool = False


class Desk(Protocol):
    """Where a person sits: shows cards, gives keys."""

    def show(self, card: Card) -> None:
        """Put a card before the person, in the place of the one before."""
        ...

    def read_key(self) -> str:
        """Wait for a key and return it; ``END`` when none will come any more."""
        ...


@dataclass
class _Turn:
    question: Question
    answer: Answer | None = None  # None: not answered yet


class HumanAnnotator:
    """Asks a person.

    The last ``undo_depth`` answers are held back, so that "back" can change them; they are handed
    over as more arrive, on quit and on Ctrl-C. Nothing is yielded for what is skipped or comes
    after a quit: no answer is stored for it, so a later run asks it again.

    Args:
        desk: shows cards and gives keys.
        facts: row id to what is known of the row.
        class_names: every class, in an order that stays; each has the same key in every row.
        reviewer: who answers; a part of the identity, so that two people's answers stay apart.
        undo_depth: how many answers can be taken back; a killed process loses that many.
        clock: seconds, for latencies.
    """

    def __init__(
        self,
        desk: Desk,
        facts: Callable[[str], RowFacts],
        class_names: Sequence[str] = (),
        reviewer: str = "",
        undo_depth: int = 3,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.identity = Identity(HUMAN, reviewer)
        self._desk = desk
        self._facts = facts
        self._class_names = tuple(class_names)
        self._undo_depth = undo_depth
        self._clock = clock
        self._n_before = 0
        self._has_quit = False

    def annotate(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """Yield one answer for each question that the person has answered, in their order.

        Called again, it counts on; once the person has quit, it asks no more.
        """
        if self._has_quit:
            return
        coming = iter(questions)
        turns: list[_Turn] = []  # held back, and perhaps some taken back
        place = handed_over = 0
        try:
            while True:
                if place == len(turns):
                    question = next(coming, None)
                    if question is None:
                        break
                    turns.append(_Turn(question))
                choice = self._ask(turns, place, handed_over)
                if choice == QUIT:
                    self._has_quit = True
                    break
                place += -1 if choice == BACK else 1
                while place > self._undo_depth:
                    yield from _answers(turns[:1])
                    del turns[0]
                    place -= 1
                    handed_over += 1
        except KeyboardInterrupt:
            yield from _answers(turns)
            raise
        self._n_before += handed_over + len(turns)
        yield from _answers(turns)

    def _ask(self, turns: list[_Turn], place: int, handed_over: int) -> str:
        """Let the person decide about one turn; return the word chosen, or the command."""
        turn = turns[place]
        card = Card(
            turn.question,
            self._facts(turn.question.id),
            keys_for(turn.question, self._class_names),
            number=self._n_before + handed_over + place + 1,
            can_go_back=place > 0,
            earlier=turn.answer.raw_answer if turn.answer is not None else None,
        )
        started = self._clock()
        choice = self._read_choice(card)
        if choice == SKIP:
            turn.answer = None
        elif choice in card.keys:
            turn.answer = self._answer(turn.question, card.keys[choice], self._clock() - started)
        return choice

    def _read_choice(self, card: Card) -> str:
        while True:
            self._desk.show(card)
            key = self._desk.read_key()
            if key in (QUIT, END):
                return QUIT
            can_do = {SKIP: True, BACK: card.can_go_back, KEEP: card.earlier is not None}
            if can_do.get(key, False):
                return key
            if key == WHOLE:
                card = replace(card, is_whole=not card.is_whole)
                continue
            typed = "" if key in _ERASE else card.typed + key
            if typed in card.keys:
                return typed
            if not any(code.startswith(typed) for code in card.keys):
                typed = ""  # a key that means nothing
            card = replace(card, typed=typed)

    def _answer(self, question: Question, word: str, seconds: float) -> Answer:
        is_label = word in question.label_pool
        not_a_label = NONE if word == question.allowed[-2] else AMBIGUOUS
        return replace(
            question.blank(self.identity),
            answer=word if is_label else not_a_label,
            is_label=is_label,
            latency_s=seconds,
            raw_answer=word,
        )


def keys_for(question: Question, class_names: Sequence[str] = ()) -> dict[str, str]:
    """Return what to type for each word that may be answered, in the order to show.

    A class has the same key in every row, digits first, then letters; where there are more classes
    than keys, the labels of the row's pool are numbered instead.
    """
    pool = set(question.label_pool)
    names = [name for name in class_names if name in pool]
    if len(names) < len(pool) or len(class_names) > len(_SINGLE_KEYS):
        names = class_names = sorted(pool)
    width = 1 if len(class_names) <= len(_SINGLE_KEYS) else len(str(len(class_names)))
    codes = _SINGLE_KEYS
    if width > 1:
        codes = [str(number).zfill(width) for number in range(1, len(class_names) + 1)]
    place = {name: codes[k] for k, name in enumerate(class_names)}
    none, ambiguous = question.allowed[-2:]
    return {
        **{place[name]: name for name in names},
        NONE_KEY * width: none,
        AMBIGUOUS_KEY: ambiguous,
    }


def _answers(turns: Iterable[_Turn]) -> Iterator[Answer]:
    return (turn.answer for turn in turns if turn.answer is not None)

"""A person as the annotator: one row after the other, one key for each label.

What is shown, and where keys come from, is a ``Desk`` that the caller brings: a terminal, or a
script in tests. Here is only what the keys mean.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from noisefix.annotators.desk_keys import (
    DIGITS,
    DROP,
    END,
    ENTER,
    ESCAPE,
    KEEP,
    LATER,
    QUIT,
    SEARCH,
    SUGGESTED,
    UNDO,
    UNSURE,
    WHOLE,
    edited,
    matching,
)
from noisefix.annotators.protocol import AMBIGUOUS, HUMAN, NONE, Answer, Identity, Question


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
        keys: key to the word answered with it, in the order to show; other labels are searched.
        number: how many rows have been shown before this one, plus one.
        can_go_back: True when there is an answer that can still be taken back.
        earlier: the answer given before, when the person has come back to this row; Enter keeps it.
        is_searching: True while a part of a label's name is typed.
        typed: what has been typed of it.
        found: the labels that it is in; Enter takes the first.
        is_whole: True: show the text however long it is.
    """

    question: Question
    facts: RowFacts
    keys: dict[str, str]
    number: int
    can_go_back: bool = False
    earlier: str | None = None
    is_searching: bool = False
    typed: str = ""
    found: tuple[str, ...] = ()
    is_whole: bool = False

    @property
    def kept(self) -> str | None:
        """The label that ``KEEP`` answers with: the given one, where it is shown and may be."""
        given = self.facts.given_label
        return given if given in self.question.label_pool else None

    @property
    def suggested(self) -> str | None:
        """The label that ``SUGGESTED`` answers with: the most probable one, where that is shown."""
        known = {k: p for k, p in self.facts.probabilities.items() if k in self.question.label_pool}
        return max(known, key=lambda label: known[label]) if known else None

    @property
    def commands(self) -> tuple[str, ...]:
        """The keys beside those of ``keys`` that do something now."""
        can_do = {
            KEEP: self.kept is not None,
            SUGGESTED: self.suggested is not None,
            UNDO: self.can_go_back,
        }
        every = (KEEP, SUGGESTED, SEARCH, UNDO, LATER, WHOLE, QUIT)
        return tuple(key for key in every if can_do.get(key, True))


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
                command = self._ask(turns, place, handed_over)
                if command == QUIT:
                    self._has_quit = True
                    break
                place += -1 if command == UNDO else 1
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
        """Let the person decide about one turn; return the command, "" for an answer."""
        turn = turns[place]
        facts = self._facts(turn.question.id)
        card = Card(
            turn.question,
            facts,
            keys_for(turn.question, self._class_names, facts.probabilities),
            number=self._n_before + handed_over + place + 1,
            can_go_back=place > 0,
            earlier=turn.answer.raw_answer if turn.answer is not None else None,
        )
        started = self._clock()
        command, word = self._read_choice(card)
        if command == LATER:
            turn.answer = None
        elif word is not None:
            turn.answer = self._answer(turn.question, word, self._clock() - started)
        return command

    def _read_choice(self, card: Card) -> tuple[str, str | None]:
        """Return a command, or "" and the word answered; Enter keeps the earlier one."""
        while True:
            self._desk.show(card)
            key = self._desk.read_key()
            if key == END:
                return QUIT, None
            if card.is_searching:
                if key == ENTER and card.found:
                    return "", card.found[0]
                card = _searched(card, key)
            elif key in card.keys:
                return "", card.keys[key]
            elif key == ENTER and card.earlier is not None:
                return "", None
            elif key == WHOLE:
                card = replace(card, is_whole=not card.is_whole)
            elif key == SEARCH:
                card = _searched(replace(card, is_searching=True), "")
            elif key in card.commands and key in (KEEP, SUGGESTED):
                return "", card.kept if key == KEEP else card.suggested
            elif key in card.commands:
                return key, None

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


def keys_for(
    question: Question,
    class_names: Sequence[str] = (),
    probabilities: Mapping[str, float] | None = None,
) -> dict[str, str]:
    """Return what to type for each word that may be answered, in the order to show.

    A class has the same digit in every row where there are nine at most; where there are more, the
    labels of the row's pool are numbered instead, the most probable nine of them.
    """
    pool = set(question.label_pool)
    names = [name for name in class_names if name in pool]
    place = {name: k for k, name in enumerate(class_names)}
    if len(names) < len(pool) or len(class_names) > len(DIGITS):
        known = probabilities or {}
        likely = sorted(pool, key=lambda name: (-known.get(name, 0.0), name))[: len(DIGITS)]
        names = sorted(likely)
        place = {name: k for k, name in enumerate(names)}
    none, ambiguous = question.allowed[-2:]
    return {**{DIGITS[place[name]]: name for name in names}, DROP: none, UNSURE: ambiguous}


def _searched(card: Card, key: str) -> Card:
    if key in (ENTER, ESCAPE):
        return replace(card, is_searching=False, typed="", found=())
    typed = edited(card.typed, key)
    return replace(card, typed=typed, found=matching(typed, card.question.label_pool))


def _answers(turns: Iterable[_Turn]) -> Iterator[Answer]:
    return (turn.answer for turn in turns if turn.answer is not None)

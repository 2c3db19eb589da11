"""What is asked, what comes back, and the one method that makes something an annotator.

An annotator is any object with ``annotate``: it takes questions as they come and yields answers as
they arrive. It may also have an ``identity`` (an ``Identity``), so that its answers can be stored
and found again; without one its class name stands in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

NONE = "none"
AMBIGUOUS = "ambiguous"
REFUSED = "refused"
INVALID = "invalid"
NOT_LABELS = (NONE, AMBIGUOUS, REFUSED, INVALID)

HUMAN = "human"
"""The kind of annotator whose labels are final: a person."""

ANSWER_FIELD = "answer"
"""Name of the one field of a JSON answer: ``{"answer": "a label"}``."""

CUT_MARK = " … [not finished]"
"""What ``raw_answer`` ends with when the answer was cut off, or its reasoning has no end."""


@dataclass(frozen=True)
class Message:
    """One message of a chat prompt."""

    role: str
    content: str


@dataclass(frozen=True)
class Question:
    """One question about one row, fully rendered.

    Attributes:
        id: the row's id. Not part of what is asked: two rows may ask the same.
        label_pool: the labels to choose from, in the order shown; distinct, at least one.
        prompt: the messages, ready to send.
        vote: 0 for the first time a row is asked, 1, 2, ... for further votes on the same row
            (each with its own order of the pool and therefore its own prompt).
        allow_not: "not X" is an answer too: label X of the pool is wrong, whichever is right.
    """

    id: str
    label_pool: tuple[str, ...]
    prompt: tuple[Message, ...]
    vote: int = 0
    allow_not: bool = False

    @property
    def allowed(self) -> tuple[str, ...]:
        """Everything that may be answered: the pool, the two ways to choose no label, "not X"."""
        words = self.label_pool + escape_words(self.label_pool)
        return words + tuple(not_words(self.label_pool)) if self.allow_not else words

    def rejected_by(self, answer: str | None, *, is_label: bool) -> tuple[str, ...]:
        """Return the label that an answer rules out; none where it is another kind of answer."""
        if is_label or answer is None or not self.allow_not:
            return ()
        label = not_words(self.label_pool).get(answer)
        return () if label is None else (label,)

    @property
    def more_tokens(self) -> float:
        """Tokens that an answer is expected to take beside the few that name a label."""
        return 0.0

    @property
    def reminder(self) -> str:
        """What is said to whoever has answered something else; empty: what is allowed."""
        return ""

    def takes(self, answer: str) -> bool:
        """Tell whether an answer is a label that was offered."""
        return answer in self.label_pool

    def held_to(self, answer: str | None, *, is_label: bool) -> tuple[str | None, bool]:
        """Return an answer as it counts, and whether it is a label; ``invalid`` for any other."""
        if answer is None:
            return None, False
        if self.takes(answer):
            return answer, is_label or answer not in NOT_LABELS
        is_kind = answer in NOT_LABELS or bool(self.rejected_by(answer, is_label=is_label))
        return (answer, False) if is_kind and not is_label else (INVALID, False)

    def kept(self, raw: str | None) -> str | None:
        """Return what is kept of an answer as received."""
        return raw

    @property
    def schema(self) -> dict[str, Any]:
        """JSON schema of an answer: an object with one field, an enum of what is allowed."""
        return {
            "type": "object",
            "properties": {ANSWER_FIELD: {"type": "string", "enum": list(self.allowed)}},
            "required": [ANSWER_FIELD],
            "additionalProperties": False,
        }

    def blank(self, identity: Identity) -> Answer:
        """Return an answer to be filled in: to what question, and whose."""
        return Answer(
            self.id, None, annotator=identity.annotator, model=identity.model, vote=self.vote
        )


@dataclass(frozen=True)
class Answer:
    """What an annotator said to one question.

    Attributes:
        id: the row's id, as in the question.
        answer: a label of the pool; or ``none`` (no label of the pool fits), ``ambiguous``
            (several do), ``not X`` where that was allowed, ``refused``, ``invalid`` (outside of
            what was allowed, twice); None when there is no answer, and then ``error`` says why.
        is_label: True when ``answer`` is a label (to an ``EditQuestion``: a text). Ask this, never
            ``answer in NOT_LABELS``: a data set may have a class called "none" or "invalid".
        confidence: the annotator's own probability of its answer, in [0, 1]; None when unknown.
        probabilities: label -> probability over what was offered, where the annotator gives it.
        annotator: kind of annotator ("openai", "local", "vllm", "column", "human").
        model: model name, path or column.
        prompt_sha256: hex digest of what was asked (the store key).
        input_tokens: tokens sent, all attempts that were billed.
        output_tokens: tokens received, all attempts that were billed.
        cost_usd: price in US dollars; None when no prices are known.
        latency_s: seconds from sending the request that was answered to its answer.
        attempts: requests made for this answer.
        error: why there is no answer; None when there is one.
        raw_answer: the answer as received (very long ones are cut).
        vote: which vote of the row this is, as in the question.
        reused: True when nothing was asked for it now: it was stored, or an identical question was
            asked in the same run.
        rejected: labels that it rules out, once for each vote that does.
    """

    id: str
    answer: str | None
    is_label: bool = False
    confidence: float | None = None
    probabilities: dict[str, float] | None = field(default=None, hash=False)
    annotator: str = ""
    model: str = ""
    prompt_sha256: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    latency_s: float | None = None
    attempts: int = 1
    error: str | None = None
    raw_answer: str | None = None
    vote: int = 0
    reused: bool = False
    rejected: tuple[str, ...] = ()

    @property
    def label(self) -> str | None:
        """The label answered, or None when the answer is not a label."""
        return self.answer if self.is_label else None

    @property
    def is_useless(self) -> bool:
        """True when there is no answer, or one that says nothing of the row."""
        return not self.is_label and self.answer in (None, INVALID, REFUSED)

    @property
    def is_cut(self) -> bool:
        """True when the answer is invalid because it was not finished."""
        is_invalid = self.answer == INVALID and not self.is_label
        return is_invalid and (self.raw_answer or "").endswith(CUT_MARK)


@dataclass(frozen=True)
class Identity:
    """Who answers, as far as it can change the answer: a part of the store key.

    Attributes:
        annotator: kind of annotator ("openai", "local", "vllm", "column", "human").
        model: model name, path or column.
        sampling: sampling parameters and the like; JSON values only. Where ``model`` is a path,
            a digest of what lies there belongs in here.
        reusable: False when an answer must not be stored: it comes from the input file, say, and
            the same question can have another answer tomorrow.
    """

    annotator: str
    model: str = ""
    sampling: dict[str, Any] = field(default_factory=dict, hash=False)
    reusable: bool = True


@runtime_checkable
class Annotator(Protocol):
    """Anything that answers questions."""

    def annotate(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """Yield one answer for each question, in any order, as they arrive.

        Implementations are generators: questions are taken only as fast as they can be asked, and
        closing the generator stops the work.
        """
        ...


def identity_of(annotator: Annotator) -> Identity:
    """Return the annotator's ``identity`` attribute, or one made of its class name."""
    identity = getattr(annotator, "identity", None)
    return identity if isinstance(identity, Identity) else Identity(type(annotator).__name__)


def escape_words(label_pool: Iterable[str]) -> tuple[str, str]:
    """Return the words for "no label of the pool fits" and "several fit equally well".

    They are ``none`` and ``ambiguous`` unless a label of the pool reads the same; then a longer
    wording is taken, so that what is said is always clear. Prompts must show these words, and
    parsing must turn them back into ``NONE`` and ``AMBIGUOUS``.
    """
    return _escape_words(tuple(label_pool))


@lru_cache(maxsize=1024)
def _escape_words(label_pool: tuple[str, ...]) -> tuple[str, str]:
    taken = {label.strip().casefold() for label in label_pool}

    def first_free(word: str, longer: str) -> str:
        while word in taken:
            word, longer = longer, f"({longer})"
        return word

    return first_free(NONE, "none of these"), first_free(AMBIGUOUS, "several of these")


def not_words(label_pool: Iterable[str]) -> dict[str, str]:
    """Return what to answer to rule out a label of the pool, and the label.

    It is ``not X`` unless a label of the pool or a word for no label reads the same.
    """
    return _not_words(tuple(label_pool))


@lru_cache(maxsize=1024)
def _not_words(label_pool: tuple[str, ...]) -> dict[str, str]:
    taken = {word.strip().casefold() for word in (*label_pool, *_escape_words(label_pool))}
    found: dict[str, str] = {}
    for label in label_pool:
        word = f"not {label}"
        while word.strip().casefold() in taken:
            word = f"({word})"
        taken.add(word.strip().casefold())
        found[word] = label
    return found


KEY_FORMAT = 1
"""Part of every key: raised when the way to make keys changes, which makes all answers unknown."""


def key_maker(identity: Identity) -> Callable[[Question], bytes]:
    """Return the function from a question to its store key, for one annotator.

    The key is a SHA-256 over the annotator, its model and sampling parameters, the rendered
    prompt, and what may be answered; also over the number of the vote, since two votes on one
    prompt are two answers. Row ids, data set and program version are not part of it.
    """
    prefix = hashlib.sha256(
        json.dumps(
            [KEY_FORMAT, identity.annotator, identity.model, identity.sampling], sort_keys=True
        ).encode()
    )

    def key(question: Question) -> bytes:
        parts = [str(question.vote)]
        for message in question.prompt:
            parts += (message.role, message.content)
        parts += question.allowed
        # Every part goes with its length, so that no two questions read alike.
        lengths = ",".join(map(str, map(len, parts)))
        text = f"{len(question.prompt)};{lengths};{''.join(parts)}"
        digest = prefix.copy()
        digest.update(text.encode("utf-8", "surrogatepass"))
        return digest.digest()

    return key

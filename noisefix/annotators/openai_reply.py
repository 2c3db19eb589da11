"""From the JSON of a chat completion to a reply: text, refusal, tokens, probabilities."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from noisefix.annotators.budget import NO_USAGE, Usage
from noisefix.annotators.exchange import Reply
from noisefix.annotators.parsing import parse_answer
from noisefix.annotators.protocol import (
    AMBIGUOUS,
    ANSWER_FIELD,
    NONE,
    REFUSED,
    Question,
    escape_words,
)
from noisefix.annotators.store import shortened


@dataclass(frozen=True)
class Token:
    """One token of the answer.

    Attributes:
        text: the token as text.
        probability: in [0, 1].
        alternatives: text -> probability of what could have stood here instead, itself included.
    """

    text: str
    probability: float
    alternatives: dict[str, float]


@dataclass(frozen=True)
class Completion:
    """What matters of a chat completion."""

    text: str
    is_refused: bool = False
    tokens: tuple[Token, ...] = ()
    usage: Usage = NO_USAGE


def read_completion(body: Any) -> Completion | None:
    """Read the decoded body of a chat completion; None when it is not one.

    Empty ``choices`` read as an empty answer: the request was answered, with nothing.
    """
    if not isinstance(body, Mapping) or not isinstance(body.get("choices"), list):
        return None
    usage = _usage(body.get("usage"))
    if not body["choices"]:
        return Completion("", usage=usage)
    choice = body["choices"][0]
    if not isinstance(choice, Mapping):
        return None
    message = choice.get("message")
    if not isinstance(message, Mapping):
        return None
    is_refused = bool(message.get("refusal")) or choice.get("finish_reason") == "content_filter"
    text = _text(message.get("content"))
    if is_refused and not text:
        text = str(message.get("refusal") or "")
    return Completion(text, is_refused, _tokens(choice.get("logprobs")), usage)


def reply_of(completion: Completion, question: Question) -> Reply:
    """Return what a completion answers to a question; maybe ``refused`` or ``invalid``."""
    raw = shortened(completion.text)
    if completion.is_refused:
        return Reply(REFUSED, raw_answer=raw)
    exact = _exactly(completion.text, question)
    if exact is not None:
        answer, is_label, said = exact
    else:
        parsed = parse_answer(completion.text, question.label_pool)
        answer, is_label, said = parsed.answer, parsed.is_label, parsed.answer
    confidence, probabilities = None, None
    if completion.tokens and (is_label or answer in (NONE, AMBIGUOUS)):
        confidence, probabilities = _probabilities(completion.tokens, said, question)
    return Reply(answer, is_label, confidence, probabilities, raw)


def _exactly(text: str, question: Question) -> tuple[str, bool, str] | None:
    """Read the JSON asked for; a short cut for the usual case that needs no interpretation."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or value.keys() != {ANSWER_FIELD}:
        return None
    said = value[ANSWER_FIELD]
    if not isinstance(said, str) or text.count(ANSWER_FIELD) > 1:
        return None  # perhaps a repeated key: two answers
    if said in question.label_pool:
        return said, True, said
    none, ambiguous = escape_words(question.label_pool)
    meant = {none: NONE, ambiguous: AMBIGUOUS}.get(said)
    return None if meant is None else (meant, False, said)


def _probabilities(
    tokens: Sequence[Token], said: str, question: Question
) -> tuple[float | None, dict[str, float] | None]:
    """Return the probability of what was said, and of each allowed answer where it can be told.

    The first is the product over the tokens that spell the answer. For the second, the mass of
    every alternative token that leads to another allowed answer goes to that answer (in equal
    parts where it leads to several), and the sum is scaled to 1.
    """
    text = "".join(token.text for token in tokens)
    start = text.rfind(said)
    if start < 0 or not said:
        return None, None
    end, position = start + len(said), 0
    path, mass = 1.0, dict.fromkeys(question.allowed, 0.0)
    for token in tokens:
        token_start, position = position, position + len(token.text)
        if position <= start or token_start >= end:
            continue
        before = said[: max(token_start - start, 0)]
        lead = text[token_start : max(start, token_start)]
        for other, probability in token.alternatives.items():
            if other == token.text or not other.startswith(lead):
                continue
            reached = before + other[len(lead) :]
            fitting = [a for a in question.allowed if _leads_to(reached, a)]
            for answer in fitting:
                mass[answer] += path * probability / len(fitting)
        path *= token.probability
    if said not in mass:
        return path, None
    if not any(token.alternatives for token in tokens):
        return path, None
    mass[said] += path
    total = math.fsum(mass.values())
    return path, {answer: share / total for answer, share in mass.items()} if total else None


def _leads_to(reached: str, answer: str) -> bool:
    """Tell whether the text so far can become the answer (and perhaps the quote after it)."""
    return bool(reached) and (answer.startswith(reached) or reached.startswith(answer + '"'))


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):  # parts, as some servers send them
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    return ""


def _tokens(logprobs: Any) -> tuple[Token, ...]:
    content = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    if not isinstance(content, list):
        return ()
    try:
        return tuple(
            Token(
                str(item["token"]),
                _probability(item["logprob"]),
                {
                    str(other["token"]): _probability(other["logprob"])
                    for other in item.get("top_logprobs") or ()
                },
            )
            for item in content
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return ()


def _probability(logprob: Any) -> float:
    return math.exp(min(float(logprob), 0.0))


def _usage(usage: Any) -> Usage:
    if not isinstance(usage, Mapping):
        return NO_USAGE
    return Usage(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))


def _count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count else None

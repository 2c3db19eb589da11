"""From the JSON of a chat completion to a reply: text, refusal, tokens, probabilities."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from noisefix.annotators.answer_text import answer_part
from noisefix.annotators.budget import NO_USAGE, Usage
from noisefix.annotators.edits import EditQuestion, edit_reply
from noisefix.annotators.exchange import Reply
from noisefix.annotators.parsing import ParsedAnswer, parse_answer
from noisefix.annotators.protocol import (
    AMBIGUOUS,
    ANSWER_FIELD,
    CUT_MARK,
    INVALID,
    NONE,
    REFUSED,
    Question,
    escape_words,
)
from noisefix.annotators.store import shortened

_FILTERED = {"content_filter", "safety", "prohibited_content", "blocklist", "spii", "recitation"}
_CUT = {"length", "max_tokens", "max_output_tokens", "model_length", "token_limit", "incomplete"}
_TEXT_PARTS = {"text", "output_text"}


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
    """What matters of a chat completion.

    Attributes:
        text: the answer as text.
        is_refused: the model, or a filter, will not answer.
        tokens: of the text, where the server gives them.
        usage: tokens billed.
        is_cut: the longest length was reached.
        is_reasoning: there was no answer beside the reasoning, and ``text`` is that.
    """

    text: str
    is_refused: bool = False
    tokens: tuple[Token, ...] = ()
    usage: Usage = NO_USAGE
    is_cut: bool = False
    is_reasoning: bool = False


def read_completion(body: Any) -> Completion | None:
    """Read the decoded body of a chat completion; None when it is not one.

    Empty ``choices`` read as an empty answer: the request was answered, with nothing.
    """
    if not isinstance(body, Mapping) or not isinstance(body.get("choices"), list):
        return None
    usage = _usage(body.get("usage"))
    if not body["choices"]:
        return Completion("", _is_filtered(body), usage=usage)
    choice = body["choices"][0]
    if not isinstance(choice, Mapping):
        return None
    message = choice.get("message", choice.get("delta"))
    if message is None and isinstance(choice.get("text"), str):  # the older kind of completion
        message = {"content": choice["text"]}
    if not isinstance(message, Mapping) or isinstance(choice.get("error"), Mapping):
        return None
    finish = str(choice.get("finish_reason") or "").lower()
    refusal = message.get("refusal") or _refusal_part(message.get("content"))
    text = _text(message.get("content")) or _tool_arguments(message)
    is_refused = bool(refusal) or finish in _FILTERED
    if is_refused and not text:
        text = str(refusal or "")
    reasoning = ""
    if not text.strip() and not is_refused:
        reasoning = _text(message.get("reasoning_content")) or _text(message.get("reasoning"))
    return Completion(
        reasoning or text,
        is_refused,
        () if reasoning else _tokens(choice.get("logprobs")),
        usage,
        is_cut=finish in _CUT,
        is_reasoning=bool(reasoning),
    )


def reply_of(completion: Completion, question: Question) -> Reply:
    """Return what a completion answers to a question; maybe ``refused`` or ``invalid``."""
    if isinstance(question, EditQuestion):
        return edit_reply(
            completion.text,
            question,
            is_refused=completion.is_refused,
            is_cut=completion.is_cut,
            is_reasoning=completion.is_reasoning,
        )
    raw = shortened(completion.text)
    if completion.is_refused:
        return Reply(REFUSED, raw_answer=raw)
    exact = _exactly(completion.text, question)
    if exact is not None:
        answer, is_label, said = exact
    else:
        parsed = _parsed(completion, question)
        answer, is_label, said = parsed.answer, parsed.is_label, parsed.answer
    if answer == INVALID and not is_label:
        is_cut = completion.is_cut or answer_part(completion.text) is None
        return Reply(answer, raw_answer=raw + (CUT_MARK if is_cut else ""), is_cut=is_cut)
    confidence, probabilities = None, None
    if completion.tokens and (is_label or answer in (NONE, AMBIGUOUS)):
        confidence, probabilities = _probabilities(completion.tokens, said, question)
    return Reply(answer, is_label, confidence, probabilities, raw)


def _parsed(completion: Completion, question: Question) -> ParsedAnswer:
    """Read an answer that is not the JSON asked for and nothing else.

    A label that reasoning mentions is no answer: as little prose counts as in one that is cut off,
    but for its last line when it came to an end.
    """
    text, read = completion.text, partial(parse_answer, allow_not=question.allow_not)
    pool = question.label_pool
    if not completion.is_reasoning:
        return read(text, pool, is_cut=completion.is_cut)
    parsed = read(text, pool, is_cut=True)
    if parsed.answer == INVALID and not parsed.is_label and not completion.is_cut:
        return read(text.strip().rpartition("\n")[2], pool, is_cut=True)
    return parsed


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
    if question.rejected_by(said, is_label=False):
        return said, False, said
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
    """Return the text of a message's content: a text, a part, or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        if str(content.get("type", "text")).lower() not in _TEXT_PARTS:
            return ""  # reasoning, a picture, a refusal
        text = content.get("text")
        return _text(text.get("value") if isinstance(text, Mapping) else text)
    if isinstance(content, list):
        return "".join(_text(part) for part in content)
    return ""


def _refusal_part(content: Any) -> str:
    parts = content if isinstance(content, list) else ()
    said = [part.get("refusal") for part in parts if isinstance(part, Mapping)]
    return "".join(text for text in said if isinstance(text, str))


def _tool_arguments(message: Mapping[str, Any]) -> str:
    """Return the arguments of a tool call, as a text that can be read like an answer."""
    calls = message.get("tool_calls")
    call = calls[0] if isinstance(calls, list) and calls else message
    function = (
        (call.get("function") or call.get("function_call")) if isinstance(call, Mapping) else 0
    )
    arguments = function.get("arguments") if isinstance(function, Mapping) else None
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            return str(arguments)
    if isinstance(arguments, Mapping) and len(arguments) == 1:  # whatever the one field is called
        return json.dumps({ANSWER_FIELD: next(iter(arguments.values()))}, ensure_ascii=False)
    return "" if arguments is None else json.dumps(arguments, ensure_ascii=False)


def _is_filtered(body: Mapping[str, Any]) -> bool:
    """Tell whether a response without choices says that a filter held the prompt back."""
    feedback = body.get("prompt_feedback") or body.get("promptFeedback")
    if isinstance(feedback, Mapping) and (
        feedback.get("block_reason") or feedback.get("blockReason")
    ):
        return True
    return '"filtered": true' in json.dumps(body.get("prompt_filter_results"))


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

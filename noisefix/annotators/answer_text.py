"""What of a model's words is its answer: no reasoning, no chat template's tokens, any JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from noisefix.annotators.protocol import ANSWER_FIELD

_REASONING = r"(?:think|thinking|thought|thoughts|reasoning|reflection|analysis|seed:think)"
_REASONING_ENDS = re.compile(
    rf"</{_REASONING}>|\[/THINK\]|◁/think▷|<\|end_of_thought\|>|<channel\|>", re.IGNORECASE
)
_REASONING_BEGINS = re.compile(
    rf"^[ \t]{{0,9}}(?:<{_REASONING}>|\[THINK\]|◁think▷|<\|begin_of_thought\|>"
    r"|<\|channel>(?:thought|analysis))",
    re.IGNORECASE | re.MULTILINE,
)
_CHANNEL, _FINAL, _MESSAGE = "<|channel|>", "<|channel|>final", "<|message|>"
_END_TOKEN = re.compile(
    r"<[|｜][^<>|｜\n]{1,40}[|｜]>|<\|?[a-z][a-z_]{0,30}\|?>|</s>|\[/?[A-Z]{3,12}\]|\[\|[a-z_]{1,30}\|\]"
    r"|\[e~\[",
    re.IGNORECASE,
)
_MOST_END_TOKENS = 5
_LONGEST_END_TOKEN = 60


def answer_part(raw: str) -> str | None:
    """Return what follows the reasoning; None when the reasoning is not finished.

    Args:
        raw: a model's words as received. Reasoning stands in ``<think>`` and the like, with or
            without the tag that opens it, or in channels of its own.
    """
    text = raw
    if _CHANNEL in raw:
        _, final, rest = raw.rpartition(_FINAL)
        if not final:
            return None
        text = rest.partition(_MESSAGE)[2]
    after = 0
    for end in _REASONING_ENDS.finditer(text):
        after = end.end()
    text = text[after:]
    return None if _REASONING_BEGINS.search(text) else text.strip()


def without_end_tokens(text: str) -> Iterator[str]:
    """Yield the text less one token of a chat template at its end, less two, and so on.

    Last comes what stands before the first token of the form ``<|...|>``, for a model that went on
    after its turn. Tokens are known by their shape (``<|im_end|>``, ``</s>``, ``<end_of_turn>``,
    ``[/INST]``), one at a time because a label may end in that shape itself.
    """
    shorter = text
    for _ in range(_MOST_END_TOKENS):
        tail = len(shorter) - _LONGEST_END_TOKEN
        ends = list(_END_TOKEN.finditer(shorter, max(tail, 0)))
        if not ends or ends[-1].end() != len(shorter):
            break
        shorter = shorter[: ends[-1].start()].rstrip()
        yield shorter
    head, bar, _ = text.partition("<|")
    if bar and head.strip():
        yield head.strip()


_MOST_OBJECTS = 40  # JSON objects looked at within one text
_FIELDS = frozenset({"label", "class", "category", "classification", "final_answer"})
_UNFINISHED_OBJECT = re.compile(
    r"[\"'](?:answer|label|class|category)[\"']\s{0,9}:\s{0,9}"
    r"(?:\"((?:[^\"\\\n]|\\.)*)\"|'((?:[^'\\\n]|\\.)*)')",
    re.IGNORECASE,
)


def json_answers(text: str) -> list[str]:
    """Return every answer in the JSON of a text, in order."""
    decoder = json.JSONDecoder(object_pairs_hook=_keep_repeats)
    found: list[str] = []
    position = 0
    for _ in range(_MOST_OBJECTS):
        starts = [start for bracket in "{[" if (start := text.find(bracket, position)) >= 0]
        if not starts:
            break
        try:
            value, position = decoder.raw_decode(text, min(starts))
        except (ValueError, RecursionError):
            position = min(starts) + 1
            continue
        # A list alone counts only as the whole text: "[1]" in reasoning is a reference.
        is_alone = isinstance(value, list) and position == len(text) and min(starts) == 0
        if isinstance(value, dict) or is_alone:
            found += _answers_of(value)
    unfinished = _UNFINISHED_OBJECT.findall(text) if not found else []
    return found or [double or single for double, single in unfinished]


def json_string(text: str) -> str:
    """Return what a JSON string stands for; the text itself when it is none."""
    try:
        return str(json.loads(text))
    except ValueError:
        return text


def _keep_repeats(pairs: list[tuple[str, Any]]) -> dict[str, list[Any]]:
    """Keep every value of a repeated key: two answers in one object are two answers."""
    kept: dict[str, list[Any]] = {}
    for key, value in pairs:
        kept.setdefault(key.strip().casefold(), []).append(value)
    return kept


def _answers_of(value: Any, depth: int = 3) -> list[str]:
    """Return the answers in a decoded value; objects come from :func:`_keep_repeats`."""
    if isinstance(value, (str, bool, int, float)):
        return [str(value)]
    found: list[str] = []
    if isinstance(value, dict) and depth > 0:
        for field in [ANSWER_FIELD] if ANSWER_FIELD in value else _FIELDS.intersection(value):
            for item in value[field]:
                found += _answers_of(item, depth - 1)
    elif isinstance(value, list) and depth > 0:
        for item in value[:_MOST_OBJECTS]:
            found += _answers_of(item, depth - 1)
    return found

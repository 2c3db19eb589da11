"""The answers in whatever JSON a model has written."""

from __future__ import annotations

import json
import re
from typing import Any

from noisefix.annotators.protocol import ANSWER_FIELD

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

"""From the words of a model to an answer: a label of the pool, or why it is none.

Strict on purpose. An answer counts when it *is* a label, or says in so many words which label it
is; a label that is merely mentioned ("this is not spam") does not count, and two different labels
are no answer. What cannot be read is ``invalid`` and may be asked again; it never becomes a label.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from noisefix.annotators.protocol import (
    AMBIGUOUS,
    ANSWER_FIELD,
    INVALID,
    NONE,
    REFUSED,
    escape_words,
)


@dataclass(frozen=True)
class ParsedAnswer:
    """What an answer comes to.

    Attributes:
        answer: a label of the pool, or ``none``, ``ambiguous``, ``refused``, ``invalid``.
        is_label: True when ``answer`` is a label: a class may be called "none" itself.
    """

    answer: str
    is_label: bool = False


def parse_answer(raw: str, label_pool: Sequence[str]) -> ParsedAnswer:
    """Read a model's answer; never raises, whatever it is given.

    Understood are the JSON asked for, alone, in a code fence or after reasoning; a bare label
    (other case, quotes, punctuation, ``_`` for a blank); ``Label: X``; a label on the first or the
    last line. They go before each other in that order. Reasoning in ``<think>`` does not count.

    Args:
        raw: the answer as received.
        label_pool: the labels that were offered; the two escape words follow from them.
    """
    reader = _reader(tuple(label_pool))
    text = raw.rpartition("</think>")[2].strip()
    if len(text) > _LONGEST:
        text = text[-_TAIL:]  # pages of reasoning: what counts stands at the end
    for read in (reader.whole, reader.structured, reader.marked, reader.bare_lines):
        answer = read(text)
        if answer == _INVALID and _REFUSAL.search(text):
            return _REFUSED
        if answer is not None:
            return answer
    return _REFUSED if _REFUSAL.search(text) else _INVALID


class LabelMatcher:
    """Finds the name that a text stands for.

    Compared exactly first, then without surrounding blanks, quotes and punctuation, then without
    regard to case, then with ``_``, ``-`` and blanks alike. A step at which two names fit decides
    that it is neither.

    Args:
        names: the names to choose from; distinct.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)
        self._longest = 2 * max(map(len, names), default=0) + 40
        self._steps: list[tuple[Callable[[str], str], dict[str, list[str]]]] = []
        for normal in (str.strip, str.casefold, loosely):
            table: dict[str, list[str]] = {}
            for name in names:
                table.setdefault(normal(name.strip()), []).append(name)
            self._steps.append((normal, table))

    def match(self, text: str) -> str | None:
        """Return the one name that the text stands for, or None."""
        if text in self._names:
            return text
        text = text.strip()
        if not text or len(text) > self._longest:
            return None
        bare = _unwrap(text)
        for normal, table in self._steps:
            for form in (text, bare):
                fitting = table.get(normal(form))
                if fitting is not None:
                    return fitting[0] if len(fitting) == 1 else None
        return None


def loosely(text: str) -> str:
    """Return a text with case, ``_``, ``-``, blanks and Unicode variants made alike."""
    return " ".join(_SEPARATORS.sub(" ", unicodedata.normalize("NFKC", text).casefold()).split())


_INVALID = ParsedAnswer(INVALID)
_REFUSED = ParsedAnswer(REFUSED)
_LONGEST = 20_000
_TAIL = 4_000
_MOST_OBJECTS = 40  # JSON objects looked at within one text
_FIELDS = frozenset({"label", "class", "category", "classification", "final_answer"})
_ALSO_NONE = ("none of these", "none of the above", "none of these labels", "none of the labels")

_SEPARATORS = re.compile(r"[\s_\-‐-―]+")
_UNFINISHED_OBJECT = re.compile(
    r"[\"'](?:answer|label|class|category)[\"']\s{0,9}:\s{0,9}"
    r"(?:\"((?:[^\"\\\n]|\\.)*)\"|'((?:[^'\\\n]|\\.)*)')",
    re.IGNORECASE,
)
_MARK = re.compile(
    r"(?:^[\s>*_#`-]{0,9}|[,.;:!?]\s{1,9}|\b(?:so|thus|therefore|hence)\s)(?:so |thus |hence )?"
    r"(?:the |my )?(?P<final>final |correct |best |right )?"
    r"(?:answer|label|class|category|classification)[ *_`]{0,4}"
    r"(?:(?P<sign>[:=])[*_`]{0,3}|\s(?:is|would be|should be)\b:?)\s{0,9}(?P<rest>\S.*)$",
    re.IGNORECASE,
)
_REST_ENDS = re.compile(r"\.\s|[;(]|\s[-–—]\s|,?\s(?:because|since|as)\s", re.IGNORECASE)
_REFUSAL = re.compile(
    r"\b(?:i(?:['’]m| am)(?: really| very)? sorry|i apologi[sz]e|as an? (?:ai|language model)"
    r"|i(?:['’]m| am) (?:unable|not able|not allowed|not comfortable)"
    r"|i (?:can['’]?t|cannot|can not|won['’]?t|will not|must decline|decline to|refuse to)"
    r"|(?:can['’]?t|cannot|unable to) (?:assist|help|comply|fulfil|answer|provide|classify|label)"
    r"|content (?:policy|policies|filter)|against my (?:guidelines|programming|policy))\b",
    re.IGNORECASE,
)
_QUOTES = "\"'`*_“”‘’«»„‹›「」"
_BRACKETS = {"[": "]", "(": ")", "<": ">", "{": "}"}
_NOTHING = object()


class _Reader:
    """The ways to read an answer, for one label pool; each returns None when it sees nothing."""

    def __init__(self, label_pool: tuple[str, ...]) -> None:
        none, ambiguous = escape_words(label_pool)
        self._answers = {label: ParsedAnswer(label, is_label=True) for label in label_pool}
        self._answers[none] = ParsedAnswer(NONE)
        self._answers[ambiguous] = ParsedAnswer(AMBIGUOUS)
        taken = {loosely(name) for name in self._answers}
        for words in _ALSO_NONE:
            if words not in taken:
                self._answers[words] = ParsedAnswer(NONE)
        self._matcher = LabelMatcher(tuple(self._answers))
        by_length = sorted(map(re.escape, self._answers), key=len, reverse=True)
        self._mention = re.compile(rf"(?<!\w)(?:{'|'.join(by_length)})(?!\w)", re.IGNORECASE)

    def whole(self, text: str) -> ParsedAnswer | None:
        """Read a text that is an answer and nothing else."""
        return self._match(text)

    def structured(self, text: str) -> ParsedAnswer | None:
        """Read JSON; the last answer must be allowed, and none before it be another."""
        found = _json_answers(text)
        if not found:
            return None
        answers = [self._match(answer) for answer in found]
        return _agreed(answers) if answers[-1] is not None else _INVALID

    def marked(self, text: str) -> ParsedAnswer | None:
        """Read "Label: X" and "the answer is X"; where one is called final, only those."""
        marks = [hit for line in text.splitlines() if (hit := _MARK.search(line))]
        marks = [hit for hit in marks if hit["final"]] or marks
        answers = []
        for hit in marks:
            answer = self._marked_answer(hit["rest"])
            if answer is not None or hit["sign"]:  # "the answer is not obvious" says nothing
                answers.append(answer or _INVALID)
        return _agreed(answers)

    def bare_lines(self, text: str) -> ParsedAnswer | None:
        """Read a first or a last line that is a label, when no other line is another label."""
        lines = [line for line in text.splitlines() if line.strip(" \t`") and line[:3] != "```"]
        if not lines:
            return None
        answers = [self._match(line) for line in lines]
        return None if answers[0] is None and answers[-1] is None else _agreed(answers)

    def _match(self, text: str) -> ParsedAnswer | None:
        name = self._matcher.match(text)
        if name is None and text[:1] == text[-1:] == '"':
            name = self._matcher.match(_json_string(text))
        return None if name is None else self._answers[name]

    def _marked_answer(self, rest: str) -> ParsedAnswer | None:
        answer = self._match(rest)
        if answer is not None:
            return answer
        end = _REST_ENDS.search(rest)
        answer = self._match(rest[: end.start()]) if end else None
        if end is None or answer is None:
            return None
        others = {self._match(words) for words in self._mention.findall(rest[end.start() :])}
        return _INVALID if others - {answer, None} else answer


@lru_cache(maxsize=256)
def _reader(label_pool: tuple[str, ...]) -> _Reader:
    return _Reader(label_pool)


def _agreed(answers: Sequence[ParsedAnswer | None]) -> ParsedAnswer | None:
    distinct = {answer for answer in answers if answer is not None}
    if len(distinct) > 1:
        return _INVALID
    return distinct.pop() if distinct else None


def _unwrap(text: str) -> str:
    """Take off quotes, brackets, emphasis and closing punctuation, layer by layer."""
    while True:
        inner = text.rstrip(".,;:!。 \t").strip(_QUOTES).strip()
        if len(inner) > 2 and _BRACKETS.get(inner[0]) == inner[-1]:
            inner = inner[1:-1].strip()
        if inner == text or not inner:
            return text
        text = inner


def _json_answers(text: str) -> list[str]:
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


def _json_string(text: str) -> str:
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

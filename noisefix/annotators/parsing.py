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

from noisefix.annotators.answer_text import (
    answer_part,
    json_answers,
    json_string,
    without_end_tokens,
)
from noisefix.annotators.protocol import AMBIGUOUS, INVALID, NONE, REFUSED, escape_words, not_words


@dataclass(frozen=True)
class ParsedAnswer:
    """What an answer comes to.

    Attributes:
        answer: a label of the pool, or ``none``, ``ambiguous``, ``refused``, ``invalid``, or
            ``not X``.
        is_label: True when ``answer`` is a label: a class may be called "none" itself.
    """

    answer: str
    is_label: bool = False


def parse_answer(
    raw: str, label_pool: Sequence[str], *, is_cut: bool = False, allow_not: bool = False
) -> ParsedAnswer:
    """Read a model's answer; never raises, whatever it is given.

    Understood are the JSON asked for, alone, in a code fence or after reasoning; a bare label
    (other case, quotes, punctuation, ``_`` for a blank); a label in a box of TeX or in a tag;
    ``Label: X``; a label on the first or the last line; one sentence that says which label it is.
    They go before each other in that order. Reasoning in ``<think>`` does not count, and without
    its end nothing does. A token of a chat template left behind the answer does no harm.

    Args:
        raw: the answer as received.
        label_pool: the labels that were offered; the two escape words follow from them.
        is_cut: the answer was cut off at its longest length: then only JSON and a bare label with
            nothing around them count.
        allow_not: "not X" is an answer too.
    """
    reader = _reader(tuple(label_pool), allow_not)
    text = answer_part(raw)
    if text is None:
        return _INVALID
    answer = reader.read(text, is_cut)
    if answer == _INVALID:
        for shorter in without_end_tokens(text):
            answer = reader.read(shorter, is_cut)
            if answer.answer not in (INVALID, REFUSED):
                return answer
        answer = _INVALID
    return _REFUSED if answer == _INVALID and _REFUSAL.search(text[-_LONGEST:]) else answer


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
_ALSO_NONE = ("none of these", "none of the above", "none of these labels", "none of the labels")

_SEPARATORS = re.compile(r"[\s_\-‐-―]+")
_NEARLY_WHOLE_OBJECT = re.compile(r"\{\s*\"answer\"\s*:\s*(\"(?:[^\"\\\n]|\\.)*\")\s*[,}]?\s*")
_MARK = re.compile(
    r"(?:^[\s>*_#`-]{0,9}|[,.;:!?]\s{1,9}|\b(?:so|thus|therefore|hence)\s)(?:so |thus |hence )?"
    r"(?:the |my )?(?P<final>final |correct |best |right )?"
    r"(?:answer|label|class|category|classification)"
    r"(?: (?:for|of) (?:this|that|the) \w{1,20})?[ *_`]{0,4}"
    r"(?:(?P<sign>[:=])[*_`]{0,3}|\s(?:is|would be|should be)\b:?)\s{0,9}(?P<rest>\S.*)$",
    re.IGNORECASE,
)
_BOXED = re.compile(r"\\boxed\s{0,3}\{((?:[^{}]|\{[^{}]{0,200}\}){1,200})\}")
_BOXED_TEXT = re.compile(r"\\(?:text|textbf|textit|texttt|mathrm|mathbf)\{([^{}]*)\}")
_TAGGED = re.compile(r"<(answer|label|class|category)>([^<>]{1,400})</\1>", re.IGNORECASE)
_SENTENCE = re.compile(
    r"(?:(?:i|we)(?:['’]d| would| will|['’]ll)? (?:say|choose|pick|select|label|classify|go with"
    r"|categori[sz]e|assign)|(?:this(?: \w{1,20})?|it|the \w{1,20})(?:['’]s| is| was)?"
    r"(?: clearly| best| should be| must be| would be| can be)*"
    r"(?: labell?ed| classified| categori[sz]ed| belongs| fits| falls)?)"
    r"(?: (?:this|it|the \w{1,20}))?"
    r"(?: (?:as|to|in|into|under|with|an?|about|the (?:label|class|category)))* (?P<rest>\S.*)",
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

    def __init__(self, label_pool: tuple[str, ...], allow_not: bool) -> None:
        none, ambiguous = escape_words(label_pool)
        self._answers = {label: ParsedAnswer(label, is_label=True) for label in label_pool}
        self._answers[none] = ParsedAnswer(NONE)
        self._answers[ambiguous] = ParsedAnswer(AMBIGUOUS)
        taken = {loosely(name) for name in self._answers}
        for words in _ALSO_NONE:
            if words not in taken:
                self._answers[words] = ParsedAnswer(NONE)
        if allow_not:
            self._answers |= {word: ParsedAnswer(word) for word in not_words(label_pool)}
        self._matcher = LabelMatcher(tuple(self._answers))
        by_length = sorted(map(re.escape, self._answers), key=len, reverse=True)
        self._mention = re.compile(rf"(?<!\w)(?:{'|'.join(by_length)})(?!\w)", re.IGNORECASE)

    def read(self, text: str, is_cut: bool) -> ParsedAnswer:
        """Read what is left of an answer without reasoning; ``invalid`` when nothing counts."""
        if is_cut:
            return self.whole(text) or self.whole_object(text) or _INVALID
        if len(text) > _LONGEST:
            text = text[-_TAIL:]  # pages of prose: what counts stands at the end
        for reading in (
            self.whole,
            self.structured,
            self.boxed,
            self.marked,
            self.bare_lines,
            self.sentence,
        ):
            answer = reading(text)
            if answer is not None:
                return answer
        return _INVALID

    def whole(self, text: str) -> ParsedAnswer | None:
        """Read a text that is an answer and nothing else."""
        return self._match(text)

    def whole_object(self, text: str) -> ParsedAnswer | None:
        """Read JSON with nothing around it but a code fence; only its last brace may be missing."""
        text = text.removeprefix("```json").strip("` \n")
        hit = _NEARLY_WHOLE_OBJECT.fullmatch(text)
        if hit is not None:
            return self._match(json_string(hit[1]))
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return None
        return self.structured(text)

    def structured(self, text: str) -> ParsedAnswer | None:
        """Read JSON; the last answer must be allowed, and none before it be another."""
        if text[:1] == '"' and text[1:].lstrip()[:1] == "{":  # JSON written into a JSON string
            text = json_string(text)
        found = json_answers(text)
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

    def boxed(self, text: str) -> ParsedAnswer | None:
        """Read an answer in a box of TeX, or in a tag that says that it is one."""
        plain = [_BOXED_TEXT.sub(r"\1", inner) for inner in _BOXED.findall(text)]
        answers = [self._match(t) or self._match(t.replace("\\", "")) for t in plain]
        answers += [self._match(inner) for _, inner in _TAGGED.findall(text)]
        return _agreed([answer or _INVALID for answer in answers])

    def sentence(self, text: str) -> ParsedAnswer | None:
        """Read a single sentence that ends with the label it decides on."""
        hit = _SENTENCE.fullmatch(text)
        return None if hit is None else self._marked_answer(hit["rest"])

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
            name = self._matcher.match(json_string(text))
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
def _reader(label_pool: tuple[str, ...], allow_not: bool) -> _Reader:
    return _Reader(label_pool, allow_not)


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

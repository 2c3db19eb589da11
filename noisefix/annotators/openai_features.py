"""What a server understands and has room for, learned from its complaints, and learned once."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from noisefix.annotators.openai_complaint import is_about_system
from noisefix.annotators.protocol import Message, Question

LEAST_ROOM = 16
"""Tokens; an answer that names a label needs about that many."""

DEFAULT_ROOM = 2048
"""Tokens that an answer may have at first when nobody says how many."""

_GROWS_BY = 4
_WORTH_ASKING_AGAIN = 1.25
_SPARE = 16
_FIRST_TOKENS_PER_CHARACTER = 0.25
_ABOUT_ROOM = re.compile(
    r"context[ _-]?(?:length|size|window|limit)|exceed_context|maximum context|context_length"
    r"|too (?:long|large)\b|too many tokens|(?:prompt|input)\b[^.]{0,40}\btoo long|longer than"
    r"|max[ _]?(?:new|output|completion)?[ _]?tokens\b[^.]{0,60}(?:\d|exceed|large|limit|too)"
    r"|maximum (?:number of )?tokens|token (?:count|limit)|maxoutputtokens|max_total_tokens"
)
_ANSWER_TOKENS = re.compile(
    r"max[ _]?(?:new|output|completion)?[ _]?tokens|maxoutputtokens|maximum (?:number of )?tokens"
    r"|(?:output|completion) tokens"
)
_CONTEXT = (
    re.compile(r"\d+ \+ \d+ > (\d+)"),
    re.compile(r"> (\d+) - \d+"),
    re.compile(r"n_ctx (\d+)"),
    re.compile(
        r"context (?:length|size|window|limit)(?:(?!exceed|input|prompt|request)\D){0,40}(\d+)"
    ),
    re.compile(r"`?inputs`? tokens \+ `?max_new_tokens`?\D{0,30}(\d+)"),
    re.compile(r"(\d+) (?:tokens? )?(?:maximum|max) context"),
)
_PROMPT = (
    re.compile(r"(\d+) \+ \d+ > \d+"),
    re.compile(r"> \d+ - (\d+)"),
    re.compile(r"n_prompt_tokens (\d+)"),
    re.compile(
        r"(\d+) (?:tokens? )?(?:in|from|of) (?:the |your )?(?:messages|prompt|(?:text )?inp)"
    ),
    re.compile(r"(\d+) (?:`?inputs?`?|prompt) tokens"),
    re.compile(r"(?:prompt|request) (?:contains|has|is|of)?\D{0,12}?\(?(\d+) tokens"),
)
_MOST = (
    re.compile(r"(\d+), which is the maximum"),
    re.compile(r"(?:at most|up to|maximum of|less than or equal to|limit of|lower than) `?(\d+)"),
    re.compile(r"[\[(]\s*\d+\s*,\s*(\d+)\s*[\])]"),
    re.compile(r"to (\d+) \(exclusive\)"),
    re.compile(r"(?:<=?|must be below|must be at most|must not exceed) `?(\d+)"),
)


@dataclass(frozen=True)
class Limits:
    """What a complaint tells, in tokens; None where it does not."""

    context: int | None = None
    prompt: int | None = None
    most: int | None = None


def is_about_room(words: str) -> bool:
    """Tell whether a complaint, in lower case, is about the length of prompt and answer."""
    return bool(_ABOUT_ROOM.search(words))


def names_the_answer(words: str) -> bool:
    """Tell whether a complaint speaks of the tokens of the answer, not of the prompt alone."""
    return bool(_ANSWER_TOKENS.search(words))


def read_limits(words: str) -> Limits:
    """Return the limits that a complaint tells: the wordings of OpenAI, vLLM, TGI and others."""
    words = re.sub(r"(?<=\d)[,_](?=\d{3}\b)", "", words)
    context = _first(_CONTEXT, words)
    # "Your prompt contains at least 1 input tokens" tells nothing of the prompt.
    is_told = context is not None and "at least" not in words
    prompt = _first(_PROMPT, words) if is_told else None
    return Limits(context, prompt, None if context is not None else _first(_MOST, words))


class Room:
    """The longest answer to ask for, learned from what the server complains about.

    What is learned from one question holds for the others: how many tokens a character of a prompt
    takes, how large the context is, and what is the most that the server takes at all.

    Args:
        most: longest answer, in tokens; None to leave it to the server.
        may_grow: answers that were cut off may be asked for again with more room.
    """

    def __init__(self, most: int | None, *, may_grow: bool = False) -> None:
        self.most = most
        self._ceiling = most if most is None or not may_grow else _GROWS_BY * most
        self._context: int | None = None
        self._tokens_per_character = 0.0

    def left(self, characters: int) -> int | None:
        """Return the longest answer to ask for after a prompt of so many characters."""
        if self.most is None or self._context is None:
            return self.most
        return min(self.most, max(self._left(characters), LEAST_ROOM))

    def learn(self, limits: Limits, sent: int | None, characters: int) -> bool:
        """Take note of a complaint; True when there is room for an answer, but for a shorter one.

        Args:
            limits: what the complaint tells.
            sent: what was asked for.
            characters: length of the prompt.
        """
        if limits.context is not None:
            self._context = limits.context
            known = self._tokens_per_character
            if limits.prompt is not None:
                told = limits.prompt / max(characters, 1)
                self._tokens_per_character = told if told > known else known * 1.5
            else:
                self._tokens_per_character = max(_FIRST_TOKENS_PER_CHARACTER, known * 1.5)
            return self._left(characters) >= LEAST_ROOM
        if limits.most is not None and sent is not None and LEAST_ROOM <= limits.most < sent:
            self._ceiling = limits.most
            self.most = limits.most if self.most is None else min(self.most, limits.most)
            return True
        return False

    def settle(self, most: int | None) -> None:
        """Ask for answers so long from here on: it worked, and the usual length did not."""
        self.most = most

    def more(self, sent: int | None, characters: int) -> int | None:
        """Return a larger room for an answer that was cut off; None when there is no more."""
        if sent is None or self._ceiling is None:
            return None
        larger = min(_GROWS_BY * sent, self._ceiling)
        if self._context is not None:
            larger = min(larger, self._left(characters))
        return larger if larger >= sent * _WORTH_ASKING_AGAIN else None

    def _left(self, characters: int) -> int:
        assert self._context is not None
        return self._context - math.ceil(characters * self._tokens_per_character) - _SPARE


def _first(patterns: tuple[re.Pattern[str], ...], words: str) -> int | None:
    for pattern in patterns:
        hit = pattern.search(words)
        if hit is not None:
            return int(hit[1])
    return None


MOST_ALTERNATIVES = 5
"""Alternatives asked for at each token; every server that gives any gives five."""

SYSTEM = "system"
"""Given up like a parameter: the system's words then stand before the user's."""

_LENGTHS = ("max_tokens", "max_completion_tokens")
_NAMES: dict[str, str] = {
    "response_format": r"response_format",
    "logprobs": r"top_?logprobs|logprobs",
    "plain_logprobs": r"logprobs",
    "seed": r"(?<![\w-])seed(?![\w-])",
    "max_tokens": r"max_tokens",
    "max_completion_tokens": r"max_completion_tokens",
    "temperature": r"temperature",
}
_LOOSE_NAMES: dict[str, str] = {
    "response_format": r"response format|json[_ ](?:schema|mode|object)|schema|structured[_ ]output"
    r"|guided|grammar",
    "logprobs": r"log[ _-]?prob",
    "plain_logprobs": r"log[ _-]?prob",
    "max_tokens": r"max[ _]?(?:output|new|completion)?[ _]?tokens",
    "max_completion_tokens": r"max[ _]?(?:output|new|completion)?[ _]?tokens",
}


class Features:
    """The optional parameters in use, in the order in which they are given up.

    A server that does not know one says so under some status. Where it names the parameter, that
    one is dropped; where it does not, one after the other is, until it is content. Once a request
    has been answered, an unexplained complaint is taken to be about that question alone.

    Args:
        room: longest answer.
        temperature: None not to say.
        seed: None not to say.
        without: parameters known not to be understood.
    """

    def __init__(
        self,
        room: Room,
        temperature: float | None,
        seed: int | None,
        without: Collection[str] = (),
    ) -> None:
        self.room = room
        self._values: dict[str, Any] = {"temperature": temperature, "seed": seed}
        has_value = {"seed": seed, "max_tokens": room.most, "temperature": temperature}
        wanted = ["response_format", "logprobs"]
        wanted += [name for name, value in has_value.items() if value is not None]
        wanted.append(SYSTEM)
        self._first = self.active = tuple(name for name in wanted if name not in without)
        self.is_proven = False

    def parameters(self, question: Question, most: int | None) -> dict[str, Any]:
        """Return the parameters in use, for a question.

        Args:
            question: what is asked.
            most: longest answer in tokens; None not to say.
        """
        chosen: dict[str, Any] = {}
        for name in self.active:
            if name == "response_format":
                schema = {"name": "answer", "strict": True, "schema": question.schema}
                chosen[name] = {"type": "json_schema", "json_schema": schema}
            elif name == "logprobs":
                chosen |= {"logprobs": True, "top_logprobs": MOST_ALTERNATIVES}
            elif name == "plain_logprobs":
                chosen["logprobs"] = True
            elif name == "seed":
                chosen[name] = self._values[name] + question.vote
            elif name in _LENGTHS:
                if most is not None:
                    chosen[name] = most
            elif name != SYSTEM:
                chosen[name] = self._values[name]
        return chosen

    def messages(self, messages: Sequence[Message]) -> list[dict[str, str]]:
        """Return the messages as they are sent."""
        if SYSTEM in self.active:
            return [{"role": m.role, "content": m.content} for m in messages]
        rules = "\n\n".join(m.content for m in messages if m.role == "system")
        sent = [{"role": m.role, "content": m.content} for m in messages if m.role != "system"]
        if rules and sent:
            sent[0]["content"] = f"{rules}\n\n{sent[0]['content']}"
        return sent

    def adapt(
        self, used: tuple[str, ...], complaint: str, named: str = "", *, may_guess: bool = True
    ) -> bool:
        """Learn from a complaint; True when it is worth sending again.

        Args:
            used: ``active`` as it was when the request was made.
            complaint: the server's message, without anything it quotes of the request.
            named: the parameter, where the server names it in a field of its own.
            may_guess: a complaint that names no parameter may still be about one.
        """
        if used != self.active:
            return True  # another request has found something out meanwhile
        words = complaint.lower()
        if "max_tokens" in used and "max_completion_tokens" in words:
            self._swap("max_tokens", "max_completion_tokens")
            return True
        name = _named(used, named.lower()) or _named(used, words)
        if name == "logprobs" and not re.search(r"(?<!top_)(?<!top)logprob", words):
            self._swap("logprobs", "plain_logprobs")
            return True
        if name is None and SYSTEM in used and is_about_system(words):
            name = SYSTEM
        if name is not None:
            self._swap(name)
            return True
        if self.is_proven or not may_guess:
            return False
        if used:
            self._swap(used[0])
            return True
        self.active = self._first  # it was none of them
        self.is_proven = True
        return False

    def _swap(self, name: str, *replacement: str) -> None:
        place = self.active.index(name)
        self.active = (*self.active[:place], *replacement, *self.active[place + 1 :])


def _named(used: Sequence[str], words: str) -> str | None:
    """Return the parameter that is named first; by its own name rather than by another word."""
    for names in (_NAMES, _LOOSE_NAMES):
        hits = [
            (hit.start(), name)
            for name in used
            if name in names and (hit := re.search(names[name], words))
        ]
        if hits:
            return min(hits)[1]
    return None

"""How long an answer may be: as long as wanted, and as the model's context has room for."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

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
_NAMES = re.compile(
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
    return bool(_NAMES.search(words))


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

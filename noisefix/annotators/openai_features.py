"""Which optional parameters a server understands: tried, and found out once."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from noisefix.annotators.openai_complaint import is_about_system
from noisefix.annotators.openai_room import Room
from noisefix.annotators.protocol import Message, Question

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

"""Which optional parameters a server understands: tried, and found out once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from noisefix.annotators.protocol import Question

MOST_ALTERNATIVES = 5
"""Alternatives asked for at each token; every server that gives any gives five."""

_WORDS: dict[str, tuple[str, ...]] = {
    "response_format": (
        "response_format",
        "response format",
        "schema",
        "structured output",
        "guided",
        "grammar",
    ),
    "logprobs": ("logprob",),
    "seed": ("seed",),
    "max_tokens": ("max_tokens",),
    "max_completion_tokens": ("max_completion_tokens",),
    "temperature": ("temperature",),
}


class Features:
    """The optional parameters in use, in the order in which they are given up.

    A server that does not know one answers 400 or 422. Where it names the parameter, that one is
    dropped; where it does not, one after the other is, until it is content. Once a request has
    been answered, an unexplained 400 is taken to be about that question alone.

    Args:
        max_tokens: longest answer; None not to say.
        temperature: None not to say.
        seed: None not to say.
        without: parameters known not to be understood.
    """

    def __init__(
        self,
        max_tokens: int | None,
        temperature: float | None,
        seed: int | None,
        without: Collection[str] = (),
    ) -> None:
        self._values: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature}
        self._values |= {"max_completion_tokens": max_tokens, "seed": seed}
        wanted = ["response_format", "logprobs"]
        wanted += [n for n in ("seed", "max_tokens", "temperature") if self._values[n] is not None]
        self._first = self.active = tuple(name for name in wanted if name not in without)
        self.is_proven = False

    def parameters(self, question: Question) -> dict[str, Any]:
        """Return the parameters in use, for a question."""
        chosen: dict[str, Any] = {}
        for name in self.active:
            if name == "response_format":
                schema = {"name": "answer", "strict": True, "schema": question.schema}
                chosen[name] = {"type": "json_schema", "json_schema": schema}
            elif name == "logprobs":
                chosen |= {"logprobs": True, "top_logprobs": MOST_ALTERNATIVES}
            elif name == "seed":
                chosen[name] = self._values[name] + question.vote
            else:
                chosen[name] = self._values[name]
        return chosen

    def adapt(self, used: tuple[str, ...], complaint: str) -> bool:
        """Learn from a 400 or 422; True when it is worth sending again.

        Args:
            used: ``active`` as it was when the request was made.
            complaint: the server's message, without anything it quotes of the request.
        """
        if used != self.active:
            return True  # another request has found something out meanwhile
        words = complaint.lower()
        if "max_tokens" in used and "max_completion_tokens" in words:
            self._swap("max_tokens", "max_completion_tokens")
            return True
        for name in used:
            if any(word in words for word in _WORDS[name]):
                self._swap(name)
                return True
        if self.is_proven:
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


def complaint_of(body: Any) -> str:
    """Return what an error body says, without what it quotes of the request.

    Knows the forms of OpenAI (``error.message``), FastAPI (``detail``, a text or a list of places
    and messages) and plain ``message``; anything else reads as nothing.
    """
    if not isinstance(body, Mapping):
        return ""
    error = body.get("error", body)
    if isinstance(error, str):
        return error
    if not isinstance(error, Mapping):
        return ""
    parts = [str(error[k]) for k in ("message", "param", "code") if error.get(k) is not None]
    detail = error.get("detail")
    if isinstance(detail, str):
        parts.append(detail)
    elif isinstance(detail, list):
        for item in detail:
            if isinstance(item, Mapping):
                place = ".".join(str(step) for step in item.get("loc", ()))
                parts.append(f"{place}: {item.get('msg', '')}")
    return "; ".join(dict.fromkeys(parts))

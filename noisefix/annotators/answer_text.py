"""What of a model's words is its answer: no reasoning, and no tokens of a chat template."""

from __future__ import annotations

import re
from collections.abc import Iterator

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

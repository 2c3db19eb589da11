"""A server that edits texts, and labels them: a few words decide which label is right."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

_FENCED = re.compile(r"<(data-\w+)>\n(.*?)\n</\1>", re.DOTALL)


def said(request: Any) -> tuple[str, str]:
    """Return the label that a request wants, "" of a question for a label; and the text."""
    prompt = request.text
    wanted = re.search(r'The label that is to be right:\n- "(.*?)"', prompt)
    return ("" if wanted is None else wanted[1]), _FENCED.findall(prompt)[-1][1]


def edited(text: str) -> str:
    """Return the answer that holds an edited text, as JSON."""
    return json.dumps({"answer": "edited", "text": text})


def plain(kind: str) -> str:
    """Return the answer "no edit" or "impossible", as JSON."""
    return json.dumps({"answer": kind, "text": ""})


def editor(
    faults: ModuleType, words: Mapping[str, Sequence[str]], **usage: Any
) -> Callable[[Any], list[Any]]:
    """Return the ``respond`` of a server that knows which words mean which label.

    Asked for an edit it puts the label's words in the place of the others, and says "no edit" where
    the text has none but its own. Asked for a label it says whose words are in the text.
    """

    def respond(request: Any) -> list[Any]:
        label, text = said(request)
        found = [name for name, some in words.items() if any(word in text for word in some)]
        if not label:
            return faults.says(found[0] if found else "none")  # type: ignore[no-any-return]
        if found == [label]:
            answer = plain("no edit")
        else:
            for name in found:
                for word, other in zip(words[name], words[label], strict=True):
                    text = text.replace(word, other)
            answer = edited(text)
        return [faults.http(200, faults.completion(answer, **usage))]

    return respond

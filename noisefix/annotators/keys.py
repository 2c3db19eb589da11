"""What makes two questions the same question: the key of the store and of batch requests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

from noisefix.annotators.protocol import Identity, Question

KEY_FORMAT = 1
"""Part of every key: raised when the way to make keys changes, which makes all answers unknown."""


def key_maker(identity: Identity) -> Callable[[Question], bytes]:
    """Return the function from a question to its store key, for one annotator.

    The key is a SHA-256 over the annotator, its model and sampling parameters, the rendered
    prompt, and what may be answered; also over the number of the vote, since two votes on one
    prompt are two answers. Row ids, data set and program version are not part of it.
    """
    prefix = hashlib.sha256(
        json.dumps(
            [KEY_FORMAT, identity.annotator, identity.model, identity.sampling], sort_keys=True
        ).encode()
    )

    def key(question: Question) -> bytes:
        parts = [str(question.vote)]
        for message in question.prompt:
            parts += (message.role, message.content)
        parts += question.allowed
        # Every part goes with its length, so that no two questions read alike.
        lengths = ",".join(map(str, map(len, parts)))
        text = f"{len(question.prompt)};{lengths};{''.join(parts)}"
        digest = prefix.copy()
        digest.update(text.encode("utf-8", "surrogatepass"))
        return digest.digest()

    return key

"""A static encoder of a dozen words: those of one kind lie near each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np

KINDS = {
    "refund": ["refund", "money", "back", "charged", "twice", "reimburse", "overcharged"],
    "shipping": ["parcel", "delivery", "tracking", "courier", "arrived", "late"],
    "account": ["password", "login", "email", "address", "profile", "locked", "out"],
}


def write_static_model(folder: Path, dtype: str = "float16") -> Path:
    """Write a model2vec folder; words that are not in ``KINDS`` are unknown to it."""
    from model2vec import StaticModel
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ["[UNK]", *(word for words in KINDS.values() for word in words)]
    tokenizer = Tokenizer(
        models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    rng = np.random.default_rng(0)
    vectors = [rng.normal(size=8)]
    for words_of_kind in KINDS.values():
        centre = rng.normal(size=8) * 2
        vectors += [centre + rng.normal(size=8) for _ in words_of_kind]
    StaticModel(np.array(vectors, dtype=dtype), tokenizer, normalize=False).save_pretrained(folder)
    return folder

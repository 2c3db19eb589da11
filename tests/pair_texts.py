"""Questions and answers of our own making, some of them put together at random."""

from __future__ import annotations

import numpy as np

_STEMS = ("ka", "lo", "mi", "ne", "ru", "sa", "te", "vo", "wi", "zu")
TOPICS = {
    "refund": ("refund", "invoice", "credit", "charge"),
    "shipping": ("parcel", "courier", "tracking", "depot"),
    "account": ("password", "login", "profile", "email"),
}


def pair_rows(n_rows: int, share: float = 0.1, seed: int = 0) -> tuple[list[list[str]], np.ndarray]:
    """Return rows of id, question, answer and label, and (N,) bool which answers are another's.

    Question and answer share the things that they are about: made-up words, each of many rows.
    """
    rng = np.random.default_rng(seed)
    things = [a + b + c for a in _STEMS[:4] for b in _STEMS[3:8] for c in _STEMS[5:]]
    rows = []
    for row in range(n_rows):
        label = tuple(TOPICS)[row % 3]
        about = rng.choice(things, 3, replace=False)
        word, other = rng.choice(TOPICS[label], 2)
        question = f"what about the {word} of my {about[0]} and the {about[1]} {about[2]}"
        answer = f"the {about[2]} and {about[0]} go with the {about[1]}, see your {other}"
        rows.append([f"q{row}", question, answer, label])
    moved = rng.choice(n_rows, round(n_rows * share), replace=False)
    answers = [rows[row][2] for row in np.roll(moved, 1)]
    for row, answer in zip(moved.tolist(), answers, strict=True):
        rows[row][2] = answer
    is_moved = np.zeros(n_rows, dtype=bool)
    is_moved[moved] = True
    return rows, is_moved


def pair_csv(rows: list[list[str]]) -> str:
    """Return rows as CSV."""
    lines = ["id,question,answer,label"]
    lines += [f'{i},"{question}","{answer}",{label}' for i, question, answer, label in rows]
    return "\n".join(lines) + "\n"

"""Any number of short labelled texts, made of the words of ``examples/support_tickets.csv``.

They mean nothing, but they are as long as short messages, all different, and their words tell their
class: enough to measure time and memory with.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

_EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "support_tickets.csv"
_WORDS = (5, 30)
_WRONG = 0.12


def write_texts(path: Path, n_rows: int, seed: int = 0) -> None:
    """Write a CSV with the columns text, label and true_label; 12 % of the labels are wrong.

    Args:
        path: file to write.
        n_rows: rows.
        seed: of words, lengths and wrong labels.
    """
    with _EXAMPLE.open(encoding="utf-8", newline="") as file:
        tickets = [row for row in csv.DictReader(file) if row["label"]]
    names = sorted({ticket["label"] for ticket in tickets})
    words = {
        name: np.array(" ".join(t["message"] for t in tickets if t["label"] == name).split())
        for name in names
    }
    shares = np.array([sum(t["label"] == name for t in tickets) for name in names], dtype=float)
    rng = np.random.default_rng(seed)
    true = rng.choice(len(names), n_rows, p=shares / shares.sum())
    given = np.where(rng.random(n_rows) < _WRONG, rng.integers(0, len(names), n_rows), true)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "true_label"])
        for true_id, given_id in zip(true, given, strict=True):
            drawn = rng.choice(words[names[true_id]], rng.integers(*_WORDS))
            writer.writerow([" ".join(drawn), names[given_id], names[true_id]])

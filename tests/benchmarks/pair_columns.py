"""Pairs of texts that do not belong together: found by what other pairs tell?

``python tests/benchmarks pair_columns``. Each text of a set is cut into two halves, the pair; the
second halves of a tenth of the rows are exchanged among them. Beside the rank stands the plain
cosine of the two halves. As they are: which share of the halves seems exchanged where none was. The
constants (penalties of the ridge, where the tail of the ranks begins) were chosen on other draws of
the first five sets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from report import Headline, Table, mean, number, percent
from shared_sets import embed, load

from noisefix.probing.folds import row_keys
from noisefix.probing.pair_match import MISMATCHED_FROM, match_pairs

CHOSEN_ON = ("css_ibc_llm", "fomc_llm", "mfrc_moral_llm", "crowdtruth_cause", "fpb_llm")
OTHERS = ("irony_es", "numclaim_llm", "css2_wiki_politeness", "semeval_weak", "disaster_verified")
SHARE = 0.1
SEEDS = (11, 12, 13)
_LEAST_WORDS = 10
_MOST_ROWS = 3000


def halves(name: str) -> tuple[list[str], list[str]]:
    """Return first and second halves of the distinct texts of a set that are long enough."""
    texts = [text.split() for text in dict.fromkeys(load(name)["text"])]
    words = [text for text in texts if len(text) >= _LEAST_WORDS][:_MOST_ROWS]
    first = [" ".join(text[: len(text) // 2]) for text in words]
    return first, [" ".join(text[len(text) // 2 :]) for text in words]


def exchanged(n_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (N,) whose second half each row gets, and (N,) bool where that is another's."""
    rows = np.random.default_rng(seed).choice(n_rows, round(SHARE * n_rows), replace=False)
    source, is_moved = np.arange(n_rows), np.zeros(n_rows, dtype=bool)
    source[rows] = np.roll(rows, 1)
    is_moved[rows] = True
    return source, is_moved


def run_set(name: str) -> dict[str, Any]:
    """Exchange halves, and look for them."""
    from sklearn.metrics import roc_auc_score

    first, second = halves(name)
    vectors = embed([*first, *second], f"halves-{name}")
    one, other = vectors[: len(first)], vectors[len(first) :]
    keys, all_rows = row_keys(first), np.ones(len(first), dtype=bool)
    as_is = match_pairs(one, other, keys, all_rows)
    draws = []
    for seed in SEEDS:
        source, is_moved = exchanged(len(first), seed)
        found = match_pairs(one, other[source], keys, all_rows)
        listed = found.p_mismatch >= MISMATCHED_FROM
        draws.append(
            {
                "auc": roc_auc_score(is_moved, found.rank),
                "auc_p": roc_auc_score(is_moved, found.p_mismatch),
                "auc_cosine": roc_auc_score(is_moved, -(one * other[source]).sum(axis=1)),
                "share": found.share,
                "listed": int(listed.sum()),
                "right": int((listed & is_moved).sum()),
                "moved": int(is_moved.sum()),
            }
        )
    return {
        "name": name,
        "rows": len(first),
        "as_is": {"share": as_is.share, "listed": int((as_is.p_mismatch >= MISMATCHED_FROM).sum())},
        "draws": draws,
    }


def run(progress: Callable[[str], None] = print) -> dict[str, Any]:
    """Exchange halves in every set.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    found = []
    for name in (*CHOSEN_ON, *OTHERS):
        found.append(run_set(name))
        progress(f"pairs of columns: {name}")
    return {"sets": found}


def tables(result: dict[str, Any]) -> list[Table]:
    """Return how well exchanged halves are found."""

    def row(one: dict[str, Any]) -> tuple[str, ...]:
        draws = one["draws"]
        listed, right, moved = (sum(d[key] for d in draws) for key in ("listed", "right", "moved"))
        star = " *" if one["name"] in CHOSEN_ON else ""
        return (
            one["name"] + star,
            f"{one['rows']:,}",
            *(number(mean([d[key] for d in draws])) for key in ("auc", "auc_p", "auc_cosine")),
            percent(mean([d["share"] for d in draws]), 0),
            percent(right / listed, 0) if listed else "-",
            percent(right / moved, 0),
            percent(one["as_is"]["share"], 0),
            f"{one['as_is']['listed']:,}",
        )

    return [
        Table(
            "--pair-columns: halves of texts, the second ones of a tenth of the rows exchanged",
            (
                "set",
                "rows",
                "match_rank",
                "p_mismatch",
                "cosine",
                "share said",
                "precision",
                "recall",
                "as it is: share said",
                "listed",
            ),
            tuple(row(one) for one in result["sets"]),
            f"Area under the ROC curve of exchanged rows, mean of {len(SEEDS)} draws; precision "
            f"and recall of p_mismatch from {MISMATCHED_FROM} on. Halves that by themselves have "
            "nothing to do with each other count as wrongly listed. * The constants were chosen on "
            "these.",
        )
    ]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return the area under the curve on sets that no constant was chosen on."""
    auc = [
        mean([draw["auc"] for draw in one["draws"]])
        for one in result["sets"]
        if one["name"] not in CHOSEN_ON
    ]
    if not auc:
        return []
    return [
        Headline(
            "Texts that do not belong together (a tenth exchanged): area under the curve",
            f"{number(mean(auc))} (worst {number(min(auc))})",
        )
    ]

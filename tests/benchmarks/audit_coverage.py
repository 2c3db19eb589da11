"""How often the intervals of ``audit`` hold, with the truth as the person who marks the rows.

``python tests/benchmarks audit_coverage``. Each real set is judged once, told who labelled; then
many samples of 30 rows are drawn and marked with the truth. A 90 % interval should hold in about
nine of ten draws; at few errors an interval that never says too much holds more often.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from detection import class_ids
from report import Headline, Table, percent
from shared_sets import MAIN_SETS, NEW_SETS, WHO, Task, stage_tables, train_tasks

from noisefix.auditing.estimate import Stratum, found_share, wrong_share
from noisefix.auditing.sample import LEFT_OUT, draw_order, kinds_of, ties
from noisefix.detection.joint_stage import STAGE, JointParams

_ROWS, _DRAWS = 30, 500
_BAND = (0.88, 0.92)
_SHARES = ("all labels", "flags", "recall")


def run(
    tasks: Iterable[Task] | None = None,
    progress: Callable[[str], None] = print,
    n_draws: int = _DRAWS,
) -> dict[str, Any]:
    """Draw and mark samples of every real set.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    found = []
    for task in train_tasks([*MAIN_SETS, *NEW_SETS]) if tasks is None else tasks:
        found.append(_run_task(task, n_draws))
        progress(f"samples of {task.name}")
    return {"rows": _ROWS, "draws": n_draws, "sets": found}


def _run_task(task: Task, n_draws: int) -> dict[str, Any]:
    _, given, truth = class_ids(task)
    tables = stage_tables(task)
    params = JointParams(labelled_by=WHO.get(task.name, "rules"))
    judged = STAGE.run(tables, params, seed=0).tables
    flagged = judged["issues"]["is_issue"].to_numpy(zero_copy_only=False)
    disputed = np.isin(judged["issues"]["id"].to_pylist(), judged["deciding"]["id"].to_pylist())
    known = (given >= 0) & (truth >= 0)
    wrong = known & (given != truth)
    kinds = kinds_of(flagged, disputed, known)
    # A stratum for each kind, that of the disputed rows in two: flagged or not.
    strata = np.where(known, 2 * kinds + flagged, LEFT_OUT)
    hits, widths, counts = np.zeros(3), np.zeros(3), np.zeros(3)
    true = (
        wrong[known].mean(),
        wrong[known & flagged].mean() if (known & flagged).any() else np.nan,
        wrong[known & flagged].sum() / max(wrong.sum(), 1),
    )
    numbers = np.unique(strata[known])
    for draw in range(n_draws):
        order = draw_order(kinds, _ROWS, draw)
        broken = ties(len(numbers), draw)
        sampled = [
            Stratum(
                int((strata == number).sum()),
                int((strata[order] == number).sum()),
                int(wrong[order][strata[order] == number].sum()),
                bool(number % 2),
                tie,
            )
            for number, tie in zip(numbers.tolist(), broken, strict=True)
        ]
        shares = (
            wrong_share(sampled),
            wrong_share([stratum for stratum in sampled if stratum.is_flagged]),
            found_share(sampled),
        )
        for k, share in enumerate(shares):
            if share is not None:
                counts[k] += 1
                hits[k] += share.low - 1e-9 <= true[k] <= share.high + 1e-9
                widths[k] += share.high - share.low
    return {
        "name": task.name,
        "wrong": float(true[0]),
        "held": (hits / np.maximum(counts, 1)).tolist(),
        "width": (widths / np.maximum(counts, 1)).tolist(),
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Return how often the intervals held, and how wide they were, for every set."""
    rows = tuple(
        (
            scores["name"],
            percent(scores["wrong"]),
            *(percent(share) for share in scores["held"]),
            *(percent(share, 0) for share in scores["width"]),
        )
        for scores in result["sets"]
    )
    return [
        Table(
            f"audit: 90 % intervals after {result['rows']} marked rows",
            (
                "set",
                "labels wrong",
                *(f"held, {name}" for name in _SHARES),
                *(f"width, {name}" for name in _SHARES),
            ),
            rows,
            f"{result['draws']} draws a set. Where hardly any row that looks right is wrong, most "
            "samples show none, and an interval that does not say so then holds nearly always.",
        )
    ]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return the sets in which the intervals hold at least as often as they say."""
    low = [min(scores["held"][:2]) for scores in result["sets"]]
    held = sum(share >= _BAND[0] for share in low)
    words = "audit: sets in which the intervals of rate and flags hold in 88 % of the draws or more"
    return [Headline(words, f"{held} of {len(low)}, the least {percent(min(low))}")]

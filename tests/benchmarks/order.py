"""What the rows before and after are worth, where there is an order and where there is none.

``python tests/benchmarks order``. The acts of route conversations in their dialogues; emotions laid
in runs of five of one class; and sets without an order, with the row number as if it were one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from detection import class_ids
from report import Headline, Table, number, percent
from shared_sets import Task, load, stage_tables, train_task

from noisefix.detection.joint_stage import JointParams, see, weigh
from noisefix.detection.judged import Judged
from noisefix.detection.order_facts import order_facts
from noisefix.metrics.detection import average_precision

CONVERSATIONS = "maptask_acts"
RUNS = "css_emotion_llm"
UNORDERED = ("fomc_llm", "fpb_llm", "mfrc_moral_llm", "semeval_weak", "youtube_weak")
_RUN_LENGTH, _N_DRAWS = 5, 3


def order_table(places: np.ndarray, groups: np.ndarray | None = None) -> pa.Table:
    """Return what the joint stage reads: id, group and place of (N,) rows."""
    names = np.full(len(places), "") if groups is None else groups
    return pa.table(
        {
            "id": [str(row + 1) for row in range(len(places))],
            "group": pa.array(names.tolist(), pa.string()),
            "place": pa.array(places, pa.int64()),
        }
    )


def cases() -> list[tuple[str, str, str, Callable[[Task], pa.Table]]]:
    """Return name, set, who labelled, and the order of its rows."""

    def by_dialogue(task: Task) -> pa.Table:
        table = load(task.name)
        table = table[table["split"] == "train"]
        return order_table(table["turn"].astype(int).to_numpy(), table["dialogue"].to_numpy())

    def by_row(task: Task) -> pa.Table:
        return order_table(np.arange(len(task.texts)))

    def shuffled(task: Task) -> pa.Table:
        return order_table(np.random.default_rng(0).permutation(len(task.texts)))

    def in_runs(seed: int) -> Callable[[Task], pa.Table]:
        def make(task: Task) -> pa.Table:
            rng = np.random.default_rng(seed)
            truth = np.array(task.truth)
            runs = []
            for label in np.unique(truth):
                rows = rng.permutation(np.flatnonzero(truth == label))
                runs += [rows[k : k + _RUN_LENGTH] for k in range(0, len(rows), _RUN_LENGTH)]
            places = np.empty(len(truth), dtype=np.int64)
            order = np.concatenate([runs[k] for k in rng.permutation(len(runs))])
            places[order] = np.arange(len(truth))
            return order_table(places)

        return make

    found = [
        (f"{CONVERSATIONS}, in dialogues, {who}", CONVERSATIONS, who, by_dialogue)
        for who in ("unknown", "people", "model")
    ]
    found += [
        (f"{CONVERSATIONS}, one sequence", CONVERSATIONS, "unknown", by_row),
        (f"{CONVERSATIONS}, shuffled", CONVERSATIONS, "unknown", shuffled),
    ]
    found += [
        (f"{RUNS}, runs of {_RUN_LENGTH}, draw {k + 1}", RUNS, "unknown", in_runs(k))
        for k in range(_N_DRAWS)
    ]
    return [*found, *((f"{name}, row number", name, "unknown", by_row) for name in UNORDERED)]


def run_case(
    name: str, set_name: str, who: str, make: Callable[[Task], pa.Table]
) -> dict[str, Any]:
    """Judge a set without its order and with it."""
    task = train_task(set_name)
    _, given, truth = class_ids(task)
    params = JointParams(labelled_by=who)
    tables = stage_tables(task)
    seen = see({**tables, "order": make(task)}, params)
    with_order = weigh(seen, None, params)
    without = weigh(see(tables, params), None, params)
    facts = order_facts(with_order)["order"]
    outcome: dict[str, Any] = {"name": name, "facts": {**facts, "groups": facts["groups"][:5]}}
    for when, judged in (("before", without), ("after", with_order)):
        outcome[when] = _scores(judged, given, truth)
    return outcome


def _scores(judged: Judged, given: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    known = (given >= 0) & (truth >= 0)
    wrong = (given != truth)[known]
    p_error = judged.estimate.p_error[known]
    likely = judged.estimate.true_label_probs.argmax(axis=1)[known]
    flags = judged.is_issue[known]
    return {
        "average_precision": average_precision(wrong, p_error),
        "right": float((likely == truth[known]).mean()),
        "f1": 2 * float((flags & wrong).sum()) / max(float(flags.sum() + wrong.sum()), 1.0),
        "brier": float(((p_error - wrong) ** 2).mean()),
        "given_right": float(1 - wrong.mean()),
    }


def run(progress: Callable[[str], None] = print) -> dict[str, Any]:
    """Judge every case.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    found = []
    for case in cases():
        found.append(run_case(*case))
        progress(f"the order of {case[0]}")
    return {"cases": found}


def tables(result: dict[str, Any]) -> list[Table]:
    """Return what the order changes."""

    def change(case: dict[str, Any], measure: str, as_percent: bool = False) -> str:
        before, after = (case[when][measure] for when in ("before", "after"))
        show: Callable[[float], str] = (lambda x: percent(x, 1)) if as_percent else number
        return show(before) if before == after else f"{show(before)} to {show(after)}"

    def row(case: dict[str, Any]) -> tuple[str, ...]:
        facts = case["facts"]
        return (
            case["name"],
            "yes" if facts["is_used"] else "no",
            f"{facts['gain']:+.3f} ± {facts['gain_error']:.3f}",
            f"{facts['text_gain']:+.3f} ± {facts['text_gain_error']:.3f}",
            change(case, "average_precision"),
            change(case, "right", as_percent=True),
            change(case, "f1"),
            change(case, "brier"),
        )

    return [
        Table(
            "--order-column: rows that may tell of each other",
            (
                "set and order",
                "used",
                "gain over shares",
                "gain over texts",
                "average precision",
                "right labels",
                "F1 of the flags",
                "Brier score of p_error",
            ),
            tuple(row(case) for case in result["cases"]),
            "Gains: log loss of held-out given labels, nats a row, with standard errors. Right "
            "labels: the most probable true label, the given one counted in. One figure: nothing "
            "changed.",
        )
    ]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return what the order of a conversation is worth."""
    first = result["cases"][0] if result["cases"] else None
    if first is None:
        return []
    before, after = (number(first[w]["average_precision"]) for w in ("before", "after"))
    return [
        Headline("Average precision in conversations, with --order-column", f"{before} to {after}")
    ]

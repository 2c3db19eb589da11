"""noisefix beside what else there is, on all sets with truth, by who labelled them.

``python tests/benchmarks compare``. Each side sees the texts, the given labels and the same
embeddings. The constants of p_error were fitted on these very sets: so every set is judged by the
product's own code, but with constants that were fitted without its texts (``readings.py``), once
told who labelled and once not; beside it stands what the constants as shipped give. What verified
rows and other annotators' columns do to the labels is what ``apply`` and ``relabel`` make of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import baselines
import compare_in_short
import compare_tables
import numpy as np
import readings
import relabel_columns
from detection import Verdict, class_ids, score
from looking import looked_at, looking_once
from panel import MADE, made_task
from report import Headline, Table, mean
from shared_sets import CLEAN_SETS, MAIN_SETS, NEW_CLEAN_SETS, NEW_SETS, WHO, Task, stage_tables
from shared_sets import train_tasks as tasks_of

from noisefix.cleaning.decide import ApplyParams, decide
from noisefix.detection import joint_stage as joint
from noisefix.probing import error_model
from noisefix.probing import readings as product_readings

N_VERIFIED = (30, 100)
N_DRAWS = 3
CLEAN = "clean"

Result = dict[str, Any]


def run(
    tasks: Sequence[Task] | None = None,
    made: Iterable[Task] | None = None,
    progress: Callable[[str], None] = print,
) -> Result:
    """Measure every set.

    Args:
        tasks: other sets than the shared ones; those have no further columns.
        made: what else constants are fitted to; None: as in ``readings``.
        progress: told of each set as it is done.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    names = (*MAIN_SETS, *NEW_SETS, *CLEAN_SETS, *NEW_CLEAN_SETS)
    has_columns = tasks is None
    results = []
    with looking_once():
        tasks = list(tasks_of(names)) if tasks is None else tasks
        more = (made_task(one) for one in MADE) if made is None else made
        data = []
        for task in (*tasks, *more):
            data.append(looked_at(task))
            progress(f"looked at {task.name}")
        unseen = {
            source: readings.fit_without(data, source) for source in {t.source for t in tasks}
        }
        progress("fitted without each source")
        for task in tasks:
            columns = relabel_columns.votes_of(task) if has_columns and task.name in WHO else {}
            results.append(measure_set(task, columns, unseen[task.source]))
            progress(f"{task.name}: {compare_tables.in_short(results[-1])}")
    return {"draws": N_DRAWS, "sets": results}


def measure_set(
    task: Task, columns: dict[str, np.ndarray], constants: readings.Constants
) -> Result:
    """Return all that is measured of one set.

    Args:
        task: the set.
        columns: ``relabel_columns.votes_of`` it.
        constants: fitted without it.
    """
    names, given, truth = class_ids(task)
    known = (given >= 0) & (truth >= 0)
    who = WHO.get(task.name, CLEAN)
    verdicts = {
        "told_shipped": noisefix(task, labeller(who))[0],
        "not_told_shipped": noisefix(task, "unknown")[0],
        **others(task),
    }
    with shipping(constants):
        verdicts["told"], repaired = noisefix(task, labeller(who))
        verdicts["not_told"], _ = noisefix(task, "unknown")
        verified = {} if who == CLEAN else verify(task, who)
        combined = relabel_columns.measure(task, columns) if columns else None
    noise_rate = float((given != truth)[known].mean())
    return {
        "name": task.name,
        "who": who,
        "rows": len(given),
        "scored": int(known.sum()),
        "classes": len(names),
        "noise_rate": noise_rate,
        "sides": {side: score(task, verdict) for side, verdict in verdicts.items()},
        "given": 1 - noise_rate,
        "unaided": accuracy(task, repaired),
        "verified": verified,
        "columns": combined,
    }


@contextmanager
def shipping(constants: readings.Constants) -> Iterator[None]:
    """Within it, the product judges with other constants than those it ships."""
    model = replace(error_model.ERROR_MODEL, weights=tuple(constants.weights))
    with (
        patch.object(error_model, "ERROR_MODEL", model),
        patch.dict(product_readings.CALIBRATIONS, constants.calibrations),
    ):
        yield


def labeller(who: str) -> str:
    """Return what a user would say of who labelled; people made the clean sets."""
    return "people" if who == CLEAN else who


def noisefix(
    task: Task, labelled_by: str, verified: Sequence[int] = (), seed: int = 0
) -> tuple[Verdict, list[str | None]]:
    """Judge by the joint stage, and repair as ``apply --strategy relabel`` does.

    Args:
        task: the set.
        labelled_by: as in the option.
        verified: rows of which a person has said the true label.
        seed: of the folds.

    Returns:
        The verdict, and the (N,) labels after the repair.
    """
    import pyarrow as pa

    tables = stage_tables(task)
    if len(verified):
        said = [task.truth[row] for row in verified]
        keys = tables["embeddings"]["id"].take(list(verified))
        tables["trusted"] = pa.table({"id": keys, "verified_label": pa.array(said, pa.string())})
    output = joint.run(tables, joint.JointParams(labelled_by=labelled_by), seed=seed)
    issues, facts = output.tables["issues"], output.results
    labels = list(task.given)
    for decision in decide(
        issues, output.class_names, ApplyParams("relabel"), has_witness=facts["can_relabel"]
    ):
        labels[decision.index] = decision.new_label
    probs = np.stack(issues["true_label_probs"].to_numpy())  # (N, K)
    given = class_ids(task)[1]
    probs[np.flatnonzero(given >= 0), given[given >= 0]] = -1
    verdict = Verdict(
        issues["p_error"].to_numpy(),
        issues["is_issue"].to_numpy().astype(bool),
        facts["noise_rate"],
        (facts["noise_rate_low"], facts["noise_rate_high"]),
        probs.argmax(axis=1),
    )
    return verdict, labels


def others(task: Task) -> dict[str, Verdict]:
    """Return the verdicts of the other sides; rows without a label get none."""
    from noisefix.neighbors.duplicates import duplicate_groups

    _, given, _ = class_ids(task)
    rows = np.flatnonzero(given >= 0)
    vectors, labels = task.embeddings[rows], given[rows]
    groups = duplicate_groups([task.texts[row] for row in rows], vectors)
    found = {
        "plain": baselines.plain(vectors, labels),
        "datalab": baselines.datalab(vectors, labels),
        "simifeat": baselines.simifeat(vectors, labels, groups),
    }
    return {side: _spread(verdict, rows, len(given)) for side, verdict in found.items()}


def _spread(verdict: Verdict, rows: np.ndarray, n_rows: int) -> Verdict:
    p_error, is_issue = np.zeros(n_rows), np.zeros(n_rows, dtype=bool)
    p_error[rows], is_issue[rows] = verdict.p_error, verdict.is_issue
    return Verdict(p_error, is_issue, verdict.noise_rate)


def accuracy(task: Task, labels: Sequence[str | None]) -> float:
    """Return the share of right labels among the labelled rows whose truth is known."""
    pairs = [
        (label, true)
        for label, given, true in zip(labels, task.given, task.truth, strict=True)
        if given is not None and true is not None
    ]
    return sum(label == true for label, true in pairs) / len(pairs)


def verify(task: Task, who: str) -> dict[str, dict[str, float]]:
    """Return for each number of verified rows, drawn at random, what they are worth.

    "alone" and "after" are the label accuracies if only these rows are put right, and after apply;
    all else is scored on the other rows.
    """
    _, given, truth = class_ids(task)
    known = np.flatnonzero((given >= 0) & (truth >= 0))
    found = {}
    for n_rows in N_VERIFIED:
        if n_rows > len(known) / 2:
            continue
        draws = []
        for seed in range(N_DRAWS):
            rows = np.random.default_rng(seed).permutation(known)[:n_rows].tolist()
            labels = list(task.given)
            for row in rows:
                labels[row] = task.truth[row]
            verdict, repaired = noisefix(task, labeller(who), rows)
            scores = score(task, verdict, rows)
            scores |= {"alone": accuracy(task, labels), "after": accuracy(task, repaired)}
            draws.append(scores)
        found[str(n_rows)] = {name: mean(draw.get(name) for draw in draws) for name in draws[0]}
    return found


def tables(result: Result) -> list[Table]:
    """Return all but the first screen."""
    return compare_tables.technical(result)


def first_screen(result: Result) -> list[Table]:
    """Return what a user wants to know."""
    return compare_in_short.first_screen(result)


def headlines(result: Result) -> list[Headline]:
    """Return what was asked of flags, calibration, noise rate and repair."""
    return compare_in_short.headlines(result)

"""An LLM's answers beside annotators' columns, and as an annotator among them.

``python tests/benchmarks relabel_voters``. Of each real set with other annotators' stored answers,
some are asked about a tenth and a fifth of the rows, as ``relabel`` would ask them: in a run
without columns, and in one that has heard two other columns. The answers are weighed as production
does; beside it stand the same answers as one more annotator of ``detect``'s model, and, with
columns, the answers weighed as if there were none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from detection import class_ids
from label_columns import answers_of
from relabel_columns import TRUTH_IS_THE_VOTE
from relabel_quality import N_PROBE, ask, heed, rows_of
from report import Headline, Table, mean, percent, points
from shared_sets import MAIN_SETS, NEW_SETS, Task, load, stage_tables, train_tasks

from noisefix.annotators.column import ColumnAnnotator
from noisefix.annotators.protocol import Answer, Question
from noisefix.annotators.selection import spread_to_duplicates
from noisefix.annotators.weighing import NO_ANSWER, Verdicts
from noisefix.detection.joint_stage import JointParams, Seen, see, weigh
from noisefix.detection.judged import Judged
from noisefix.detection.voting import Answers, Heard, hear
from noisefix.labels import UNLABELLED
from noisefix.metrics.detection import average_precision
from noisefix.probing.flags import flag_rows, perhaps_clean
from noisefix.probing.readings import UNKNOWN
from noisefix.probing.voters import Voter
from noisefix.relabelling.beside import CHANGES_AT, Beside, settle_together
from noisefix.relabelling.verdicts import answer_arrays
from noisefix.run.rows import RunRows

SHARES = (0.1, 0.2)
N_SEEDS = 2
N_ASKED, N_BESIDE = 3, 2
"""Annotators of a set that are asked, at most; columns that the run has heard."""

_PREFIXES = ("llm_", "slm_", "annotator_", "weak_label")


def run(
    tasks: Iterable[Task] | None = None,
    progress: Callable[[str], None] = print,
    columns_of: Callable[[Task], dict[str, list[str]]] = answers_of,
) -> dict[str, Any]:
    """Ask annotators of every set that has three columns of answers.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    cases = []
    for task in _tasks() if tasks is None else tasks:
        columns = columns_of(task)
        if len(columns) > N_BESIDE:
            cases += list(_cases(task, columns))
            progress(f"answers of {task.name}")
    return {"cases": cases}


def _tasks() -> Iterable[Task]:
    names = [name for name in (*MAIN_SETS, *NEW_SETS) if name not in TRUTH_IS_THE_VOTE]
    several = [
        name
        for name in names
        if sum(c.startswith(_PREFIXES) for c in load(name).columns) > N_BESIDE
    ]
    return train_tasks(several)


def _cases(task: Task, columns: dict[str, list[str]]) -> Iterator[dict[str, Any]]:
    params = JointParams()
    seen = see(stage_tables(task), params)
    alone = weigh(seen, None, params)
    rows = rows_of(task, alone)
    stored = {name: _stored(name, cells, rows) for name, cells in columns.items()}
    labels = {
        name: answer_arrays(rows, {answer.id: answer for answer in answers})[0]
        for name, answers in stored.items()
    }
    _, given, truth = class_ids(task)
    score = _Score(given, truth)
    rng = np.random.default_rng(0)
    for place in rng.permutation(len(columns))[:N_ASKED].tolist():
        asked = list(columns)[place]
        others = [name for name in columns if name != asked]
        for seed in range(N_SEEDS):
            two = [others[k] for k in rng.permutation(len(others))[:N_BESIDE]]
            heard, judged = _heard(seen, alone, [voter_of(name, labels[name]) for name in two])
            beside_rows = rows_of(task, judged)
            for share in SHARES:
                n_most = int(share * int((given >= 0).sum()))
                yield {
                    "set": task.name,
                    "annotator": asked,
                    "columns": two,
                    "used": sum(one.is_used for one in heard.screened),
                    "share": share,
                    "right": score.right(labels[asked], labels[asked] >= 0),
                    "given": score.right(given),
                    **_alone(rows, stored[asked], labels[asked], n_most, seed, score, seen, alone),
                    **_beside(
                        beside_rows, stored[asked], labels[asked], n_most, seed, score, heard, alone
                    ),
                }


class _Score:
    """Right labels and average precision, over the rows whose truth is known."""

    def __init__(self, given: np.ndarray, truth: np.ndarray) -> None:
        self._given, self._truth = given, truth
        self._known = (given >= 0) & (truth >= 0)

    def right(self, labels: np.ndarray, where: np.ndarray | None = None) -> float:
        known = self._known if where is None else self._known & where
        return float((labels == self._truth)[known].mean())

    def gain(self, labels: np.ndarray) -> float:
        return self.right(labels) - self.right(self._given)

    def precision(self, p_error: np.ndarray) -> float:
        is_error = (self._given != self._truth)[self._known]
        return average_precision(is_error, p_error[self._known])


def _stored(name: str, cells: list[str], rows: RunRows) -> list[Answer]:
    annotator = ColumnAnnotator(name, dict(zip(rows.ids, cells, strict=True)), rows.class_names)
    return list(annotator.annotate(Question(key, rows.class_names, ()) for key in rows.ids))


def voter_of(name: str, labels: np.ndarray) -> Voter:
    """Return an annotator that says so much."""
    rows = np.flatnonzero(labels >= 0)
    return Voter(name, rows, labels[rows])


def _heard(seen: Seen, alone: Judged, voters: list[Voter]) -> tuple[Heard, Judged]:
    """Return what some annotators tell, and the set judged in its light."""
    answers = Answers(tuple(voters), (0,) * len(voters), ())
    nobody = np.full(len(alone.given_labels), UNLABELLED)
    heard, estimate = hear(
        answers, alone.estimate, alone.given_labels, nobody, seen.probe, given_counts=True
    )
    is_clean = perhaps_clean(estimate.noise_rate.low, UNKNOWN)
    flags = flag_rows(estimate.p_error, is_perhaps_clean=is_clean)
    return heard, replace(alone, estimate=estimate, is_issue=flags)


def _asked(
    rows: RunRows, stored: list[Answer], labels: np.ndarray, n_most: int, seed: int
) -> tuple[np.ndarray, np.ndarray, Verdicts]:
    """Return the answers, handed on to near-duplicates, which are own, and what follows alone."""
    asked = ask(rows, stored, n_most, seed)
    said = np.full(len(labels), NO_ANSWER)
    said[asked] = labels[asked]
    said, own = spread_to_duplicates(said, rows.given_labels, rows.groups)
    return said, own, heed(rows, labels, asked)


def _alone(
    rows: RunRows,
    stored: list[Answer],
    labels: np.ndarray,
    n_most: int,
    seed: int,
    score: _Score,
    seen: Seen,
    judged: Judged,
) -> dict[str, Any]:
    said, _, verdicts = _asked(rows, stored, labels, n_most, seed)
    heard, after = _heard(seen, judged, [voter_of("asked", said)])
    sharp, given = heard.voted.sharp, rows.given_labels
    changes = (said >= 0) & (given >= 0) & (sharp.argmax(axis=1) == said)
    changes &= (sharp.max(axis=1) >= CHANGES_AT) & heard.screened[0].is_used
    return {
        "weighed": score.gain(verdicts.final_labels),
        "as_annotator": score.gain(np.where(changes, said, given)),
        "ap_before": score.precision(rows.p_error),
        "ap_weighed": score.precision(verdicts.p_error),
        "ap_as_annotator": score.precision(after.estimate.p_error),
    }


def _beside(
    rows: RunRows,
    stored: list[Answer],
    labels: np.ndarray,
    n_most: int,
    seed: int,
    score: _Score,
    heard: Heard,
    alone: Judged,
) -> dict[str, Any]:
    said, own, verdicts = _asked(rows, stored, labels, n_most, seed)
    beside = Beside(heard.answers.voters, heard.unheard, heard.voted.is_vouched, False)
    together = settle_together(rows, beside, said, verdicts, learned=own, decides=said != NO_ANSWER)
    given = rows.given_labels
    vouched = heard.voted.is_vouched & rows.is_issue
    by_columns = np.where(vouched, rows.true_label_probs.argmax(axis=1), given)
    return {
        "columns": score.gain(by_columns),
        "apart": score.gain(np.where(said == NO_ANSWER, by_columns, verdicts.final_labels)),
        "together": score.gain(together.verdicts.final_labels),
        "ap_columns": score.precision(rows.p_error),
        "ap_together": score.precision(together.verdicts.p_error),
    }


_LABELS = (
    ("weighed", "answers weighed (`relabel`)"),
    ("as_annotator", "the same answers as an annotator"),
    ("columns", "two columns, nobody asked"),
    ("apart", "two columns, answers weighed alone"),
    ("together", "two columns and answers together (`relabel`)"),
)
_RISES = (
    ("ap_weighed", "answers weighed (`relabel`)"),
    ("ap_as_annotator", "the same answers as an annotator"),
    ("ap_columns", "two columns, nobody asked"),
    ("ap_together", "two columns and answers together (`relabel`)"),
)


def tables(result: dict[str, Any]) -> list[Table]:
    """Return the gains in right labels, and in average precision."""
    cases = result["cases"]
    return [_gains(cases), _precision(cases)] if cases else []


def _gains(cases: list[dict[str, Any]]) -> Table:
    rows = []
    for way, words in _LABELS:
        cells = []
        for share in SHARES:
            values = _by_set(cases, share, lambda case, way=way: case[way])
            everything = [value for some in values.values() for value in some]
            harm = mean(min(value, 0.0) for value in everything)
            cells += [
                points(mean(map(np.mean, values.values()))),
                points(min(everything)),
                f"{100 * harm:+.3f}",
            ]
        rows.append((words, *cells))
    head = [
        f"{words}, {percent(s, 0)} asked" for s in SHARES for words in ("mean", "worst", "harm")
    ]
    return Table(
        "Right labels after asking, points",
        ("", *head),
        tuple(rows),
        f"{len(cases)} cases of {len({case['set'] for case in cases})} sets: up to {N_ASKED} "
        f"annotators, useless ones among them, {N_SEEDS} draws of the columns and of the random "
        f"probe ({N_PROBE} rows at most). Mean over sets, the worst case, and the mean of what was "
        "lost.",
    )


def _precision(cases: list[dict[str, Any]]) -> Table:
    rows = []
    for way, words in _RISES:
        cells = []
        for share in SHARES:
            values = _by_set(cases, share, lambda case, way=way: case[way] - case["ap_before"])
            rise = mean(map(np.mean, values.values()))
            worst = min(value for some in values.values() for value in some)
            cells += [f"{rise:+.3f}", f"{worst:+.3f}"]
        rows.append((words, *cells))
    head = [f"{words}, {percent(s, 0)} asked" for s in SHARES for words in ("mean", "worst")]
    return Table("Average precision of p_error after asking", ("", *head), tuple(rows), "")


def _by_set(
    cases: list[dict[str, Any]], share: float, value: Callable[[dict[str, Any]], float]
) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for case in cases:
        if case["share"] == share:
            found.setdefault(case["set"], []).append(value(case))
    return found


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return what columns and answers gain together, and the worst case."""
    cases = result["cases"]
    if not cases:
        return []
    gains = [case["together"] for case in cases]
    words = "two label columns and an annotator asked about up to a fifth: right labels (worst)"
    return [Headline(words, f"{points(mean(gains))} points ({points(min(gains))})")]

"""What an annotator's answers make of the labels, by how many rows are asked.

``python tests/benchmarks relabel_quality``. Annotators are replayed from the sets' own columns
(what ``relabel --annotator column:NAME`` does); the true labels score what comes out. Rows are
chosen in rounds and weighed by the production code. Beside it: the same weighing of rows drawn at
random, and in the order of cleanlab's self-confidence, and that order with every answer believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import relabel_curves
from detection import class_ids
from report import Headline, Table, number, percent
from shared_sets import CLEAN_SETS, Task, load, stage_tables, train_task

from noisefix.annotators.column import ColumnAnnotator
from noisefix.annotators.protocol import Answer, Question
from noisefix.annotators.weighing import NO_ANSWER, Verdicts, weigh
from noisefix.detection.joint_stage import JointParams, judge_labels
from noisefix.detection.judged import Judged
from noisefix.neighbors.candidates import retrieve_candidates
from noisefix.relabelling.rounds import first_rows, rounds
from noisefix.relabelling.verdicts import answer_arrays
from noisefix.run.rows import RunRows

FLIPPED = "true label, 30 % flipped"
SHARES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
N_PROBE = 50
ORDERS = tuple(relabel_curves.ORDERS)
FIGURE = relabel_curves.FIGURE
draw = relabel_curves.draw


@dataclass(frozen=True)
class Case:
    """A set, an annotator, and what is asked of the two.

    Attributes:
        set_name: the set.
        column: whose answers, or ``FLIPPED``.
        at_most: share of the rows that may be asked.
        at_least: label accuracy to be reached; None: none was asked for.
    """

    set_name: str
    column: str
    at_most: float = 0.5
    at_least: float | None = None


CASES = (
    Case("fpb_llm", "llm_gpt4", 0.35, 0.937),
    Case("mfrc_moral_llm", "llm_gpt35_finetuned", 0.5, 0.815),
    Case("fomc_llm", "llm_gpt4", 0.5, 0.665),
    Case("css_emotion_llm", "llm_flan_ul2", 0.5, 0.675),
    Case("semeval_mixtral", "weak_label", 0.6, 0.700),
    Case("semeval_weak", "llm_mixtral8x22b", 0.5, 0.796),
    Case("fpb_llm", "llm_dolly", 0.5, 0.893),
    Case("mr_chatgpt", "slm_freeal_pred", 0.35, 0.935),
    *(Case(name, FLIPPED, 0.3, 0.998) for name in CLEAN_SETS),
    Case("css_semeval_stance_llm", "llm_chatgpt"),
    Case("css_semeval_stance_llm", "llm_flan_ul2"),
    Case("css_semeval_stance_llm", "llm_text_davinci_003"),
    Case("css_emotion_llm", "llm_flan_t5_xxl"),
    Case("css_emotion_llm", "llm_flan_t5_large"),
    Case("css_emotion_llm", "llm_chatgpt"),
    Case("css_emotion_llm", "llm_text_davinci_003"),
    Case("mfrc_moral_llm", "llm_llama2"),
    Case("mfrc_moral_llm", "llm_gpt35_zero"),
    Case("fpb_llm", "llm_falcon_7b"),
    Case("fomc_llm", "llm_falcon_7b"),
    Case("fomc_llm", "llm_h2o"),
    *(
        Case(name, FLIPPED)
        for name in (
            "disaster_verified",
            "youtube_weak",
            "sms_weak",
            "rna_titles_weak",
            "hausa_news_distant",
        )
    ),
)
"""The first eleven are the goals; the others show what happens elsewhere. Sets without an annotator
of their own have the true labels, where they are known, with some of them flipped."""


def look(task: Task, seed: int = 0, labelled_by: str = "unknown") -> RunRows:
    """Judge a set as detect does, and return its rows as relabel reads them."""
    params = JointParams(labelled_by=labelled_by)
    return rows_of(task, judge_labels(stage_tables(task), params, seed=seed))


def rows_of(task: Task, judged: Judged) -> RunRows:
    """Return the rows of a set that was judged, as relabel reads them."""
    n_rows, given = len(task.texts), judged.given_labels
    groups = judged.surroundings.duplicate_groups
    near = retrieve_candidates(
        task.embeddings, given, judged.estimate.p_error, groups, len(judged.class_names)
    )
    return RunRows(
        ids=[str(row + 1) for row in range(n_rows)],
        texts=list(task.texts),
        class_names=judged.class_names,
        given_labels=given,
        p_error=judged.estimate.p_error,
        is_issue=judged.is_issue,
        is_trusted=judged.is_trusted,
        pred_probs=judged.pred_probs,
        true_label_probs=judged.estimate.true_label_probs,
        groups=groups,
        candidates=[np.flatnonzero(weights).tolist() for weights in near.weights],
        embeddings=task.embeddings,
    )


def replayed(case: Case, rows: RunRows) -> list[Answer]:
    """Return the annotator's answer to every row."""
    table = load(case.set_name)
    table = table[table["split"] == "train"]
    if case.column == FLIPPED:
        cells = _flipped(table["true_label"].to_list())
    else:
        cells = table[case.column].to_list()
    annotator = ColumnAnnotator(
        case.column, dict(zip(rows.ids, cells, strict=True)), rows.class_names
    )
    return list(annotator.annotate(Question(key, rows.class_names, ()) for key in rows.ids))


def _flipped(labels: list[str], share: float = 0.3, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    names = sorted({label for label in labels if label})
    flips = rng.random(len(labels)) < share
    steps = rng.integers(1, len(names), len(labels))
    return [
        names[(names.index(label) + step) % len(names)] if flip and label else label
        for label, flip, step in zip(labels, flips, steps.tolist(), strict=True)
    ]


def ask(rows: RunRows, stored: list[Answer], n_most: int, seed: int = 0) -> np.ndarray:
    """Return which rows production asks, (A,)."""
    first, probe = first_rows(rows, n_most, N_PROBE, seed=seed)
    answers: list[Answer] = []
    asked = []
    for now in rounds(rows, first, probe, n_most, answers, offers_all=True):
        asked.append(now)
        answers.extend(stored[row] for row in now)
    return np.concatenate(asked)


def heed(rows: RunRows, labels: np.ndarray, asked: np.ndarray) -> Verdicts:
    """Weigh the answers of the rows asked, handed on to their near-duplicates."""
    from noisefix.annotators.selection import spread_to_duplicates

    answers = np.full(len(rows), NO_ANSWER)
    answers[asked] = labels[asked]
    answers, own = spread_to_duplicates(answers, rows.given_labels, rows.groups)
    return weigh(
        answers,
        rows.given_labels,
        rows.true_label_probs,
        rows.p_error,
        learn_from=own,
        pred_probs=rows.pred_probs,
    )


def final_labels(
    order: str, rows: RunRows, stored: list[Answer], n_most: int, self_order: np.ndarray, seed: int
) -> tuple[np.ndarray, Verdicts | None]:
    """Return (N,) labels after asking ``n_most`` rows in one of ``ORDERS``."""
    labels, _ = answer_arrays(rows, {answer.id: answer for answer in stored})
    if order == "believed":
        final = rows.given_labels.copy()
        now = self_order[:n_most]
        final[now] = np.where(labels[now] >= 0, labels[now], final[now])
        return final, None
    if order == "noisefix":
        asked = ask(rows, stored, n_most, seed)
    elif order == "random":
        labelled = np.flatnonzero(rows.given_labels >= 0)
        asked = np.random.default_rng(seed).permutation(labelled)[:n_most]
    else:
        asked = self_order[:n_most]
    verdicts = heed(rows, labels, asked)
    return verdicts.final_labels, verdicts


def cleanlab_order(rows: RunRows, probe: np.ndarray) -> np.ndarray:
    """Return the labelled rows, lowest self-confidence of the linear probe first."""
    labelled = np.flatnonzero(rows.given_labels >= 0)
    score = probe[labelled, rows.given_labels[labelled]]
    return labelled[np.argsort(score, kind="stable")]


def run_set(
    name: str, cases: Iterable[Case], n_seeds: int = 3, shares: Iterable[float] = SHARES
) -> Iterator[dict[str, Any]]:
    """Yield one result for each case of a set."""
    task = train_task(name)
    rows = look(task)
    _, given, truth = class_ids(task)
    known = (given >= 0) & (truth >= 0)
    probe = _probe_of(task, rows)
    order = cleanlab_order(rows, probe)

    def accuracy(labels: np.ndarray) -> float:
        return float((labels == truth)[known].mean())

    for case in cases:
        stored = replayed(case, rows)
        labels, _ = answer_arrays(rows, {answer.id: answer for answer in stored})
        goal = []
        n_most = int(case.at_most * int((given >= 0).sum()))
        for seed in range(n_seeds):
            final, verdicts = final_labels("noisefix", rows, stored, n_most, order, seed)
            assert verdicts is not None
            goal.append((accuracy(final), verdicts))
        curve = {
            way: [
                accuracy(final_labels(way, rows, stored, int(share * len(order)), order, seed=0)[0])
                for share in shares
            ]
            for way in ORDERS
        }
        last = goal[0][1]
        yield {
            "set": name,
            "annotator": case.column,
            "given": accuracy(given),
            "all": float((labels == truth)[known].mean()),
            "at_most": case.at_most,
            "at_least": case.at_least,
            "after": float(np.mean([value for value, _ in goal])),
            "lowest": float(min(value for value, _ in goal)),
            "relabelled": int((last.actions == "relabel").sum()),
            "review": int((last.actions == "review").sum()),
            "alarm": last.alarm,
            "shares": list(shares),
            "curve": curve,
        }


def _probe_of(task: Task, rows: RunRows) -> np.ndarray:
    """Return the out-of-fold probabilities of the plain script, which cleanlab would rank by."""
    import plain_script

    found = plain_script.judge(task.embeddings, rows.given_labels, 0)
    return found.pred_probs


def run(cases: Iterable[Case] = CASES, progress: Callable[[str], None] = print) -> dict[str, Any]:
    """Replay all annotators.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    by_set: dict[str, list[Case]] = {}
    for case in cases:
        by_set.setdefault(case.set_name, []).append(case)
    found = []
    for name, chosen in by_set.items():
        for result in run_set(name, chosen):
            found.append(result)
            progress(f"{name}, {result['annotator']}: {result['after']:.4f}")
    place = {(case.set_name, case.column): i for i, case in enumerate(cases)}
    found.sort(key=lambda result: place[result["set"], result["annotator"]])
    return {"cases": found}


def tables(result: dict[str, Any]) -> list[Table]:
    """Return the goals, the other annotators, and the curves."""
    goals = [case for case in result["cases"] if case["at_least"] is not None]
    others = [case for case in result["cases"] if case["at_least"] is None]
    note = "After: mean and lowest of three draws of the random probe."
    parts = [
        _accuracies("Label accuracy after relabel, the annotators asked for", goals, note),
        _accuracies("Other annotators, half of the rows asked", others, note),
    ]
    return [part for part in [*parts, relabel_curves.table(result["cases"])] if part.rows]


def _accuracies(title: str, cases: list[dict[str, Any]], note: str) -> Table:
    return Table(
        title,
        (
            "set: annotator",
            "given",
            "annotator",
            "asked",
            "after",
            "lowest",
            "goal",
            "changed",
            "to review",
            "alarm",
        ),
        tuple(
            (
                f"{case['set']}: {case['annotator']}",
                number(case["given"]),
                number(case["all"]),
                percent(case["at_most"], 0),
                number(case["after"], 4),
                number(case["lowest"], 4),
                number(case["at_least"]),
                f"{case['relabelled']:,}",
                f"{case['review']:,}",
                "yes" if case["alarm"] else "",
            )
            for case in cases
        ),
        note,
    )


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return how many of the goals were reached."""
    goals = [case for case in result["cases"] if case["at_least"] is not None]
    if not goals:
        return []
    met = [case["after"] >= case["at_least"] for case in goals]
    return [
        Headline(
            "label accuracy after relabel: annotators, good and bad, with which the goal is met",
            f"{sum(met)} of {len(met)}",
            f"{len(met)} of {len(met)}",
            all(met),
        )
    ]

"""``relabel --rewrite``: edits after which the given labels are right, and how large they are.

A detector that needs no list of classes: where much of a text must change before its label is
right, the label is wrong. Source: Zheng, Han, Yin, Gao, Liu, EchoAlign, 2024, arXiv 2405.12969
(known from its code), which edits images towards their labels and keeps those that hardly change.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.annotators.edits import EDITED, IMPOSSIBLE, NO_EDIT
from noisefix.cleaning.rewrites import RARE_ROWS
from noisefix.errors import ServiceError
from noisefix.labels import UNLABELLED
from noisefix.relabelling.edit_answers import edit_answers, outcome_of
from noisefix.relabelling.edit_requests import EditRequest, editable_rows
from noisefix.relabelling.edit_similarity import edit_similarities, run_encoder
from noisefix.relabelling.tables import asked_columns, write_edits
from noisefix.run.schemas import REWRITES

if TYPE_CHECKING:
    from noisefix.annotators.edits import EditQuestion
    from noisefix.annotators.progress import AskProgress
    from noisefix.annotators.prompts import PromptStyle
    from noisefix.annotators.protocol import Annotator, Answer
    from noisefix.relabelling.plan import RelabelPlan
    from noisefix.run.rows import RunRows


@dataclass(frozen=True)
class RewriteReport:
    """What came of asking for edits.

    Attributes:
        asked: rows with an answer, or with a reason for none.
        edited: texts that were changed.
        no_edit: texts for which the label is right as they stand.
        impossible: texts that no small edit makes right.
        unusable: refusals, answers that are no edit or too long a one, and failures.
        measure: the encoder that compares the texts; "words": the share of words that stay.
        mean_similarity: of the edited texts to what they were; NaN where there is none.
        input_tokens: sent, now or earlier.
        output_tokens: received.
        cost_usd: of all of it; 0 where no prices are known.
    """

    asked: int
    edited: int
    no_edit: int
    impossible: int
    unusable: int
    measure: str
    mean_similarity: float
    input_tokens: int
    output_tokens: int
    cost_usd: float


def rewrite_rows(rows: RunRows, ranked: np.ndarray, n_most: int | None, style: PromptStyle) -> Any:
    """Return the (A,) rows to ask about, in order.

    First come rows of rare classes whose label seems wrong, then those that ``relabel`` would ask
    about. Texts too long to be shown whole are left out.

    Args:
        rows: the run's rows.
        ranked: (R,) what ``relabel`` would ask about.
        n_most: rows that may be asked about; None: all of both.
        style: wording.
    """
    given = rows.given_labels
    counts = np.bincount(given[given != UNLABELLED], minlength=len(rows.class_names))
    is_rare = (given != UNLABELLED) & (counts[given] < RARE_ROWS)
    fits = editable_rows(rows, style) & (given != UNLABELLED)
    first = np.flatnonzero(is_rare & fits & (np.nan_to_num(rows.p_error) > 0.5))
    rest = ranked[fits[ranked] & ~np.isin(ranked, first)]
    return np.concatenate([first, rest]).astype(np.int64)[:n_most]


def rewrite_requests(rows: RunRows, asked: np.ndarray) -> list[EditRequest]:
    """Return what to ask about some rows: an edit towards the given label."""
    return [EditRequest(row, int(rows.given_labels[row])) for row in asked.tolist()]


def finish_rewrites(
    plan: RelabelPlan,
    annotator: Annotator,
    *,
    progress: Callable[[AskProgress], None] | None = None,
    ask_nobody: bool = False,
) -> tuple[RewriteReport | None, ServiceError | None]:
    """Ask for the edits that are planned, and write rewrites.parquet.

    Args:
        plan: what to ask.
        annotator: whom.
        progress: called with how far it has come.
        ask_nobody: take the stored answers only.

    Returns:
        What came of it, and why not everything was asked; both None: there was nothing to ask.

    Raises:
        ServiceError: not one usable answer came; what was there before stays as it is.
        ModelError: the run's encoder cannot be loaded.
    """
    from noisefix.annotators.store import STORE_NAME, AnswerStore
    from noisefix.relabelling.asker import Asker
    from noisefix.run.decisions import import_decisions

    started = time.perf_counter()
    with plan.folder.lock("noisefix relabel --rewrite"):
        import_decisions(plan.folder.decisions, plan.said)
        questions: list[EditQuestion] = list(plan.questions())
        with AnswerStore(plan.folder.path / STORE_NAME) as store:
            asker = None if ask_nobody else Asker(annotator, plan.options, store, progress)
            answers, failure = edit_answers(annotator, questions, store, asker)
        if not answers:
            return None, failure
        table, report = _table(plan, questions, answers)
        write_edits(plan, "rewrite", table, REWRITES, annotator, report.measure, started)
    return report, failure


def _table(
    plan: RelabelPlan, questions: Sequence[EditQuestion], answers: dict[str, Answer]
) -> tuple[Any, RewriteReport]:
    import pyarrow as pa

    shown = {question.id: question.text for question in questions}
    edited = [key for key, answer in answers.items() if answer.is_label]
    measure, encode = run_encoder(plan.folder, plan.rows.texts, plan.options.device)
    found = edit_similarities(
        [shown[key] for key in edited], [str(answers[key].answer) for key in edited], encode
    )
    similarity = dict(zip(edited, found.tolist(), strict=True))
    place = {key: row for row, key in enumerate(plan.rows.ids)}
    lines: list[dict[str, Any]] = []
    for key in sorted(answers, key=place.__getitem__):
        answer, row = answers[key], place[key]
        like = 1.0 if outcome_of(answer) == NO_EDIT else similarity.get(key)
        lines.append(
            {
                "id": key,
                "given_label": plan.rows.class_names[plan.rows.given_labels[row]],
                "text": plan.rows.texts[row],
                "outcome": outcome_of(answer),
                "edited_text": answer.label,
                "similarity": like,
                "change": None if like is None else 1.0 - like,
                **asked_columns(answer),
                "is_probe": bool(row in plan.probe),
            }
        )
    outcomes = [line["outcome"] for line in lines]
    counts = {kind: outcomes.count(kind) for kind in (EDITED, NO_EDIT, IMPOSSIBLE)}
    report = RewriteReport(
        asked=len(lines),
        edited=counts[EDITED],
        no_edit=counts[NO_EDIT],
        impossible=counts[IMPOSSIBLE],
        unusable=len(lines) - sum(counts.values()),
        measure=measure,
        mean_similarity=float(found.mean()) if len(found) else float("nan"),
        input_tokens=sum(answer.input_tokens or 0 for answer in answers.values()),
        output_tokens=sum(answer.output_tokens or 0 for answer in answers.values()),
        cost_usd=sum(answer.cost_usd or 0.0 for answer in answers.values()),
    )
    return pa.Table.from_pylist(lines, schema=REWRITES.arrow()), report

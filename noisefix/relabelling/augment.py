"""``augment --pairs``: texts and their smallest edits, which tell confused classes apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.errors import ServiceError, UsageError
from noisefix.options import takes
from noisefix.relabelling.augment_options import AugmentOptions
from noisefix.relabelling.pair_plan import PairPlan, plan_pairs
from noisefix.relabelling.tables import write_edits
from noisefix.run.folder import RunFolder
from noisefix.run.schemas import CONTRAST_PAIRS

if TYPE_CHECKING:
    from noisefix.annotators.batch_export import BatchExport
    from noisefix.annotators.batch_import import BatchImport
    from noisefix.annotators.progress import AskProgress
    from noisefix.annotators.protocol import Annotator, Answer, Question
    from noisefix.relabelling.plan import PlanEstimate


@dataclass(frozen=True)
class CellReport:
    """What came of two classes: rows given the one and truly the other."""

    given_label: str
    true_label: str
    joint: float
    asked: int
    accepted: int


@dataclass(frozen=True)
class AugmentReport:
    """What came of asking for pairs.

    Attributes:
        asked: rows with an answer, or with a reason for none.
        edited: texts that were changed.
        accepted: pairs that are fit for training and for measuring.
        by_second_vote: of these, those that the label model was not sure of.
        refusals: why pairs were not accepted, with counts, the most frequent first.
        cells: the same for each two classes.
        measure: the encoder that compares the texts.
        input_tokens: sent, now or earlier.
        output_tokens: received.
        cost_usd: of all of it, second votes included; 0 where no prices are known.
    """

    asked: int
    edited: int
    accepted: int
    by_second_vote: int
    refusals: dict[str, int]
    cells: tuple[CellReport, ...]
    measure: str
    input_tokens: int
    output_tokens: int
    cost_usd: float


@dataclass(frozen=True, eq=False)
class AugmentResult:
    """What came of a run; the fields are as those of ``RelabelResult``."""

    run: Path
    report: AugmentReport | None
    failure: ServiceError | None = None
    estimate: PlanEstimate | None = None
    exported: BatchExport | None = None
    imported: BatchImport | None = None
    notes: tuple[str, ...] = ()


@takes(AugmentOptions)
def augment(
    run: str | Path,
    *,
    options: AugmentOptions,
    progress: Callable[[AskProgress], None] | None = None,
) -> AugmentResult:
    """Have surely mislabelled texts edited until their given label is right, for pairs of texts.

    Args:
        run: run folder that ``detect`` has written.
        options: what was chosen; its fields may be named one by one instead. ``annotator`` is any
            object with ``annotate(questions) -> iterator of answers``, or "openai".
        progress: called with how far it has come.

    Returns:
        What came of it; contrast_pairs.parquet is written. Where the service failed or a budget was
        reached, ``failure`` says so, and a further run goes on from there.

    Raises:
        DataError: the run folder cannot be used.
        ServiceError: not one usable answer came; the run folder is as it was.
        UsageError: an option is out of range, or the run has no encoder.
        ModelError: the run's encoder cannot be loaded.
    """
    from noisefix.relabelling.batch import (
        check_export,
        check_not_out,
        export_requests,
        import_responses,
    )
    from noisefix.relabelling.connect import connect
    from noisefix.relabelling.plan import estimate_plan

    folder = RunFolder.open(run, options.run_data)
    if options.export_batch is not None:
        check_export(folder, options.export_batch, options)
    if not options.pairs:
        raise UsageError("nothing to do", "say what is wanted: --pairs")
    plan = plan_pairs(run, options)
    path = plan.folder.path
    if options.dry_run:
        note = "beside these at most as many short requests, for a second vote on the edited texts"
        return AugmentResult(path, None, estimate=estimate_plan(plan), notes=(note,))
    who = connect(
        options.annotator,
        plan.folder,
        plan.rows.class_names,
        replace(options, logprobs="off"),
        device=options.device,
        seed=options.seed,
    )
    if options.export_batch is not None:
        votes = _votes_to_ask(plan, who)
        exported = export_requests(plan, who, options.export_batch, votes)
        return AugmentResult(path, None, exported=exported)
    read = None
    if options.import_batch:
        read = import_responses(plan, who, options.import_batch, _votes_to_ask(plan, who))
    else:
        check_not_out(plan, who)
    report, failure = finish_pairs(plan, who, progress=progress, ask_nobody=read is not None)
    return AugmentResult(path, report, failure, imported=read)


def _votes_to_ask(plan: PairPlan, annotator: Annotator) -> list[Question]:
    """Return the questions for second votes on the edits that have come so far."""
    from noisefix.annotators.engine import stored_answers
    from noisefix.annotators.store import STORE_NAME, AnswerStore
    from noisefix.relabelling.pair_judging import judge_pairs, vote_questions

    path = plan.folder.path / STORE_NAME
    if not path.is_file():
        return []
    with AnswerStore(path) as store:
        found = stored_answers(annotator, list(plan.questions()), store)
        answers = {answer.id: answer for answer in found}
    return vote_questions(judge_pairs(plan, answers)) if answers else []


def finish_pairs(
    plan: PairPlan,
    annotator: Annotator,
    *,
    progress: Callable[[AskProgress], None] | None = None,
    ask_nobody: bool = False,
) -> tuple[AugmentReport | None, ServiceError | None]:
    """Ask for the edits, have them judged, and write contrast_pairs.parquet.

    Args, what is returned, and errors as of ``rewriting.finish_rewrites``.
    """
    from noisefix.annotators.store import STORE_NAME, AnswerStore
    from noisefix.relabelling.asker import Asker
    from noisefix.relabelling.edit_answers import edit_answers
    from noisefix.relabelling.pair_judging import judge_pairs, second_votes
    from noisefix.run.decisions import import_decisions

    started = time.perf_counter()
    with plan.folder.lock("noisefix augment"):
        import_decisions(plan.folder.decisions, plan.said)
        with AnswerStore(plan.folder.path / STORE_NAME) as store:
            asker = None if ask_nobody else Asker(annotator, plan.options, store, progress)
            edits = list(plan.questions())
            answers, failure = edit_answers(annotator, edits, store, asker)
            if not answers:
                return None, failure
            judged = judge_pairs(plan, answers)
            asker = None if failure is not None else asker
            votes, more = second_votes(judged, annotator, store, asker)
        taken = [*answers.values(), *votes.values()]
        table, report = _table(plan, judged.lines(votes), judged.measure, taken)
        write_edits(plan, "augment", table, CONTRAST_PAIRS, annotator, judged.measure, started)
    return report, failure or more


def _table(
    plan: PairPlan, lines: list[dict[str, Any]], measure: str, taken: Sequence[Answer]
) -> tuple[Any, AugmentReport]:
    from collections import Counter

    import pyarrow as pa

    accepted = [line for line in lines if line["is_accepted"]]
    refusals = Counter(line["why_not"] for line in lines if not line["is_accepted"])
    names = plan.rows.class_names
    cells = []
    for cell in plan.cells:
        key = names[cell.given], names[cell.true]
        own = [line for line in lines if (line["edited_label"], line["label"]) == key]
        n_accepted = sum(line["is_accepted"] for line in own)
        cells.append(CellReport(*key, cell.joint, len(own), n_accepted))
    report = AugmentReport(
        asked=len(lines),
        edited=sum(line["edited_text"] is not None for line in lines),
        accepted=len(accepted),
        by_second_vote=sum(line["second_vote"] is not None for line in accepted),
        refusals=dict(refusals.most_common()),
        cells=tuple(cells),
        measure=measure,
        input_tokens=sum(answer.input_tokens or 0 for answer in taken),
        output_tokens=sum(answer.output_tokens or 0 for answer in taken),
        cost_usd=sum(answer.cost_usd or 0.0 for answer in taken),
    )
    return pa.Table.from_pylist(lines, schema=CONTRAST_PAIRS.arrow()), report

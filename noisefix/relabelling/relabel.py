"""``relabel``: ask an annotator about the suspicious rows, and weigh its answers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.common_options import RAY
from noisefix.errors import DataError, NoisefixError, ServiceError
from noisefix.options import takes
from noisefix.relabelling.plan import PlanEstimate, RelabelPlan, estimate_plan, plan_relabel
from noisefix.relabelling.relabel_options import RelabelOptions
from noisefix.run.decisions import import_decisions
from noisefix.run.folder import RunFolder

if TYPE_CHECKING:
    import numpy as np

    from noisefix.annotators.batch_export import BatchExport
    from noisefix.annotators.batch_import import BatchImport
    from noisefix.annotators.progress import AskProgress
    from noisefix.annotators.protocol import Annotator, Answer
    from noisefix.annotators.wordings import Flips
    from noisefix.relabelling.connect import OpenDesk
    from noisefix.relabelling.report import RelabelReport
    from noisefix.relabelling.rewriting import RewriteReport


@dataclass(frozen=True, eq=False)
class RelabelResult:
    """What came of a run.

    Attributes:
        run: the run folder.
        report: counts, agreement, the annotator's estimated quality, and what was learned; None
            when nobody was asked or a person answered nothing, and nothing was written.
        failure: why not everything was asked; None when all went well. What was answered is kept.
        estimate: what asking would take, of a dry run.
        exported: the requests written, of an export.
        imported: the responses read, of an import.
        notes: what a person should know.
        flips: how many answers other wordings changed; none unless they were asked for.
        rewrites: what came of asking for edits; None unless they were asked for.
    """

    run: Path
    report: RelabelReport | None
    failure: ServiceError | None = field(default=None)
    estimate: PlanEstimate | None = None
    exported: BatchExport | None = None
    imported: BatchImport | None = None
    notes: tuple[str, ...] = ()
    flips: tuple[Flips, ...] = ()
    rewrites: RewriteReport | None = None


@takes(RelabelOptions)
def relabel(
    run: str | Path,
    *,
    options: RelabelOptions,
    progress: Callable[[AskProgress], None] | None = None,
    open_desk: OpenDesk | None = None,
) -> RelabelResult:
    """Ask an annotator about the suspicious rows of a run, and weigh its answers.

    Args:
        run: run folder that ``detect`` has written.
        options: what was chosen; its fields may be named one by one instead. ``annotator`` is any
            object with ``annotate(questions) -> iterator of answers``, for instance an
            ``OpenAIAnnotator`` or a ``LocalAnnotator``, or a name as on the command line.
        progress: called with how far it has come.
        open_desk: where a person is asked, with "human".

    Returns:
        What came of it; relabels.parquet is written (of ``rewrite``: rewrites.parquet). Where the
        service failed or a budget was reached, ``failure`` says so, and a further run goes on from
        there.

    Raises:
        DataError: the run folder cannot be used.
        ServiceError: not one usable answer came; the run folder is as it was.
        UsageError: an option is out of range.
        ModelError: the local model cannot be loaded, or no worker of a cluster can be started.
    """
    from noisefix.annotators.vllm import VllmAnnotator
    from noisefix.cluster.choose import check_executor
    from noisefix.relabelling.batch import (
        check_export,
        check_not_out,
        export_requests,
        import_responses,
    )
    from noisefix.relabelling.connect import (
        connect,
        connect_distributed,
        connect_person,
        connection_note,
    )
    from noisefix.relabelling.rewriting import finish_rewrites

    check_executor(options)
    if options.export_batch is not None:
        check_export(RunFolder.open(run, options.run_data), options.export_batch, options)
    plan = plan_relabel(run, options)
    path = plan.folder.path
    if options.dry_run:
        return RelabelResult(path, None, estimate=estimate_plan(plan))
    with ExitStack() as stack:
        if options.annotator == "human":
            who = connect_person(stack, plan, open_desk, options.reviewer)
        elif options.executor == RAY:
            who = stack.enter_context(connect_distributed(plan))
        else:
            who = connect(
                options.annotator,
                plan.folder,
                plan.rows.class_names,
                replace(options, logprobs="off") if options.rewrite else options,
                device=options.device,
                seed=options.seed,
            )
        if isinstance(who, VllmAnnotator):
            stack.callback(who.close)
        if options.export_batch is not None:
            exported = export_requests(plan, who, options.export_batch)
            return RelabelResult(path, None, exported=exported)
        read = None
        if options.import_batch:
            read = import_responses(plan, who, options.import_batch)
        else:
            check_not_out(plan, who)
        if options.rewrite:
            report, failure = finish_rewrites(
                plan, who, progress=progress, ask_nobody=read is not None
            )
            result = RelabelResult(path, None, failure, rewrites=report)
        else:
            result = finish(plan, who, progress=progress, ask_nobody=read is not None)
        return replace(result, imported=read, notes=connection_note(who))


def finish(
    plan: RelabelPlan,
    annotator: Annotator,
    *,
    progress: Callable[[AskProgress], None] | None = None,
    ask_nobody: bool = False,
) -> RelabelResult:
    """Ask what is planned, weigh the answers, and write relabels.parquet.

    Rows are asked in a few rounds: what the answers tell of the annotator and of the labels
    decides which rows are worth asking about next.

    Args:
        plan: what to ask.
        annotator: whom.
        progress: called with how far it has come.
        ask_nobody: take the stored answers to the planned rows only.

    Raises:
        ServiceError: not one usable answer came; what was there before stays as it is.
        DataError: the same, of a column.
    """
    from noisefix.annotators.protocol import HUMAN, identity_of
    from noisefix.relabelling.beside import heard_beside
    from noisefix.relabelling.verdicts import weigh_and_write

    started = time.perf_counter()
    with plan.folder.lock("noisefix relabel"):
        import_decisions(plan.folder.decisions, plan.said)
        answers, failure, flips = _collect(plan, annotator, progress, ask_nobody)
        if all(answer.is_useless for answer in answers):
            by_person = identity_of(annotator).annotator == HUMAN
            if failure is None and (by_person or not len(plan.asked)):
                return RelabelResult(plan.folder.path, None)
            raise failure or _nothing_usable(annotator, answers)
        report = weigh_and_write(
            plan.folder,
            plan.rows,
            answers,
            plan.probe,
            offers_all=plan.offers_all(annotator),
            beside=heard_beside(plan.folder, plan.rows),
            seed=plan.options.seed,
            knowledge=plan.knowledge,
        )
        who = identity_of(annotator)
        plan.folder.record_stage(
            "relabel",
            parameters={"annotator": who.annotator, "model": who.model},
            seed=plan.options.seed,
            inputs=plan.rows.digests,
            outputs={"relabels": plan.folder.relabels.name},
            seconds=time.perf_counter() - started,
        )
    return RelabelResult(plan.folder.path, report, failure, flips=flips)


def _nothing_usable(annotator: Annotator, answers: Sequence[Answer]) -> NoisefixError:
    from noisefix.annotators.column import ColumnAnnotator

    said = Counter(answer.answer or "no answer" for answer in answers)
    counts = ", ".join(f"{count:,} {kind}" for kind, count in said.most_common()) or "none came"
    what = f"not one usable answer to {len(answers):,} questions ({counts})"
    if isinstance(annotator, ColumnAnnotator):
        name = annotator.identity.model
        return DataError(f"column {name!r}: {what}", "name a column that holds classes of the run")
    return ServiceError(
        f"{what}; the run folder is as it was",
        "look at the questions with --dry-run, and ask another --model or --annotator",
    )


def _collect(
    plan: RelabelPlan,
    annotator: Annotator,
    progress: Callable[[AskProgress], None] | None,
    ask_nobody: bool,
) -> tuple[list[Answer], ServiceError | None, tuple[Flips, ...]]:
    """Return one answer a row, why there are not more, and what other words have changed."""
    from noisefix.annotators.column import ColumnAnnotator
    from noisefix.annotators.engine import stored_answers
    from noisefix.annotators.store import STORE_NAME, AnswerStore
    from noisefix.annotators.votes import majority
    from noisefix.relabelling.asker import Asker
    from noisefix.relabelling.paraphrase import Paraphraser

    if isinstance(annotator, ColumnAnnotator):
        # A column is looked up, not asked: see its docstring.
        look_up = annotator.look_up
        found = _in_rounds(plan, annotator, lambda rows: look_up(plan.rows.ids[r] for r in rows))
        return *found, ()
    with AnswerStore(plan.folder.path / STORE_NAME) as store:
        if ask_nobody:
            stored = stored_answers(annotator, plan.questions(), store)
            return list(majority(stored, plan.options.votes)), None, ()
        asker = Asker(annotator, plan.options, store, progress)
        if plan.options.paraphrase is not None:
            paraphraser = Paraphraser(plan, asker, plan.options.paraphrase)
            answers, failure = _in_rounds(plan, annotator, paraphraser.ask)
            return answers, failure, paraphraser.flips()
        found = _in_rounds(plan, annotator, lambda rows: asker.ask(plan.questions(rows), len(rows)))
        return *found, ()


def _in_rounds(
    plan: RelabelPlan, annotator: Annotator, ask: Callable[[np.ndarray], Iterator[Answer]]
) -> tuple[list[Answer], ServiceError | None]:
    from noisefix.annotators.engine import UnansweredError
    from noisefix.annotators.protocol import HUMAN, identity_of
    from noisefix.relabelling.rounds import rounds
    from noisefix.relabelling.spoken import record_answer

    failure: ServiceError | None = None
    collected: list[Answer] = []
    offers_all = plan.offers_all(annotator)
    by_person = identity_of(annotator).annotator == HUMAN
    for rows in rounds(
        plan.rows,
        plan.asked,
        plan.probe,
        plan.n_most,
        collected,
        offers_all=offers_all,
        order=plan.options.order,
        seed=plan.options.seed,
    ):
        try:
            for answer in ask(rows):
                collected.append(answer)  # one by one: those before an error are kept
                if by_person:
                    record_answer(plan, answer)
        except UnansweredError as error:
            failure = error  # a few rows without an answer are no reason not to ask the others
        except ServiceError as error:
            return collected, error
    return collected, failure

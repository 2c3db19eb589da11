"""``relabel --export-batch`` and ``--import-batch``: answers by way of files, at half the price."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.errors import UsageError
from noisefix.relabelling.augment_options import AugmentOptions
from noisefix.relabelling.plan import AskPlan
from noisefix.relabelling.relabel_options import RelabelOptions

if TYPE_CHECKING:
    from noisefix.annotators.batch_export import BatchExport
    from noisefix.annotators.batch_import import BatchImport
    from noisefix.annotators.protocol import Annotator, Question
    from noisefix.run.folder import RunFolder


def export_requests(
    plan: AskPlan, annotator: Annotator, path: str | Path, more: Sequence[Question] = ()
) -> BatchExport:
    """Write the questions that have no answer and lie in no batch as OpenAI Batch requests.

    Args:
        plan: what is asked.
        annotator: whom.
        path: the file.
        more: further questions, that follow from answers.

    Raises:
        UsageError: the annotator is no OpenAI-compatible model; or the file, or one of the further
            files that a large batch needs, is what is read, or is there already.
    """
    from noisefix.annotators.batch_export import export_batch
    from noisefix.annotators.outstanding import Outstanding
    from noisefix.annotators.store import STORE_NAME, AnswerStore

    model = _openai(annotator)
    check_export(plan.folder, path, plan.options)

    def check(part: Path) -> None:
        check_export(plan.folder, part, plan.options)
        _check_new(Path(path), part)

    held = plan.folder.lock("noisefix relabel")
    with held, AnswerStore(plan.folder.path / STORE_NAME) as store:
        if plan.options.batch_lost:
            Outstanding(store, model.identity.model).forget()
        questions = chain(plan.questions(), more)
        return export_batch(Path(path), questions, model, store, check=check)


def _check_new(path: Path, part: Path) -> None:
    """Refuse a file that is there: sent off once more, the requests in it were paid for twice."""
    from noisefix.annotators.batch_export import part_path
    from noisefix.tables.streams import is_stream

    first = [path, part_path(path, 2)] if part == path else [part]
    there = [] if is_stream(path) else [name for name in first if name.exists()]
    if there:
        raise UsageError(
            f"--export-batch {path}: {there[0]} is there already",
            "name another file, or delete this one once its requests are answered or given up",
        )


def check_not_out(plan: AskPlan, annotator: Annotator) -> None:
    """Refuse to ask a model whose requests lie in a batch: they would be paid for twice.

    Raises:
        UsageError: some do, and ``batch_lost`` does not say that they are lost.
    """
    from noisefix.annotators.openai_client import OpenAIAnnotator
    from noisefix.annotators.outstanding import Outstanding
    from noisefix.annotators.store import STORE_NAME, AnswerStore

    path = plan.folder.path / STORE_NAME
    if not isinstance(annotator, OpenAIAnnotator) or not path.is_file():
        return
    with plan.folder.lock("noisefix relabel"), AnswerStore(path) as store:
        out = Outstanding(store, annotator.identity.model)
        if plan.options.batch_lost:
            out.forget()
        files = out.files()
    if files:
        raise UsageError(
            f"{sum(files.values()):,} requests to {annotator.identity.model} lie in a batch "
            f"({', '.join(files)}): asking now might pay for them twice",
            "read the responses with --import-batch FILE; if the batch is lost, or was never sent, "
            "say --batch-lost",
        )


def check_export(
    folder: RunFolder, path: str | Path, options: RelabelOptions | AugmentOptions
) -> None:
    """Check that a batch may be written to a file.

    Args:
        folder: the run folder.
        path: the file.
        options: they name the label sheet and the template, which are read.

    Raises:
        UsageError, DataError: as ``check_output``.
    """
    from noisefix.run.outputs import check_output

    inputs = (folder.path, *folder.known_inputs(), options.labels, options.template)
    check_output(path, inputs, option="--export-batch", kinds=("jsonl",), takes_streams=True)


def import_responses(
    plan: AskPlan,
    annotator: Annotator,
    paths: Sequence[str | Path],
    more: Sequence[Question] = (),
) -> BatchImport:
    """Put a batch's responses into the store; arguments as for ``export_requests``.

    Raises:
        UsageError: the annotator is no OpenAI-compatible model.
        DataError: a file cannot be read.
    """
    from noisefix.annotators.batch_import import import_batch
    from noisefix.annotators.store import STORE_NAME, AnswerStore

    with AnswerStore(plan.folder.path / STORE_NAME) as store:
        prices = plan.options.budget().prices
        questions = chain(plan.questions(), more)
        return import_batch(
            [Path(path) for path in paths], questions, _openai(annotator), store, prices
        )


def _openai(annotator: Annotator) -> Any:
    from noisefix.annotators.openai_client import OpenAIAnnotator

    if not isinstance(annotator, OpenAIAnnotator):
        raise UsageError(
            "batches are for OpenAI-compatible models only",
            "leave --annotator out and name --model",
        )
    return annotator

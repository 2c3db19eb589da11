"""``relabel --export-batch`` and ``--import-batch``: answers by way of files, at half the price."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.errors import UsageError
from noisefix.relabelling.options import RelabelOptions
from noisefix.relabelling.plan import RelabelPlan

if TYPE_CHECKING:
    from noisefix.annotators.batch import BatchExport, BatchImport
    from noisefix.annotators.protocol import Annotator
    from noisefix.run.folder import RunFolder


def export_requests(plan: RelabelPlan, annotator: Annotator, path: str | Path) -> BatchExport:
    """Write the unanswered questions as OpenAI Batch requests.

    Raises:
        UsageError: the annotator is no OpenAI-compatible model; or the file, or one of the further
            files that a large batch needs, is what is read.
    """
    from noisefix.annotators.batch import export_batch
    from noisefix.annotators.store import STORE_NAME, AnswerStore

    check_export(plan.folder, path, plan.options)
    with AnswerStore(plan.folder.path / STORE_NAME) as store:
        return export_batch(
            Path(path),
            plan.questions(),
            _openai(annotator),
            store,
            check=lambda part: check_export(plan.folder, part, plan.options),
        )


def check_export(folder: RunFolder, path: str | Path, options: RelabelOptions) -> None:
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
    plan: RelabelPlan, annotator: Annotator, paths: Sequence[str | Path]
) -> BatchImport:
    """Put a batch's responses into the store.

    Raises:
        UsageError: the annotator is no OpenAI-compatible model.
        DataError: a file cannot be read.
    """
    from noisefix.annotators.batch import import_batch
    from noisefix.annotators.store import STORE_NAME, AnswerStore

    with AnswerStore(plan.folder.path / STORE_NAME) as store:
        prices = plan.options.budget().prices
        return import_batch(
            [Path(path) for path in paths], plan.questions(), _openai(annotator), store, prices
        )


def _openai(annotator: Annotator) -> Any:
    from noisefix.annotators.openai_client import OpenAIAnnotator

    if not isinstance(annotator, OpenAIAnnotator):
        raise UsageError(
            "batches are for OpenAI-compatible models only",
            "leave --annotator out and name --model",
        )
    return annotator

"""What an annotator means for ``train``: who may have one, what it is limited to, how it ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from noisefix.errors import ServiceError, UsageError
from noisefix.relabelling.options import AskOptions

if TYPE_CHECKING:
    from noisefix.annotators.protocol import Annotator
    from noisefix.classifiers.training_data import RunData
    from noisefix.classifiers.training_questions import TrainingQuestions
    from noisefix.progress import Progress
    from noisefix.run.folder import RunFolder

ASKING_METHOD = "noiseal"
"""The one that can ask an annotator."""

NOBODY_ASKED = (
    "nobody is asked: rows to be purified keep a soft target (name an annotator with --model or "
    "--annotator)"
)


def check_asking(method: str, options: AskOptions, *, asks: bool) -> None:
    """Check that what was chosen for an annotator has a use.

    Args:
        method: as in ``METHODS``.
        options: the budget.
        asks: there is an annotator.

    Raises:
        UsageError: the method asks nobody, or there are limits and nobody to ask.
    """
    if asks and method != ASKING_METHOD:
        raise UsageError(
            f"--method {method} asks nobody",
            f"an annotator is for --method {ASKING_METHOD}; or ask first, with noisefix relabel "
            "RUN, and train with --method repair",
        )
    limits = ("max_rows", "share", "max_cost_usd", "price_in", "price_out", "max_tokens_total")
    for name in limits:
        if not asks and getattr(options, name) is not None:
            raise UsageError(
                f"--{name.replace('_', '-')} is a limit on asking, and nobody is asked",
                f"name an annotator, with --method {ASKING_METHOD}: --model NAME, --annotator "
                "local:PATH or column:NAME",
            )
    options.budget()


def row_limits(options: AskOptions) -> dict[str, Any]:
    """Return the limits on the rows as parameters of the method."""
    found = {"most_asked": options.share, "most_rows": options.max_rows}
    if options.share is None and options.max_rows is not None:
        found["most_asked"] = 1.0
    return {name: value for name, value in found.items() if value is not None}


def who_and_how(annotator: Annotator | None, options: AskOptions) -> object:
    """Return what tells one way of asking from another, for the checkpoint."""
    if annotator is None:
        return None
    from noisefix.annotators.protocol import identity_of

    return identity_of(annotator), options


def open_questions(
    folder: RunFolder,
    run: RunData,
    annotator: Annotator,
    options: AskOptions,
    progress: Callable[[Progress], None] | None,
) -> TrainingQuestions:
    """Get ready to ask; close what is returned.

    Raises:
        DataError: a table, the wording or the store of answers cannot be used.
        ServiceError: another process is asking with this store.
    """
    from noisefix.classifiers.training_questions import TrainingQuestions
    from noisefix.run.rows import read_run_rows

    rows = read_run_rows(folder)
    assert rows.ids == run.ids  # both are of the embeddings, in their order
    return TrainingQuestions(folder, rows, annotator, options, progress)


def explained(failure: ServiceError | None) -> ServiceError | None:
    """Return the failure with what it means for a training."""
    if failure is None:
        return None
    hint = "the model is written, trained with what was answered; train again to ask for the rest"
    return ServiceError(failure.message, f"{failure.hint}; {hint}" if failure.hint else hint)

"""``recipe``: detect, ask, clean, train, score and show, in one go that can be taken up again.

The whole is what "Automatic Dataset Construction" (ADC, 2024) makes of a raw data set: find the
wrong labels, repair them, balance the classes, train robustly. Balancing is part of training here:
repaired labels have the estimated true shares, and methods that begin with the given labels have
``share_strength``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from noisefix.detection.options import DetectOptions
from noisefix.errors import DataError, ServiceError, UsageError
from noisefix.options import takes
from noisefix.recipes.options import RecipeOptions
from noisefix.recipes.plan import Step, make_plan
from noisefix.recipes.record import NAME, RecipeRecord, mark_of
from noisefix.recipes.work import Outcome, Watch, do
from noisefix.run.folder import RunFolder
from noisefix.tables.lock import hold
from noisefix.tables.streams import is_stdout

_LOCK = ".recipe.lock"


@dataclass(frozen=True)
class StepResult:
    """What came of one step.

    Attributes:
        name: the command.
        command: the command line that does the same.
        output: what it wrote; None: into the run folder, or nothing.
        facts: a few numbers of the result.
        skipped: it was done before, of the same.
        seconds: wall time.
        notes: what a person should know.
        warnings: what a person should worry about.
    """

    name: str
    command: tuple[str, ...]
    output: str | None
    facts: dict[str, Any]
    skipped: bool
    seconds: float
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class RecipeResult:
    """What came of a recipe.

    Attributes:
        folder: where all is.
        run: the run folder in it.
        steps: the steps in their order; none where they were only to be explained.
        script: the same steps as a shell script.
        failure: why an annotator was not asked all; what was answered is kept and used.
    """

    folder: Path
    run: Path
    steps: tuple[StepResult, ...]
    script: str = field(default="", repr=False)
    failure: ServiceError | None = None


Showing = Callable[[Step, int, int], AbstractContextManager[Watch]]
"""Called with a step, its number and how many there are; gives what is told of its progress."""


@takes(RecipeOptions)
def recipe(
    data: str | Sequence[str],
    output: str | Path,
    *,
    options: RecipeOptions,
    showing: Showing = lambda step, number, n_steps: nullcontext(),
    told: Callable[[StepResult], None] = lambda result: None,
    stdin: BinaryIO | None = None,
) -> RecipeResult:
    """Find, repair, train, score and show in one go; what is done already is not done again.

    A step is done again when its options, or anything that it reads, has changed: decide on rows
    with ``review`` and run the recipe again. A run that was killed, or stopped by an error, goes on
    at the step where it was.

    Args:
        data: the table, or several files, as for ``detect``.
        output: folder for all that is written: ``run``, the cleaned table, ``model``,
            ``report.html`` and ``recipe.json``.
        options: what was chosen; its fields may be named one by one instead.
        showing: gives what draws the progress of a step.
        told: called with what came of each step.
        stdin: where "-" is read from.

    Raises:
        UsageError: the recipe cannot be.
        DataError, ModelError, ServiceError: the folder holds something else, or a step failed;
            those before it are kept.
    """
    folder = Path(output)
    plan = make_plan(data, folder, options)
    if options.explain:
        return RecipeResult(folder, plan.run, (), plan.script())
    _check_folder(folder)
    with _kept_if_used(folder), hold(folder / _LOCK, "noisefix recipe", wait_s=0):
        record, run = RecipeRecord(folder), RunFolder(plan.run)
        results: list[StepResult] = []
        failure: ServiceError | None = None
        for number, step in enumerate(plan.steps, 1):
            with showing(step, number, len(plan.steps)) as watch:
                result, failed = _result(step, record, run, watch, stdin, force=options.force)
            failure = failure or failed
            results.append(result)
            told(result)
    return RecipeResult(folder, plan.run, tuple(results), plan.script(), failure)


def _result(
    step: Step,
    record: RecipeRecord,
    run: RunFolder,
    watch: Watch,
    stdin: BinaryIO | None,
    *,
    force: bool,
) -> tuple[StepResult, ServiceError | None]:
    started = time.perf_counter()
    # Detect knows by itself what has not changed, of the input too, and says what it found.
    mark = "" if step.name == "detect" else mark_of(step, run)
    known = None if force or step.name == "detect" else record.facts_if_done(step, mark)
    if force and step.name == "detect":
        step = replace(step, options=replace(cast(DetectOptions, step.options), force=True))
    outcome = Outcome(known) if known is not None else do(step, watch, stdin)
    seconds = time.perf_counter() - started
    if known is None and outcome.failure is None:
        # What a step itself has written, such as answers, must not make it seem new.
        again = "" if step.name == "detect" else mark_of(step, run)
        record.done(step, again, outcome.facts, seconds)
    result = StepResult(
        step.name,
        tuple(step.words),
        step.output,
        outcome.facts,
        known is not None,
        seconds,
        outcome.notes,
        outcome.warnings,
    )
    return result, outcome.failure


@contextmanager
def _kept_if_used(folder: Path) -> Iterator[None]:
    """Make a folder, and remove it again if nothing came into it."""
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        if is_new and not any(folder.iterdir()):
            folder.rmdir()


def _check_folder(folder: Path) -> None:
    if is_stdout(folder):
        raise UsageError(
            "-o -: a folder is not written to standard output", "name a new folder with -o"
        )
    if folder.exists() and not folder.is_dir():
        raise DataError(f"-o {folder}: a file is in the way", "name a new folder with -o")
    if not folder.is_dir() or (folder / NAME).exists():
        return
    ours = {"run", _LOCK}
    if any(file.name not in ours for file in folder.iterdir()):
        raise DataError(
            f"-o {folder}: holds other files than a recipe's", "name a new folder with -o"
        )

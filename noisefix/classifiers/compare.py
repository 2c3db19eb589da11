"""``train --compare``: which method helps on this data, by a trusted test table."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.classifiers.finetune import begin_tuning, choose_features_params, known_parameters
from noisefix.classifiers.fitting import (
    Prepared,
    check_reads_texts,
    choose_params,
    embed_texts,
    fit_method,
    load_run,
    prepare,
)
from noisefix.classifiers.options import CompareOptions
from noisefix.classifiers.trusted_labels import TrustedTable, read_trusted
from noisefix.common_options import LabelledTableOptions
from noisefix.errors import DataError, UsageError
from noisefix.options import takes
from noisefix.progress import Progress
from noisefix.seeds import check_seed

if TYPE_CHECKING:
    from noisefix.classifiers.training_data import RunData

BASELINE = "ce"
ALL = "all"
"""Instead of names: every method that can be trained on this data."""

_DRAWS = 2000
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class MethodScore:
    """How one method did.

    Attributes:
        method: its name.
        accuracy: mean test accuracy over the seeds.
        spread: standard deviation over the seeds; 0 with one seed.
        accuracies: one for each seed.
        difference: mean accuracy minus the baseline's, paired by seed and row; 0 for itself.
        low, high: ends of the difference's interval, over test rows and seeds; that of all methods
            compared hold at once with 95 % confidence.
        is_beyond_noise: the interval does not hold 0.
        seconds: mean training time of a seed.
        memory_mb: peak memory of the process above what it had before the method; NaN = not known.
    """

    method: str
    accuracy: float
    spread: float
    accuracies: tuple[float, ...]
    difference: float
    low: float
    high: float
    is_beyond_noise: bool
    seconds: float
    memory_mb: float


@dataclass(frozen=True)
class CompareResult:
    """What came of a comparison.

    Attributes:
        test: the table with trusted labels.
        truth_column: where in it they are.
        test_rows: how many there are.
        seeds: trainings of each method.
        scores: the baseline first, then as asked for.
        verdict: in one sentence what may be concluded.
        resolution: about the smallest difference in accuracy that this test table and these seeds
            can tell from noise; NaN with the baseline alone.
        notes: what was guessed, in words.
    """

    test: Path
    truth_column: str
    test_rows: int
    seeds: int
    scores: tuple[MethodScore, ...]
    verdict: str
    resolution: float
    notes: tuple[str, ...] = ()


@takes(CompareOptions)
def compare(
    source: str | Path,
    methods: Sequence[str],
    *,
    options: CompareOptions,
    progress: Callable[[Any], None] | None = None,
) -> CompareResult:
    """Train methods with several seeds each, and score them on trusted test rows.

    Plain cross-entropy is always among them: the differences are to it.

    Args:
        source: run folder, or a table.
        methods: their names; "all": every method, but for those that this data does not suit,
            which are named in the notes. The table then begins with the best.
        options: what was chosen; its fields may be named one by one instead. ``parameters`` are for
            those methods that have them, ``seed`` is the first of the seeds.
        progress: called after every training.

    Raises:
        UsageError: there is no test table, no seed, or a method is unknown.
        DataError: a table cannot be used.
    """
    test, n_seeds, seed = options.test, options.n_seeds, options.seed
    if test is None:
        raise UsageError(
            "--compare needs --test: by labels that may be wrong no method can be ranked",
            "label some random rows by hand and name that table with --test: 200 rows show a "
            "difference of about 6 points, 1,000 rows one of about 3",
        )
    check_seed(seed, n_seeds)
    is_all = list(methods) == [ALL]
    wanted = known_methods() if is_all else methods
    names = [BASELINE, *dict.fromkeys(name for name in wanted if name != BASELINE)]
    chosen = {
        name: _params(name, options.features, dict(options.parameters or {})) for name in names
    }
    needs_words = next((name for name in names if _needs_words(name)), BASELINE)
    run, notes = load_run(
        source,
        needs_words,
        reading=options.shared_with(LabelledTableOptions),
        progress=progress,
    )
    check_reads_texts(run, f"--test {test}")
    prepared = prepare(run, seed)
    trusted = read_trusted(
        test,
        run,
        truth=options.truth,
        text_column=options.text_column,
        label_column=options.label_column,
        bad_rows=options.bad_rows,
    )
    unfit: dict[str, str] | None = {} if is_all else None
    right, cost = _trials(run, prepared, trusted, chosen, options, progress, unfit)
    n_compared = len(right) - 1
    scores = tuple(
        score_method(name, right[name], right[BASELINE], *cost[name], n_compared) for name in right
    )
    if is_all:
        scores = (scores[0], *sorted(scores[1:], key=lambda score: -score.accuracy))
    return CompareResult(
        Path(test),
        trusted.column,
        len(trusted.labels),
        n_seeds,
        scores,
        conclude(scores),
        resolution(scores),
        (
            *notes,
            *trusted.notes,
            *(f"{name} is left out: {why}" for name, why in (unfit or {}).items()),
        ),
    )


def known_methods() -> tuple[str, ...]:
    """Return the names of all methods."""
    from noisefix.training.registry import METHODS

    return tuple(METHODS)


def _trials(
    run: RunData,
    prepared: Prepared,
    trusted: TrustedTable,
    chosen: dict[str, tuple[Any, Any]],
    options: CompareOptions,
    progress: Callable[[Any], None] | None,
    unfit: dict[str, str] | None,
) -> tuple[dict[str, np.ndarray], dict[str, tuple[float, float]]]:
    """Train every method with every seed; return which (S, T) were right, and what it cost.

    A method that refuses the data goes into ``unfit``, with the reason; where that is None, its
    error is raised.
    """
    seed, n_seeds, device = options.seed, options.n_seeds, options.device
    texts, labels = trusted.texts, trusted.labels
    frozen = embed_texts(prepared, texts, device) if options.features == "frozen" else np.empty(0)
    right: dict[str, np.ndarray] = {}
    cost: dict[str, tuple[float, float]] = {}

    def trained(name: str, seed: int) -> np.ndarray:
        params, encoder_params = chosen[name]
        tuning = None if encoder_params is None else begin_tuning(run, encoder_params)
        data = replace(prepared.data, tuning=tuning)
        model = fit_method(name, data, params, seed, device)
        found = frozen if tuning is None else tuning.encode(texts)
        is_right: np.ndarray = model.predict_probs(found).argmax(axis=1) == labels
        return is_right

    # What is loaded once is not to be charged to the method that happens to come first.
    fit_method(BASELINE, prepared.data, choose_params(BASELINE, {"epochs": 1}), seed, device)
    for done, name in enumerate(chosen):
        hits, started = [], time.perf_counter()
        try:
            with _peak_memory() as peak:
                for offset in range(n_seeds):
                    hits.append(trained(name, seed + offset))
                    if progress is not None:
                        step = done * n_seeds + offset + 1
                        progress(Progress("compare", step, len(chosen) * n_seeds, "trainings"))
        except (UsageError, DataError) as error:
            if unfit is None or name == BASELINE:
                raise
            unfit[name] = error.message
            continue
        right[name] = np.array(hits)
        cost[name] = ((time.perf_counter() - started) / n_seeds, peak())
    return right, cost


def score_method(
    method: str,
    right: np.ndarray,
    baseline: np.ndarray,
    seconds: float,
    memory: float,
    n_compared: int = 1,
) -> MethodScore:
    """Score one method against the baseline.

    The interval's width is from a bootstrap over test rows and over seeds at once: another test
    table and other seeds would give other numbers. It is widened by how many methods are compared
    (Bonferroni): of eleven that are no better, one often looks so.

    Args:
        method: its name.
        right: (S, T) bool, seeds by test rows.
        baseline: (S, T) bool, of the baseline with the same seeds.
        seconds: mean training time.
        memory: peak, in MB.
        n_compared: methods compared with the baseline.
    """
    n_seeds, n_rows = right.shape
    gains = right.astype(np.float64) - baseline
    rng = np.random.default_rng(0)
    draws = np.empty(_DRAWS)
    for i in range(_DRAWS):
        rows = np.bincount(rng.integers(n_rows, size=n_rows), minlength=n_rows)
        seeds = np.bincount(rng.integers(n_seeds, size=n_seeds), minlength=n_seeds)
        draws[i] = seeds @ gains @ rows / (n_seeds * n_rows)
    difference = float(gains.mean())
    quantile = NormalDist().inv_cdf(1 - (1 - _CONFIDENCE) / 2 / max(n_compared, 1))
    half = quantile * float(draws.std())
    low, high = difference - half, difference + half
    each = right.mean(axis=1)
    return MethodScore(
        method=method,
        accuracy=float(each.mean()),
        spread=float(each.std(ddof=1)) if n_seeds > 1 else 0.0,
        accuracies=tuple(float(v) for v in each),
        difference=difference,
        low=low,
        high=high,
        is_beyond_noise=low > 0 or high < 0,
        seconds=seconds,
        memory_mb=memory,
    )


def resolution(scores: Sequence[MethodScore]) -> float:
    """Return half the width of the interval that a difference usually has."""
    widths = [score.high - score.low for score in scores if score.method != BASELINE]
    return float(np.median(widths)) / 2 if widths else float("nan")


def conclude(scores: Sequence[MethodScore]) -> str:
    """Say in one sentence what may be concluded."""
    better = [s for s in scores if s.is_beyond_noise and s.difference > 0]
    worse = [s for s in scores if s.is_beyond_noise and s.difference < 0]
    if not better:
        if not worse:
            return "no difference beyond the noise"
        names = ", ".join(s.method for s in worse)
        return f"nothing is better than {BASELINE} beyond the noise; worse: {names}"
    best = max(better, key=lambda s: s.difference)
    rivals = [s.method for s in scores if s is not best and s.high >= best.low]
    said = f"{best.method} is better than {BASELINE} beyond the noise"
    return f"{said}; not told apart from it: {', '.join(rivals)}" if rivals else said


def _params(name: str, features: str, parameters: dict[str, Any]) -> tuple[Any, Any]:
    """Set those of the parameters that the method, or the encoder's training, has."""
    known = known_parameters(features, name)
    return choose_features_params(
        features, name, {k: v for k, v in parameters.items() if k in known}
    )


def _needs_words(name: str) -> bool:
    from noisefix.training.registry import find_method

    return "word_features" in find_method(name).needs


@contextmanager
def _peak_memory() -> Iterator[Callable[[], float]]:
    """Yield a function that tells the peak since the start, in MB; NaN where nobody knows."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")

    def read(name: str) -> float:
        try:
            lines = status.read_text().splitlines()
        except OSError:
            return float("nan")
        found = next((line for line in lines if line.startswith(name)), "")
        return float(found.split()[1]) / 1024 if found else float("nan")

    try:
        reset.write_text("5")  # the high-water mark starts again from now
    except OSError:
        yield lambda: float("nan")
        return
    before = read("VmRSS")
    yield lambda: max(read("VmHWM") - before, 0.0)

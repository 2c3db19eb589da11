"""Every training method with an encoder that learns along, beside a head on frozen features.

``python tests/benchmarks finetuned_methods``, or in pieces: ``python
tests/benchmarks/finetuned_methods.py --minutes 9``. Part of the train split of the nine noisy sets,
judged by the joint stage without being told who labelled; the test split's true labels score what
comes out. And semeval_mixtral whole, beside what SiDyP's published code makes of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from methods_gains import Gain, gathered, is_missing, signed, values_of
from methods_measured import FOLDER, NOISY, Measured, Notes, Way, in_pieces, is_for, kept, ready
from report import Headline, Table
from shared_sets import load, part_of, train_task
from training_cases import Case, make_case
from tuned_training import KINDS, Lesson

from noisefix.errors import UsageError
from noisefix.training.registry import METHODS
from noisefix.version import __version__

N_ROWS, N_TEST = 400, 1_000
OF_ENCODER = {"epochs": 3, "max_tokens": 48}
WHOLE = "semeval_mixtral"
WHOLE_WAYS, WHOLE_SEEDS = ("ce", "repair", "sidyp"), 3
PUBLISHED = {"one branch": 0.490, "three branches": 0.520, "after the diffusion": 0.515}
"""SiDyP's published code on all of semeval_mixtral with MiniLM, 10 epochs, one seed."""

Result = dict[str, Any]


def ways() -> list[Way]:
    """Return every method as it comes, ``ce`` and ``repair`` first."""
    first = ("ce", "repair", "sidyp")
    return [Way(name) for name in (*first, *(name for name in METHODS if name not in first))]


def trainings() -> Iterator[tuple[str, int, Way, int | None]]:
    """Yield sets, seeds, ways and the most rows to train on, so that the first say most."""

    def whole(seed: int) -> Iterator[tuple[str, int, Way, int | None]]:
        yield from ((WHOLE, seed, Way(method), None) for method in WHOLE_WAYS)

    yield from whole(0)
    for way in ways():
        yield from ((name, 0, way, N_ROWS) for name in NOISY if is_for(way, name))
    for seed in range(1, WHOLE_SEEDS):
        yield from whole(seed)


def lesson_of(name: str, seed: int, most_rows: int | None) -> tuple[Lesson, Case]:
    """Judge the labels of a set's train split, or of a part of it, as ``detect`` does."""
    size = "whole" if most_rows is None else most_rows
    path = FOLDER / f"tuned-{name}-{seed}-{size}-{__version__}.pickle"
    case = ready(kept(path, lambda: make_case(name, seed, most_rows=most_rows)))
    task = train_task(name)
    texts = (task if most_rows is None else part_of(task, most_rows)).texts
    table = load(name)
    test_texts = table["text"][table["split"] == "test"].tolist()
    return Lesson(case.data, texts, test_texts[:N_TEST], case.test_features[:N_TEST]), case


def measure(name: str, seed: int, way: Way, kind: str, most_rows: int | None) -> Measured:
    """Train; return the test accuracy, None where the method cannot be trained so."""
    lesson, case = lesson_of(name, seed, most_rows)
    found: Measured = {
        "set": _set_title(name, most_rows),
        "seed": seed,
        "way": f"{way.title}, {kind}",
        "method": way.method,
        "average_precision": None,
        "accuracy": None,
        "seconds": None,
        "rows": len(lesson.texts),
        "test_rows": len(lesson.test_texts),
    }
    try:
        trained = lesson.train(way, kind, seed, OF_ENCODER)
    except UsageError as error:
        if kind == "frozen":
            raise
        return found | {"refused": error.message}
    accuracy = trained.accuracy(case.test_labels[:N_TEST])
    return found | {"accuracy": accuracy, "seconds": trained.seconds}


def _set_title(name: str, most_rows: int | None) -> str:
    return f"{name}, whole" if most_rows is None else name


def measure_all(
    notes: Notes,
    *,
    until: float | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> bool:
    """Measure what is not noted yet; return whether all is there now."""
    for name, seed, way, most_rows in trainings():
        for kind in KINDS:
            if notes.has(_set_title(name, most_rows), seed, Way(f"{way.title}, {kind}")):
                continue
            if until is not None and time.monotonic() > until:
                return False
            found = measure(name, seed, way, kind, most_rows)
            notes.add(found)
            progress(f"{found}")
    return True


def run(progress: Callable[[str], None] = lambda line: None) -> Result:
    """Measure whatever is not measured yet; return all of it."""
    notes = _notes()
    measure_all(notes, progress=progress)
    return {"rows": N_ROWS, "of_encoder": OF_ENCODER} | gathered(notes.all)


def _notes() -> Notes:
    return Notes(FOLDER / f"finetuned-{__version__}.jsonl")


def gain_of(result: Result, method: str, other: str, kinds: tuple[str, str]) -> Gain:
    """Return what a method gains over another, or over itself, each by a kind of features."""
    return Gain(result, NOISY, f"{method}, {kinds[0]}", f"{other}, {kinds[1]}")


def tables(result: Result) -> list[Table]:
    """Return what every method gains, its accuracies, and SiDyP beside its published code."""
    tuned = ("finetune", "finetune")
    rows, accuracies, refusing = [], [], []
    for method in (way.method for way in ways()):
        over = [gain_of(result, method, other, tuned) for other in ("ce", "repair")]
        frozen = gain_of(result, method, method, ("finetune", "frozen"))
        by_kind = [[_mean(result, name, f"{method}, {kind}") for name in NOISY] for kind in KINDS]
        if not over[0].by_set:
            refusing += [] if np.isnan(by_kind[0]).all() else [f"`{method}`"]
            continue
        means = [f"{100 * float(np.nanmean(values)):.1f}" for values in by_kind]
        cells = [cell for gain in over for cell in (signed(gain.mean), gain.worst_cell())]
        rows.append((f"`{method}`", f"{len(over[0].by_set)}", *means, signed(frozen.mean), *cells))
        accuracies.append((f"`{method}`", *(_percent(value) for value in by_kind[1])))
    of_encoder = result["of_encoder"]
    size = f"{result['rows']:,} rows a set, {of_encoder['epochs']} epochs, one seed"
    note = f"Refusing an encoder that learns along: {', '.join(refusing)}." if refusing else ""
    return [
        Table(
            f"Fine-tuned by every method: nine noisy sets, {size}",
            (
                "method",
                "sets",
                "frozen",
                "fine-tuned",
                "gain of tuning",
                "fine-tuned: over `ce`",
                "worst set",
                "over `repair`",
                "worst set",
            ),
            tuple(rows),
            note,
        ),
        Table("Test accuracy in percent, fine-tuned", ("method", *NOISY), tuple(accuracies)),
        _beside_published(result),
    ]


def _beside_published(result: Result) -> Table:
    """Return the whole of one set, beside the published code."""
    rows = [
        (
            f"`{method}`",
            *(_with_spread(values_of(result, f"{WHOLE}, whole", f"{method}, {k}")) for k in KINDS),
        )
        for method in WHOLE_WAYS
    ]
    published = [(f"published SiDyP, {what}", "-", _percent(a)) for what, a in PUBLISHED.items()]
    return Table(
        f"{WHOLE}, all its rows: test accuracy in percent",
        ("method", *KINDS),
        (*rows, *published),
        f"{OF_ENCODER['epochs']} epochs of the encoder; the published code takes 10, one seed. "
        "600 test rows: one standard error is 2 points.",
    )


def _mean(result: Result, name: str, way: str) -> float:
    values = values_of(result, name, way)
    return float("nan") if is_missing(values) else float(np.nanmean(values))


def _percent(value: float) -> str:
    return "-" if np.isnan(value) else f"{100 * value:.1f}"


def _with_spread(values: np.ndarray) -> str:
    there = values[~np.isnan(values)]
    if not len(there):
        return "-"
    if len(there) == 1:
        return f"{100 * there[0]:.1f} (1 seed)"
    return f"{100 * there.mean():.1f} ± {100 * there.std():.1f} ({len(there)} seeds)"


def pages(result: Result) -> dict[str, str]:
    """Return what the page on fine-tuning says."""
    return {"methods/finetune.md": "\n\n".join(str(table) for table in tables(result))}


def headlines(result: Result) -> list[Headline]:
    """Return the best fine-tuned method beside ``repair``, and SiDyP beside its published code."""
    tuned = ("finetune", "finetune")
    gains = {
        way.method: gain_of(result, way.method, "repair", tuned)
        for way in ways()
        if way.method not in ("ce", "repair")
    }
    gains = {method: gain for method, gain in gains.items() if len(gain.by_set) == len(NOISY)}
    found = []
    if gains:
        best = max(gains, key=lambda method: gains[method].mean)
        value = f"{signed(gains[best].mean)} / {signed(gains[best].least)}"
        what = f"fine-tuned: the best beside repair ({best}), mean / worst of nine sets, points"
        found.append(Headline(what, value))
    own = values_of(result, f"{WHOLE}, whole", "sidyp, finetune")
    if not is_missing(own):
        least = PUBLISHED["after the diffusion"]
        mean = float(np.nanmean(own))
        found.append(
            Headline(
                f"sidyp, fine-tuned on all of {WHOLE}, beside its published code",
                f"{100 * mean:.1f} %",
                f"at least {100 * least:.1f} %",
                mean >= least,
            )
        )
    return found


if __name__ == "__main__":
    in_pieces(__doc__, partial(measure_all, _notes()))

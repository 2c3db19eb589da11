"""Fine-tuning on labels of which 40 % are wrong: what is learnt by heart, who guards against it.

``python tests/benchmarks memorising``, or in pieces: ``python tests/benchmarks/memorising.py
--minutes 9``. Part of the rows of two clean sets of many classes; four tenths of every class's
labels are those of the class next to it by name. An encoder that learns along can learn such labels
by heart, a head on frozen features hardly: so the methods whose idea is memorising are tried here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from methods_measured import FOLDER, Measured, Notes, Way, in_pieces, kept
from report import Headline, Table, percent, points
from shared_sets import Task, load, part_of, train_task
from training_cases import judge_task
from tuned_training import KINDS, Lesson

from noisefix.training.interface import TrainingData
from noisefix.training.noise_injection import flip_by_matrix, transition_matrix
from noisefix.version import __version__

SETS = ("clean_banking77", "clean_hwu64")
N_ROWS, N_TEST, N_SEEDS = 1_000, 1_000, 1
RATE, EPOCHS, MAX_TOKENS = 0.4, 6, 32
WAYS = (
    Way("ce"),
    Way("repair"),
    Way("elr"),
    Way("olr"),
    Way("adele"),
    Way("nested"),
    Way("ce", {"weight_noise": 0.1}),
)
FROZEN_ONLY = ("nested",)
"""It turns features that stay as they are."""

Result = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Spoilt:
    """A set with wrong labels put in; K classes are those of the given labels."""

    data: TrainingData
    texts: tuple[str, ...]
    true_labels: np.ndarray
    test_texts: list[str]
    test_labels: np.ndarray
    test_features: np.ndarray


def spoil(task: Task, seed: int) -> Task:
    """Return the task with four tenths of each class's labels those of the next by name."""
    names = sorted({label for label in task.truth if label})
    ids = np.array([names.index(label or "") for label in task.truth])
    given = flip_by_matrix(ids, transition_matrix("pair", len(names), RATE), seed)
    return replace(task, given=tuple(names[k] for k in given), kind="made", is_fitted=False)


def make_spoilt(name: str, seed: int) -> Spoilt:
    """Judge the labels of a spoilt part of a set's train split, as ``detect`` does."""
    from shared_sets import embeddings_of

    task = spoil(part_of(train_task(name), N_ROWS, seed), seed)
    data, names = judge_task(task, seed)
    table = load(name)
    test = np.flatnonzero(table["split"] == "test")[:N_TEST]
    index = {label: k for k, label in enumerate(names)}
    return Spoilt(
        data,
        task.texts,
        np.array([index[label or ""] for label in task.truth]),
        table["text"].iloc[test].tolist(),
        np.array([index.get(label, -1) for label in table["true_label"].iloc[test]]),
        embeddings_of(name)[test],
    )


def measure(case: Spoilt, seed: int, way: Way, features: str) -> Measured:
    """Train; return test accuracy, and the share of wrong labels that the model repeats.

    Args:
        case: a spoilt set.
        seed: of the training.
        way: method and options.
        features: "frozen" or "finetune".
    """
    lesson = Lesson(case.data, case.texts, case.test_texts, case.test_features)
    settings = {"epochs": EPOCHS, "max_tokens": MAX_TOKENS}
    trained = lesson.train(way, features, seed, settings, wants_features=True)
    wrong = case.data.given_labels != case.true_labels
    repeated = trained.predicted(trained.features) == case.data.given_labels
    return {
        "way": f"{way.title}, {features}",
        "accuracy": trained.accuracy(case.test_labels),
        "by_heart": float(repeated[wrong].mean()),
        "wrong": float(wrong.mean()),
        "seconds": trained.seconds,
    }


def measure_all(
    notes: Notes,
    *,
    until: float | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> bool:
    """Measure what is not noted yet; return whether all is there now."""
    for seed, features, way, name in product(range(N_SEEDS), KINDS, WAYS, SETS):
        if features == "finetune" and way.method in FROZEN_ONLY:
            continue
        if notes.has(name, seed, Way(f"{way.title}, {features}")):
            continue
        if until is not None and time.monotonic() > until:
            return False
        path = FOLDER / f"spoilt-{name}-{seed}-{__version__}.pickle"
        case = kept(path, lambda n=name, s=seed: make_spoilt(n, s))  # type: ignore[misc]
        found = {"set": name, "seed": seed} | measure(case, seed, way, features)
        notes.add(found)
        progress(f"{found}")
    return True


def run(progress: Callable[[str], None] = lambda line: None) -> Result:
    """Measure whatever is not measured yet; return all of it."""
    notes = _notes()
    measure_all(notes, progress=progress)
    return {"rows": N_ROWS, "epochs": EPOCHS, "trainings": notes.all}


def _notes() -> Notes:
    return Notes(FOLDER / f"memorising-{__version__}.jsonl")


def tables(result: Result) -> list[Table]:
    """Return accuracy and what was learnt by heart, frozen and fine-tuned."""
    found = {(t["set"], t["way"]): t for t in result["trainings"] if t["seed"] == 0}
    sets = list(dict.fromkeys(name for name, _ in found))
    titles = list(dict.fromkeys(way.rpartition(", ")[0] for _, way in found))
    rows = []
    for title in titles:
        cells = []
        for name in sets:
            for key in ("accuracy", "by_heart"):
                own = [found.get((name, f"{title}, {kind}"), {}).get(key) for kind in KINDS]
                cells += [percent(value) for value in own]
        rows.append((f"`{title}`", *cells))
    header = [
        f"{name}: {words}, {kind}"
        for name in sets
        for words in ("accuracy", "learnt by heart")
        for kind in ("frozen", "fine-tuned")
    ]
    return [
        Table(
            f"40 % wrong labels, each class's towards one other; {result['rows']:,} rows, "
            f"{result['epochs']} epochs of fine-tuning, one seed",
            ("method", *header),
            tuple(rows),
            f"Learnt by heart: share of the training rows with a wrong label for which the model "
            f"says that label. {N_TEST:,} test rows: one standard error is 1.5 points.",
        )
    ]


def pages(result: Result) -> dict[str, str]:
    """Return what the page on fine-tuning says."""
    return {"methods/finetune.md": "\n\n".join(str(table) for table in tables(result))}


def headlines(result: Result) -> list[Headline]:
    """Return what the best of these methods gains over plain fine-tuning."""
    found = {(t["set"], t["way"]): t["accuracy"] for t in result["trainings"] if t["seed"] == 0}
    said = []
    for name in dict.fromkeys(name for name, _ in found):
        tuned = {w: a for (n, w), a in found.items() if n == name and w.endswith("finetune")}
        plain = tuned.get("ce, finetune")
        if plain is not None and len(tuned) > 1:
            best = max(tuned, key=lambda way: tuned[way])
            value = f"{best.rpartition(', ')[0]}, {points(tuned[best] - plain)}"
            said.append(Headline(f"{name}, 40 % wrong, fine-tuned: best over ce, points", value))
    return said


if __name__ == "__main__":
    in_pieces(__doc__, partial(measure_all, _notes()))

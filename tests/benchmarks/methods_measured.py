"""Trainings of every method, one after the other, each noted as soon as it is done.

What is noted is never measured again: a run that was broken off goes on where it was. Judgements of
the labels are kept too, one for each set and seed. Both lie in ``.benchmarks``, each under a
version of the package: delete ``.benchmarks/methods`` to measure anew.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from shared_sets import REPOSITORY, load
from training_cases import Case, make_case

from noisefix.training.interface import finish
from noisefix.training.penalty import choose_penalty
from noisefix.training.registry import METHODS, find_method
from noisefix.version import __version__

NOISY = (
    "semeval_weak",
    "semeval_mixtral",
    "fpb_llm",
    "fomc_llm",
    "mfrc_moral_llm",
    "youtube_weak",
    "rna_titles_weak",
    "sms_weak",
    "css_emotion_llm",
)
"""On these the methods were made."""

APART = (
    "hs_brexit_crowd",
    "md_offensive_crowd",
    "numclaim_llm",
    "css_semeval_stance_llm",
    "css_ibc_llm",
    "hausa_news_distant",
    "trec_weak",
    "mr_chatgpt",
)
"""No method or default was chosen by them."""

CLEAN = ("clean_snips", "clean_hwu64", "clean_banking77")
SETS = {"noisy": NOISY, "clean": CLEAN, "apart": APART}
MORE_SEEDS = (1, 2)
MOST_ROWS = 3_000
FOLDER = REPOSITORY / ".benchmarks" / "methods"

Measured = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Way:
    """A method with some of its options.

    Attributes:
        method: its name.
        settings: options that are not at their defaults.
    """

    method: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What a user types after ``--method``."""
        return " ".join([self.method, *(f"--set {k}={v}" for k, v in self.settings.items())])


_VARIANTS = (
    Way("ce", {"head": "mlp"}),
    Way("ce", {"weight_noise": 1.0}),
    Way("repair", {"weight": "confidence"}),
    Way("gaussian", {"labels": "repaired"}),
    Way("forward", {"transition": "hoc"}),
    Way("rcal", {"start": "repaired"}),
    Way("sface", {"start": "repaired"}),
    Way("nested", {"rank": "auto"}),
)


def ways() -> list[Way]:
    """Return every method as it comes, followed by its variants; ``ce`` and ``repair`` first."""
    found = []
    for name in ("ce", "repair", *(name for name in METHODS if name not in ("ce", "repair"))):
        found += [Way(name), *(variant for variant in _VARIANTS if variant.method == name)]
    return found


def parts() -> Iterator[tuple[str, int]]:
    """Yield sets and seeds, so that whatever is there when it is broken off says most.

    Three seeds for the sets that ``ce`` and ``repair`` are held against, one for the others: the
    rows of a test set leave more in doubt than the seed.
    """
    yield from ((name, 0) for names in SETS.values() for name in names)
    yield from ((name, seed) for seed in MORE_SEEDS for name in NOISY)


class Notes:
    """A file with a line of JSON for each training."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text().splitlines() if path.is_file() else []
        self.all: list[Measured] = [json.loads(line) for line in lines]
        self._known = {_key(found) for found in self.all}

    def has(self, name: str, seed: int, way: Way) -> bool:
        """Tell whether it was measured."""
        return (name, seed, way.title) in self._known

    def add(self, found: Measured) -> None:
        """Note a training, on the disk before anything else is done."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(found) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.all.append(found)
        self._known.add(_key(found))


def _key(found: Measured) -> tuple[str, int, str]:
    return found["set"], found["seed"], found["way"]


def notes_of(folder: Path = FOLDER) -> Notes:
    """Return what this version of the package has measured."""
    return Notes(folder / f"{__version__}.jsonl")


def judged_case(name: str, seed: int, folder: Path = FOLDER) -> Case:
    """Return a set with the judgement of its labels, from the disk if it is there."""
    path = folder / f"{name}-{seed}-{__version__}.pickle"
    return kept(path, lambda: make_case(name, seed, most_rows=MOST_ROWS))


def kept(path: Path, make: Callable[[], T]) -> T:
    """Return what was made before and kept in a file, or else make and keep it."""
    if path.is_file():
        found: T = pickle.loads(path.read_bytes())
        return found
    made = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_bytes(pickle.dumps(made))
    part.replace(path)
    return made


def ready(case: Case) -> Case:
    """Say what ``pu`` must be told, and choose the penalty that all share: it is no one's cost."""
    case = with_unverified_class(case) if case.data.n_classes == 2 else case
    choose_penalty(case.data)
    return case


def with_unverified_class(case: Case) -> Case:
    """Say which of two classes means that nobody looked: the one with most errors, in truth."""
    wrong = case.data.given_labels != case.true_labels
    errors = np.bincount(case.data.given_labels[wrong & case.data.is_labelled], minlength=2)
    names = tuple(str(k) for k in range(case.data.n_classes))
    told = replace(case.data, class_names=names, unverified_class=names[int(errors.argmax())])
    return replace(case, data=told)


def measure(case: Case, seed: int, way: Way) -> Measured:
    """Train; return the accuracy on the test rows and the seconds of processor time."""
    fit, kind = find_method(way.method).load()
    data = case.data
    started = time.process_time()
    model = finish(fit(data, kind(**way.settings), seed=seed, device="cpu"))
    seconds = time.process_time() - started
    probs = model.predict_probs(case.test_features)
    right = probs.argmax(axis=1) == case.test_labels
    return {
        "set": case.name,
        "seed": seed,
        "way": way.title,
        "method": way.method,
        "accuracy": float(right.mean()),
        "average_precision": ranking(case, probs),
        "seconds": round(seconds, 4),
        "rows": len(data.given_labels),
        "test_rows": len(right),
    }


def ranking(case: Case, probs: np.ndarray) -> float | None:
    """Return the average precision of finding the rarer of two classes; None: there are more."""
    from sklearn.metrics import average_precision_score

    data = case.data
    if data.n_classes != 2:
        return None
    rarer = int(np.bincount(data.given_labels[data.is_labelled], minlength=2).argmin())
    return float(average_precision_score(case.test_labels == rarer, probs[:, rarer]))


def is_for(way: Way, name: str) -> bool:
    """Tell whether a method can be trained on a set: some are for two classes."""
    return way.method not in ("pu", "smoothap") or (name not in CLEAN and n_classes(name) == 2)


def n_classes(name: str) -> int:
    """Return how many classes the training rows of a set are given."""
    table = load(name)
    labels = table.loc[table["split"] == "train", "label"]
    return len(set(labels) - {""})


def measure_all(
    notes: Notes,
    chosen: Sequence[Way] | None = None,
    *,
    n_seeds: int = 1 + len(MORE_SEEDS),
    until: float | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> bool:
    """Measure what is not noted yet; return whether all is there now.

    Args:
        notes: where it is noted.
        chosen: what to train; None: all ways.
        n_seeds: no seed from this on.
        until: ``time.monotonic()`` after which no further training is begun.
        progress: is told of each training.
    """
    asked = ways() if chosen is None else chosen
    is_warm = False
    for name, seed in parts():
        missing = [way for way in asked if is_for(way, name) and not notes.has(name, seed, way)]
        if not missing or seed >= n_seeds:
            continue
        if until is not None and time.monotonic() > until:
            return False
        case = ready(judged_case(name, seed))
        if not is_warm:  # what is imported and set up by the first training is not its cost
            measure(case, seed, Way("ce", {"epochs": 1}))
            is_warm = True
        for way in missing:
            if until is not None and time.monotonic() > until:
                return False
            found = measure(case, seed, way)
            notes.add(found)
            progress(
                f"{name}, seed {seed}, {way.title}: {found['accuracy']:.3f} "
                f"({found['seconds']:.1f} s)"
            )
    return True


def in_pieces(about: str | None, measure: Callable[..., bool]) -> None:
    """Parse options, and measure for some time.

    Args:
        about: the benchmark, for its help.
        measure: takes ``until`` and ``progress``, as ``measure_all`` does; returns whether all is
            there.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--minutes", type=float, default=None)
    options = parser.parse_args()
    until = None if options.minutes is None else time.monotonic() + 60 * options.minutes
    is_done = measure(until=until, progress=lambda line: print(line, flush=True))
    print("all is measured" if is_done else "time is up: call again to go on")

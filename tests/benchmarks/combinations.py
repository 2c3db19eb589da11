"""Combinations of methods that might beat ``repair``: found on some sets, judged on others.

``python tests/benchmarks combinations``. Probabilities of heads that were trained one by one are
multiplied (and normalised again), or ``gaussian`` is taken only where every class has so many rows
that a cloud can be told. What is best on the nine noisy sets is held against eight that were kept
apart, with ``detect`` told who labelled, and not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from methods_measured import FOLDER, MOST_ROWS, SETS, Way, judged_case, kept
from report import Headline, Table, least, mean, points
from shared_sets import WHO
from training_cases import Case, make_case

from noisefix.training.interface import finish
from noisefix.training.registry import find_method
from noisefix.version import __version__

Result = dict[str, Any]
Probs = Mapping[str, np.ndarray]

TRAINED = (
    Way("repair"),
    Way("repair", {"weight": "confidence"}),
    Way("gaussian"),
    Way("gaussian", {"labels": "repaired"}),
    Way("forward"),
    Way("weight"),
)
_GAUSSIAN, _REPAIRED = TRAINED[2].title, TRAINED[3].title
PRODUCTS: dict[str, tuple[str, ...]] = {
    **{way.title: (way.title,) for way in TRAINED},
    "repair x gaussian": ("repair", _GAUSSIAN),
    "repair x gaussian, labels=repaired": ("repair", _REPAIRED),
    "repair x forward": ("repair", "forward"),
    "repair x gaussian x forward": ("repair", _GAUSSIAN, "forward"),
    "weight x gaussian, labels=repaired": ("weight", _REPAIRED),
}
GATES = {
    f"{name} where classes have {rows} rows, else repair": (name, rows)
    for name in (_GAUSSIAN, "repair x gaussian")
    for rows in (100, 200)
}
"""Products that are taken where the smallest class is thought to have so many rows."""

GOAL, WORST = 0.01, -0.005


def product(parts: list[np.ndarray]) -> np.ndarray:
    """Return (T, K) normalised geometric means of probabilities."""
    logs = np.mean([np.log(np.clip(part, 1e-6, 1)) for part in parts], axis=0)
    odds = np.exp(logs - logs.max(axis=1, keepdims=True))
    found: np.ndarray = odds / odds.sum(axis=1, keepdims=True)
    return found


def combined(probs: Probs, fewest: float) -> dict[str, np.ndarray]:
    """Return (T, K) probabilities of all combinations.

    Args:
        probs: (T, K) by the title of what was trained.
        fewest: rows that the smallest class is thought to have.
    """
    found = {name: product([probs[part] for part in parts]) for name, parts in PRODUCTS.items()}
    for name, (wanted, rows) in GATES.items():
        found[name] = found[wanted] if fewest >= rows else found["repair"]
    return found


def accuracies(case: Case) -> dict[str, float]:
    """Train the heads, and return the test accuracy of every combination."""
    probs = {}
    for way in TRAINED:
        fit, kind = find_method(way.method).load()
        model = finish(fit(case.data, kind(**way.settings), seed=0, device="cpu"))
        probs[way.title] = model.predict_probs(case.test_features)
    estimate = case.data.need("true_label_probs", "gaussian")[case.data.is_labelled]
    return scored(combined(probs, float(estimate.sum(axis=0).min())), case.test_labels)


def scored(found: Probs, labels: np.ndarray) -> dict[str, float]:
    """Return the share of right test rows, by combination."""
    return {name: float((own.argmax(axis=1) == labels).mean()) for name, own in found.items()}


def run(progress: Callable[[str], None] = lambda line: None) -> Result:
    """Train and combine on all noisy sets; accuracies by what ``detect`` was told, and set."""
    result: Result = {"untold": {}, "told": {}}
    for name in (*SETS["noisy"], *SETS["apart"]):
        told = kept(
            FOLDER / f"told-{name}-{__version__}.pickle",
            lambda n=name: make_case(n, most_rows=MOST_ROWS, labelled_by=WHO[n]),  # type: ignore[misc]
        )
        for part, case in (("untold", judged_case(name, 0)), ("told", told)):
            result[part][name] = accuracies(case)
        progress(name)
    return result


def gains(result: Result, part: str, group: str, name: str) -> dict[str, float]:
    """Return what a combination gains over ``repair``, by set."""
    sets = result[part]
    names = [one for one in SETS[group] if one in sets]
    return {one: sets[one][name] - sets[one]["repair"] for one in names}


def tables(result: Result) -> list[Table]:
    """Return mean and worst gains, on the sets to choose by and on those to judge by."""
    columns = {
        "not told": ("untold", "noisy"),
        "not told, kept apart": ("untold", "apart"),
        "told": ("told", "noisy"),
        "told, kept apart": ("told", "apart"),
    }
    rows = []
    for name in (*PRODUCTS, *GATES):
        cells = []
        for part, group in columns.values():
            found = gains(result, part, group, name)
            worst = min(found, key=lambda one: found[one], default="")
            cells += [f"{100 * mean(found.values()):+.1f}"]
            cells += [f"{100 * least(found.values()):+.1f} (`{worst}`)"]
        rows.append((f"`{name}`" if name in {w.title for w in TRAINED} else name, *cells))
    header = [f"{words}: {cell}" for words in columns for cell in ("mean", "worst")]
    repair = {
        words: mean(result[part][n]["repair"] for n in SETS[group] if n in result[part])
        for words, (part, group) in columns.items()
    }
    own = "; ".join(f"{words} {100 * value:.1f}" for words, value in repair.items())
    return [
        Table(
            "Combinations beside repair on frozen features, points, one seed",
            ("combination", *header),
            tuple(rows),
            "x: probabilities multiplied and normalised. Chosen on the nine noisy sets, judged on "
            f"the eight that were kept apart. Accuracy of repair itself, percent: {own}.",
        )
    ]


def headlines(result: Result) -> list[Headline]:
    """Return what the best on the nine sets is worth on the others."""
    said = []
    for part, words in (("untold", "not told"), ("told", "told who labelled")):
        means = {
            name: mean(gains(result, part, "noisy", name).values()) for name in (*PRODUCTS, *GATES)
        }
        best = max(means, key=lambda name: means[name])
        apart = list(gains(result, part, "apart", best).values())
        said.append(
            Headline(
                f"the combination that is best on nine sets ({best}; {points(means[best])}), "
                f"{words}: over repair on the sets kept apart, mean / worst, points",
                f"{points(mean(apart))} / {points(least(apart))}",
                "at least +1.0 / -0.5",
                mean(apart) >= GOAL and least(apart) >= WORST,
            )
        )
    return said


def pages(result: Result) -> dict[str, str]:
    """Return what the page of all methods says."""
    return {"methods/training-methods.md": str(tables(result)[0])}

"""Classes that the label set lacks: are their rows found as groups of their own?

``python tests/benchmarks missing_classes``. Classes are taken out of clean sets, and their rows
get labels of the others: at random, or as a classifier of the others draws them (an annotator who
takes what seems nearest), or always the classifier's first choice. A part of the other labels may
be wrong too. Sets as they are: nothing should be found. The constants were chosen on
other draws of clean_banking77 and clean_hwu64.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from report import Headline, Table, mean, percent
from shared_sets import Task, train_task

from noisefix.labels import class_names, encode_labels
from noisefix.neighbors.duplicates import duplicate_groups
from noisefix.neighbors.search import Neighbors, nearest
from noisefix.probing.unnamed import find_unnamed

GONE = {"clean_banking77": 5, "clean_hwu64": 5, "clean_snips": 1}
"""From each set so many classes are taken."""

CHOSEN_ON = ("clean_banking77", "clean_hwu64")
WAYS = ("at random", "as likely", "the likeliest")
CASES = (
    (WAYS[0], 0.0),
    (WAYS[0], 0.2),
    (WAYS[1], 0.0),
    (WAYS[1], 0.2),
    (WAYS[2], 0.0),
)
"""How rows of missing classes are labelled, and which share of the other labels is wrong."""

DRAWS = (11, 12, 13)
MANY_CLASSES = ("semeval_weak", "semeval_mixtral", "trec_weak", "hausa_news_distant", "css2_raop")
"""Noisy sets with at least five classes; with fewer nothing is ever said."""

_NEAR = 30


@lru_cache(maxsize=1)
def _around(name: str) -> tuple[Task, Neighbors, np.ndarray]:
    task = train_task(name)
    groups = duplicate_groups(task.texts, task.embeddings)
    found = nearest(
        task.embeddings,
        task.embeddings,
        _NEAR,
        query_groups=groups,
        base_groups=groups,
        device="cpu",
    )
    return task, found, groups


def without_classes(
    name: str, truth: np.ndarray, way: str, noise: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return (N,) labels, and which rows are of classes that nobody was given."""
    rng = np.random.default_rng(seed)
    gone = rng.choice(truth.max() + 1, GONE[name], replace=False)
    left = np.setdiff1d(np.arange(truth.max() + 1), gone)
    is_gone = np.isin(truth, gone)
    labels = truth.copy()
    if way == WAYS[0]:
        labels[is_gone] = rng.choice(left, is_gone.sum())
    else:
        probs = _probs_of_others(name, tuple(gone.tolist()))
        if way == WAYS[1]:
            drawn = (probs.cumsum(axis=1) < rng.random(len(probs))[:, None]).sum(axis=1)
            labels[is_gone] = left[np.minimum(drawn, len(left) - 1)]
        else:
            labels[is_gone] = left[probs.argmax(axis=1)]
    spoiled = rng.random(len(labels)) < noise
    labels[spoiled] = rng.choice(left, spoiled.sum())
    return labels, is_gone


@lru_cache(maxsize=8)
def _probs_of_others(name: str, gone: tuple[int, ...]) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression

    task = _around(name)[0]
    truth = encode_labels(task.truth, class_names(task.truth))
    is_gone = np.isin(truth, gone)
    model = LogisticRegression(C=10, tol=1e-3)
    model.fit(task.embeddings[~is_gone], truth[~is_gone])
    found: np.ndarray = model.predict_proba(task.embeddings[is_gone])
    return found


def run_case(name: str, way: str, noise: float, seed: int) -> dict[str, Any]:
    """Take classes out of a set, and look for them."""
    task, near, groups = _around(name)
    truth = encode_labels(task.truth, class_names(task.truth))
    labels, is_gone = without_classes(name, truth, way, noise, seed)
    found = find_unnamed(labels, near, groups)
    rows = np.concatenate([*found, np.empty(0, np.int64)]).astype(np.int64)
    of_classes = {int(np.bincount(truth[part]).argmax()) for part in found}
    return {
        "name": name,
        "way": way,
        "noise": noise,
        "gone": int(is_gone.sum()),
        "groups": len(found),
        "good_groups": sum(bool(is_gone[part].mean() >= 0.5) for part in found),
        "rows": len(rows),
        "right": int(is_gone[rows].sum()),
        "classes": len(of_classes & set(truth[is_gone].tolist())),
    }


def as_it_is(name: str, noise: float = 0.0) -> dict[str, Any]:
    """Look for groups in a set from which nothing was taken."""
    task, near, groups = _around(name)
    labels = encode_labels(task.given, class_names(task.given))
    rng = np.random.default_rng(0)
    spoiled = (rng.random(len(labels)) < noise) & (labels >= 0)
    labels[spoiled] = rng.integers(0, labels.max() + 1, spoiled.sum())
    found = find_unnamed(labels, near, groups)
    return {
        "name": name,
        "noise": noise,
        "all": len(labels),
        "groups": len(found),
        "rows": sum(map(len, found)),
    }


def run(progress: Callable[[str], None] = print) -> dict[str, Any]:
    """Look for missing classes where they are and where they are not.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    found: dict[str, Any] = {"missing": [], "whole": []}
    for name in (*GONE, *MANY_CLASSES):
        for kind, cases in run_set(name).items():
            found[kind] += cases
        progress(f"missing classes of {name}")
    return found


def run_set(name: str) -> dict[str, list[dict[str, Any]]]:
    """Take classes out of a set, if it is one of ``GONE``, and look at it as it is."""
    noises = (0.0, 0.2, 0.4) if name in GONE else (0.0,)
    cases = [(way, noise, seed) for seed in DRAWS for way, noise in CASES if name in GONE]
    return {
        "missing": [run_case(name, *case) for case in cases],
        "whole": [as_it_is(name, noise) for noise in noises],
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Return what is found of missing classes, and where none is missing."""
    return [_missing_table(result["missing"]), _whole_table(result["whole"])]


def _missing_table(cases: list[dict[str, Any]]) -> Table:
    rows = []
    for key in sorted(
        {(c["name"], c["way"], c["noise"]) for c in cases},
        key=lambda key: (list(GONE).index(key[0]), CASES.index(key[1:])),
    ):
        some = [c for c in cases if (c["name"], c["way"], c["noise"]) == key]
        rows.append(
            (
                f"{key[0]}{' *' if key[0] in CHOSEN_ON else ''}",
                f"{key[1]}, {percent(key[2], 0)} of the others wrong",
                f"{sum(c['classes'] for c in some)} of {GONE[key[0]] * len(some)}",
                f"{sum(c['good_groups'] for c in some)} of {sum(c['groups'] for c in some)}",
                percent(sum(c["right"] for c in some) / max(sum(c["rows"] for c in some), 1), 0)
                if any(c["rows"] for c in some)
                else "-",
                percent(sum(c["right"] for c in some) / sum(c["gone"] for c in some), 0),
            )
        )
    return Table(
        "Groups that may be a class of their own, where classes were taken out of the label set",
        (
            "set",
            "their rows' labels",
            "classes found",
            "groups that are right",
            "precision",
            "recall",
        ),
        tuple(rows),
        f"{len(DRAWS)} draws. Found: a group is mostly of the class. Right: half of a group's rows "
        "or more are of classes taken out. Precision and recall count rows. * The constants were "
        "chosen on other draws of these sets.",
    )


def _whole_table(cases: list[dict[str, Any]]) -> Table:
    return Table(
        "The same, where none was taken out",
        ("set", "labels made wrong", "rows", "groups", "rows in them"),
        tuple(
            (
                c["name"],
                percent(c["noise"], 0),
                f"{c['all']:,}",
                str(c["groups"]),
                f"{c['rows']:,}",
            )
            for c in cases
        ),
        "The noisy sets are those with at least five classes. With two to four, nothing is said.",
    )


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return how many missing classes are found, and how many groups where there are none."""
    by_way = {
        way: [c["classes"] / GONE[c["name"]] for c in result["missing"] if c["way"] == way]
        for way in WAYS
    }
    found = " / ".join(percent(mean(shares), 0) for shares in by_way.values() if shares)
    false = sum(c["groups"] for c in result["whole"])
    return [
        Headline(
            "Missing classes found: labels at random / as likely / the likeliest; groups elsewhere",
            f"{found}; {false} in {len(result['whole'])} sets",
        )
    ]

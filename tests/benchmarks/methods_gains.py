"""Trainings by set and method, and what one way gains over another, over sets and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from methods_measured import SETS

Result = dict[str, Any]


def gathered(trainings: Sequence[Result]) -> Result:
    """Return trainings by set and way: lists with a place for each seed, None where there is none.

    Args:
        trainings: as ``methods_measured.measure`` returns them.
    """
    seeds = sorted({found["seed"] for found in trainings})
    sets: Result = {}
    for found in trainings:
        entry = sets.setdefault(found["set"], {"test_rows": found["test_rows"], "ways": {}})
        way = entry["ways"].setdefault(found["way"], {"method": found["method"]})
        for key in ("accuracy", "average_precision", "seconds"):
            values = way.setdefault(key, [None] * len(seeds))
            values[seeds.index(found["seed"])] = found[key]
    known = [name for names in SETS.values() for name in names]
    order = [*known, *(name for name in sets if name not in known)]
    return {"seeds": seeds, "sets": {name: sets[name] for name in order if name in sets}}


def values_of(result: Result, name: str, way: str, key: str = "accuracy") -> np.ndarray:
    """Return a way's values on a set, one a seed; NaN where it was not run."""
    entry = result["sets"].get(name, {}).get("ways", {}).get(way, {})
    found = entry.get(key) or [None] * len(result["seeds"])
    return np.array([np.nan if value is None else value for value in found], float)


class Gain:
    """How much better one way is than another, over sets and seeds.

    Attributes:
        by_set: mean over the seeds, by set; sets on which one of both was not run are left out.
        mean: of these; NaN where there are none.
        error: standard error of the mean over the seeds that all these sets have; NaN below two.
    """

    def __init__(
        self, result: Result, names: Sequence[str], way: str, other: str, key: str = "accuracy"
    ) -> None:
        pairs = {
            name: values_of(result, name, way, key) - values_of(result, name, other, key)
            for name in names
        }
        there = {name: gains for name, gains in pairs.items() if not np.isnan(gains).all()}
        self.by_set = {name: float(np.nanmean(gains)) for name, gains in there.items()}
        self.mean = float(np.mean(list(self.by_set.values()))) if there else float("nan")
        over_sets = np.mean(list(there.values()), axis=0) if there else np.empty(0)
        over_sets = over_sets[~np.isnan(over_sets)]
        enough = len(over_sets) > 1
        self.error = (
            float(over_sets.std(ddof=1) / np.sqrt(len(over_sets))) if enough else float("nan")
        )

    @property
    def worst(self) -> str:
        """The set on which least is gained; "" where there are none."""
        return min(self.by_set, key=lambda name: self.by_set[name], default="")

    @property
    def least(self) -> float:
        """What is gained there; NaN where there are none."""
        return self.by_set.get(self.worst, float("nan"))

    def __str__(self) -> str:
        """The mean in points and its error."""
        if np.isnan(self.mean):
            return "-"
        error = "" if np.isnan(self.error) else f" ± {100 * self.error:.1f}"
        return f"{signed(self.mean)}{error}"

    def worst_cell(self) -> str:
        """The least gain in points and its set."""
        return f"{signed(self.least)} (`{self.worst}`)" if self.by_set else "-"


def signed(value: float) -> str:
    """Write a difference in points, with its sign; a dash for what is not there."""
    return "-" if np.isnan(value) else f"{100 * value:+.1f}".replace("-0.0", "+0.0")


def is_missing(values: np.ndarray) -> bool:
    """Tell whether nothing was measured."""
    return bool(np.isnan(values).all())

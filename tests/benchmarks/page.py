"""The page of a run: how long ``report`` takes as a whole process, and how good its map is.

``python tests/benchmarks page``: made rows of two sizes with vectors of 384 numbers; the map beside
two principal components on three of the real sets.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from processes import noisefix_command, run_process
from report import Headline, Table, number
from shared_sets import REPOSITORY, embeddings_of, load

from noisefix.reporting.embedding import nearest_rows
from noisefix.reporting.layout import layout, principal_components
from noisefix.threads import one_blas_thread

SIZES = (912, 100_000)
SETS = ("clean_banking77", "fomc_llm", "fpb_llm")
_DIMENSION = 384
_NEAREST = 10
_SEEDS = 3


def run(sizes: Sequence[int] = SIZES, sets: Sequence[str] = SETS, repeats: int = 3) -> Any:
    """Time the command, and compare the maps.

    Args:
        sizes: rows of the made runs.
        sets: real sets, whose texts are mapped.
        repeats: runs of each size.
    """
    return {
        "repeats": repeats,
        "report": {str(n_rows): _timed(n_rows, repeats) for n_rows in sizes},
        "maps": {name: _maps(name) for name in sets},
    }


def _timed(n_rows: int, repeats: int) -> dict[str, float]:
    sys.path.insert(0, str(REPOSITORY / "tests"))
    from page_runs import write_run

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        page = folder / "report.html"
        made = write_run(folder, n_rows, dimension=_DIMENSION)
        command = [*noisefix_command(), "report", str(made.path), "-o", str(page)]
        used = [run_process(command) for _ in range(repeats)]
        return {
            "wall_s": median(usage.wall_s for usage in used),
            "least_wall_s": min(usage.wall_s for usage in used),
            "cpu_s": median(usage.cpu_s for usage in used),
            "peak_mb": median(usage.peak_mb for usage in used),
            "page_mb": page.stat().st_size / 1e6,
        }


def _maps(name: str) -> dict[str, Any]:
    """Return how a set's map and its two widest components keep neighbours and labels."""
    table, vectors = load(name), np.asarray(embeddings_of(name), np.float32)
    labels = table["true_label"].where(table["true_label"] != "", table["label"]).to_numpy()
    with one_blas_thread():
        near = nearest_rows(vectors, _NEAREST)
        maps = [_kept(near, layout(vectors, seed=seed), labels) for seed in range(_SEEDS)]
        flat = _kept(near, principal_components(vectors, 2), labels)
    return {
        "rows": len(vectors),
        "map": {key: float(np.mean([kept[key] for kept in maps])) for key in maps[0]},
        "components": flat,
    }


def _kept(near: np.ndarray, places: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    found = nearest_rows(np.asarray(places, np.float32), _NEAREST)
    kept = [len(np.intersect1d(a, b)) for a, b in zip(near, found, strict=True)]
    _, codes = np.unique(labels.astype(str), return_inverse=True)
    votes = np.zeros((len(codes), codes.max() + 1))
    np.add.at(votes, (np.arange(len(codes))[:, None], codes[found]), 1)
    return {
        "neighbours": float(np.mean(kept)) / _NEAREST,
        "labels": float((votes.argmax(1) == codes).mean()),
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Return times, and the quality of the maps."""
    times = Table(
        "noisefix report, whole processes",
        ("rows", "wall s", "least wall s", "processor s", "peak MB", "page MB"),
        tuple(
            (
                f"{int(n_rows):,}",
                number(used["wall_s"], 2),
                number(used["least_wall_s"], 2),
                number(used["cpu_s"], 2),
                f"{used['peak_mb']:,.0f}",
                number(used["page_mb"], 2),
            )
            for n_rows, used in result["report"].items()
        ),
        f"Made texts of 120 signs, vectors of {_DIMENSION} numbers. Medians of "
        f"{result['repeats']} runs.",
    )
    maps = Table(
        "The map: what of a text's surroundings is kept",
        ("set", "rows", "neighbours kept", "by 2 components", "label told", "by 2 components"),
        tuple(
            (
                name,
                f"{kept['rows']:,}",
                number(kept["map"]["neighbours"]),
                number(kept["components"]["neighbours"]),
                number(kept["map"]["labels"]),
                number(kept["components"]["labels"]),
            )
            for name, kept in result["maps"].items()
        ),
        "Neighbours kept: share of a row's 10 nearest texts that are among its 10 nearest points. "
        f"Label told: how often most of these 10 points have its true label. Means of {_SEEDS} "
        "seeds.",
    )
    return [times, maps]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return the time for the largest run."""
    n_rows = max(result["report"], key=int)
    used = result["report"][n_rows]
    return [
        Headline(
            f"noisefix report, {int(n_rows):,} rows: wall s / page MB",
            f"{number(used['wall_s'], 1)} / {number(used['page_mb'], 1)}",
            "under 10 / at most 6",
            used["wall_s"] < 10 and used["page_mb"] <= 6,
        )
    ]

"""Exact neighbours of all rows against scikit-learn's brute force.

``python tests/benchmarks/neighbors.py [--rows N] [--features D] [--neighbors K]`` prints one JSON
object. Both run in turn, in one process, and must find the same rows.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np
from report import Headline, Table, number, percent


def make_data(n: int, d: int, seed: int = 0) -> np.ndarray:
    """Return (N, D) float32 unit vectors in 200 clusters."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(200, d))[rng.integers(0, 200, n)] + rng.normal(size=(n, d))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


def run(
    n_rows: int = 50_000,
    n_features: int = 384,
    n_neighbors: int = 10,
    *,
    data: np.ndarray | None = None,
    repeats: int = 1,
) -> dict[str, float]:
    """Return times, their ratio, and the share of neighbours that agree.

    Args:
        n_rows: N of the made data.
        n_features: D of the made data.
        n_neighbors: k, the row itself left out.
        data: (N, D) unit vectors to take instead.
        repeats: runs of each; the fastest counts.
    """
    from sklearn.neighbors import NearestNeighbors

    from noisefix.neighbors.search import nearest

    rows = make_data(n_rows, n_features) if data is None else data
    own = np.arange(len(rows))

    def ours() -> np.ndarray:
        return nearest(rows, rows, n_neighbors, exclude=own, device="cpu").indices

    def theirs() -> np.ndarray:
        index = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute", metric="cosine")
        found: np.ndarray = index.fit(rows).kneighbors(return_distance=False)
        return found

    ways = {"noisefix": ours, "sklearn": theirs}
    seconds = dict.fromkeys(ways, np.inf)
    cpu_seconds = dict(seconds)
    found = {}
    for _ in range(repeats):
        for name, way in ways.items():
            start, cpu_start = time.perf_counter(), time.process_time()
            found[name] = way()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
            cpu_seconds[name] = min(cpu_seconds[name], time.process_time() - cpu_start)
    same = np.sort(found["noisefix"], axis=1) == np.sort(found["sklearn"], axis=1)
    return {
        "rows": len(rows),
        "features": rows.shape[1],
        "neighbors": n_neighbors,
        "noisefix_s": seconds["noisefix"],
        "sklearn_s": seconds["sklearn"],
        "times_faster": seconds["sklearn"] / seconds["noisefix"],
        "times_less_cpu": cpu_seconds["sklearn"] / cpu_seconds["noisefix"],
        "same_neighbors": float(same.mean()),
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Return times and agreement."""
    r = result
    return [
        Table(
            f"{r['neighbors']} exact neighbours of each of {r['rows']:,} x {r['features']}",
            ("", "noisefix", "scikit-learn, brute force", "times faster"),
            (
                (
                    "wall time, s",
                    number(r["noisefix_s"], 1),
                    number(r["sklearn_s"], 1),
                    number(r["times_faster"], 2),
                ),
                ("processor time", "", "", number(r["times_less_cpu"], 2)),
            ),
            f"{percent(r['same_neighbors'], 2)} of the neighbours are the same.",
        )
    ]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return the speed."""
    ratio = result["times_faster"]
    what = f"exact neighbours, {result['rows']:,} rows, times faster than scikit-learn"
    return [Headline(what, number(ratio, 2), "at least 2", ratio >= 2)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--features", type=int, default=384)
    parser.add_argument("--neighbors", type=int, default=10)
    options = parser.parse_args()
    print(json.dumps(run(options.rows, options.features, options.neighbors), indent=2))

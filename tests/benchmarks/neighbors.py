"""Exact neighbours against scikit-learn's brute force, and the candidates stage at ever more rows.

``python tests/benchmarks/neighbors.py [--rows N] [--features D] [--neighbors K]`` prints one JSON
object of the former. Both run in turn, in one process, and must find the same rows. With
``--growth N,N,...`` it prints the latter: ``noisefix candidates`` in a process of its own, on
vectors made of real ones, of which it takes as many as asked for.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from made_vectors import made_vectors
from processes import noisefix_command, run_process
from report import Headline, Table, number, percent
from shared_sets import SharedDataAbsentError

if TYPE_CHECKING:
    import pyarrow as pa

_SIZES = (10_000, 100_000, 1_000_000)
_CLASSES = tuple(f"class {k:02d}" for k in range(20))


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
    sizes: Sequence[int] = _SIZES,
) -> dict[str, Any]:
    """Return times, their ratio, the share of neighbours that agree, and the growth.

    Args:
        n_rows: N of the made data.
        n_features: D of the made data.
        n_neighbors: k, the row itself left out.
        data: (N, D) unit vectors to take instead.
        repeats: runs of each; the fastest counts.
        sizes: rows of the candidates stage, which is left out where the shared sets are absent.
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
        "growth": growth(sizes),
    }


def growth(sizes: Sequence[int]) -> list[dict[str, float]]:
    """Measure the candidates stage of ever more rows; nothing where there are no real vectors."""
    try:
        return [_measure(n_rows) for n_rows in sizes]
    except SharedDataAbsentError:
        return []


def _measure(n_rows: int) -> dict[str, float]:
    from noisefix.run.parquet import read_provenance

    with tempfile.TemporaryDirectory() as name:
        paths = [Path(name) / f"{table}.parquet" for table in ("embeddings", "issues", "found")]
        _write_tables(n_rows, paths[0], paths[1])
        embeddings, issues, found = map(str, paths)
        command = [*noisefix_command(), "candidates", embeddings, issues, "-o", found]
        used = run_process([*command, "--device", "cpu", "--json", "--quiet"])
        recall = read_provenance(found).results.get("neighbor_recall", 1.0)
    return {
        "rows": n_rows,
        "wall_s": used.wall_s,
        "cpu_s": used.cpu_s,
        "peak_mb": used.peak_mb,
        "recall": recall,
    }


def _write_tables(n_rows: int, embeddings: Path, issues: Path) -> None:
    """Write tables as embed and joint do: 20 classes by likeness, 15 % of the labels wrong."""
    from noisefix.run.parquet import write_parquet
    from noisefix.run.provenance import Provenance
    from noisefix.run.schemas import EMBEDDINGS, ISSUES

    about = {"noisefix_version": "0", "class_names": _CLASSES}
    labels: list[np.ndarray] = []
    of_vectors = Provenance("embeddings", EMBEDDINGS.version, **about)
    write_parquet(_embeddings(n_rows, labels), embeddings, of_vectors)
    table = _issues(np.concatenate(labels))
    write_parquet(table, issues, Provenance("issues", ISSUES.version, **about))


def _embeddings(n_rows: int, labels: list[np.ndarray]) -> Iterator[pa.Table]:
    import pyarrow as pa

    rng, first = np.random.default_rng(1), 0
    centres = None
    for block in made_vectors(n_rows):
        centres = block[: len(_CLASSES)] if centres is None else centres
        given = (block @ centres.T).argmax(axis=1)
        wrong = rng.random(len(block)) < 0.15
        given[wrong] = rng.integers(0, len(_CLASSES), wrong.sum())
        labels.append(given)
        numbers = np.arange(first + 1, first + len(block) + 1)
        ids = [str(number) for number in numbers]
        yield pa.table(
            {
                "id": ids,
                "row_number": numbers,
                "text": pa.array([f"text {number}" for number in ids], pa.large_string()),
                "given_label": np.array(_CLASSES)[given].tolist(),
                "embedding": pa.FixedSizeListArray.from_arrays(
                    pa.array(block.ravel()), block.shape[1]
                ),
            }
        )
        first += len(block)


def _issues(labels: np.ndarray) -> pa.Table:
    import pyarrow as pa

    from noisefix.run.checks import with_optional
    from noisefix.run.schemas import ISSUES

    n_rows = len(labels)
    table = pa.table(
        {
            "id": [str(row + 1) for row in range(n_rows)],
            "given_label": np.array(_CLASSES)[labels].tolist(),
            "p_error": np.random.default_rng(2).beta(0.3, 1.5, n_rows),
            "duplicate_group": np.arange(n_rows),
        }
    )
    return with_optional(table, ISSUES)


def tables(result: dict[str, Any]) -> list[Table]:
    """Return times and agreement, and the growth."""
    r = result
    speed = [
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
    return speed + ([_growth_table(r["growth"])] if r.get("growth") else [])


def _growth_table(sizes: Sequence[dict[str, float]]) -> Table:
    rows = [
        (
            f"{size['rows']:,}",
            number(size["wall_s"], 1),
            number(size["cpu_s"], 1),
            f"{size['peak_mb']:,.0f}",
            number(size["recall"]),
        )
        for size in sizes
    ]
    exponents = (number(exponent(sizes, name), 2) for name in ("wall_s", "cpu_s", "peak_mb"))
    return Table(
        "noisefix candidates at ever more rows of 384 values",
        ("rows", "wall s", "processor s", "peak MB", "recall"),
        (*rows, ("exponent", *exponents, "")),
        "Time and memory grow as rows to the power of the exponent, taken from the last two sizes. "
        "The vectors are made of those of real texts: rows between neighbours, a little off. Up to "
        "100,000 rows all are compared; beyond, recall is what the stage itself measures.",
    )


def exponent(sizes: Sequence[dict[str, float]], name: str) -> float:
    """Return b of the a * rows ** b through the last two sizes; NaN for one only."""
    if len(sizes) < 2:
        return math.nan
    small, large = sizes[-2:]
    return math.log(large[name] / small[name]) / math.log(large["rows"] / small["rows"])


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return the speed, and the growth."""
    ratio = result["times_faster"]
    what = f"exact neighbours, {result['rows']:,} rows, times faster than scikit-learn"
    found = [Headline(what, number(ratio, 2), "at least 2", ratio >= 2)]
    sizes = result.get("growth") or []
    if len(sizes) > 1:
        slope, last = exponent(sizes, "wall_s"), sizes[-1]
        span = " to ".join(f"{size['rows']:,}" for size in sizes[-2:])
        what = f"candidates from {span} rows, exponent of time"
        found.append(Headline(what, number(slope, 2), "at most 1.2", slope <= 1.2))
        what = f"candidates of {last['rows']:,} rows, share of neighbours found"
        found.append(Headline(what, number(last["recall"]), "at least .95", last["recall"] >= 0.95))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--features", type=int, default=384)
    parser.add_argument("--neighbors", type=int, default=10)
    parser.add_argument("--growth", help="rows of the candidates stage, with commas between")
    options = parser.parse_args()
    if options.growth:
        measured: Any = growth([int(n_rows) for n_rows in options.growth.split(",")])
    else:
        measured = run(options.rows, options.features, options.neighbors, sizes=())
    print(json.dumps(measured, indent=2))

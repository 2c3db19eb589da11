"""Joint, default filter and both scores against cleanlab's: time, memory, agreement.

``python tests/benchmarks/confident.py [--rows N] [--classes K]`` prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
import tracemalloc
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from report import Headline, Table, number

MEGABYTE = 1e6
REPEATS = 3


def make_data(n: int, k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return (N,) given labels, 15 % of them random, and (N, K) float32 probabilities."""
    rng = np.random.default_rng(seed)
    given = rng.integers(0, k, n)
    probs = np.empty((n, k), dtype=np.float32)
    for start in range(0, n, 10_000):
        block = probs[start : start + 10_000]
        rng.standard_normal(block.shape, dtype=np.float32, out=block)
        block *= 1.5
        block[np.arange(len(block)), given[start : start + 10_000]] += 5
        np.exp(block, out=block)
        block /= block.sum(axis=1, keepdims=True)
    wrong = rng.random(n) < 0.15
    given[wrong] = rng.integers(0, k, int(wrong.sum()))
    return given, probs


def ours(given: np.ndarray, probs: np.ndarray) -> dict[str, np.ndarray]:
    """Run noisefix."""
    from noisefix import confident

    rows = confident.summarize_rows(given, probs)
    joint = confident.confident_joint(given, probs, rows=rows)
    return {
        "joint": joint.calibrated,
        "issues": confident.find_issues(given, probs, joint=joint, rows=rows),
        "self_confidence": confident.self_confidence(given, probs, rows=rows),
        "normalized_margin": confident.normalized_margin(given, probs, rows=rows),
    }


def theirs(given: np.ndarray, probs: np.ndarray) -> dict[str, np.ndarray]:
    """Run cleanlab, its filter being handed the joint so that it is not computed twice."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from cleanlab.count import compute_confident_joint
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores

        joint = compute_confident_joint(given, probs)
        return {
            "joint": joint,
            "issues": find_label_issues(given, probs, confident_joint=joint),
            "self_confidence": get_label_quality_scores(given, probs),
            "normalized_margin": get_label_quality_scores(given, probs, method="normalized_margin"),
        }


SIDES = {"noisefix": ours, "cleanlab": theirs}


def measure_memory(side: str, n: int, k: int) -> dict[str, float]:
    """Measure one side in this process: NumPy's peak allocation, and growth of the peak RSS."""
    given, probs = make_data(n, k)
    SIDES[side](*make_data(1_000, 4))  # imports are not what is measured
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = SIDES[side](given, probs)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    del result
    tracemalloc.start()
    SIDES[side](given, probs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {
        "allocated_mb": round(peak / MEGABYTE, 1),
        "rss_growth_mb": round((after - before) * 1024 / MEGABYTE, 1),
    }


def memory_in_subprocess(side: str, n: int, k: int) -> dict[str, float]:
    """Measure one side's memory in a fresh process."""
    command = [sys.executable, str(Path(__file__)), "--rows", str(n), "--classes", str(k)]
    done = subprocess.run([*command, "--memory-of", side], capture_output=True, check=True)
    return dict(json.loads(done.stdout))


def issues_given_the_same_joint(
    given: np.ndarray, probs: np.ndarray, theirs: dict[str, np.ndarray]
) -> int:
    """Count the rows that only one side flags when ours is handed cleanlab's calibrated joint."""
    from noisefix import confident

    joint = replace(confident.confident_joint(given, probs), calibrated=theirs["joint"])
    return int(np.sum(confident.find_issues(given, probs, joint=joint) != theirs["issues"]))


def run(n: int = 1_000_000, k: int = 100) -> dict[str, object]:
    """Time both sides in turn, three times, and measure the extra memory of each.

    Args:
        n: rows.
        k: classes.

    Returns:
        Seconds (best of three), their ratio, extra memory beside the probabilities, and in how
        many rows or cells the results differ.
    """
    memory = {side: memory_in_subprocess(side, n, k) for side in SIDES}
    given, probs = make_data(n, k)
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    results = {}
    for _ in range(REPEATS):
        for side, work in SIDES.items():
            start = time.perf_counter()
            results[side] = work(given, probs)
            seconds[side].append(time.perf_counter() - start)
    best = {side: min(times) for side, times in seconds.items()}
    a, b = results["noisefix"], results["cleanlab"]
    differing = {name: int(np.sum(a[name] != b[name])) for name in a}
    differing["issues_given_the_same_joint"] = issues_given_the_same_joint(given, probs, b)
    return {
        "rows": n,
        "classes": k,
        "pred_probs_mb": probs.nbytes / MEGABYTE,
        "seconds": {side: round(value, 3) for side, value in best.items()},
        "speedup": round(best["cleanlab"] / best["noisefix"], 2),
        "extra_memory": memory,
        "extra_memory_share": round(
            memory["noisefix"]["allocated_mb"] * MEGABYTE / probs.nbytes, 3
        ),
        "differing": differing,
        "issues": int(a["issues"].sum()),
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Return times and memory."""
    seconds, memory = result["seconds"], result["extra_memory"]
    cells = [("wall time, s", *(number(seconds[side], 2) for side in SIDES))]
    for words, kind in (("allocated, MB", "allocated_mb"), ("growth, MB", "rss_growth_mb")):
        cells.append((f"extra memory: {words}", *(f"{memory[side][kind]:,.0f}" for side in SIDES)))
    return [
        Table(
            f"Joint, default filter and both scores, {result['rows']:,} x {result['classes']}",
            ("", *SIDES),
            tuple(cells),
            f"noisefix is {number(result['speedup'], 2)} times faster. The probabilities take "
            f"{result['pred_probs_mb']:,.0f} MB.",
        )
    ]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return the speed and the extra memory."""
    ratio, share = result["speedup"], result["extra_memory_share"]
    size = f"{result['rows']:,} x {result['classes']}"
    return [
        Headline(
            f"joint, filter and scores, {size}, times faster than cleanlab",
            number(ratio, 2),
            "at least 3",
            ratio >= 3,
        ),
        Headline(
            "the same, extra memory as a share of the probabilities' size",
            number(share, 2),
            "under .25",
            share < 0.25,
        ),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--memory-of", choices=SIDES)
    options = parser.parse_args()
    if options.memory_of:
        outcome = measure_memory(options.memory_of, options.rows, options.classes)
    else:
        outcome = run(options.rows, options.classes)
    print(json.dumps(outcome, indent=2))

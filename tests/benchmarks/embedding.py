"""Embedding against ``SentenceTransformer.encode`` as it comes: time, and how near the vectors are.

``python tests/benchmarks/embedding.py [--texts N] [--turns N]`` prints one JSON object. All run in
turn, in one process, on the same texts of 20 to 60 tokens; loading is timed in processes of its
own.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from processes import run_process
from report import Headline, Table, number
from shared_sets import MAIN_SETS, SharedDataAbsentError, load

N_NEIGHBORS = 10
_LENGTHS = (20, 60)
_OURS = "from noisefix.encoders import load_encoder; load_encoder(device='cpu').encode(['a'])"
_THEIRS = (
    "import sys; from sentence_transformers import SentenceTransformer; "
    "SentenceTransformer(sys.argv[1], device='cpu').encode(['a'])"
)


def short_texts(n_texts: int, seed: int = 0) -> list[str]:
    """Return distinct texts of the shared sets, or made ones where those are absent."""
    try:
        found = {text for name in MAIN_SETS for text in load(name)["text"]}
    except SharedDataAbsentError:
        from made_texts import write_texts

        from noisefix.tables.source import read_source

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "texts.csv"
            write_texts(path, 3 * n_texts)
            found = set(read_source(path).table["text"].to_pylist())
    texts = sorted(found)
    return [texts[i] for i in np.random.default_rng(seed).permutation(len(texts))]


def nearest_rows(vectors: np.ndarray) -> np.ndarray:
    """Return (N, 10), the other rows nearest to each."""
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    return np.argpartition(-similarity, N_NEIGHBORS, axis=1)[:, :N_NEIGHBORS]


def neighbors_kept(vectors: np.ndarray, reference: np.ndarray) -> float:
    """Return the share of each row's ten nearest that stay among them."""
    pairs = zip(nearest_rows(vectors), nearest_rows(reference), strict=True)
    return float(np.mean([len(np.intersect1d(a, b)) for a, b in pairs])) / N_NEIGHBORS


def run(n_texts: int = 3000, turns: int = 3) -> dict[str, Any]:
    """Return times, their ratios, and how far the vectors are from the reference.

    Args:
        n_texts: texts of 20 to 60 tokens.
        turns: runs of each; the fastest counts.
    """
    from sentence_transformers import SentenceTransformer

    from noisefix.encoders import find_encoder, load_encoder
    from noisefix.hardware import has_native_bf16

    folder = str(find_encoder().folder)
    ours = {p: load_encoder(device="cpu", precision=p) for p in ("fp32", "bf16")}
    model = SentenceTransformer(folder, device="cpu")
    texts = short_texts(20 * n_texts)
    counts = ours["fp32"].token_counts(texts)
    is_short = (counts >= _LENGTHS[0]) & (counts <= _LENGTHS[1])
    texts = [text for text, fits in zip(texts, is_short, strict=True) if fits][:n_texts]
    ways: dict[str, Callable[[], np.ndarray]] = {
        "plain": lambda: np.asarray(model.encode(texts, normalize_embeddings=True)),
        "fp32": lambda: ours["fp32"].encode(texts),
        "bf16": lambda: ours["bf16"].encode(texts),
    }
    wall, cpu = dict.fromkeys(ways, np.inf), dict.fromkeys(ways, np.inf)
    vectors = {}
    for _ in range(turns):
        for name, way in ways.items():
            start, cpu_start = time.perf_counter(), time.process_time()
            vectors[name] = way()
            wall[name] = min(wall[name], time.perf_counter() - start)
            cpu[name] = min(cpu[name], time.process_time() - cpu_start)
    loading = {
        "noisefix": [run_process([sys.executable, "-c", _OURS]) for _ in range(turns)],
        "plain": [run_process([sys.executable, "-c", _THEIRS, folder]) for _ in range(turns)],
    }
    reference = vectors["plain"]
    return {
        "texts": len(texts),
        "tokens": float(ours["fp32"].token_counts(texts).mean()),
        "has_native_bf16": has_native_bf16(),
        "plain_s": wall["plain"],
        "load_cpu_s": {side: min(u.cpu_s for u in usages) for side, usages in loading.items()},
        **{
            name: {
                "seconds": wall[name],
                "texts_per_s": len(texts) / wall[name],
                "times_faster": wall["plain"] / wall[name],
                "times_less_cpu": cpu["plain"] / cpu[name],
                "mean_cosine": float((vectors[name] * reference).sum(axis=1).mean()),
                "largest_difference": float(np.abs(vectors[name] - reference).max()),
                "neighbors_kept": neighbors_kept(vectors[name], reference),
            }
            for name in ours
        },
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Return speed and closeness, a row for each precision."""
    rows = [("SentenceTransformer.encode", number(result["plain_s"], 2), "1", "1", "1", "1")]
    for name in ("fp32", "bf16"):
        r = result[name]
        rows.append(
            (
                f"noisefix, {name}",
                number(r["seconds"], 2),
                number(r["times_faster"], 2),
                number(r["times_less_cpu"], 2),
                number(r["mean_cosine"], 6),
                number(r["neighbors_kept"], 4),
            )
        )
    bf16 = "native here" if result["has_native_bf16"] else "not native here: auto takes fp32"
    loading = result["load_cpu_s"]
    return [
        Table(
            f"Embedding {result['texts']:,} texts of {result['tokens']:.0f} tokens on average",
            (
                "",
                "wall time, s",
                "times faster",
                "times less processor time",
                "mean cosine",
                "neighbours kept",
            ),
            tuple(rows),
            f"bf16 is {bf16}. Until the first vector, a new process takes "
            f"{loading['noisefix']:.1f} s of processor time; with sentence-transformers "
            f"{loading['plain']:.1f} s.",
        )
    ]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return the speed of both precisions, and what bf16 costs."""
    fp32, bf16 = result["fp32"], result["bf16"]
    is_native = result["has_native_bf16"]
    return [
        Headline(
            "embedding in bf16, times faster than SentenceTransformer.encode",
            number(bf16["times_faster"], 2),
            "at least 3 where bf16 is native",
            bf16["times_faster"] >= 3 if is_native else None,
        ),
        Headline(
            "the same, mean cosine to fp32",
            number(bf16["mean_cosine"], 6),
            "at least .9999",
            bf16["mean_cosine"] >= 0.9999,
        ),
        Headline(
            "the same, ten nearest neighbours kept",
            number(bf16["neighbors_kept"], 4),
            "at least .99",
            bf16["neighbors_kept"] >= 0.99,
        ),
        Headline(
            "embedding in fp32, times faster",
            number(fp32["times_faster"], 2),
            "at least 1.3",
            fp32["times_faster"] >= 1.3,
        ),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=3000)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    print(json.dumps(run(options.texts, options.turns), indent=2))

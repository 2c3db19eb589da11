"""How time and memory of ``detect`` grow with the rows.

``python tests/benchmarks growth``. The encoder is tfidf, or vectors are given: what is measured is
what comes beside a neural encoder, whose time grows with the tokens and no faster.
"""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from made_texts import write_texts
from processes import noisefix_command, run_process
from report import Headline, Table, number

GIVEN = "given"
_DIMENSION, _INNER, _CLASSES, _WRONG, _BLOCK = 384, 24, 20, 0.15, 16_000


def run(
    sizes: tuple[int, ...] = (1_000, 10_000, 100_000),
    encoder: str = "tfidf",
    given_sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000),
) -> dict[str, Any]:
    """Run ``detect`` on ever more rows, each time in a process of its own.

    Args:
        sizes: numbers of texts, ascending.
        encoder: of ``detect``.
        given_sizes: numbers of rows with given vectors, ascending.
    """
    return {**measure(sizes, encoder), "given": measure(given_sizes, GIVEN)}


def measure(sizes: tuple[int, ...], encoder: str) -> dict[str, Any]:
    """Run ``detect`` with one encoder, or with ``GIVEN`` vectors."""
    measured = []
    with tempfile.TemporaryDirectory() as name:
        for rows in sizes:
            data = Path(name) / f"{rows}.csv"
            command = [*noisefix_command(), "detect", str(data)]
            if encoder == GIVEN:
                write_vectors(data, rows)
                command += ["--embeddings", str(data.with_suffix(".npy"))]
            else:
                write_texts(data, rows)
                command += ["--encoder", encoder]
            used = run_process([*command, "--json", "--quiet"])
            measured.append(
                {
                    "rows": rows,
                    "wall_s": used.wall_s,
                    "cpu_s": used.cpu_s,
                    "peak_mb": used.peak_mb,
                    "stages": json.loads(used.stdout)["seconds"],
                }
            )
    first, last = (measured[-2:] * 2)[:2]
    return {
        "encoder": encoder,
        "sizes": measured,
        "exponents": {
            name: exponent(first, last, name)
            for name in ("wall_s", "cpu_s", "peak_mb", *last["stages"])
        },
    }


def write_vectors(data: Path, n_rows: int, seed: int = 0) -> None:
    """Write labels as CSV, and beside it (N, 384) vectors of 20 classes; 15 % of labels are wrong.

    Like those of texts, they fill few of their dimensions.
    """
    rng = np.random.default_rng(seed)
    spread = rng.standard_normal((_INNER, _DIMENSION)).astype(np.float32)
    centres = rng.standard_normal((_CLASSES, _INNER)).astype(np.float32)
    true = rng.integers(0, _CLASSES, n_rows)
    given = np.where(rng.random(n_rows) < _WRONG, rng.integers(0, _CLASSES, n_rows), true)
    shape = (n_rows, _DIMENSION)
    file = np.lib.format.open_memmap(data.with_suffix(".npy"), "w+", np.float32, shape)
    for first in range(0, n_rows, _BLOCK):
        block = slice(first, first + _BLOCK)
        inner = centres[true[block]] + rng.standard_normal((len(true[block]), _INNER))
        file[block] = inner.astype(np.float32) @ spread
        file[block] += 0.3 * rng.standard_normal((len(inner), _DIMENSION), dtype=np.float32)
    file.flush()
    with data.open("w", encoding="utf-8") as lines:
        lines.write("label\n")
        lines.writelines(f"class {k:02d}\n" for k in given.tolist())


def exponent(small: dict[str, Any], large: dict[str, Any], name: str) -> float:
    """Return b of the a * rows ** b that goes through two measurements; NaN for one only."""
    ratio = large["rows"] / small["rows"]
    low, high = ({**size, **size["stages"]}[name] for size in (small, large))
    if ratio == 1 or low <= 0 or high <= 0:
        return math.nan
    return math.log(high / low) / math.log(ratio)


def tables(result: dict[str, Any]) -> list[Table]:
    """Return the measurements and the exponents."""
    given = result.get("given")
    return [_table(result), *([] if given is None else [_table(given)])]


def _table(result: dict[str, Any]) -> Table:
    what = "--embeddings FILE" if result["encoder"] == GIVEN else f"--encoder {result['encoder']}"
    sizes, stages = result["sizes"], list(result["sizes"][-1]["stages"])
    rows = [
        (
            f"{size['rows']:,}",
            number(size["wall_s"], 1),
            number(size["cpu_s"], 1),
            f"{size['peak_mb']:,.0f}",
            *(number(size["stages"].get(stage), 2) for stage in stages),
        )
        for size in sizes
    ]
    names = ("wall_s", "cpu_s", "peak_mb", *stages)
    rows.append(("exponent", *(number(result["exponents"][name], 2) for name in names)))
    return Table(
        f"Growth of detect {what}",
        ("rows", "wall s", "processor s", "peak MB", *(f"{stage}, s" for stage in stages)),
        tuple(rows),
        "Time and memory grow as rows to the power of the exponent, taken from the last two sizes.",
    )


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return the exponents of time and memory."""
    sizes, exponents = result["sizes"][-2:], result["exponents"]
    span = " to ".join(f"{size['rows']:,}" for size in sizes)
    values = f"{number(exponents['wall_s'], 2)} / {number(exponents['peak_mb'], 2)}"
    return [Headline(f"growth from {span} rows, exponents of time / peak memory", values)]

"""How time and memory of ``detect`` grow with the rows.

``python tests/benchmarks growth``. The encoder is tfidf: what is measured is what comes beside the
encoder, whose time grows with the tokens and no faster.
"""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import Any

from made_texts import write_texts
from processes import noisefix_command, run_process
from report import Headline, Table, number


def run(
    sizes: tuple[int, ...] = (1_000, 10_000, 100_000), encoder: str = "tfidf"
) -> dict[str, Any]:
    """Run ``detect`` on ever more rows, each time in a process of its own.

    Args:
        sizes: numbers of rows, ascending.
        encoder: of ``detect``.
    """
    measured = []
    with tempfile.TemporaryDirectory() as name:
        for rows in sizes:
            data = Path(name) / f"{rows}.csv"
            write_texts(data, rows)
            command = [*noisefix_command(), "detect", str(data), "--encoder", encoder]
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


def exponent(small: dict[str, Any], large: dict[str, Any], name: str) -> float:
    """Return b of the a * rows ** b that goes through two measurements; NaN for one only."""
    ratio = large["rows"] / small["rows"]
    low, high = ({**size, **size["stages"]}[name] for size in (small, large))
    if ratio == 1 or low <= 0 or high <= 0:
        return math.nan
    return math.log(high / low) / math.log(ratio)


def tables(result: dict[str, Any]) -> list[Table]:
    """Return the measurements and the exponents."""
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
    return [
        Table(
            f"Growth of detect --encoder {result['encoder']}",
            ("rows", "wall s", "processor s", "peak MB", *(f"{stage}, s" for stage in stages)),
            tuple(rows),
            "Time and memory grow as rows to the power of the exponent, taken from the last two "
            "sizes.",
        )
    ]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return the exponents of time and memory."""
    sizes, exponents = result["sizes"][-2:], result["exponents"]
    span = " to ".join(f"{size['rows']:,}" for size in sizes)
    values = f"{number(exponents['wall_s'], 2)} / {number(exponents['peak_mb'], 2)}"
    return [Headline(f"growth from {span} rows, exponents of time / peak memory", values)]

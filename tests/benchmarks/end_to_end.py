"""``noisefix detect`` as a whole process beside the plain script as a whole process.

``python tests/benchmarks end_to_end``. The two take turns, so that what else the machine
does touches both; the ratio is the median over the turns.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import plain_script
from made_texts import write_texts
from processes import Usage, noisefix_command, run_process
from report import Headline, Table, number


def run(rows: int = 20_000, turns: int = 3) -> dict[str, Any]:
    """Let both find the wrong labels of the same CSV, in turn.

    Args:
        rows: short texts.
        turns: how often each runs.
    """
    from noisefix.encoders.find import find_encoder

    model = find_encoder().folder
    assert model is not None
    usages: dict[str, list[Usage]] = {"noisefix": [], "plain": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data.csv"
        write_texts(data, rows)
        script = [sys.executable, plain_script.__file__, str(data), str(model)]
        for turn in range(turns):
            run_folder = str(folder / f"{turn}.noisefix")
            detect = [*noisefix_command(), "detect", str(data), "-o", run_folder, "--quiet"]
            usages["noisefix"].append(run_process(detect))
            usages["plain"].append(run_process([*script, str(folder / "out.csv")]))
    pairs = list(zip(usages["noisefix"], usages["plain"], strict=True))
    return {
        "rows": rows,
        "turns": turns,
        **{
            f"{side}_{fact}": median(getattr(usage, fact) for usage in used)
            for side, used in usages.items()
            for fact in ("wall_s", "cpu_s", "peak_mb")
        },
        "times_faster": median(plain.wall_s / ours.wall_s for ours, plain in pairs),
        "times_less_cpu": median(plain.cpu_s / ours.cpu_s for ours, plain in pairs),
        "ratios": [plain.wall_s / ours.wall_s for ours, plain in pairs],
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Return time and memory of both sides."""

    def row(words: str, fact: str, ratio: float) -> tuple[str, ...]:
        sides = (f"{result[f'{side}_{fact}']:,.0f}" for side in ("noisefix", "plain"))
        return (words, *sides, number(ratio, 2))

    memory = result["plain_peak_mb"] / result["noisefix_peak_mb"]
    return [
        Table(
            f"From a CSV of {result['rows']:,} short texts to its wrong labels, whole processes",
            ("", "noisefix detect", "plain script", "ratio"),
            (
                row("wall time, s", "wall_s", result["times_faster"]),
                row("processor time, s", "cpu_s", result["times_less_cpu"]),
                row("peak memory, MB", "peak_mb", memory),
            ),
            f"Medians of {result['turns']} turns, times and ratios apart; the ratios of wall time: "
            + ", ".join(number(ratio, 2) for ratio in result["ratios"])
            + ".",
        )
    ]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return the ratio of the whole processes."""
    ratio = result["times_faster"]
    return [
        Headline(
            f"detect on {result['rows']:,} short texts, times faster than the plain script",
            number(ratio, 2),
            "at least 2.5",
            ratio >= 2.5,
        )
    ]

"""``noisefix detect`` as a whole process beside the plain script as a whole process.

``python tests/benchmarks end_to_end [--rows N]``. The two take turns, so that what else the machine
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
    return [
        Table(
            f"From a CSV of {result['rows']:,} short texts to its wrong labels, whole processes",
            ("", "noisefix detect", "plain script", "ratio"),
            tuple(
                (
                    words,
                    f"{result[f'noisefix_{fact}']:,.0f}",
                    f"{result[f'plain_{fact}']:,.0f}",
                    number(result[f"plain_{fact}"] / result[f"noisefix_{fact}"], 2),
                )
                for words, fact in (
                    ("wall time, s", "wall_s"),
                    ("processor time, s", "cpu_s"),
                    ("peak memory, MB", "peak_mb"),
                )
            ),
            f"Medians of {result['turns']} turns; each turn's wall time ratio: "
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

"""How long the commands take that must be quick, each as a whole process.

``python tests/benchmarks start_up``: ``--help``, and the commands that work on a run
folder that is there.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from made_texts import write_texts
from processes import noisefix_command, run_process
from report import Headline, Table, number


def commands(run_folder: str, folder: Path) -> dict[str, list[str]]:
    """Return what is timed, by what it is called in the table."""
    embeddings, issues = f"{run_folder}/embeddings.parquet", f"{run_folder}/issues.parquet"
    joint = ["joint", embeddings, "-o", str(folder / "joint")]
    candidates = ["candidates", embeddings, issues, "-o", str(folder / "candidates.parquet")]
    cleaned = str(folder / "cleaned.csv")
    return {
        "--help": ["--help"],
        "joint": [*joint, "--force"],
        "joint, nothing has changed": joint,
        "candidates": [*candidates, "--force"],
        "apply --strategy flag": ["apply", run_folder, "-o", cleaned, "--strategy", "flag"],
        "apply --strategy relabel": ["apply", run_folder, "-o", cleaned, "--strategy", "relabel"],
        "check": ["check", run_folder, "--max-noise-rate", "1"],
        "evaluate": ["evaluate", run_folder, "--truth", "true_label"],
    }


def run(rows: int = 10_000, repeats: int = 5, encoder: str = "") -> dict[str, Any]:
    """Time the commands on a run folder that ``detect`` has just written.

    Args:
        rows: rows of the run folder.
        repeats: runs of each command.
        encoder: passed to ``detect``; "" for the default.
    """
    program = noisefix_command()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, run_folder = folder / "data.csv", str(folder / "data.noisefix")
        write_texts(data, rows)
        (folder / "joint").mkdir()
        extra = ["--encoder", encoder] if encoder else []
        run_process([*program, "detect", str(data), "-o", run_folder, "--quiet", *extra])
        timed = {}
        for label, arguments in commands(run_folder, folder).items():
            used = [run_process([*program, *arguments]) for _ in range(repeats)]
            timed[label] = {
                "wall_s": median(usage.wall_s for usage in used),
                "least_wall_s": min(usage.wall_s for usage in used),
                "cpu_s": median(usage.cpu_s for usage in used),
                "peak_mb": median(usage.peak_mb for usage in used),
            }
    return {"rows": rows, "repeats": repeats, "commands": timed}


def tables(result: dict[str, Any]) -> list[Table]:
    """Return the times."""
    return [
        Table(
            f"Commands on a run folder of {result['rows']:,} rows, whole processes",
            ("noisefix ...", "wall s", "least wall s", "processor s", "peak MB"),
            tuple(
                (
                    label,
                    number(used["wall_s"], 2),
                    number(used["least_wall_s"], 2),
                    number(used["cpu_s"], 2),
                    f"{used['peak_mb']:,.0f}",
                )
                for label, used in result["commands"].items()
            ),
            f"Medians of {result['repeats']} runs.",
        )
    ]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return the start and the slowest command."""
    commands = dict(result["commands"])
    start = commands.pop("--help")["wall_s"]
    slowest = max(commands, key=lambda label: commands[label]["wall_s"])
    seconds = commands[slowest]["wall_s"]
    return [
        Headline("noisefix --help, s", number(start, 2), "under 0.3", start < 0.3),
        Headline(
            f"slowest command on a run folder of {result['rows']:,} rows ({slowest}), s",
            number(seconds, 2),
            "under 5",
            seconds < 5,
        ),
    ]

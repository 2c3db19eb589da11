"""What may be chosen for an audit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from noisefix.common_options import Decisions, RunData, Seed
from noisefix.options import READS, WRITES, Option, Options

MOST_ROWS = 1_000


@dataclass(frozen=True)
class AuditOptions(Options):
    """Options of ``audit``."""

    rows: Annotated[
        int,
        Option(
            "--rows",
            "Rows of the sample. More than before draws the difference; none is taken away.",
            "N",
            at_least=1,
            at_most=MOST_ROWS,
        ),
    ] = 30
    csv: Annotated[
        str | Path | None,
        Option(
            "--csv",
            "Write the rows to mark, in random order, with an empty column decision.",
            "FILE",
            role=WRITES,
        ),
    ] = None
    from_file: Annotated[
        str | Path | None,
        Option(
            "--from",
            "Read it back, filled in: a class, drop (of no class) or unsure.",
            "FILE",
            role=READS,
        ),
    ] = None
    reviewer: Annotated[str, Option("--reviewer", "Who marks the rows.", "NAME")] = ""
    seed: Seed = 0
    decisions: Decisions = None
    run_data: RunData = None

"""What may be chosen for the page of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from noisefix.common_options import Decisions
from noisefix.options import READS, Option, Options
from noisefix.seeds import HIGHEST_SEED

PageSeed = Annotated[
    int,
    Option(
        "--seed",
        "Of the map, and of the audit's sample where none was drawn yet.",
        "N",
        at_least=0,
        at_most=HIGHEST_SEED,
    ),
]


@dataclass(frozen=True)
class ReportOptions(Options):
    """Options of ``report``."""

    decisions: Decisions = None
    predictions: Annotated[
        list[str | Path] | None,
        Option(
            "--predictions",
            "What a model says of the rows; again for each model: which of them wins.",
            "FILE",
            role=READS,
        ),
    ] = None
    seed: PageSeed = 0

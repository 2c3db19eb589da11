"""What may be chosen for a review."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from noisefix.common_options import Decisions
from noisefix.options import Option, Options
from noisefix.reporting.options import PageSeed


@dataclass(frozen=True)
class ReviewOptions(Options):
    """Options of ``review``."""

    name: Annotated[
        str, Option("--name", "Who decides, where the page is not told another name.", "WHO")
    ] = ""
    port: Annotated[
        int,
        Option(
            "--port",
            "Where the page is, on this machine only. Default: any that is free.",
            "N",
            at_least=0,
            at_most=65535,
        ),
    ] = 0
    decisions: Decisions = None
    seed: PageSeed = 0

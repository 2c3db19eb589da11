"""What may be chosen for scoring, and for making noise to be scored on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from noisefix.common_options import (
    DEFAULT_ENCODER,
    BadRows,
    Device,
    Encoder,
    LabelColumn,
    MissingLabels,
    Seed,
    TableOptions,
    TextColumn,
)
from noisefix.options import READS, Option, Options


@dataclass(frozen=True)
class EvaluateOptions(TableOptions):
    """Options of ``evaluate``; text column and device are for a model, ids for the table named."""

    device: Device = "auto"


@dataclass(frozen=True)
class NoiseOptions(Options):
    """Options of ``noise``."""

    kind: Annotated[
        str,
        Option(
            "--kind",
            "instance: texts that lie near another class get its label.",
            words=("symmetric", "pair", "asymmetric", "instance"),
        ),
    ] = "symmetric"
    rate: Annotated[
        float | None, Option("--rate", "Share of rows to spoil. Default: 0.2.", "SHARE")
    ] = None
    matrix: Annotated[
        str | Path | None,
        Option(
            "--matrix",
            "For asymmetric: CSV, first column the true label, a column for each given one.",
            "FILE",
            role=READS,
        ),
    ] = None
    truth_column: Annotated[
        str, Option("--truth-column", "Column for the right labels.", "NAME")
    ] = "true_label"
    text_column: TextColumn = None
    label_column: LabelColumn = None
    missing_labels: MissingLabels = None
    encoder: Encoder = DEFAULT_ENCODER
    device: Device = "auto"
    seed: Seed = 0
    bad_rows: BadRows = "stop"

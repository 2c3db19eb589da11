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
    LabelledTableOptions,
    LabelReading,
    Seed,
    TextColumn,
)
from noisefix.options import READS, Option


@dataclass(frozen=True)
class EvaluateOptions(LabelledTableOptions):
    """Options of ``evaluate``.

    Text column and device are for a model, ids for the table named; label column, missing labels
    and seed for the comparison of models on a table.
    """

    device: Device = "auto"
    seed: Seed = 0


@dataclass(frozen=True)
class CalibrateOptions(LabelReading):
    """Options of ``calibrate``."""

    label_column: LabelColumn = None
    truth_column: Annotated[
        str | None,
        Option(
            "--truth-column",
            "Column with a person's labels, empty in most rows. Guessed if clear.",
            "NAME",
        ),
    ] = None
    max_drift: Annotated[
        float | None,
        Option(
            "--max-drift",
            "Fail when accuracy, kappa or a class's recall fell by more than P (0.05: 5 points).",
            "P",
            at_least=0,
            at_most=1,
        ),
    ] = None
    baseline: Annotated[
        str | Path | None,
        Option("--baseline", "Result of an earlier calibrate -o.", "FILE", role=READS),
    ] = None
    seed: Seed = 0
    bad_rows: BadRows = "stop"


@dataclass(frozen=True)
class NoiseOptions(LabelReading):
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
    encoder: Encoder = DEFAULT_ENCODER
    device: Device = "auto"
    seed: Seed = 0
    bad_rows: BadRows = "stop"

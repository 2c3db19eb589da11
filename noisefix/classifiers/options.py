"""What may be chosen for training, comparing and using a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from noisefix.annotators.protocol import Annotator
from noisefix.common_options import (
    BadRows,
    Decisions,
    Device,
    LabelColumn,
    LabelReading,
    RunData,
    Seed,
    TableOptions,
    TextColumn,
)
from noisefix.detection.options import Embeddings
from noisefix.errors import UsageError
from noisefix.options import READS, Option
from noisefix.relabelling.options import AskOptions, ServerOptions

DEFAULT_METHOD = "repair"
"""Best of those without an annotator: ``tests/benchmarks/training.py``."""


def _read_parameters(settings: list[str]) -> dict[str, Any]:
    """Read NAME=VALUE pairs; a value is JSON where it can be read so, else a word."""
    from noisefix.documents import parse_json

    found: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {setting!r} is not NAME=VALUE", "for instance --set head=mlp")
        try:
            found[name] = parse_json(value)
        except ValueError:
            found[name] = value
    return found


Features = Annotated[
    str,
    Option(
        "--features",
        "frozen: a small head on the run's embeddings, seconds. finetune: the encoder is "
        "trained too, minutes.",
        words=("frozen", "finetune"),
    ),
]
Parameters = Annotated[
    Mapping[str, Any] | None,
    Option(
        "--set",
        "A parameter of the method; may be repeated.",
        "NAME=VALUE",
        parse=_read_parameters,
    ),
]
Truth = Annotated[
    str | None,
    Option(
        "--truth",
        "Column with the trusted labels of --test or --valid. Default: the one whose "
        "name says truth, else the label column.",
        "COLUMN",
    ),
]


@dataclass(frozen=True)
class FitOptions(LabelReading):
    """What training and comparing have in common."""

    features: Features = "frozen"
    parameters: Parameters = None
    truth: Truth = None
    text_column: TextColumn = None
    label_column: LabelColumn = None
    device: Device = "auto"
    seed: Seed = 0
    bad_rows: BadRows = "stop"


@dataclass(frozen=True)
class CompareOptions(FitOptions):
    """Options of ``train --compare``."""

    test: Annotated[
        str | Path | None,
        Option("--test", "Trusted labels to compare methods by.", "TABLE", role=READS),
    ] = None
    n_seeds: Annotated[
        int, Option("--seeds", "Seeds for each method compared.", "N", at_least=1)
    ] = 5


@dataclass(frozen=True)
class TrainOptions(FitOptions, ServerOptions, AskOptions):
    """Options of ``train``."""

    method: Annotated[
        str,
        Option(
            "--method",
            "How to train: ce, repair, gaussian, sidyp, noiseal; an unknown name lists all.",
            "NAME",
            offered="noisefix.training.registry:METHODS",
        ),
    ] = DEFAULT_METHOD
    epochs: Annotated[int | None, Option("--epochs", "Passes over the rows.", "N", at_least=1)] = (
        None
    )
    valid: Annotated[
        str | Path | None,
        Option(
            "--valid",
            "Trusted labels to choose the epoch by. Not needed.",
            "TABLE",
            role=READS,
        ),
    ] = None
    pairs: Annotated[
        str | Path | None,
        Option(
            "--pairs",
            "Run folder with the pairs of augment, or their table: the edited texts are learnt "
            "too, at half weight.",
            "RUN",
            role=READS,
        ),
    ] = None
    annotator: Annotated[
        str | Annotator | None,
        Option(
            "--annotator",
            "With noiseal: who is asked about rows in doubt: openai | local:PATH | vllm:PATH | "
            "column:NAME. --model alone means openai.",
            "WHO",
            offered=("openai", "local:", "vllm:", "column:"),
        ),
    ] = None
    share: Annotated[
        float | None,
        Option(
            "--share",
            "Ask about at most this share of the labelled rows. Default: 0.3.",
            "P",
            at_least=0,
            at_most=1,
        ),
    ] = None
    decisions: Decisions = None
    run_data: RunData = None


@dataclass(frozen=True)
class PredictOptions(TableOptions):
    """Options of ``predict``."""

    embeddings: Embeddings = None
    proba: Annotated[bool, Option("--proba", "Also the probability of every class.")] = False
    device: Device = "auto"

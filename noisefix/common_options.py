"""The options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from noisefix.options import READS, Option, Options
from noisefix.seeds import HIGHEST_SEED

DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
LOCAL, RAY = "local", "ray"

TextColumn = Annotated[
    str | None,
    Option(
        "--text-column",
        "Column with the texts. Guessed if clear. Several, in order: title,body.",
        "NAME",
    ),
]
LabelColumn = Annotated[
    str | None, Option("--label-column", "Column with the labels. Guessed if clear.", "NAME")
]
IdColumn = Annotated[
    str | None, Option("--id-column", "Column with unique ids. Default: the row number.", "NAME")
]
MissingLabels = Annotated[
    str | None,
    Option(
        "--missing-labels",
        "Labels that mean that there is none: NA,N/A. Such rows are unlabelled.",
        "LABELS",
    ),
]
LabelMap = Annotated[
    str | Path | None,
    Option(
        "--label-map",
        "What codes are called, and variants merged: CSV with the columns raw and name; or TOML, "
        "JSON.",
        "FILE",
        role=READS,
    ),
]
MergeCase = Annotated[
    bool,
    Option("--merge-case", "Labels that differ only in case and blanks are one class."),
]
BadRows = Annotated[
    str,
    Option(
        "--bad-rows",
        "Rows that cannot be read: end with an error, or leave them out and list them.",
        words=("stop", "skip"),
    ),
]
Encoder = Annotated[
    str,
    Option(
        "--encoder",
        "sentence-transformers name, local folder, static:FOLDER, or tfidf (no weights needed).",
        "NAME",
        offered=("tfidf", DEFAULT_ENCODER),
    ),
]
Precision = Annotated[
    str,
    Option("--precision", "auto: bf16 where the hardware has it.", words=("auto", "fp32", "bf16")),
]
Device = Annotated[
    str, Option("--device", "Where to compute.", words=("auto", "cpu", "cuda", "mps"))
]
Seed = Annotated[
    int, Option("--seed", "Same seed, same result.", "N", at_least=0, at_most=HIGHEST_SEED)
]
RunData = Annotated[
    str | Path | None,
    Option(
        "--data", "Where the input of RUN is, if it does not lie beside it.", "FILE", role=READS
    ),
]
Labels = Annotated[
    str | Path | None,
    Option(
        "--labels",
        "labels.toml: a description of each label, or several, as evidence.",
        "FILE",
        role=READS,
    ),
]
Decisions = Annotated[
    str | Path | None,
    Option(
        "--decisions",
        "decisions.jsonl: what people have decided, here or in another run. It is final.",
        "FILE",
        role=READS,
    ),
]
Executor = Annotated[
    str,
    Option(
        "--executor",
        "Who does the work in pieces: this process, or the machines of a Ray cluster.",
        words=(LOCAL, RAY),
    ),
]
Address = Annotated[
    str | None,
    Option(
        "--address",
        "Ray cluster to use: auto, or HOST:PORT. Default: RAY_ADDRESS, else this machine.",
        "ADDR",
    ),
]
Force = Annotated[bool, Option("--force", "Run every stage again, even if nothing has changed.")]


@dataclass(frozen=True)
class TableOptions(Options):
    """Where in a table its texts are, and what to do with rows that cannot be read."""

    text_column: TextColumn = None
    id_column: IdColumn = None
    bad_rows: BadRows = "stop"


@dataclass(frozen=True)
class LabelReading(Options):
    """How what stands in a label column becomes classes."""

    missing_labels: MissingLabels = None
    label_map: LabelMap = None
    merge_case: MergeCase = False


@dataclass(frozen=True)
class LabelledTableOptions(LabelReading, TableOptions):
    """Where the labels are, too."""

    label_column: LabelColumn = None


@dataclass(frozen=True)
class ExecutorOptions(Options):
    """Who works off the pieces of the work."""

    executor: Executor = LOCAL
    address: Address = None

"""What may be chosen for finding wrong labels: of detect, embed, joint, candidates and check."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from noisefix.common_options import (
    DEFAULT_ENCODER,
    BadRows,
    Decisions,
    Device,
    Encoder,
    ExecutorOptions,
    Force,
    LabelledTableOptions,
    Labels,
    Precision,
    RunData,
    Seed,
)
from noisefix.options import READS, WRITES, Option, Options

Neighbors = Annotated[int, Option("--n-neighbors", "Nearest rows to look at.", "N", at_least=1)]
Folds = Annotated[
    int, Option("--n-folds", "Folds for out-of-sample probabilities.", "N", at_least=2)
]
PredProbs = Annotated[
    str | Path | None,
    Option(
        "--pred-probs",
        "Your own out-of-sample probabilities instead: one column a class (or .npy, .npz).",
        "FILE",
        role=READS,
    ),
]
TrustedColumn = Annotated[
    str | None,
    Option(
        "--trusted-column",
        "Column that says which rows a person has verified, or holds their label.",
        "NAME",
    ),
]
OrderColumn = Annotated[
    str | None,
    Option(
        "--order-column",
        "Column that says which row comes after which (a number, a date, text), for labels that "
        "follow from those before and after.",
        "NAME",
    ),
]
GroupColumn = Annotated[
    str | None,
    Option(
        "--group-column",
        "Column with the conversation, document or session that the order is in.",
        "NAME",
    ),
]
ClassShares = Annotated[
    str | None,
    Option(
        "--class-shares",
        "True share of classes where you know it: refund=0.1,billing=0.3.",
        "SHARES",
    ),
]
LabelledBy = Annotated[
    str,
    Option(
        "--labelled-by",
        "Who made the labels: people, model, rules or unknown. They err in different ways.",
        "WHO",
        words=("people", "model", "rules", "unknown"),
    ),
]
UnverifiedClass = Annotated[
    str | None,
    Option(
        "--unverified-class",
        "The class that rows get where nobody looked: rows of the others are then trusted.",
        "CLASS",
    ),
]
OneSided = Annotated[
    float | None,
    Option("--one-sided", "Divide the odds of an error in those others by X. Default: 10.", "X"),
]
Ordinal = Annotated[
    str | None,
    Option(
        "--ordinal",
        "Order of the classes: 1,2,3,4,5. The further off a label seems, the more suspicious.",
        "CLASSES",
    ),
]
FlagPrecision = Annotated[
    float | None,
    Option(
        "--flag-precision",
        "Flag rows while this share of the flagged is expected to be wrong (0.8: few, sure).",
        "SHARE",
    ),
]
FlagTop = Annotated[
    int | None,
    Option("--flag-top", "Flag the N most suspicious rows.", "N", at_least=0),
]
FilterBy = Annotated[
    str | None,
    Option(
        "--filter-by",
        "Flag rows by a confident-learning filter instead of p_error.",
        "NAME",
        offered="noisefix.confident.filters:FILTERS",
    ),
]


def _read_views(typed: list[str]) -> tuple[str, ...] | None:
    """Return what was typed for --embeddings: once or twice, or with a comma between two."""
    return tuple(part for one in typed for part in split_views(one)) or None


def split_views(text: str) -> tuple[str, ...]:
    """Return the files that a text names: one, or two with a comma between them."""
    return (text,) if Path(text).exists() else tuple(part for part in text.split(",") if part)


Embeddings = Annotated[
    Any,
    Option(
        "--embeddings",
        "Your own vectors of the rows instead of an encoder: .npy, .npz, .parquet, or column:NAME. "
        "No text is needed then. Twice, or with a comma: two kinds of vectors.",
        "FILE",
        role=READS,
        parse=_read_views,
    ),
]

AnnotatorColumns = Annotated[
    str | None,
    Option(
        "--annotator-columns",
        "Columns with other annotators' labels of the same rows, weighed in: gpt,rules,ann.",
        "A,B,C",
    ),
]
AnnotationsFile = Annotated[
    str | Path | None,
    Option(
        "--annotations",
        "The same as a table with the columns id, annotator and label: one row an answer.",
        "FILE",
        role=READS,
    ),
]

MultiLabel = Annotated[
    str | None,
    Option(
        "--multi-label",
        'Rows have several labels: what stands between them in a cell ("|"), or list for lists.',
        "SEPARATOR",
    ),
]
LabelColumns = Annotated[
    str | None,
    Option(
        "--label-columns",
        "Rows have several labels: one column of 1 and 0 a class: a,b,c.",
        "NAMES",
    ),
]

PairColumns = Annotated[
    str | None,
    Option(
        "--pair-columns",
        "Two columns of text that belong together, such as question,answer: in which rows do they "
        "not?",
        "A,B",
    ),
]

Against = Annotated[
    str | Path | None,
    Option(
        "--against",
        "Another table, such as the test set: which of its rows have (nearly) a text of this one?",
        "FILE",
        role=READS,
    ),
]


@dataclass(frozen=True)
class EncodeOptions(Options):
    """How texts become vectors."""

    encoder: Encoder = DEFAULT_ENCODER
    precision: Precision = "auto"
    device: Device = "auto"
    labels: Labels = None
    seed: Seed = 0


@dataclass(frozen=True)
class SeveralLabels(Options):
    """How the labels are written where a row has several."""

    multi_label: MultiLabel = None
    label_columns: LabelColumns = None


@dataclass(frozen=True)
class KnownOptions(Options):
    """What is known of the labels, and how many rows to flag."""

    trusted_column: TrustedColumn = None
    annotator_columns: AnnotatorColumns = None
    annotations: AnnotationsFile = None
    order_column: OrderColumn = None
    group_column: GroupColumn = None
    decisions: Decisions = None
    labelled_by: LabelledBy = "unknown"
    unverified_class: UnverifiedClass = None
    one_sided: OneSided = None
    ordinal: Ordinal = None
    flag_precision: FlagPrecision = None
    flag_top: FlagTop = None


@dataclass(frozen=True)
class JudgeOptions(KnownOptions):
    """How labels are judged."""

    pred_probs: PredProbs = None
    class_shares: ClassShares = None
    filter_by: FilterBy = None
    n_folds: Folds = 5
    n_neighbors: Neighbors = 10


@dataclass(frozen=True)
class EmbedOptions(EncodeOptions, LabelledTableOptions, ExecutorOptions):
    """Options of ``embed``."""

    embeddings: Embeddings = None
    force: Force = False


@dataclass(frozen=True)
class JointOptions(JudgeOptions, ExecutorOptions):
    """Options of ``joint``."""

    data: Annotated[
        str | Path | None,
        Option(
            "--data",
            "Table with the columns named (trusted, order, annotators). Default: the run's input.",
            "FILE",
            role=READS,
        ),
    ] = None
    id_column: Annotated[
        str | None,
        Option(
            "--id-column",
            "Id column of --data, where that is not the file that was embedded.",
            "NAME",
        ),
    ] = None
    device: Device = "auto"
    seed: Seed = 0
    force: Force = False
    bad_rows: BadRows = "stop"


@dataclass(frozen=True)
class CandidatesOptions(ExecutorOptions):
    """Options of ``candidates``."""

    n_neighbors: Neighbors = 10
    device: Device = "auto"
    seed: Seed = 0
    force: Force = False


@dataclass(frozen=True)
class DetectOptions(JudgeOptions, EmbedOptions, SeveralLabels):
    """Options of ``detect``."""

    not_column: Annotated[
        str | None,
        Option(
            "--not-column",
            "Column with labels that a row is not, several with | between: evidence.",
            "NAME",
        ),
    ] = None
    pair_columns: PairColumns = None
    against: Against = None


@dataclass(frozen=True)
class CheckOptions(KnownOptions, EncodeOptions, LabelledTableOptions, SeveralLabels):
    """Options of ``check``; a gate must be among them, or a baseline to write."""

    max_noise_rate: Annotated[
        float | None,
        Option(
            "--max-noise-rate",
            "Fail when surely more of the labels are wrong (0.05: 5 %): the estimate's lower end.",
            "SHARE",
        ),
    ] = None
    max_issues: Annotated[
        int | None, Option("--max-issues", "Fail when more rows are flagged.", "N")
    ] = None
    max_new_issues: Annotated[
        int | None,
        Option(
            "--max-new-issues",
            "Fail when more rows are flagged whose text or label is not in --baseline.",
            "N",
        ),
    ] = None
    embeddings: Embeddings = None
    pair_columns: PairColumns = None
    max_mismatched: Annotated[
        int | None,
        Option(
            "--max-mismatched",
            "Fail when the texts of more rows (--pair-columns) do not belong together; with "
            "--baseline only rows count that it does not hold.",
            "N",
            at_least=0,
        ),
    ] = None
    against: Against = None
    max_leaks: Annotated[
        int | None,
        Option(
            "--max-leaks",
            "Fail when more rows of --against have (nearly) a text of this table.",
            "N",
            at_least=0,
        ),
    ] = None
    baseline: Annotated[
        str | Path | None,
        Option(
            "--baseline",
            "What was there before: of --write-baseline, an issues.parquet, or the old table.",
            "FILE",
            role=READS,
        ),
    ] = None
    write_baseline: Annotated[
        str | Path | None,
        Option(
            "--write-baseline",
            "Write the rows as they are now, as hashes without texts, for --baseline.",
            "FILE",
            role=WRITES,
        ),
    ] = None
    run_data: RunData = None


@dataclass(frozen=True)
class InitOptions(KnownOptions, EncodeOptions, LabelledTableOptions, SeveralLabels):
    """Options of ``init``."""

    force: Annotated[
        bool,
        Option("--force", "Replace the files that are there, and run every stage again."),
    ] = False

"""What may be chosen for a gate: options of check, and of init, which sets one up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from noisefix.common_options import LabelledTableOptions, RunData
from noisefix.detection.options import (
    Against,
    Embeddings,
    EncodeOptions,
    KnownOptions,
    PairColumns,
    SeveralLabels,
)
from noisefix.options import READS, WRITES, Option


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

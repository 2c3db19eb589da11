"""What may be chosen for writing the cleaned table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from noisefix.common_options import Decisions, RunData
from noisefix.options import READS, WRITES, Option, Options

DEFAULT_PREFIX = "noisefix_"


@dataclass(frozen=True)
class ApplyOptions(Options):
    """Options of ``apply``."""

    strategy: Annotated[
        str,
        Option(
            "--strategy",
            "flag: add columns with the verdicts. drop: leave flagged rows out. relabel: what "
            "an annotator's answers led to, else only labels for which another is clearly better. "
            "weight: add a column, how probably each label is right.",
            words=("flag", "drop", "relabel", "weight"),
        ),
    ] = "flag"
    format: Annotated[
        str | None,
        Option(
            "--format",
            "What is written. Default: the input again, row by row. label-studio, argilla: JSON to "
            "import there, with predictions. xlsx: a workbook to fill in. csv, jsonl, parquet: a "
            "table with the verdicts.",
            words=("label-studio", "argilla", "xlsx", "csv", "jsonl", "parquet"),
        ),
    ] = None
    only_flagged: Annotated[
        bool, Option("--only-flagged", "Write the flagged rows only, most suspicious first.")
    ] = False
    bom: Annotated[
        bool, Option("--bom", "Begin CSV with a byte order mark, so that Excel reads it as UTF-8.")
    ] = False
    min_probability: Annotated[
        float | None,
        Option(
            "--min-probability",
            "Least probability of a new label where nobody was asked. Default: 0.7, and only "
            "where label names or verified rows vouch for it.",
            "P",
            at_least=0,
            at_most=1,
        ),
    ] = None
    min_margin: Annotated[
        float,
        Option("--min-margin", "Its least lead over the given one.", "P", at_least=0, at_most=1),
    ] = 0.3
    fill_unlabelled: Annotated[
        bool, Option("--fill-unlabelled", "Give rows without a label the suggested one.")
    ] = False
    drop_outside: Annotated[
        bool,
        Option(
            "--drop-outside",
            "Leave out the rows that seem to belong to no class, whatever the strategy.",
        ),
    ] = False
    drop_mismatched: Annotated[
        bool,
        Option(
            "--drop-mismatched",
            "Leave out the rows whose two texts (detect --pair-columns) do not seem to belong "
            "together, whatever the strategy.",
        ),
    ] = False
    rewrites: Annotated[
        str | None,
        Option(
            "--rewrites",
            "Use the edited texts of relabel --rewrite, of rows whose label seems wrong and whose "
            "given class is rare. add: as new rows. replace: in the place of the texts.",
            words=("add", "replace"),
        ),
    ] = None
    column_prefix: Annotated[
        str, Option("--column-prefix", "Begins the names of new columns.", "TEXT")
    ] = DEFAULT_PREFIX
    dry_run: Annotated[bool, Option("--dry-run", "Show what would change; write nothing.")] = False
    review_csv: Annotated[
        str | Path | None,
        Option(
            "--review-csv",
            "Write the rows that a person should see, with an empty column decision.",
            "FILE",
            role=WRITES,
        ),
    ] = None
    review: Annotated[
        str | Path | None,
        Option(
            "--review",
            "Read it back, filled in: a class, keep, drop, reject (not the given label), not "
            "CLASS, or unsure; or a workbook, or the export of Label Studio or Argilla. It wins "
            "over all else.",
            "FILE",
            role=READS,
        ),
    ] = None
    decisions: Decisions = None
    run_data: RunData = None

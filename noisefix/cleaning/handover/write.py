"""The formats that rows can be handed over in, and which of them is asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from noisefix.cleaning.decide import verdict_columns
from noisefix.cleaning.handover.argilla import argilla_bytes
from noisefix.cleaning.handover.label_studio import label_studio_bytes
from noisefix.cleaning.handover.rows import flagged_rows, handed_rows, nearest_rows
from noisefix.cleaning.handover.table import table_bytes
from noisefix.cleaning.handover.workbook import workbook_bytes
from noisefix.errors import UsageError
from noisefix.run.parquet import with_columns

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.cleaning.options import ApplyOptions
    from noisefix.run.folder import RunFolder
    from noisefix.tables.source import Source

TABLES = ("csv", "jsonl", "parquet")
KINDS = {"label-studio": "json", "argilla": "json", "xlsx": "xlsx"} | {k: k for k in TABLES}
"""Formats, each with what the name of its files must promise."""

_INSTEAD = {"arrow": "parquet", "json": "jsonl", "fasttext": "csv"}
"""What rows are handed over in, where the input's own format has no room for more columns or
belongs to one program."""

BOM = b"\xef\xbb\xbf"


def handed_format(options: ApplyOptions, own: str) -> str | None:
    """Return the format of rows to hand over; None: the input is written again, row by row.

    Args:
        options: what was chosen.
        own: format of the input.

    Raises:
        UsageError: options that do not go together.
    """
    kind = options.format or own
    if options.bom and kind != "csv":
        raise UsageError(
            f"--bom: marks CSV as UTF-8, but the output is {kind}",
            "leave it out, or add --format csv",
        )
    is_own = kind == own and (options.format is None or kind in TABLES)
    if is_own and not options.only_flagged:
        return None
    if options.strategy != "flag" or options.fill_unlabelled:
        raise UsageError(
            f"--strategy {options.strategy}: changes the data, which is written in its own format"
            if options.strategy != "flag"
            else "--fill-unlabelled: changes the data, which is written in its own format",
            "leave out --format and --only-flagged, which show rows to people and other tools",
        )
    if options.drop_outside or options.drop_mismatched:
        named = "--drop-outside" if options.drop_outside else "--drop-mismatched"
        raise UsageError(
            f"{named}: changes the data, which is written in its own format",
            "leave out --format and --only-flagged, which show rows to people and other tools",
        )
    return _INSTEAD.get(kind, kind)


def unflagged(issues: pa.Table, settled: Collection[str]) -> pa.Table:
    """Return the issues without a flag on the rows, by id, that a person has decided on."""
    if not settled:
        return issues
    rows = zip(issues["id"].to_pylist(), issues["is_issue"].to_pylist(), strict=True)
    return with_columns(issues, {"is_issue": [flag and key not in settled for key, flag in rows]})


def handed_columns(
    folder: RunFolder, issues: pa.Table, prefix: str, kind: str
) -> dict[str, list[str]]:
    """Return the columns that a table for people gets, a text for each row of the issues."""
    if kind not in TABLES:
        return {}
    nearest = nearest_rows(folder, issues)
    alike = [" | ".join(map(str, nearest.get(key, ()))) for key in issues["id"].to_pylist()]
    return verdict_columns(issues, prefix) | {f"{prefix}nearest": alike}


def handed_bytes(
    folder: RunFolder,
    source: Source,
    issues: pa.Table,
    class_names: Sequence[str],
    added: dict[str, list[str]],
    kind: str,
    *,
    only_flagged: bool = False,
) -> bytes:
    """Return rows for people and other tools.

    Args:
        folder: the run folder.
        source: its input.
        issues: the verdicts, in the order of the input.
        class_names: (K,) the classes.
        added: see ``handed_columns``.
        kind: one of ``KINDS``.
        only_flagged: leave the other rows out, and begin with the most suspicious.
    """
    import numpy as np

    rows = flagged_rows(issues) if only_flagged else np.arange(issues.num_rows)
    if kind in TABLES:
        return table_bytes(source, rows, added, kind)
    several = folder.set_reading() is not None
    near = nearest_rows(folder, issues)
    handed = handed_rows(issues, class_names, rows, near, several_labels=several)
    if kind == "xlsx":
        return workbook_bytes(handed, class_names)
    return label_studio_bytes(handed) if kind == "label-studio" else argilla_bytes(handed)

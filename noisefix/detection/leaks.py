"""``--max-leaks``: a gate for the rows of another file that have a text of this one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.detection.baseline import row_key
from noisefix.detection.gates import LEAKS, GateResult
from noisefix.documents import made_of
from noisefix.errors import UsageError
from noisefix.run.files import is_run_folder
from noisefix.run.parquet import read_provenance, read_table
from noisefix.run.schemas import ACROSS

if TYPE_CHECKING:
    import numpy as np

    from noisefix.run.folder import RunFolder

OTHER_FILE = "the other file"


@dataclass(frozen=True)
class LeakedRow:
    """A row of the other file, with the row of this one that has (nearly) its text.

    Attributes:
        other_id: its id there.
        other_row_number: its position there, 1 = first data row.
        other_label: its label there; None = unlabelled.
        id: the row of this file.
        row_number: position of that, 1 = first data row.
        line: line of this file where the row starts, 1 = first; None where that means nothing.
        given_label: its label here; None = unlabelled.
        similarity: cosine of the two texts, in [-1, 1].
        is_equal: they are equal but for case, spaces, marks and links.
        is_conflict: the two labels differ.
        key: stands for both rows' texts and labels; the same wherever they go.
    """

    other_id: str
    other_row_number: int
    other_label: str | None
    id: str
    row_number: int
    line: int | None
    given_label: str | None
    similarity: float
    is_equal: bool
    is_conflict: bool
    key: str = ""


@dataclass(frozen=True)
class Leaks:
    """The verdict of the gate, and the rows behind it.

    Attributes:
        gate: the verdict.
        other_name: the other file.
        rows: one for each row of the other file that leaks; conflicts first, then equal texts.
    """

    gate: GateResult
    other_name: str
    rows: tuple[LeakedRow, ...]


def check_compared(data: str | Path, against: str | Path | None, max_leaks: int | None) -> None:
    """Check, before any work, that what ``--max-leaks`` counts is there.

    Args:
        data: a table or a run folder.
        against: the other file; a run folder was compared with it when it was made.
        max_leaks: the limit.

    Raises:
        UsageError: a table without another file, or a run folder with one.
    """
    is_run = is_run_folder(data)
    if is_run and against is not None:
        raise UsageError(
            f"--against {against}: {data} is a run folder, which is taken as it is",
            "run noisefix detect DATA --against FILE, then check the run",
        )
    if not is_run and against is None and max_leaks is not None:
        raise UsageError("--max-leaks needs another file", "name it with --against FILE")


def judge_leaks(run: RunFolder, max_leaks: int, lines: np.ndarray | None) -> Leaks:
    """Hold the leaks of a run against a limit.

    Args:
        run: the run checked.
        max_leaks: most rows of the other file that may have the text of a row of this one.
        lines: (N,) line of each row of this file; None where there is none.

    Raises:
        UsageError: the run was compared with no other file.
        DataError: across.parquet is broken.
    """
    if not run.across.is_file():
        raise UsageError(
            "--max-leaks: this data was compared with no other file",
            "name the file with --against; of a run folder: noisefix detect DATA --against FILE",
        )
    name = str(read_provenance(run.across).parameters.get("other_name") or OTHER_FILE)
    rows = _leaked_rows(run, lines)
    count = "1 row" if len(rows) == 1 else f"{len(rows):,} rows"
    message = f"{count} of the other file with a text of this one, limit {max_leaks:,}"
    gate = GateResult(LEAKS, len(rows), max_leaks, len(rows) <= max_leaks, message)
    return Leaks(gate, name, rows)


def _leaked_rows(run: RunFolder, lines: np.ndarray | None) -> tuple[LeakedRow, ...]:
    """Return each row of the other file once, with the match that comes first in the table."""
    table, _ = read_table(run.across, ACROSS)
    found: dict[int, dict[str, Any]] = {}
    for row in table.to_pylist():
        found.setdefault(row["other_row_number"], row)
    return tuple(
        made_of(
            LeakedRow,
            row,
            line=None if lines is None else int(lines[row["row_number"] - 1]),
            key=f"{row_key(row['text'], row['given_label'])}-"
            f"{row_key(row['other_text'], row['other_label'])}",
        )
        for row in found.values()
    )

"""The ledger: every change ever written from a run folder, append-only.

The rows say what was changed, by whom and why. The provenance says which files were written when,
with their digests, so that ``apply --revert`` knows whether somebody has edited one since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.cleaning.targets import Content, content_sha256, place_of, replaced
from noisefix.run.schemas import LEDGER
from noisefix.version import __version__

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.folder import RunFolder


_LATE_COLUMN = "old_cell"
"""Ledgers that noisefix 0.1.0 has begun are without it."""


@dataclass(frozen=True)
class Change:
    """One cell changed, or one row dropped; the fields are the ledger's first columns.

    Attributes:
        id: row id in the input.
        row_number: position in the input, 1 = first data row.
        column: column changed; empty when the row was dropped.
        old: value before, with the blanks around it.
        new: value after; None when the row was dropped.
        action: relabel, fill, drop, flag or revert.
        reasons: why, in words a person can check.
        p_error: at the time of the decision.
        annotator: who decided.
        cost_usd: price of the decision.
        old_cell: the cell as it stood in the file, quotes and escapes included; None: not known.
    """

    id: str
    row_number: int
    column: str
    old: str | None
    new: str | None
    action: str
    reasons: tuple[str, ...]
    p_error: float | None
    annotator: str
    cost_usd: float
    old_cell: str | None = None


@dataclass(frozen=True)
class Write:
    """One file written.

    Attributes:
        output: absolute path of the file; "-": standard output.
        decided_at: UTC time, ISO 8601; with ``output`` it picks the ledger's rows.
        action: the strategy that wrote it, or revert.
        sha256: digest of the file as it was written.
        changes: number of rows in the ledger.
    """

    output: str
    decided_at: str
    action: str
    sha256: str
    changes: int


@dataclass(frozen=True)
class Ledger:
    """All that was written from a run folder, oldest first."""

    table: pa.Table
    writes: tuple[Write, ...]

    def last_write(self, output: str, sha256: str) -> Write | None:
        """Return the last write of a file, known by what is in it, or else by its path.

        A process killed at the wrong moment leaves an entry whose file never took its place: the
        last write counts that wrote what is there, if any did, and one to this path before others.
        """
        by_path = [write for write in self.writes if write.output == output]
        by_content = [write for write in self.writes if write.sha256 == sha256]
        by_both = [write for write in by_path if write.sha256 == sha256]
        found = by_both or by_content or by_path
        return found[-1] if found else None

    def changes(self, write: Write) -> list[Change]:
        """Return the changes of one write, in the order of the rows."""
        import pyarrow.compute as pc

        mask = pc.and_(
            pc.equal(self.table["decided_at"], write.decided_at),
            pc.equal(self.table["output"], write.output),
        )
        names = [field.name for field in fields(Change)]
        rows = self.table.filter(mask).select(names).to_pylist()
        return [Change(**{**row, "reasons": tuple(row["reasons"])}) for row in rows]


def read_ledger(path: Path) -> Ledger:
    """Read a ledger; one that does not exist yet is empty."""
    import pyarrow as pa

    from noisefix.run.parquet import read_columns, read_table

    if not path.exists():
        return Ledger(LEDGER.arrow().empty_table(), ())
    names = [column.name for column in LEDGER.columns]
    present = [name for name in names if name != _LATE_COLUMN or name in read_columns(path)]
    table, provenance = read_table(path, LEDGER, present)
    if _LATE_COLUMN not in present:
        table = table.append_column(_LATE_COLUMN, pa.nulls(table.num_rows, pa.string()))
    return Ledger(table, tuple(Write(**write) for write in provenance.results["writes"]))


def append_write(path: Path, changes: Sequence[Change], write: Write, *, input_sha256: str) -> None:
    """Add one write and its changes to the ledger; what was there stays."""
    import pyarrow as pa

    from noisefix.run.parquet import write_table
    from noisefix.run.provenance import Provenance

    old = read_ledger(path)
    schema = LEDGER.arrow()
    rows: list[dict[str, Any]] = [
        {**asdict(c), "decided_at": write.decided_at, "output": write.output} for c in changes
    ]
    table = pa.concat_tables(
        [old.table.select(schema.names).cast(schema), pa.Table.from_pylist(rows, schema=schema)]
    )
    write_table(
        table,
        path,
        LEDGER,
        Provenance(
            schema=LEDGER.name,
            version=LEDGER.version,
            noisefix_version=__version__,
            inputs={"data": input_sha256},
            results={"writes": [asdict(w) for w in (*old.writes, write)]},
        ),
    )


def write_logged(
    folder: RunFolder, target: str | Path, content: Content, changes: Sequence[Change], action: str
) -> None:
    """Write a file, or a folder of several, and its ledger entry: both, or neither.

    Args:
        folder: the run folder whose ledger it is.
        target: what to make or replace.
        content: what it shall hold.
        changes: what is new in it.
        action: the strategy that writes it, or revert.

    Raises:
        DataError: the output or the ledger cannot be written.
    """
    write = Write(
        output=place_of(target),
        decided_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        action=action,
        sha256=content_sha256(content),
        changes=len(changes),
    )
    with folder.ledger_lock("noisefix apply"), replaced(target, content):
        # Last before the file takes its place: an entry without its file does no harm.
        append_write(folder.ledger, changes, write, input_sha256=folder.read()["input"]["sha256"])

"""``apply --revert``: take back what was written, from the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.cleaning.ledger import Change, Write, read_ledger, write_logged
from noisefix.errors import DataError, UsageError
from noisefix.tables.raw_cells import cell_text

if TYPE_CHECKING:
    from noisefix.run.folder import RunFolder
    from noisefix.tables.dataset import Dataset


@dataclass(frozen=True)
class RevertResult:
    """What ``revert`` took back.

    Attributes:
        run: the run folder.
        output: file restored.
        changes: the changes taken back, ``old`` and ``new`` as they are now.
        kept: changes left as they are, because somebody edited the same cell since.
        is_identical: the file equals the input again, byte for byte.
        ledger: ledger that holds the entry.
    """

    run: Path
    output: Path
    changes: tuple[Change, ...]
    kept: tuple[Change, ...]
    is_identical: bool
    ledger: Path


def revert(
    run: str | Path, output: str | Path, *, run_data: str | Path | None = None
) -> RevertResult:
    """Take back what ``apply`` wrote to a file.

    As long as nobody has edited the file and the input is as it was, the file becomes the input
    again, byte for byte. Else relabelled cells are set back one by one, and edits are kept.

    Args:
        run: the run folder that the file was written from.
        output: the file written by ``apply``.
        run_data: where the run's input is, if it was moved.

    Raises:
        DataError: nothing was written to this file, it was taken back already, or rows and columns
            cannot be restored because the file or the input has changed.
        UsageError: the output is no file.
    """
    from noisefix.run.folder import RunFolder
    from noisefix.tables.leftovers import remove_leftovers
    from noisefix.tables.streams import is_stream

    if is_stream(output):
        raise UsageError(f"-o {output}: is no file that could be set back", "name the file")
    folder = RunFolder.open(run, run_data, fresh=None, several_labels=True)
    with folder.ledger_lock("noisefix apply --revert"):
        remove_leftovers(Path(output).parent)  # also where it turns out that all is done
        return _revert(folder, Path(output))


def _revert(folder: RunFolder, target: Path) -> RevertResult:
    from noisefix.cleaning.rewrite import rewritten
    from noisefix.tables.atomic import sha256_file
    from noisefix.tables.source import read_source

    ledger = read_ledger(folder.ledger)
    digest = sha256_file(target)
    write = ledger.last_write(str(target.absolute()), digest)
    if write is None:
        raise DataError(
            f"{target}: nothing to take back: {folder.ledger} knows of no such file",
            _known_outputs(write.output for write in ledger.writes),
        )
    if write.action == "revert":
        raise DataError(
            f"{target}: its changes were taken back already, at {write.decided_at}",
            "run apply again to write them anew",
        )
    changes = ledger.changes(write)
    if digest == write.sha256 and folder.input_state() == "same":
        undone: list[Change] = changes
        kept: list[Change] = []
        original = folder.input_path()
        # Without edits these are the input's bytes, packed or unpacked if need be.
        content = rewritten(original, read_source(original, bad_rows=folder.bad_rows), target)
        write_logged(folder, target, content, _reversed(undone), "revert")
    else:
        undone, kept = _undo_cells(folder, target, changes, write)
    return RevertResult(
        run=folder.path,
        output=target,
        changes=_reversed(undone),
        kept=tuple(kept),
        is_identical=sha256_file(target) == folder.read()["input"]["sha256"],
        ledger=folder.ledger,
    )


def _reversed(changes: Sequence[Change]) -> tuple[Change, ...]:
    return tuple(
        replace(
            c,
            old=c.new,
            new=c.old,
            action="revert",
            reasons=(f"takes back {c.action}",),
            cost_usd=0.0,
            old_cell=None,
        )
        for c in changes
    )


def _undo_cells(
    folder: RunFolder, target: Path, changes: Sequence[Change], write: Write
) -> tuple[list[Change], list[Change]]:
    """Set relabelled cells back one by one; cells that say something else by now are kept."""
    from noisefix.cleaning.rewrite import rewritten
    from noisefix.tables.class_label import label_cell
    from noisefix.tables.raw_cells import Raw, is_written_alike
    from noisefix.tables.source import read_source

    if write.action != "relabel":
        raise DataError(
            f"{target}: cannot be set back cell by cell: it, or the input of {folder.path}, has "
            f"changed since {write.decided_at}, and {write.action} changes whole rows or columns",
            "put the input back as it was, or name where it is with --data; an edited file is best "
            "written anew with apply",
        )
    source = read_source(target, bad_rows=folder.bad_rows)
    fits = is_written_alike(source, folder.read()["input"])
    data = folder.load(source)
    index = {row_id: i for i, row_id in enumerate(data.ids)}
    undone, kept = [], []
    edits: dict[tuple[int, str], str | None] = {}
    for change in changes:
        row = index.get(change.id)
        if row is None or change.new not in _said(data, row, change.column):
            kept.append(change)
        else:
            undone.append(change)
            has_raw = fits and change.old_cell is not None
            old = label_cell(source, change.column, change.old)
            edits[row + 1, change.column] = Raw(change.old_cell) if has_raw else old
    content = rewritten(target, source, target, edits=edits)
    write_logged(folder, target, content, _reversed(undone), "revert")
    return undone, kept


def _said(data: Dataset, row: int, column: str) -> tuple[str | None, ...]:
    """Return what a label cell says: the class, and how it is written."""
    cell = cell_text(data.source.table.column(column)[row].as_py())
    return data.given_labels[row], None if cell is None else cell.strip()


def _known_outputs(outputs: Iterable[str]) -> str:
    known = sorted(set(outputs))
    return f"files written from this run: {', '.join(known)}" if known else "run apply first"

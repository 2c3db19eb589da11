"""``apply --revert``: take back what was written, from the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.cleaning.ledger import Change, Write, read_ledger, write_logged
from noisefix.cleaning.targets import is_elsewhere, place_of
from noisefix.errors import DataError, UsageError
from noisefix.tables.formats import FORMATS
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

    if is_stream(output) or is_elsewhere(output):
        raise UsageError(
            f"-o {place_of(output)}: is no file that could be set back", "name the file"
        )
    folder = RunFolder.open(run, run_data, fresh=None, several_labels=True)
    with folder.ledger_lock("noisefix apply --revert"):
        remove_leftovers(Path(output).parent)  # also where it turns out that all is done
        return _revert(folder, Path(output))


def _revert(folder: RunFolder, target: Path) -> RevertResult:
    from noisefix.cleaning.rewrite import rewritten
    from noisefix.tables.several import digest_of

    ledger = read_ledger(folder.ledger)
    digest = digest_of(target)
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
        # Without edits these are the input's bytes, packed or unpacked if need be.
        content = rewritten(folder.input.files(), folder.input.source(), target)
        write_logged(folder, target, content, _reversed(undone), "revert")
    else:
        undone, kept = _undo_cells(folder, target, changes, write)
    return RevertResult(
        run=folder.path,
        output=target,
        changes=_reversed(undone),
        kept=tuple(kept),
        is_identical=digest_of(target) == folder.read()["input"]["sha256"],
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
    from noisefix.tables.places import with_inside
    from noisefix.tables.raw_cells import Raw, is_written_alike
    from noisefix.tables.source import read_source

    if write.action != "relabel":
        raise DataError(
            f"{target}: cannot be set back cell by cell: it, or the input of {folder.path}, has "
            f"changed since {write.decided_at}, and {write.action} changes whole rows or columns",
            "put the input back as it was, or name where it is with --data; an edited file is best "
            "written anew with apply",
        )
    about = folder.read()["input"]
    source = read_source(with_inside(target, _inside(target, about)), bad_rows=folder.bad_rows)
    fits = is_written_alike(source, about)
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
    files = [part.path or target for part in source.parts] or [target]
    content = rewritten(files, source, target, edits=edits)
    write_logged(folder, target, content, _reversed(undone), "revert")
    return undone, kept


def _said(data: Dataset, row: int, column: str) -> tuple[str | None, ...]:
    """Return what a label cell says: the class, and how it is written."""
    cell = cell_text(data.source.table.column(column)[row].as_py())
    return data.given_labels[row], None if cell is None else cell.strip()


def _inside(target: Path, about: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what inside of an output is meant: less than of a zip file where it is none."""
    from noisefix.tables.wrapped import holds_files

    inside = tuple(about.get("inside", ()))
    if target.is_dir() or not inside:
        return ()
    with target.open("rb") as file:
        if holds_files(file.read(4096), target.name):
            return inside
    is_sheet = about["format"] == "xlsx" and not inside[-1].endswith(FORMATS["xlsx"].endings)
    return inside[-1:] if is_sheet else ()


def _known_outputs(outputs: Iterable[str]) -> str:
    known = sorted(set(outputs))
    return f"files written from this run: {', '.join(known)}" if known else "run apply first"

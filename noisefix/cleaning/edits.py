"""Which cells a decision changes, and what they hold then: the class as the file writes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from noisefix.cleaning.cell_edit import Edit
from noisefix.cleaning.decide import Decision
from noisefix.errors import UsageError

if TYPE_CHECKING:
    from noisefix.run.folder import RunFolder
    from noisefix.tables.source import Source


def label_edits(
    folder: RunFolder, source: Source, decisions: Sequence[Decision]
) -> tuple[Edit, ...]:
    """Return the cells that new labels go into.

    That is one a row, or one for each class that a row gains or loses where classes have columns.

    Args:
        folder: the run, which tells how the labels of its input are written.
        source: the input.
        decisions: some with a new label.

    Raises:
        UsageError: there is a new label, and no column for it.
    """
    from noisefix.tables.label_cells import written_labels

    new = [decision for decision in decisions if decision.new_label is not None]
    if not new:
        return ()
    reading = folder.set_reading()
    if reading is not None:
        from noisefix.cleaning.set_edits import set_edits

        return set_edits(folder, source, new, reading)
    column = folder.read()["input"]["columns"]["label"]
    if column is None:
        raise UsageError(
            f"{source.name}: has no label column to write to", "use --strategy flag instead"
        )
    cell = written_labels(source, column, folder.label_rules())
    return tuple(Edit(decision, column, cell(decision.new_label or "")) for decision in new)

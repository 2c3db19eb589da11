"""What the cell of a changed label holds: the class as the file writes it elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from noisefix.tables.class_label import label_cell
from noisefix.tables.label_rules import LabelRules
from noisefix.tables.label_values import column_labels
from noisefix.tables.source import Source


def written_labels(source: Source, column: str, rules: LabelRules) -> Callable[[str], str]:
    """Return a function from a class to what stands in its cells.

    That is how most rows of the class are written, without the blanks around it; of a class that no
    row has, its first spelling in the label map, its number where the file names classes by
    number, or else its name.

    Args:
        source: the file.
        column: its label column.
        rules: how its labels are read.
    """
    spellings = column_labels(source, column, rules=rules).spellings

    def written(label: str) -> str:
        known = spellings.get(label)
        return (
            known if known is not None else str(label_cell(source, column, rules.spelling(label)))
        )

    return written

"""The section on groups of rows that may be a class of their own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from noisefix.detection.unnamed import EXAMPLE_COLUMNS, UnnamedGroup, read_unnamed
from noisefix.reporting.extra import ROW, TEXT, PageSection, PageTable
from noisefix.run.parquet import read_provenance, read_rows
from noisefix.run.schemas import ISSUES
from noisefix.wording import plural

if TYPE_CHECKING:
    from noisefix.run.folder import RunFolder

_COLUMNS = (("Row", ROW), ("Label", TEXT), ("Text", TEXT))
_SHOWN = 20


def unnamed_section(folder: RunFolder, place: Mapping[str, int]) -> PageSection | None:
    """Return the groups, the largest first; None where there are none.

    Args:
        folder: the run folder.
        place: the page's rows, by id.

    Raises:
        DataError: the issues are missing or broken.
    """
    facts = read_provenance(folder.issues).results
    groups = read_unnamed(facts, partial(read_rows, folder.issues, ISSUES, EXAMPLE_COLUMNS))
    if not groups:
        return None
    return PageSection(
        "unnamed",
        "Perhaps classes of their own",
        (
            f"{plural(len(groups), 'group')} of rows near each other with labels of many classes: "
            "perhaps a class that the label set lacks, perhaps one that nobody could tell apart.",
            "No label was changed for it. The rows that are most typical:",
        ),
        tuple(_table(number, group, place) for number, group in enumerate(groups[:_SHOWN], 1)),
    )


def _table(number: int, group: UnnamedGroup, place: Mapping[str, int]) -> PageTable:
    labels = ", ".join(f"{name} {count:,}" for name, count in group.labels)
    return PageTable(
        f"Group {number}: {plural(group.rows, 'row')}, {plural(group.classes, 'label')} ({labels})",
        _COLUMNS,
        [[place[row.id], row.given_label, row.text] for row in group.examples if row.id in place],
    )

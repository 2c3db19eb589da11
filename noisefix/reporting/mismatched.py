"""The section on rows whose two texts do not seem to belong together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from noisefix.detection.mismatched import read_mismatched
from noisefix.reporting.extra import ROW, SHARE, TEXT, PageSection, PageTable
from noisefix.run.parquet import read_provenance
from noisefix.wording import percent, plural

if TYPE_CHECKING:
    from noisefix.run.folder import RunFolder


def mismatched_section(folder: RunFolder, place: Mapping[str, int]) -> PageSection | None:
    """Return the rows, the surest first; None where no two columns were compared.

    Args:
        folder: the run folder.
        place: the page's rows, by id.

    Raises:
        DataError: a table is missing or broken.
    """
    found = read_mismatched(folder, read_provenance(folder.issues).results)
    if found is None or found.share is None:
        return None
    both = f"{found.first} and {found.second}"
    said = (
        f"Of {plural(found.pairs, 'row')} with {both}, about {percent(found.share)} do not seem to "
        f"belong together; listed: {found.count:,} that are most surely so.",
        "No label was changed for it.",
    )
    rows = [
        [place[row.id], row.p_mismatch, row.given_label, row.first_text, row.second_text]
        for row in found.rows
        if row.id in place
    ]
    columns = (
        ("Row", ROW),
        ("Not together", SHARE),
        ("Label", TEXT),
        (found.first, TEXT),
        (found.second, TEXT),
    )
    more = f", the first {len(rows)} of {found.count:,}" if found.count > len(rows) else ""
    table = PageTable(f"Most surely not together{more}", columns, rows)
    return PageSection("mismatched", "Texts that do not belong together", said, (table,))

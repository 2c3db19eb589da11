"""The section on another file: rows with (nearly) the same text, and those whose labels differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from noisefix.detection.joint import is_made_from
from noisefix.reporting.extra import COUNT, ROW, SHARE, TEXT, PageSection, PageTable
from noisefix.run.parquet import read_provenance, read_table
from noisefix.run.schemas import ACROSS
from noisefix.wording import plural

if TYPE_CHECKING:
    from noisefix.run.folder import RunFolder

_SHOWN = 200
_COLUMNS = (
    ("Row", ROW),
    ("Label", TEXT),
    ("Its row", TEXT),
    ("Its label", TEXT),
    ("Alike", SHARE),
    ("Rows like it", COUNT),
    ("Its text", TEXT),
)


def across_section(folder: RunFolder, place: Mapping[str, int]) -> PageSection | None:
    """Return what a run has in common with another file; None where it was compared with none.

    A comparison with rows that are no longer those of the run is not shown.

    Args:
        folder: the run folder.
        place: the page's rows, by id.

    Raises:
        DataError: a table is broken.
    """
    if not is_made_from(folder.across, folder.embeddings):
        return None
    table, provenance = read_table(folder.across, ACROSS)
    lines = [line for line in table.to_pylist() if line["id"] in place]
    differ = [line for line in lines if line["is_conflict"]]
    alike = [line for line in lines if not line["is_conflict"]]
    name = _name(folder)
    return PageSection(
        "across",
        "Another file",
        _said(name, lines, provenance.results),
        (
            PageTable(
                f"Other labels in {name}{_first(differ)}",
                _COLUMNS,
                [_cells(line, place) for line in differ[:_SHOWN]],
            ),
            PageTable(
                f"The same texts in {name}{_first(alike)}",
                _COLUMNS,
                [_cells(line, place) for line in alike[:_SHOWN]],
            ),
        ),
    )


def _said(name: str, lines: list[dict[str, Any]], facts: Mapping[str, Any]) -> tuple[str, ...]:
    leaks = len({line["other_id"] for line in lines})
    equal = len({line["other_id"] for line in lines if line["is_equal"]})
    conflicts = len({line["other_id"] for line in lines if line["is_conflict"]})
    rows = plural(facts["other_rows"], "row") if "other_rows" in facts else "its rows"
    if not leaks:
        return (f"{name}: of {rows} none has the text of a row in here.",)
    said = (
        f"{name}: {leaks:,} of {rows} {'has' if leaks == 1 else 'have'} (nearly) the text of a row "
        f"in here ({equal:,} equal), {conflicts:,} with another label.",
        "If one file is to test what the other has taught, take these rows out of one of them.",
    )
    if facts.get("other_labelled") and not facts.get("common_labels", 1):
        return (*said, "The files have no label in common, so that every such row counts as one.")
    return said


def _cells(line: Mapping[str, Any], place: Mapping[str, int]) -> list[Any]:
    return [
        place[line["id"]],
        line["given_label"],
        line["other_id"],
        line["other_label"],
        min(max(line["similarity"], 0.0), 1.0),
        line["rows"],
        line["other_text"],
    ]


def _first(lines: list[Any]) -> str:
    return f", the first {_SHOWN} of {len(lines):,}" if len(lines) > _SHOWN else ""


def _name(folder: RunFolder) -> str:
    known = read_provenance(folder.against).results if folder.against.is_file() else {}
    return str(known.get("input_name") or "the other file")

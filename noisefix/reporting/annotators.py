"""The section on several annotators: how good each is, and who errs with whom."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from noisefix.reporting.extra import COUNT, INTERVAL, NUMBER, SHARE, TEXT, PageSection, PageTable
from noisefix.tables.parquet import damaged_parquet

if TYPE_CHECKING:
    from noisefix.run.folder import RunFolder

FILE_NAME = "annotators.parquet"

_COLUMNS = (
    ("column", "Annotator", TEXT),
    ("rows", "Rows", COUNT),
    ("accuracy", "Right, estimated", SHARE),
    ("accuracy_low", "Interval", INTERVAL),
    ("accuracy_by_agreement", "By agreement alone", SHARE),
    ("kappa", "Kappa", NUMBER),
    ("kappa_with_estimate", "Kappa with the estimate", NUMBER),
    ("decides", "Decides", SHARE),
    ("share", "Share", SHARE),
    ("why_not", "Not used, because", TEXT),
)
"""Columns of the table that are shown, where they are there."""

_END = {"accuracy_low": "accuracy_high"}
_TOGETHER = 0.2
"""Errors that go together less than this are not worth a line."""


def annotators_section(folder: RunFolder, place: Mapping[str, int]) -> PageSection | None:
    """Return what annotators.parquet says, as far as its columns go; None where nobody is in it.

    Args:
        folder: the run folder.
        place: not used.

    Raises:
        DataError: the file is broken.
    """
    import pyarrow.parquet as pq

    path = folder.path / FILE_NAME
    if not path.is_file():
        return None
    try:
        lines = pq.ParquetFile(path).read().to_pylist()
    except (OSError, ValueError) as error:
        raise damaged_parquet(path, error) from error
    if not lines or "column" not in lines[0]:
        return None
    there = [column for column in _COLUMNS if column[0] in lines[0]]
    shown = [c for c in there if any(_cell(line, c[0]) not in (None, "") for line in lines)]
    return PageSection(
        "annotators",
        "Annotators",
        ("How good each is was estimated from the others, the texts and the given labels.",),
        (
            PageTable(
                "Each of them",
                tuple((title, kind) for _, title, kind in shown),
                [[_cell(line, name) for name, _, _ in shown] for line in lines],
            ),
            PageTable(
                "Who errs together (1: always in the same rows)",
                (("Annotator", TEXT), ("With", TEXT), ("Together", NUMBER), ("Kappa", NUMBER)),
                _pairs(lines),
            ),
        ),
    )


def _cell(line: Mapping[str, Any], name: str) -> Any:
    if name in _END:
        ends = [_known(line.get(key)) for key in (name, _END[name])]
        return None if None in ends else ends
    return _known(line[name])


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _pairs(lines: list[dict[str, Any]]) -> list[list[Any]]:
    """Return two names, how far their errors go together, and kappa; the closest first."""
    found: dict[frozenset[str], list[Any]] = {}
    for line in lines:
        others = line.get("others") or []
        together = line.get("error_correlations") or [None] * len(others)
        kappas = line.get("kappas") or [None] * len(others)
        for other, errors, kappa in zip(others, together, kappas, strict=False):
            errors = _known(errors)
            if errors is not None and errors >= _TOGETHER:
                pair = [line["column"], other, errors, _known(kappa)]
                found.setdefault(frozenset((line["column"], other)), pair)
    return sorted(found.values(), key=lambda pair: -pair[2])

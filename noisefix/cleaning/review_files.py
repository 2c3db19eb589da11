"""Files that people's decisions come back in: tables, workbooks, exports of other tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noisefix.cleaning.handover.argilla import is_argilla, read_argilla
from noisefix.cleaning.handover.label_studio import is_label_studio, read_label_studio
from noisefix.cleaning.handover.said import Said
from noisefix.cleaning.handover.workbook import is_workbook, read_workbook
from noisefix.documents import parse_json
from noisefix.errors import DataError
from noisefix.tables.atomic import read_bytes

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Answers:
    """What a file says.

    Attributes:
        name: of the file, for messages.
        columns: of a table or workbook; empty for an export.
        said: answer by answer, as they stand in the file.
    """

    name: str
    columns: tuple[str, ...]
    said: tuple[Said, ...]


def read_answers(path: Path, *, several_labels: bool = False) -> Answers:
    """Read a table with the columns id and decision, or an export of Label Studio or Argilla.

    What it is, the content tells: a workbook (.xlsx), a list of JSON (an export), or a table in any
    format and dialect that an input may have.

    Args:
        path: the file.
        several_labels: a row may have several; of an export they are one text then, ``set_text``.

    Raises:
        DataError: the file cannot be read, or lacks what is needed.
        UsageError: a workbook, and openpyxl is not installed.
    """
    start = _start(path)
    if is_workbook(start):
        columns, said = read_workbook(path)
        return Answers(path.name, columns, tuple(said))
    if start.removeprefix(_BOM).lstrip()[:1] == b"[":
        return Answers(path.name, (), tuple(_exported(path, several_labels)))
    return _in_table(path)


def _start(path: Path) -> bytes:
    """Return the first bytes of a plain file; a pipe is left unread."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(256)


def _exported(path: Path, several_labels: bool) -> list[Said]:
    try:
        records: Any = parse_json(read_bytes(path).removeprefix(_BOM))
    except ValueError as error:
        raise DataError(f"{path.name}: is not JSON: {error}", "export it again, as JSON") from error
    readers = ((is_argilla, read_argilla), (is_label_studio, read_label_studio))
    for is_mine, read in readers:
        if is_mine(records):
            return read(records, path.name, several_labels=several_labels)
    raise DataError(
        f"{path.name}: is an export of neither Label Studio nor Argilla",
        "export the project that apply --format label-studio or argilla was imported into: JSON in "
        "Label Studio, dataset.records.to_json(FILE) in Argilla",
    )


def _in_table(path: Path) -> Answers:
    from noisefix.tables.source import read_source

    source = read_source(path)
    for column in ("id", "decision"):
        if column not in source.columns:
            raise DataError(
                f"{source.name}: has no column {column!r}",
                "give a file that apply --review-csv has written, with its column names",
            )
    cells = source.table.select(["id", "decision"]).to_pylist()
    said = tuple(
        Said(_text(row["id"]), _text(row["decision"]), f"row {number}")
        for number, row in enumerate(cells, start=1)
    )
    return Answers(source.name, source.columns, said)


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell)


def is_filled(columns: Sequence[str], path: Path) -> bool:
    """Return whether a file may hold decisions: all but a table of these columns with none."""
    try:
        answers = read_answers(path)
    except DataError:
        return True
    return answers.columns != tuple(columns) or any(s.decision.strip() for s in answers.said)

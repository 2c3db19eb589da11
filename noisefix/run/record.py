"""``run.json``: what was done in a run folder, out of what, with which options."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from noisefix.documents import misfit, parse_json
from noisefix.errors import DataError
from noisefix.tables.atomic import read_bytes, write_bytes
from noisefix.tables.label_rules import NO_RULES, LabelRules
from noisefix.tables.label_sets import SetReading
from noisefix.tables.source import Source
from noisefix.version import __version__

START_AGAIN = "run noisefix detect again with --force, or choose another folder with -o"


@dataclass(frozen=True)
class _Input:
    """What run.json says of the input."""

    name: str
    path: str | None
    sha256: str
    rows: int
    format: str
    columns: dict[str, str | None]
    dialect: dict[str, Any] | None
    path_from_here: str | None
    missing_labels: list[str]
    label_map: dict[str, str]
    merged_classes: list[str]
    several_labels: dict[str, Any]
    bad_rows: str
    inside: list[str]
    address: str | None
    parts: list[dict[str, Any]]


@dataclass(frozen=True)
class _Stage:
    """What run.json says of a stage."""

    parameters: dict[str, Any]
    seed: int | None
    inputs: dict[str, str]
    outputs: dict[str, str]
    seconds: float
    finished_at: str


class RecordedInput(dict[str, Any]):
    """The input in run.json; what is asked for and was never recorded is bad data."""

    def __init__(self, content: Mapping[str, Any], path: Path) -> None:
        super().__init__(content)
        self._path = path

    def __missing__(self, key: str) -> Any:
        if self and "path" not in self:
            raise self.not_found()
        raise DataError(f"{self._path}: the input's {key} is not recorded", START_AGAIN)

    def not_found(self) -> DataError:
        """Return the error for an input that nobody has said the place of."""
        return DataError(
            f"{self._path.parent}: was made of tables that do not say where the {self.get('rows')} "
            f"rows of {self.get('name')} come from",
            "name the file that they were made from with --data FILE",
        )


def read_record(path: Path) -> dict[str, Any]:
    """Return what is recorded, as ``RunFolder.read`` tells; the input is a ``RecordedInput``.

    Raises:
        DataError: the file is missing or broken.
    """
    data = read_bytes(path)
    try:
        content = parse_json(data)
    except ValueError as error:
        raise DataError(f"{path}: not valid JSON: {error}", START_AGAIN) from error
    sections = ("input", "stages")
    if not isinstance(content, dict) or not all(
        isinstance(content.get(section), dict) for section in sections
    ):
        raise DataError(f"{path}: 'input' or 'stages' is missing", START_AGAIN)
    wrong = misfit(_Input, content["input"])
    for stage, record in content["stages"].items():
        is_table = isinstance(record, dict)
        wrong = wrong or (misfit(_Stage, record) if is_table else f"{stage} is not a table")
    if wrong is not None:
        raise DataError(f"{path}: {wrong}", START_AGAIN)
    content["input"] = RecordedInput(content["input"], path)
    return content


def write_record(path: Path, content: dict[str, Any]) -> None:
    """Write the file whole; an empty list of tables from outside is left out."""
    if not content.get("outside", True):
        del content["outside"]
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_bytes(path, text.encode())


def about_input(
    source: Source,
    folder: Path,
    *,
    columns: dict[str, str | None],
    rules: LabelRules = NO_RULES,
    sets: SetReading | None = None,
) -> dict[str, Any]:
    """Return what is recorded of an input.

    Args:
        source: the input.
        folder: the run folder.
        columns: the names of its columns text, label and id.
        rules: how its labels are read.
        sets: how several labels a row are written; None: a row has one.
    """
    about: dict[str, Any] = _about_file(source, folder) | {
        "format": source.format,
        "columns": columns,
        "dialect": None if source.dialect is None else asdict(source.dialect),
        "bad_rows": source.bad_rows,
    }
    if source.address is not None:
        about["address"] = source.address
    if source.parts:
        about["parts"] = [_about_file(part, folder) for part in source.parts]
    if source.inside:
        about["inside"] = list(source.inside)
    if sets is not None:
        about["several_labels"] = recorded_sets(sets)
    return about | recorded(rules)


def recorded_sets(sets: SetReading) -> dict[str, Any]:
    """Return what is recorded of how several labels a row are written, as JSON values."""
    return {"columns": list(sets.columns)} if sets.columns else {"separator": sets.separator}


def recorded_reading(about: Mapping[str, Any]) -> SetReading | None:
    """Return how several labels a row are written; None: a row has one.

    Args:
        about: what ``about_input`` returned.
    """
    sets = about.get("several_labels")
    if sets is None:
        return None
    return SetReading(sets.get("separator"), tuple(sets.get("columns", ())))


def recorded(rules: LabelRules) -> dict[str, Any]:
    """Return what is recorded of how labels are read, as JSON values; nothing for the usual way."""
    about: dict[str, Any] = {}
    if rules.missing:
        about["missing_labels"] = list(rules.missing)
    if rules.names:
        about["label_map"] = dict(rules.names)
    if rules.merge_case:
        about["merged_classes"] = list(rules.known)
    return about


def recorded_rules(about: Mapping[str, Any]) -> LabelRules:
    """Return the rules that ``recorded`` was given."""
    return LabelRules(
        missing=tuple(about.get("missing_labels", ())) or None,
        names=about.get("label_map", {}),
        merge_case="merged_classes" in about,
        known=tuple(about.get("merged_classes", ())),
    )


def _about_file(source: Source, folder: Path) -> dict[str, Any]:
    return {
        "name": source.name,
        "path": None if source.path is None else str(source.path.absolute()),
        "path_from_here": None if source.path is None else _relative(source.path, folder),
        "sha256": source.sha256,
        "rows": len(source),
    }


def has_same_origin(source: Source, known: Mapping[str, Any]) -> bool:
    """Tell whether an input comes from where the recorded one came from, changed or not."""
    files = [part.path for part in source.parts] or [source.path]
    paths = [None if path is None else str(path.absolute()) for path in files]
    recorded = [part.get("path") for part in known.get("parts", [])] or [known.get("path")]
    is_stdin = source.path is None and source.address is None and not source.parts
    return not is_stdin and paths == recorded and source.address == known.get("address")


def input_places(folder: Path, known: Mapping[str, Any]) -> list[Path]:
    """Return where an input may be: where it was; as seen from the folder; beside the folder."""
    found = [Path(str(known["path"]))] if known.get("path") else []
    if known.get("path_from_here"):
        found.append(folder / str(known["path_from_here"]))
    if known.get("name") and known.get("sha256"):
        name = Path(str(known["name"]))
        if not name.is_absolute() and ".." not in name.parts:
            found += [folder.parent / name, folder / name]
    return found


def nothing_done() -> dict[str, Any]:
    """Return the record of a new folder."""
    return {"noisefix_version": __version__, "input": {}, "stages": {}}


def _relative(path: Path, folder: Path) -> str | None:
    try:
        return os.path.relpath(os.path.realpath(path), os.path.realpath(folder))
    except ValueError:  # another drive
        return None

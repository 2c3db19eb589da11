"""What a run was judged with, and whom it has heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noisefix.detection.annotations import parse_columns
from noisefix.detection.mismatch_gate import as_named
from noisefix.errors import UsageError
from noisefix.options import described

if TYPE_CHECKING:
    from noisefix.detection.check_options import CheckOptions
    from noisefix.run.folder import RunFolder


_RECORDED = {
    "labelled_by": "joint",
    "unverified_class": "joint",
    "one_sided": "joint",
    "ordinal": "joint",
    "flag_precision": "joint",
    "flag_top": "joint",
    "encoder": "embed",
}
"""Options that change what is said, by the stage of which run.json holds them."""

_TABLES = {"trusted_column": "trusted", "order_column": "order", "group_column": "order"}
"""Options that name a column, by the table that the joint stage was given of it."""


def check_heard(folder: RunFolder, options: CheckOptions) -> None:
    """Refuse options that a run was not judged with: they would be passed over.

    Raises:
        UsageError: one is given.
        DataError: the run's tables cannot be read.
    """
    stages = folder.read()["stages"]
    judged = stages.get("joint") or stages.get("several_labels") or {}
    for name, value in options.changed().items():
        stage = judged if _RECORDED.get(name) == "joint" else stages.get("embed") or {}
        if name in _RECORDED and stage.get("parameters", {}).get(name) != value:
            raise _not_heard(f"{described(type(options))[name][1].flag} {value}", folder)
        if name in _TABLES and _TABLES[name] not in judged.get("inputs", {}):
            raise _not_heard(f"{described(type(options))[name][1].flag} {value}", folder)
    _check_annotators(folder, options)
    _check_pairs(folder, options)


def _check_annotators(folder: RunFolder, options: CheckOptions) -> None:
    columns = parse_columns(options.annotator_columns)
    if not columns and options.annotations is None:
        return
    heard = {name.casefold() for name in heard_columns(folder)}
    missing = [name for name in columns if name.casefold() not in heard]
    if missing or not heard:
        raise _not_heard(
            f"--annotator-columns {missing[0]}" if missing else "--annotations", folder
        )


def _check_pairs(folder: RunFolder, options: CheckOptions) -> None:
    from noisefix.run.parquet import read_provenance

    if options.pair_columns is None:
        return
    there = folder.matches.is_file()
    known = read_provenance(folder.matches).results["columns"] if there else []
    if as_named(options.pair_columns) != as_named(",".join(known)):
        raise _not_heard(f"--pair-columns {options.pair_columns}", folder)


def _not_heard(said: str, folder: RunFolder) -> UsageError:
    return UsageError(
        f"{said}: {folder.path} was judged without",
        "give the option to noisefix detect, or check the table itself",
    )


def heard_columns(folder: RunFolder) -> tuple[str, ...]:
    """Return the names of the annotators that a run was judged with.

    Raises:
        DataError: the run's table of them cannot be read.
    """
    from noisefix.run.parquet import read_table
    from noisefix.run.schemas import ANNOTATORS

    if not folder.annotators.is_file():
        return ()
    table, _ = read_table(folder.annotators, ANNOTATORS, ("column",))
    return tuple(table["column"].to_pylist())

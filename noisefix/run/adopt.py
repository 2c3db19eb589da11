"""A folder of tables as a run folder: what run.json says of tables that other hands put there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError
from noisefix.run.parquet import is_foreign, read_provenance, read_table
from noisefix.run.provenance import Provenance
from noisefix.run.record import recorded_reading, recorded_rules
from noisefix.run.rows import in_order
from noisefix.run.schemas import ALL_SCHEMAS
from noisefix.tables.atomic import sha256_file
from noisefix.tables.bad_rows import list_beside
from noisefix.version import __version__

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.folder import RunFolder
    from noisefix.tables.source import Source

_SCHEMAS = {schema.name: schema for schema in ALL_SCHEMAS}
STAGE_TABLES = {
    "embed": ("embeddings",),
    "label_names": ("label_names",),
    "joint": (
        "issues",
        "joint",
        "classes",
        "pairs",
        "duplicates",
        "deciding",
        "annotators",
        "annotations",
    ),
    "candidates": ("candidates",),
    "relabel": ("relabels",),
    "rewrite": ("rewrites",),
    "augment": ("contrast_pairs",),
}
"""Which stage writes which tables."""

TABLES = tuple(table for tables in STAGE_TABLES.values() for table in tables)
_BASES = ("embeddings", "issues")
"""Tables of all rows, which the others are held against; the later knows the classes better."""

_REMAKE = {"embeddings": "embed DATA -o", "issues": "joint", "candidates": "candidates"}
_LABEL_COLUMNS = {
    "classes": ("label",),
    "joint": ("given_label", "true_label"),
    "candidates": ("candidate_labels",),
    "relabels": ("final_label",),
}
"""Columns whose labels must be among the classes of the issues."""


def describe(folder: Path) -> dict[str, Any] | None:
    """Return what run.json would say of a folder of tables; None: there are none.

    What the tables' own metadata say of the input and of the stages is taken over; the input has
    no ``path`` then, and no ``sha256`` where the embeddings were made elsewhere.

    Raises:
        DataError: a table cannot be read.
    """
    base = next((name for name in _BASES if _file(folder, name).is_file()), None)
    if base is None:
        return None
    made = {
        name: read_provenance(_file(folder, name))
        for name in TABLES
        if _file(folder, name).is_file() and not is_foreign(_file(folder, name))
    }
    stages = {}
    for stage, tables in STAGE_TABLES.items():
        own = [name for name in tables if name in made]
        if own:
            first = made[own[0]]
            stages[stage] = {
                "parameters": first.parameters,
                "seed": first.seed,
                "inputs": first.inputs,
                "outputs": {name: _file(folder, name).name for name in own},
            }
    return {
        "noisefix_version": __version__,
        "input": _input(folder, base, made.get("embeddings")),
        "stages": stages,
    }


def _input(folder: Path, base: str, embedded: Provenance | None) -> dict[str, Any]:
    """Return what is known of the input; nothing more than its rows if others embedded it."""
    import pyarrow.parquet as pq

    path = _file(folder, base)
    rows = pq.read_metadata(path).num_rows
    facts = {} if embedded is None else embedded.results
    if embedded is None or "columns" not in facts or "data" not in embedded.inputs:
        return {"name": path.name, "rows": rows, "columns": dict.fromkeys(("text", "label", "id"))}
    return {
        "name": facts["input_name"],
        "sha256": embedded.inputs["data"],
        "rows": rows,
        "format": facts["input_format"],
        "columns": facts["columns"],
        **facts.get("label_reading", {}),
        **({"several_labels": sets} if (sets := facts.get("several_labels")) else {}),
        "bad_rows": "skip" if list_beside(path).is_file() else "stop",
    }


def find_input(run: RunFolder, known: dict[str, Any], data: str | Path | None) -> None:
    """Record where the input of a described folder is, if it is found.

    A file whose content the embeddings tell is known by it. Another must be named, and hold the
    texts, labels and ids of the tables, row by row: its columns are found by that.

    Args:
        run: the folder.
        known: what its run.json says of the input.
        data: the file that was named.

    Raises:
        DataError: the file that was named is not the input.
    """
    from noisefix.tables.source import read_source

    sha256 = known.get("sha256")
    if data is None and sha256 is not None:
        data = next((path for path in run.known_inputs() if sha256_file(path) == sha256), None)
    if data is None:
        return
    source = read_source(data, bad_rows=known.get("bad_rows", "stop"))
    columns = known["columns"] if sha256 is not None else _columns_by_content(run, source)
    run.set_input(
        source,
        text_column=columns["text"],
        label_column=columns["label"],
        id_column=columns["id"],
        rules=recorded_rules(known),
        sets=recorded_reading(known),
    )


def _columns_by_content(run: RunFolder, source: Source) -> dict[str, Any]:
    """Return the columns of a table that hold what the run's tables do."""
    from noisefix.tables.label_values import column_labels, read_ids, read_texts

    base = "embeddings" if run.embeddings.is_file() else "issues"
    rows, _ = read_table(_file(run.path, base), _SCHEMAS[base], _BASE_COLUMNS)
    rows = rows.sort_by("row_number")
    numbers = [str(number) for number in range(1, len(source) + 1)]
    if [str(number) for number in rows["row_number"].to_pylist()] != numbers:
        raise DataError(
            f"{source.name}: has {len(source)} rows, but the row_number of "
            f"{_file(run.path, base)} ({rows.num_rows} rows) does not count them",
            "name the very file that the tables were made from",
        )
    wanted = {
        "text": ["" if text is None else text for text in rows["text"].to_pylist()],
        "label": rows["given_label"].to_pylist(),
        "id": rows["id"].to_pylist(),
    }
    readers: dict[str, Callable[[str], list[Any]]] = {
        "text": lambda name: list(read_texts(*column(name))),
        "label": lambda name: column_labels(source, name).labels,
        "id": lambda name: list(read_ids(*column(name))),
    }

    def column(name: str) -> tuple[pa.ChunkedArray, pa.Field, str]:
        return source.table[name], source.table.schema.field(name), name

    found: dict[str, Any] = {}
    for kind, values in wanted.items():
        fits = []
        for name in source.columns:
            with suppress(DataError):  # a column that cannot be read so is not it
                if readers[kind](name) == values:
                    fits.append(name)
        is_counted = kind == "id" and values == source.row_ids
        if len(fits) != 1 and not is_counted:
            count = "no column" if not fits else f"more than one column ({', '.join(fits)})"
            raise DataError(
                f"{source.name}: {count} holds every {kind} of {_file(run.path, base)}",
                "name the file that the tables were made from, with one such column",
            )
        found[kind] = None if is_counted else fits[0]
    return found


_BASE_COLUMNS = ("id", "row_number", "text", "given_label")


def foreign_tables(folder: Path) -> dict[str, Any]:
    """Check the tables that somebody else made, and those beside them, and list them.

    Returns:
        By name: file, SHA-256 and rows.

    Raises:
        DataError: a table is not what is documented, or tables differ in ids, labels or classes.
    """
    paths = {name: _file(folder, name) for name in TABLES if _file(folder, name).is_file()}
    foreign = [name for name, path in paths.items() if is_foreign(path)]
    if not foreign:
        return {}
    tables: dict[str, pa.Table] = {}
    names: tuple[str, ...] = ()
    for name in paths:
        tables[name], made = read_table(paths[name], _SCHEMAS[name])
        if name in _BASES:
            names = made.class_names
    _check_rows(tables, paths)
    for name, columns in _LABEL_COLUMNS.items() if names else ():
        for column in columns if name in tables else ():
            _check_labels(tables[name][column].to_pylist(), names, f"{paths[name]}: {column}")
    return {
        name: {
            "file": paths[name].name,
            "sha256": sha256_file(paths[name]),
            "rows": tables[name].num_rows,
        }
        for name in foreign
    }


def _check_rows(tables: dict[str, pa.Table], paths: dict[str, Path]) -> None:
    """Check that all tables are of the same ids and given labels."""
    base = next((name for name in _BASES if name in tables), None)
    if base is None:  # nothing yet that they could be held against
        return
    ids = tables[base]["id"].to_pylist()
    given = tables[base]["given_label"].to_pylist()
    for name in ("issues", "candidates"):
        if name not in tables:
            continue
        ordered = in_order(
            tables[name].select(["id", "given_label"]), ids, str(paths[name]), str(paths[base])
        )
        labels = ordered["given_label"].to_pylist()
        for key, one, other in zip(ids, given, labels, strict=True):
            if one != other:
                raise DataError(
                    f"{paths[name]}: given_label of id {key!r} is {other!r}, but {one!r} in "
                    f"{paths[base].name}",
                    "make both tables from the same input",
                )
    if "relabels" in tables:
        known = set(ids)
        for row, key in enumerate(tables["relabels"]["id"].to_pylist(), 1):
            if key not in known:
                raise DataError(
                    f"{paths['relabels']}: id {key!r} in row {row} is not in {paths[base].name}",
                    "the ids of both tables must be those of the same input",
                )


def _check_labels(values: Iterable[Any], names: tuple[str, ...], where: str) -> None:
    known = {*names, None}
    for row, value in enumerate(values, 1):
        for label in value if isinstance(value, list) else [value]:
            if label not in known:
                raise DataError(
                    f"{where}, row {row}: {label!r} is no class of the issues",
                    "use the names of the given labels, spelled as they are there",
                )


def check_fresh(run: RunFolder, tables: Iterable[str]) -> None:
    """Check that tables were made from those that lie beside them now.

    Args:
        run: the folder.
        tables: names of the tables that a command goes by; those that are not there are passed
            over.

    Raises:
        DataError: a table has been made anew since; the message says what to run.
    """
    digests = {"data": run.read()["input"].get("sha256")}
    for name in ("embeddings", *tables):
        path = _file(run.path, name)
        made: dict[str, str] = {}
        with suppress(DataError):  # who reads the table says what is wrong with it
            made = read_provenance(path).inputs
        for other in ("data", "embeddings", "issues"):
            file = _file(run.path, other)
            if other not in made or (name != "embeddings" and other == "data"):
                continue
            if other not in digests:
                digests[other] = sha256_file(file) if file.is_file() else None
            if digests[other] not in (None, made[other]):
                source = "input" if other == "data" else file.name
                raise DataError(
                    f"{path}: was made from another {source} than the one there now",
                    f"make it again: noisefix {_REMAKE[name]} {run.path}",
                )


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.parquet"

"""Several files as one table: a folder, a pattern, a list of files."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.errors import DataError
from noisefix.tables.atomic import sha256_file
from noisefix.tables.formats import formats_named
from noisefix.tables.places import INSIDE, split_inside

if TYPE_CHECKING:
    import pyarrow as pa

Readable = str | Path | Sequence[str | Path]
"""What names a table: a path, an address, the URL of a database; a folder, a pattern, a list."""

_MAGIC = "*?["
_SHOWN = 5
_BESIDE = frozenset({"dataset_info.json", "state.json", "dataset_dict.json"})
"""What Hugging Face data sets keep beside the tables of a saved data set."""

_OF_A_RUN = ("embeddings.parquet", "issues.parquet")
"""Tables by which a run folder is known, which may lack its run.json."""


@dataclass(frozen=True)
class Part:
    """One of several files: its path, and what it is called among them."""

    path: Path
    name: str


def files_of(given: Readable) -> tuple[Part, ...] | None:
    """Return the files that are meant, where several may be; None where it is one.

    Args:
        given: a folder (all files of tables in it, and in the folders below), a pattern such as
            ``part-*.csv``, or a list of these and of files.

    Raises:
        DataError: no file fits the pattern, there is none in the folder, or one is named twice.
    """
    if isinstance(given, str | PathLike):
        found = _expanded(given)
        if found is None:
            return None
        folder = Path(given) if Path(given).is_dir() else None
    else:
        paths = [_expanded(one) or [Path(one)] for one in given]
        found = [path for expanded in paths for path in expanded]
        folder = None
        if len(found) == 1 and len(given) == 1 and found == [Path(given[0])]:
            return None
    names = _names(found, folder)
    doubled = next((path for path in found if found.count(path) > 1), None)
    if doubled is not None:
        raise DataError(f"{doubled}: is named twice", "name each file once")
    return tuple(Part(path, name) for path, name in zip(found, names, strict=True))


def only_one(given: Readable) -> str | Path:
    """Return the one that is named, or the first of several."""
    return given if isinstance(given, str | PathLike) else given[0]


def _expanded(given: str | Path) -> list[Path] | None:
    text = str(given)
    path = Path(text)
    if text and path.is_dir():
        return _in_folder(path)
    if not is_pattern(text):
        return None
    found = sorted(map(Path, glob.glob(text, recursive=True)))  # noqa: PTH207  (absolute or not)
    files = [path for path in found if path.is_file()]
    if not files:
        raise DataError(
            f"{text}: no file fits this pattern", 'check the folder; quote it: "part-*.csv"'
        )
    return files


def is_pattern(given: str | Path) -> bool:
    """Tell a pattern of file names from a file."""
    text = str(given)
    if "://" in text or INSIDE in text:
        return False
    return any(mark in text for mark in _MAGIC) and not Path(text).exists()


def _in_folder(folder: Path) -> list[Path]:
    """Return the files of tables in a folder and below it; hidden and private ones are no data."""
    if (folder / "run.json").is_file():
        raise DataError(
            f"{folder}: is a run folder, not a table", "name the data that it was made from"
        )
    found = []
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder).parts
        if any(part.startswith((".", "_")) or part.endswith(".noisefix") for part in inner):
            continue
        if path.is_file() and path.name not in _BESIDE and formats_named(path.name):
            found.append(path)
    if not found:
        raise DataError(
            f"{folder}: is a folder without tables in it",
            "name a folder with files that end in .parquet, .csv, .jsonl and the like",
        )
    return found


def is_data_folder(path: Path) -> bool:
    """Tell a folder of tables from a run folder, and from a folder of something else."""
    if not path.is_dir():
        return False
    try:
        return bool(_in_folder(path)) and not any((path / name).is_file() for name in _OF_A_RUN)
    except DataError:
        return False


def _names(paths: Sequence[Path], folder: Path | None) -> list[str]:
    """Return what files are called below the folder that holds them all."""
    if folder is None:
        whole = [os.path.abspath(path) for path in paths]  # noqa: PTH100  (links stay)
        folder = Path(os.path.commonpath([os.path.dirname(path) for path in whole]))  # noqa: PTH120
        return [Path(path).relative_to(folder).as_posix() for path in whole]
    return [path.relative_to(folder).as_posix() for path in paths]


def digest_of(given: Readable) -> str:
    """Return the SHA-256 of what is read: of a file its own, of several files that of all.

    Raises:
        DataError: a file is missing or not readable.
    """
    parts = files_of(given)
    if parts is None:
        return sha256_file(split_inside(only_one(given))[0])
    return combined_sha256([sha256_file(part.path) for part in parts])


def name_of(given: Readable, parts: Sequence[Part]) -> str:
    """Return what several files are called together."""
    if isinstance(given, str | PathLike):
        path = Path(given)
        return path.resolve().name if path.name in ("", "..") else path.name
    more = len(parts) - 1
    return f"{parts[0].path.name} and {more} more" if more else parts[0].path.name


def run_stem(given: Readable) -> Path:
    """Return the path of a run folder for several files, without its ending."""
    if not isinstance(given, str | PathLike):
        first = Path(given[0])
        return first.with_name(first.name.partition(".")[0])
    path = Path(given)
    if path.is_dir():
        return path.resolve() if path.name in ("", "..") else path
    stem = path.name.partition(".")[0]
    for mark in _MAGIC + "]":
        stem = stem.replace(mark, "")
    return path.with_name(stem.strip("-_ ") or "data")


def combined_sha256(digests: Sequence[str]) -> str:
    """Return the digest of several files, in their order, by that of each."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def combined_table(tables: Sequence[pa.Table], names: Sequence[str], name: str) -> pa.Table:
    """Join the rows of several files, in the columns of the first.

    Raises:
        DataError: a file has other columns, or a column of another kind.
    """
    import pyarrow as pa

    first = tables[0]
    for table, file in zip(tables, names, strict=True):
        missing = [c for c in first.column_names if c not in table.column_names]
        extra = [c for c in table.column_names if c not in first.column_names]
        if missing or extra:
            what = f"lacks {_listed(missing)}" if missing else f"has {_listed(extra)} too"
            raise DataError(
                f"{name}: {file} has other columns than {names[0]}: it {what}",
                "give files with the same columns, or name them with a narrower pattern",
            )
    selected = [table.select(first.column_names) for table in tables]
    columns = [_column(selected, k, names, name) for k in range(first.num_columns)]
    fields = [
        pa.field(field.name, column.type, metadata=field.metadata)
        for field, column in zip(first.schema, columns, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata=first.schema.metadata))


def _column(tables: Sequence[pa.Table], k: int, names: Sequence[str], name: str) -> pa.ChunkedArray:
    """Join the cells of a column: numbers become one kind, dictionaries their values."""
    import pyarrow as pa

    arrays = [table.column(k) for table in tables]
    kinds = [array.type for array in arrays]
    if any(kind != kinds[0] for kind in kinds):
        kinds = [kind.value_type if pa.types.is_dictionary(kind) else kind for kind in kinds]
        try:
            schemas = [pa.schema([("x", kind)]) for kind in kinds]
            kind = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
            arrays = [array.cast(kind) for array in arrays]
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            other = next(i for i, one in enumerate(kinds) if one != kinds[0])
            column = tables[0].column_names[k]
            raise DataError(
                f"{name}: column {column!r} is {kinds[0]} in {names[0]}, but {kinds[other]} in "
                f"{names[other]}",
                "write it in the same way in all files, best as text",
            ) from error
    return pa.chunked_array([c for a in arrays for c in a.chunks], arrays[0].type)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_SHOWN]))
    return shown + (", ..." if len(names) > _SHOWN else "")


def row_ids(parts: Sequence[tuple[str, int]], n_rows: int) -> list[str]:
    """Return (N,) ids of rows that have none of their own: FILE:ROW of several files, else ROW.

    Args:
        parts: name and number of rows of each file; none: it is one file.
        n_rows: rows in all.
    """
    if not parts:
        return [str(row) for row in range(1, n_rows + 1)]
    return [f"{name}:{row}" for name, count in parts for row in range(1, count + 1)]

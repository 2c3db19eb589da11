"""A digest of everything a stage's result depends on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError
from noisefix.tables.atomic import sha256_file
from noisefix.version import __version__

if TYPE_CHECKING:
    import pyarrow as pa


def fingerprint(
    stage: str, version: int, parameters: Mapping[str, Any], seed: int, inputs: Mapping[str, str]
) -> str:
    """Return the SHA-256 that stands for a stage's result.

    Args:
        stage: its name.
        version: its version.
        parameters: its options, as ``jsonable_params`` gives them.
        seed: its seed.
        inputs: SHA-256 of each input, by name.
    """
    facts = {
        "stage": stage,
        "version": version,
        "noisefix": __version__,
        "parameters": parameters,
        "seed": seed,
        "inputs": inputs,
    }
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def jsonable_params(params: Any) -> dict[str, Any]:
    """Return a parameter dataclass as JSON values; a path becomes the digest of its content.

    Raises:
        DataError: a path that is not there.
        TypeError: a value that has no fixed content, such as a function.
    """
    if not dataclasses.is_dataclass(params) or isinstance(params, type):
        raise TypeError(f"parameters must be a dataclass, not {params!r}")
    return {
        field.name: _jsonable(getattr(params, field.name), field.name)
        for field in dataclasses.fields(params)
    }


def table_digest(table: pa.Table) -> str:
    """Return the SHA-256 of a table's columns and values, however it is cut into chunks."""
    import pyarrow as pa

    digest = hashlib.sha256()
    schema = table.schema.remove_metadata()
    digest.update(schema.to_string().encode())
    digest.update(str(table.num_rows).encode())
    for column in table.columns:
        # One array a column, so that chunks do not count; the IPC writer drops a slice's rest.
        whole = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
        sink = pa.BufferOutputStream()
        batch = pa.record_batch([whole], names=["column"])
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        digest.update(memoryview(sink.getvalue()))
    return digest.hexdigest()


def path_digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of a folder's file names and contents.

    Raises:
        DataError: it is not there or not readable.
    """
    if path.is_dir():
        digest = hashlib.sha256()
        for file in sorted(item for item in path.rglob("*") if item.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()}\0{sha256_file(file)}\0".encode())
        return digest.hexdigest()
    return sha256_file(path)


def _jsonable(value: Any, name: str) -> Any:
    if isinstance(value, Enum):
        return _jsonable(value.value, name)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise DataError(f"parameter {name}: {value} is not a finite number")
        return value
    if isinstance(value, Path):
        return f"sha256:{path_digest(value)}"
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item, name) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item, name) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((_jsonable(item, name) for item in value), key=repr)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return jsonable_params(value)
    raise TypeError(f"parameter {name}: a {type(value).__name__} has no fixed content")

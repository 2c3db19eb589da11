"""What ``detect`` is given in memory instead of a file, and the run folder it has meanwhile."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.detection.options import DetectOptions
from noisefix.errors import UsageError
from noisefix.tables.memory import is_path, lists_source, row_index, table_source

if TYPE_CHECKING:
    from noisefix.tables.source import Source


class TemporaryRun:
    """A run folder that is removed when nobody holds this any more, or when Python ends."""

    def __init__(self) -> None:
        folder = tempfile.mkdtemp(prefix="noisefix-")
        self.path = Path(folder) / "run"
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)

    def __deepcopy__(self, memo: dict[int, Any]) -> TemporaryRun:
        """Return the same: a copy of what holds it holds the same folder."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Become None in another process, which does not hold the folder."""
        return type(None), ()


def rows_in_memory(
    data: Any, texts: Sequence[Any] | None, ids: Sequence[Any] | None, options: DetectOptions
) -> tuple[Source | None, Any, DetectOptions]:
    """Return the table that is given in memory, its pandas index, and the options for it.

    Args:
        data: the file, or a table in memory; None: there are lists.
        texts: (N,) texts.
        ids: (N,) ids.
        options: ``labels`` may be (N,) labels, which are taken out of them then.

    Returns:
        No table where a file is named; no index where none is known.

    Raises:
        UsageError: nothing is given, or both; or something is no table.
        DataError: as ``table_source`` and ``lists_source``.
    """
    labels: Any = options.labels
    has_labels = labels is not None and not is_path(labels)
    has_lists = texts is not None or has_labels or ids is not None
    if data is not None and has_lists:
        raise UsageError(
            "data are given, and texts=, labels= or ids= besides", "give a table, or lists"
        )
    if data is not None:
        names_files = is_path(data) or (isinstance(data, list | tuple) and all(map(is_path, data)))
        return (None if names_files else table_source(data)), row_index(data), options
    if not has_labels:
        raise UsageError(
            "no labels to judge", "give a file, a table, or texts=[...] and labels=[...]"
        )
    source = lists_source(texts, labels, ids)
    index = row_index(labels) if texts is None else row_index(texts)
    return (
        source,
        index,
        replace(
            options,
            labels=None,
            label_column="label",
            text_column=None if texts is None else "text",
            id_column=None if ids is None else "id",
        ),
    )

"""A place for relabels.parquet, and rows whose answers are weighed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from noisefix.run.rows import RunRows


class Folder:
    """Stands for a run folder: only where relabels.parquet goes."""

    def __init__(self, path: Path) -> None:
        self.relabels = path / "relabels.parquet"

    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["id"]: row for row in pq.read_table(self.relabels).to_pylist()}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def rows(random_rows: Callable[..., RunRows]) -> RunRows:
    """300 rows, 4 classes, one label in five wrong: the models half know which."""
    return random_rows(300, seed=5)

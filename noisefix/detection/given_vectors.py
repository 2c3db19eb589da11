"""``--embeddings``: vectors that the user has made, of whatever the rows are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.common_options import DEFAULT_ENCODER
from noisefix.detection.options import split_views
from noisefix.errors import UsageError
from noisefix.tables.vectors import COLUMN, open_vectors
from noisefix.vectors import Vectors, blocks

if TYPE_CHECKING:
    from noisefix.tables.dataset import Dataset

_MOST = 2


@dataclass(frozen=True, eq=False)
class GivenVectors:
    """One or two kinds of vectors, (N, D) float32 of unit length each, and their digest."""

    views: tuple[Vectors, ...]
    sha256: str


def read_given(given: Any, dataset: Dataset) -> GivenVectors | None:
    """Read the vectors of the rows of a data set; None where none are given.

    Args:
        given: a file, "column:NAME" or an array (``tables.vectors.read_vectors``), or two of them.
        dataset: the rows.

    Raises:
        DataError: as ``open_vectors``.
        UsageError: more than two are given.
    """
    if given is None:
        return None
    named = given_views(given)
    if len(named) > _MOST:
        raise UsageError(
            f"--embeddings: {len(named)} are given", "give one, or two that see different things"
        )
    views = tuple(open_vectors(one, dataset.source, dataset.ids) for one in named)
    digest = hashlib.sha256()
    for view in views:
        digest.update(f"{view.shape}".encode())
        for first, last in blocks(len(view)):
            digest.update(np.ascontiguousarray(view.rows(first, last)).data)
    return GivenVectors(views, digest.hexdigest())


def given_views(given: Any) -> list[Any]:
    """Return what stands for the vectors, one by one.

    A list or tuple of files, or of arrays, holds views; any other is an array itself.
    """
    if isinstance(given, str):
        return list(split_views(given))
    if isinstance(given, list | tuple) and given and all(map(_is_view, given)):
        return [part for one in given for part in given_views(one)]
    return [given]


def given_files(given: Any) -> Iterator[str | Path]:
    """Yield the files that are read for the vectors."""
    for one in [] if given is None else given_views(given):
        if isinstance(one, Path) or (isinstance(one, str) and not one.startswith(COLUMN)):
            yield one


def check_alone(given: Any, encoder: str, against: str | Path | None = None) -> None:
    """Refuse what has no meaning beside given vectors.

    Args:
        given: ``--embeddings``.
        encoder: ``--encoder``.
        against: ``--against``.

    Raises:
        UsageError: an encoder is named too, or another table, whose vectors are not known.
    """
    if given is None:
        return
    if encoder != DEFAULT_ENCODER:
        raise UsageError(
            f"--encoder {encoder}: makes vectors, and --embeddings gives them", "name one of both"
        )
    if against is not None:
        raise UsageError(
            f"--against {against}: --embeddings holds no vectors of its rows",
            "leave one of both out",
        )


def _is_view(one: Any) -> bool:
    return isinstance(one, str | Path) or getattr(one, "ndim", 0) == 2

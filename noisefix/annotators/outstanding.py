"""Requests that lie in a batch somewhere: neither asked nor exported again until they are back."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from noisefix.annotators.store import AnswerStore
from noisefix.errors import DataError

_TABLE = """
CREATE TABLE IF NOT EXISTS outstanding (
    key BLOB PRIMARY KEY,
    model TEXT NOT NULL,
    file TEXT NOT NULL,
    exported_at REAL NOT NULL,
    pending TEXT
)
"""
_AT_ONCE = 500


class Outstanding:
    """The requests of a store that were written for a batch and have no response yet.

    They lie in the store's own file. A request is out from before its file is in place, so that no
    moment of dying lets it be paid for twice; those of a file that never came into place are not
    out, which the next one who looks finds.

    Args:
        store: an open store, of a run folder whose lock is held while requests are added.
        model: whose requests.

    Raises:
        DataError: the file cannot be read or written, here and in all methods.
    """

    def __init__(self, store: AnswerStore, model: str) -> None:
        self._path, self._model = store.path, model
        with self._connected() as connection:
            connection.execute(_TABLE)
            rows = connection.execute("SELECT DISTINCT pending FROM outstanding WHERE pending > ''")
            for (place,) in rows.fetchall():
                if not Path(place).exists():
                    connection.execute("DELETE FROM outstanding WHERE pending = ?", (place,))

    def among(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return which of these requests are out."""
        found: set[bytes] = set()
        with self._connected() as connection:
            for start in range(0, len(keys), _AT_ONCE):
                part = keys[start : start + _AT_ONCE]
                marks = ",".join("?" * len(part))
                rows = connection.execute(
                    f"SELECT key FROM outstanding WHERE model = ? AND key IN ({marks})",
                    (self._model, *part),
                )
                found.update(row[0] for row in rows)
        return found

    def files(self) -> dict[str, int]:
        """Return in which files requests went out, and how many of each are."""
        with self._connected() as connection:
            rows = connection.execute(
                "SELECT file, count(*) FROM outstanding WHERE model = ? GROUP BY file ORDER BY "
                "min(rowid)",
                (self._model,),
            )
            return dict(rows.fetchall())

    def add(self, files: Iterable[tuple[Path, Sequence[bytes]]]) -> None:
        """Note that requests are about to go out: all, or none where that fails.

        Args:
            files: each with the keys of the requests in it.
        """
        now = time.time()
        with self._connected() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO outstanding VALUES (?,?,?,?,?)",
                (
                    (key, self._model, str(path), now, str(path.absolute()))
                    for path, keys in files
                    for key in keys
                ),
            )

    def placed(self) -> None:
        """Note that the files of the requests added are in place, wherever they go from there."""
        with self._connected() as connection:
            connection.execute("UPDATE outstanding SET pending = NULL")

    def came_back(self, keys: Iterable[bytes]) -> None:
        """Note that requests have a response, be it that they failed."""
        with self._connected() as connection:
            connection.executemany(
                "DELETE FROM outstanding WHERE key = ?", ((key,) for key in keys)
            )

    def forget(self) -> None:
        """Take all of the model's requests for lost."""
        with self._connected() as connection:
            connection.execute("DELETE FROM outstanding WHERE model = ?", (self._model,))

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, timeout=30.0)) as connection, connection:
                yield connection
        except sqlite3.Error as error:
            raise DataError(
                f"{self._path}: which requests lie in a batch cannot be kept: {error}",
                "make room on the disk, or move the file away to start a new one (what it holds "
                "would be asked again)",
            ) from error

"""Shards in a folder: vectors that are worked out, each file whole or not there."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from noisefix.encoders.protocol import Embedded
from noisefix.tables.atomic import atomic_path, write_error
from noisefix.vectors import InFile, Vectors

_SHARD_FILES = "shard-*"


def discard_shards(folder: Path) -> None:
    """Remove the shards in a folder, and the folder if nothing else is in it."""
    # What cannot be removed does no harm: it is not read again for other texts.
    with suppress(OSError):
        for path in folder.glob(_SHARD_FILES):
            path.unlink()
        folder.rmdir()


def shards_folder(folder: Path, key: str) -> Path:
    """Return a folder for shards, made if it is not there, without those of other keys.

    Args:
        folder: where the shards lie.
        key: digest of all that they depend on; the names begin with 16 characters of it.

    Raises:
        DataError: it cannot be made.
    """
    folder = folder.absolute()
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise write_error(error, folder) from error
    for path in folder.glob(_SHARD_FILES):
        if not path.name.startswith(f"shard-{key[:16]}-"):
            with suppress(OSError):
                path.unlink()
    return folder


class ShardStore:
    """The saved shards of one list of texts and one encoder; those of others are removed."""

    def __init__(self, folder: Path, key: str, dimension: int) -> None:
        """Open a folder, which is made if it is not there.

        Args:
            folder: where the shards lie.
            key: digest of all that they depend on.
            dimension: D.

        Raises:
            DataError: the folder cannot be made.
        """
        self._folder = shards_folder(folder, key)
        self._key = key[:16]
        self._dimension = dimension

    def path(self, number: int) -> Path:
        """Return where a shard lies."""
        return self._folder / f"shard-{self._key}-{number:06d}.f32"

    def load(self, number: int, n_texts: int) -> tuple[InFile, np.ndarray] | None:
        """Return a shard's vectors, and (n,) bool which texts were cut; None: it is not there.

        The length of a file tells whether it is this shard: it takes its place whole.
        """
        path, n_bytes = self.path(number), 4 * n_texts * self._dimension
        try:
            if path.stat().st_size != n_bytes + n_texts:
                return None
            flags = np.fromfile(path, np.uint8, offset=n_bytes)
        except OSError:
            return None
        if len(flags) != n_texts or (flags > 1).any():
            return None
        return InFile(path, n_texts, self._dimension), flags.astype(bool)


def save_shard(path: Path, shard: Embedded) -> None:
    """Save a shard, whole or not at all: vectors as ``InFile`` reads them, then a byte a text.

    Raises:
        DataError: it cannot be written.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(np.ascontiguousarray(shard.vectors, "<f4").data)
        file.write(shard.is_truncated.astype(np.uint8).data)


def shards_key(fingerprint: str, cut: Sequence[int], texts: Sequence[str]) -> str:
    """Return the SHA-256 of what shards depend on.

    Args:
        fingerprint: of the encoder.
        cut: sizes of shards and of what is encoded together.
        texts: all texts, in their order.
    """
    digest = hashlib.sha256(f"{fingerprint} {list(cut)}".encode())
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Joined:
    """Vectors that are made of pieces, all but the last of the same length."""

    pieces: Sequence[Vectors]  # one at least

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        return sum(len(piece) for piece in self.pieces), self.pieces[0].shape[1]

    def __len__(self) -> int:
        return self.shape[0]

    def rows(self, first: int, last: int) -> np.ndarray:
        """Read the rows first..last-1."""
        return self.take(np.arange(*slice(first, last).indices(len(self))))

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Read some rows, from each piece at once."""
        found = np.empty((len(rows), self.shape[1]), np.float32)
        number, within = np.divmod(np.asarray(rows, np.int64), max(len(self.pieces[0]), 1))
        for piece in np.unique(number):
            is_here = number == piece
            found[is_here] = self.pieces[piece].take(within[is_here])
        return found

"""Embed in shards, each saved when it is done, so that a killed run goes on where it stopped."""

from __future__ import annotations

import hashlib
import time
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from noisefix.encoders.batching import distinct_texts
from noisefix.encoders.protocol import Embedded, EncodeProgress, Encoder
from noisefix.progress import Progress
from noisefix.tables.atomic import atomic_path, write_error

_SHARD_FILES = "shard-*.npz"


def embed_in_shards(
    texts: Sequence[str],
    encoder: Encoder,
    folder: Path,
    *,
    shard_size: int,
    progress: Callable[[Progress], None] | None = None,
) -> Embedded:
    """Embed texts, saving every ``shard_size`` distinct ones; what is saved already is not redone.

    Long texts come first. Texts that fit into one shard, and encoders that are fitted to all texts,
    are done in one go, and nothing is saved.

    Args:
        texts: N texts.
        encoder: what embeds them.
        folder: where the shards are saved; it may hold those of an earlier run.
        shard_size: distinct texts in a shard.
        progress: called with ``EncodeProgress`` steps that count distinct texts.

    Raises:
        DataError: a shard cannot be saved.
        ModelError: the device has no memory for a single text.
    """
    distinct, inverse = distinct_texts(texts)
    if encoder.is_fitted or len(distinct) <= shard_size:
        done = encoder.embed(distinct, progress)
        return Embedded(done.vectors[inverse], done.is_truncated[inverse])
    store = ShardStore(folder, _key(encoder, shard_size, distinct), encoder.dimension)
    lengths = np.array([len(text) for text in distinct], dtype=np.int64)
    order = np.argsort(-lengths, kind="stable")
    shards = [order[start : start + shard_size] for start in range(0, len(order), shard_size)]
    meter = _ShardMeter(shards, lengths, progress)
    vectors = np.empty((len(distinct), encoder.dimension), dtype=np.float32)
    is_truncated = np.empty(len(distinct), dtype=bool)
    for number, rows in enumerate(shards):
        shard = store.load(number, len(rows))
        if shard is None:
            meter.begin(number)
            shard = encoder.embed([distinct[row] for row in rows], meter.step)
            store.save(number, shard)
        else:
            meter.skip(number)
        vectors[rows], is_truncated[rows] = shard.vectors, shard.is_truncated
    return Embedded(vectors[inverse], is_truncated[inverse])


def discard_shards(folder: Path) -> None:
    """Remove the shards in a folder, and the folder if nothing else is in it."""
    # What cannot be removed does no harm: it is not read again for other texts.
    with suppress(OSError):
        for path in folder.glob(_SHARD_FILES):
            path.unlink()
        folder.rmdir()


class ShardStore:
    """The saved shards of one list of texts and one encoder; those of others are removed."""

    def __init__(self, folder: Path, key: str, dimension: int) -> None:
        """Open a folder, whether it is there or not.

        Args:
            folder: where the shards lie.
            key: digest of all that they depend on.
            dimension: D.
        """
        self._folder = folder
        self._key = key[:16]
        self._dimension = dimension
        for path in folder.glob(_SHARD_FILES):
            if not path.name.startswith(f"shard-{self._key}-"):
                with suppress(OSError):
                    path.unlink()

    def load(self, number: int, n_texts: int) -> Embedded | None:
        """Return a shard; None if it is not there or not whole."""
        try:
            with (
                self._path(number).open("rb") as file,
                np.load(file, allow_pickle=False) as saved,
            ):
                shard = Embedded(saved["vectors"], saved["is_truncated"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        fits = shard.vectors.shape == (n_texts, self._dimension)
        return shard if fits and shard.is_truncated.shape == (n_texts,) else None

    def save(self, number: int, shard: Embedded) -> None:
        """Save a shard, whole or not at all.

        Raises:
            DataError: it cannot be written.
        """
        try:
            self._folder.mkdir(exist_ok=True)
        except OSError as error:
            raise write_error(error, self._folder) from error
        with atomic_path(self._path(number)) as temporary, temporary.open("wb") as file:
            np.savez(file, vectors=shard.vectors, is_truncated=shard.is_truncated)

    def _path(self, number: int) -> Path:
        return self._folder / f"shard-{self._key}-{number:06d}.npz"


class _ShardMeter:
    """Turns the steps within a shard into steps of the whole; characters stand for the work."""

    def __init__(
        self,
        shards: Sequence[np.ndarray],
        lengths: np.ndarray,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._texts = [len(rows) for rows in shards]
        self._work = [float(lengths[rows].sum() + len(rows)) for rows in shards]
        self._progress = progress
        self._done_texts = self._shard = 0
        self._left = sum(self._work)
        self._done_now = 0.0
        self._texts_now = 0
        self._start = time.perf_counter()

    def begin(self, number: int) -> None:
        """Go on to a shard."""
        self._shard = number

    def skip(self, number: int) -> None:
        """Count a saved shard as done."""
        self._done_texts += self._texts[number]
        self._left -= self._work[number]

    def step(self, inner: EncodeProgress) -> None:
        """Pass on a step within the shard begun last."""
        share = inner.done_tokens / max(inner.total_tokens, 1)
        work = self._work[self._shard]
        seconds = time.perf_counter() - self._start
        done_now, texts_now = self._done_now + share * work, self._texts_now + inner.done
        if self._progress is not None:
            self._progress(
                EncodeProgress(
                    stage=inner.stage,
                    done=self._done_texts + inner.done,
                    total=sum(self._texts),
                    unit=inner.unit,
                    done_tokens=inner.done_tokens,
                    total_tokens=inner.total_tokens,
                    texts_per_s=texts_now / max(seconds, 1e-9),
                    seconds_left=seconds * (self._left - share * work) / max(done_now, 1e-9),
                )
            )
        if inner.done >= inner.total:
            self.skip(self._shard)
            self._done_now, self._texts_now = done_now, texts_now


def _key(encoder: Encoder, shard_size: int, distinct: Sequence[str]) -> str:
    """Return the SHA-256 of the encoder and the texts, in their order."""
    digest = hashlib.sha256(f"{encoder.fingerprint} {shard_size}".encode())
    for text in distinct:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()

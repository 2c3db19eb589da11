"""Embed in shards, each saved when it is done, so that a killed run goes on where it stopped.

What is encoded together is a grain: so many distinct texts, in the order of their first rows. A
text's vector may depend on its grain in its last bits, and shards are whole grains: so neither the
size of a shard nor who works it off changes a byte.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from noisefix.detection.encoder_source import EncoderFacts, EncoderSource, Loaded, describe
from noisefix.detection.shard_meter import ShardMeter
from noisefix.detection.shard_store import Joined, ShardStore, save_shard, shards_key
from noisefix.encoders.batching import distinct_texts
from noisefix.encoders.protocol import Embedded, Encoder
from noisefix.errors import DataError, ModelError, NoisefixError
from noisefix.executors import IN_TURN, Executor
from noisefix.progress import Progress
from noisefix.vectors import GRAIN, InMemory, SomeRows, Vectors

SHARD_SIZE = 4 * GRAIN
_MOST_SHARDS = 1000
_GPU_GRAINS = 32
"""Grains of a CPU in one of a GPU, which is slow at little work."""

_MOST_FITTED = 100 * GRAIN
"""An encoder that is fitted sees so many texts at most, drawn at random; the rest follow."""


@dataclass(frozen=True, eq=False)
class EmbeddedRows:
    """Rows and their vectors.

    Attributes:
        vectors: (N, D) unit vectors, which may lie in files.
        n_truncated: rows whose text was longer than the encoder reads.
        facts: of the encoder.
    """

    vectors: Vectors
    n_truncated: int
    facts: EncoderFacts


@dataclass(frozen=True)
class Shard:
    """A task: distinct texts, and where their vectors belong.

    Attributes:
        where: what the rows belong to, for messages.
        texts: (n,) distinct texts.
        rows: (n,) row number of the first row of each.
        grain: texts that are encoded together.
        fingerprint: the encoder's.
        path: the file to write; None: the vectors are returned.
    """

    where: str
    texts: Sequence[str]
    rows: np.ndarray
    grain: int
    fingerprint: str
    path: Path | None

    @property
    def name(self) -> str:
        """What to call it in messages."""
        return f"{self.where}, rows {self.rows[0]:,} to {self.rows[-1]:,}"


def embed_in_shards(
    texts: Sequence[str],
    source: EncoderSource,
    folder: Path,
    *,
    where: str = "texts",
    shard_size: int | None = None,
    executor: Executor = IN_TURN,
    progress: Callable[[Progress], None] | None = None,
    seed: int = 0,
) -> EmbeddedRows:
    """Embed texts, saving every ``shard_size`` distinct ones; what is saved already is not redone.

    Texts that fit into one shard are done in one go, and nothing is saved.

    Args:
        texts: N texts.
        source: the encoder.
        folder: where the shards are saved; it may hold those of an earlier run.
        where: what the rows belong to, for messages.
        shard_size: distinct texts in a shard, rounded up to whole grains; None: 4,000, and more
            where there would be more than a thousand shards.
        executor: who works off the shards.
        progress: called with ``EncodeProgress`` steps that count distinct texts.
        seed: of the sample that an encoder is fitted to.

    Raises:
        DataError: a shard cannot be saved, or a worker saves it elsewhere; the encoder fails at one
            text, whose row is named.
        ModelError: the device has no memory for a single text; workers have different encoders.
    """
    distinct, place = distinct_texts(texts)
    if source.is_fitted:
        encoder = source.open()
        if len(distinct) <= _MOST_FITTED:
            done = encoder.embed(distinct, progress)
            vectors = SomeRows(InMemory(done.vectors), place)
            return EmbeddedRows(vectors, int(done.is_truncated[place].sum()), describe(source))
        source = _fitted(encoder, distinct, seed)
    (facts,) = executor.map(describe, [source], on_gpu=source.on_gpu)
    grain = GRAIN if facts.device.startswith("cpu") else _GPU_GRAINS * GRAIN
    size = shard_size or max(SHARD_SIZE, -(-len(distinct) // _MOST_SHARDS))
    size = max(-(-size // grain), 1) * grain
    store = None
    if len(distinct) > size:
        key = shards_key(facts.fingerprint, (size, grain), distinct)
        store = ShardStore(folder, key, facts.dimension)
    rows = np.unique(place, return_index=True)[1] + 1
    shards = [
        Shard(
            where,
            distinct[first : first + size],
            rows[first : first + size],
            grain,
            facts.fingerprint,
            None if store is None else store.path(number),
        )
        for number, first in enumerate(range(0, len(distinct), size))
    ]
    found = _worked_off(shards, store, source, executor, ShardMeter(distinct, progress))
    none = InMemory(np.empty((0, facts.dimension), np.float32))
    pieces = Joined([vectors for vectors, _ in found] or [none])
    is_truncated = np.concatenate([flags for _, flags in found] or [np.empty(0, bool)])
    return EmbeddedRows(SomeRows(pieces, place), int(is_truncated[place].sum()), facts)


def _worked_off(
    shards: Sequence[Shard],
    store: ShardStore | None,
    source: EncoderSource,
    executor: Executor,
    meter: ShardMeter,
) -> list[tuple[Vectors, np.ndarray]]:
    """Return vectors and flags of every shard; those that are saved are not made again."""
    found: dict[int, tuple[Vectors, np.ndarray]] = {}
    for number, shard in enumerate(shards):
        saved = None if store is None else store.load(number, len(shard.texts))
        if saved is not None:
            found[number] = saved
            meter.skip(shard.texts)
    missing = [number for number in range(len(shards)) if number not in found]
    work = partial(embed_shard, source=source, meter=meter if executor.is_here else None)
    results = executor.map(work, (shards[number] for number in missing), on_gpu=source.on_gpu)
    for number, (host, done) in zip(missing, results, strict=True):
        shard = shards[number]
        if not executor.is_here:
            meter.finish(shard.texts)
        if done is not None:
            found[number] = InMemory(done.vectors), done.is_truncated
            continue
        saved = None if store is None else store.load(number, len(shard.texts))
        if saved is None:
            raise DataError(
                f"{shard.path}: {host} has written it, and it is not there",
                "--executor ray needs a folder that all machines of the cluster share, under the "
                "same name: choose one with -o",
            )
        found[number] = saved
    return [found[number] for number in range(len(shards))]


def embed_shard(
    shard: Shard, *, source: EncoderSource, meter: ShardMeter | None = None
) -> tuple[str, Embedded | None]:
    """Embed a shard, grain by grain, and save it if it has a path.

    Args:
        shard: the texts.
        source: the encoder.
        meter: told how far it has come.

    Returns:
        Where it was done, and what came of it; None if it was saved.

    Raises:
        DataError: it cannot be saved; the encoder fails at a text.
        ModelError: the encoder is another one here.
    """
    encoder = source.open()
    if encoder.fingerprint != shard.fingerprint:
        raise ModelError(
            f"encoder {encoder.name}: gives other vectors on {platform.node()} than elsewhere (it "
            f"computes in {encoder.precision} there)",
            "use machines of one kind, or name --precision fp32 and --device",
        )
    parts = []
    for first in range(0, len(shard.texts), shard.grain):
        grain = range(first, min(first + shard.grain, len(shard.texts)))
        parts.append(_embed(encoder, shard, grain, meter))
    done = Embedded(
        np.concatenate([part.vectors for part in parts]),
        np.concatenate([part.is_truncated for part in parts]),
    )
    if shard.path is None:
        return platform.node(), done
    save_shard(shard.path, done)
    return platform.node(), None


def _embed(encoder: Encoder, shard: Shard, grain: range, meter: ShardMeter | None) -> Embedded:
    """Embed a grain; an error that one text makes names its row."""
    texts = shard.texts[grain.start : grain.stop]
    try:
        done = encoder.embed(texts, None if meter is None else meter.within(texts))
    except (NoisefixError, MemoryError):
        raise
    except Exception as error:
        culprit = _culprit(encoder, texts)
        if culprit is None:
            raise
        raise DataError(
            f"{shard.where}, row {shard.rows[grain[culprit]]:,}: encoder {encoder.name} fails at "
            f"this text ({type(error).__name__})",
            "look at the text; leave the row out, or choose another --encoder",
        ) from error
    if meter is not None:
        meter.finish(texts)
    return done


def _culprit(encoder: Encoder, texts: Sequence[str]) -> int | None:
    """Return the position of a text that the encoder fails at alone; None: there is none."""
    first, last = 0, len(texts)
    while last - first > 1:
        middle = (first + last) // 2
        halves = (first, middle), (middle, last)
        failing = next((half for half in halves if _fails(encoder, texts[slice(*half)])), None)
        if failing is None:
            return None
        first, last = failing
    return first if _fails(encoder, texts[first:last]) else None


def _fails(encoder: Encoder, texts: Sequence[str]) -> bool:
    try:
        encoder.embed(texts)
    except Exception:
        return True
    return False


def _fitted(encoder: Encoder, distinct: Sequence[str], seed: int) -> Loaded:
    """Return an encoder that is fitted to a sample."""
    chosen = np.random.default_rng(seed).choice(len(distinct), _MOST_FITTED, replace=False)
    encoder.embed([distinct[row] for row in np.sort(chosen)])
    return Loaded(encoder)

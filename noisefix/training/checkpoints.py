"""Checkpoints in a file: what a killed training goes on from. Safetensors, never pickle."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from noisefix.documents import parse_json
from noisefix.errors import NoisefixError
from noisefix.tables.atomic import atomic_path
from noisefix.training.interface import State, TrainingData, TrustedRows


class FileCheckpoint:
    """One file that holds the newest state of one training.

    A state saved for other data, parameters or another seed (another key) is never taken up, and
    neither is a file that cannot be read: the training then starts from the beginning.
    """

    def __init__(self, path: str | Path, key: str, *, every_s: float = 5.0) -> None:
        """Set up.

        Args:
            path: the file.
            key: digest of all that the training depends on; see ``training_key``.
            every_s: seconds between two writes; 0 = write every time.
        """
        self.path = Path(path)
        self._key = key
        self._every_s = every_s
        self._last = time.monotonic()

    def load(self) -> tuple[State, dict[str, Any]] | None:
        """Return what was saved under this key, or None."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path, "numpy") as file:
                metadata = file.metadata() or {}
                if metadata.get("key") != self._key:
                    return None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                return tensors, parse_json(metadata["facts"])
        except (OSError, SafetensorError, KeyError, ValueError):
            return None

    def save(self, tensors: State, facts: dict[str, Any]) -> None:
        """Write the state, unless the last writing was a moment ago."""
        from safetensors.numpy import save

        now = time.monotonic()
        if self._every_s and now - self._last < self._every_s:
            return
        metadata = {"key": self._key, "facts": json.dumps(facts)}
        with atomic_path(self.path) as temporary:
            # Not save_file: that hides a full disk in an error of its own.
            temporary.write_bytes(save(tensors, metadata))
        self._last = time.monotonic()

    def discard(self) -> None:
        """Remove the file: the training is done."""
        with suppress(OSError, NoisefixError):
            self.path.unlink(missing_ok=True)


def training_key(
    data: TrainingData, method: str, params: Any, seed: int, more: object = None
) -> str:
    """Return a digest of all that a training depends on; ``more`` is told apart by its repr."""
    digest = hashlib.sha256(f"{method} {params!r} {seed} {more!r}".encode())
    for field in fields(data):
        digest.update(field.name.encode())
        _add(digest, getattr(data, field.name))
    return digest.hexdigest()


def _add(digest: Any, value: Any) -> None:
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype} {value.shape}".encode())
        digest.update(np.ascontiguousarray(value).data)
    elif isinstance(value, TrustedRows):
        _add(digest, value.features)
        _add(digest, value.labels)
    elif hasattr(value, "indptr"):  # a sparse matrix
        for part in (value.data, value.indices, value.indptr):
            _add(digest, part)
    elif hasattr(value, "digest"):
        digest.update(value.digest().encode())
    else:
        digest.update(repr(value).encode())

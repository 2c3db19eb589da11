"""Look at a task once, however often it is judged: in memory, and on disk for the next run."""

from __future__ import annotations

import copy
import hashlib
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import plain_script
import readings
from readings_fit import Looked
from shared_sets import CACHE, REPOSITORY, Task

from noisefix.probing import latent_classes, views

_SLOW = (
    (views, "look_around"),
    (views, "look"),
    (latent_classes, "fit_latent_classes"),
    (plain_script, "judge"),
)
_PACKAGES = ("probing", "neighbors", "confident")
_BENCHMARKS = ("readings.py", "readings_fit.py", "plain_script.py")
"""The code that what is looked at depends on."""


@contextmanager
def looking_once() -> Iterator[None]:
    """Within it, what is slow about judging is done once for the same arguments."""
    with ExitStack() as stack:
        for module, name in _SLOW:
            remembered = _remembering(getattr(module, name))
            stack.enter_context(patch.object(module, name, remembered))
        yield


def _remembering(function: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[bytes, Any] = {}

    def call(*args: Any, **kwargs: Any) -> Any:
        key = hashlib.sha256(pickle.dumps((args, kwargs))).digest()
        if key not in known:
            known[key] = function(*args, **kwargs)
        return copy.deepcopy(known[key])  # some callers change what they get

    return call


def looked_at(task: Task) -> Looked:
    """Return ``readings.look_at(task)``, from the cache if neither task nor code has changed."""
    digest = hashlib.sha256(_code_digest())
    for part in (task.texts, task.given, task.truth):
        digest.update(repr(part).encode())
    digest.update(task.embeddings.tobytes())
    path = CACHE.parent / "looked" / f"{task.name}-{digest.hexdigest()[:16]}.pkl"
    if path.is_file():
        found: Looked = pickle.loads(path.read_bytes())
        return found
    path.parent.mkdir(parents=True, exist_ok=True)
    looked = readings.look_at(task)
    part_file = path.with_suffix(f".{os.getpid()}.part")
    part_file.write_bytes(pickle.dumps(looked))
    part_file.replace(path)
    return looked


@lru_cache(maxsize=1)
def _code_digest() -> bytes:
    package, here = REPOSITORY / "noisefix", Path(__file__).parent
    paths = [path for name in _PACKAGES for path in sorted((package / name).rglob("*.py"))]
    digest = hashlib.sha256()
    for path in (*paths, *(here / name for name in _BENCHMARKS)):
        digest.update(path.read_bytes())
    return digest.digest()

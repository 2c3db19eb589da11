"""The model hub and its local cache."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from noisefix.errors import ModelError
from noisefix.progress import Progress

_ORGANISATION = "sentence-transformers"
_TIMEOUT_S = 5.0
_ENDINGS = (".safetensors", ".bin", ".json", ".txt", ".model")
_OTHER_TOOLS = ("onnx/", "openvino/")
_LEFT_OUT = {"training_args.bin", "optimizer.bin"}


def hub_names(name: str) -> tuple[str, ...]:
    """Return the repositories that a name can mean; sentence-transformers' own come first."""
    return (name,) if "/" in name else (f"{_ORGANISATION}/{name}", name)


def cached_snapshot(repo: str) -> Path | None:
    """Return the folder of a repository's main branch in the local cache, if it is there."""
    from huggingface_hub.constants import HF_HUB_CACHE

    for cache in (os.environ.get("SENTENCE_TRANSFORMERS_HOME"), HF_HUB_CACHE):
        if not cache:
            continue
        storage = Path(cache) / f"models--{repo.replace('/', '--')}"
        try:
            commit = (storage / "refs" / "main").read_text().strip()
        except OSError:
            continue
        snapshot = storage / "snapshots" / commit
        if snapshot.is_dir():
            return snapshot
    return None


def is_offline() -> bool:
    """Say whether the user has forbidden to ask the hub."""
    from huggingface_hub.constants import HF_HUB_OFFLINE

    said = (
        os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    ).upper()
    return bool(HF_HUB_OFFLINE) or said in {"1", "ON", "YES", "TRUE"}


def download_snapshot(name: str, progress: Callable[[Progress], None] | None = None) -> Path:
    """Fetch the files of an encoder into the local cache; no more of them than loading takes.

    Args:
        name: repository, with or without its organisation.
        progress: called with the bytes fetched.

    Returns:
        The snapshot's folder.

    Raises:
        ModelError: the hub may not be asked, does not answer, or has no such repository.
    """
    if is_offline():
        raise ModelError(
            f"encoder {name}: not on this machine, and HF_HUB_OFFLINE forbids to ask the hub"
        )
    from huggingface_hub.errors import RepositoryNotFoundError

    for repo in hub_names(name):
        try:
            return _fetch(repo, progress)
        except RepositoryNotFoundError:
            continue
        except Exception as error:  # the library's own errors, and those of its HTTP client
            lines = str(error).strip().splitlines()
            raise ModelError(
                f"encoder {name}: not on this machine, and the hub cannot be asked: "
                f"{lines[0] if lines else type(error).__name__}"
            ) from error
    tried = " or ".join(hub_names(name))
    raise ModelError(f"encoder {name}: not on this machine, and the hub has no {tried}")


def _fetch(repo: str, progress: Callable[[Progress], None] | None) -> Path:
    from huggingface_hub import HfApi
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    api = HfApi()
    # One question without the library's retries: no network, no waiting.
    info = api.model_info(repo, timeout=_TIMEOUT_S, files_metadata=True)
    sizes = needed_files({file.rfilename: int(file.size or 0) for file in info.siblings or []})
    if not sizes:
        raise FileNotFoundError(f"{repo} has no model files")
    had_bars = not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        done = 0
        for file, size in sizes.items():
            path = Path(api.hf_hub_download(repo, file, etag_timeout=_TIMEOUT_S))
            done += size
            if progress is not None:
                progress(Progress("fetch encoder", done, sum(sizes.values()), "bytes"))
    finally:
        if had_bars:
            enable_progress_bars()
    return path.parents[file.count("/")]


def needed_files(sizes: Mapping[str, int]) -> dict[str, int]:
    """Return the files that loading takes, of those in a repository: no copies for other tools."""
    kept = {
        name: size
        for name, size in sizes.items()
        if name.endswith(_ENDINGS) and not name.startswith(_OTHER_TOOLS) and name not in _LEFT_OUT
    }
    has_safetensors = {_folder(name) for name in kept if name.endswith(".safetensors")}
    return {
        name: size
        for name, size in kept.items()
        if not (name.endswith(".bin") and _folder(name) in has_safetensors)
    }


def _folder(name: str) -> str:
    return name.rpartition("/")[0]

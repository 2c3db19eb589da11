"""The model folder: weights as safetensors, everything else as JSON, and a card to read.

Nothing in it is ever executed or unpickled. It is written whole or not at all: a folder beside the
target is filled and then takes its name.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.documents import parse_json
from noisefix.encoders.find import TFIDF
from noisefix.errors import DataError, ModelError
from noisefix.run.parquet import write_table
from noisefix.run.schemas import DIVISION
from noisefix.tables.atomic import atomic_folder, check_can_make, sha256_file
from noisefix.training.interface import Classifier, State
from noisefix.training.model_card import model_card
from noisefix.training.model_info import TRAIN_AGAIN, ModelInfo, read_info
from noisefix.training.registry import load_classifier_class

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.provenance import Provenance

FORMAT = 1
_JSON = "model.json"
_WEIGHTS = "model.safetensors"
_ENCODER_WEIGHTS = "encoder.safetensors"
_ENCODER_JSON = "encoder.json"
_CARD = "README.md"
_DIVISION = "division.parquet"
_TUNED = "encoder"
_MARKS = {"format", "class_names", "encoder", "method", "kind", "noisefix_version"}
"""Keys of every model.json, by which it is told from others of that name."""

_FILES = {_JSON, _WEIGHTS, _ENCODER_WEIGHTS, _ENCODER_JSON, _CARD, _DIVISION, _TUNED}


@dataclass(frozen=True, eq=False)
class StoredModel:
    """What a model folder holds; ``tuned_encoder`` is the folder of an encoder of its own."""

    info: ModelInfo
    classifier: Classifier
    encoder_state: tuple[State, dict[str, Any]] | None
    tuned_encoder: Path | None = None


def write_model(
    folder: str | Path,
    info: ModelInfo,
    classifier: Classifier,
    encoder_state: tuple[State, dict[str, Any]] | None = None,
    division: tuple[pa.Table, Provenance] | None = None,
    tuned_encoder: Path | None = None,
) -> None:
    """Write a model folder; an older model of that name is replaced.

    Args:
        folder: the folder to make or replace.
        info: what is known of it; ``kind`` and ``config`` are taken from the classifier.
        classifier: the model.
        encoder_state: arrays and JSON of an encoder that was fitted on the texts.
        division: the rows' subsets in every epoch, and where they come from.
        tuned_encoder: folder of an encoder that was trained along, to be copied.

    Raises:
        DataError: something else is in the way, or it cannot be written.
    """
    target = Path(folder)
    check_target(target)
    tensors, config = classifier.state()
    about = asdict(info) | {"kind": classifier.kind, "config": config, "format": FORMAT}
    with atomic_folder(target) as temporary:
        _write_tensors(temporary / _WEIGHTS, tensors)
        if encoder_state is not None:
            _write_tensors(temporary / _ENCODER_WEIGHTS, encoder_state[0])
            _write_json(temporary / _ENCODER_JSON, encoder_state[1])
        if division is not None:
            write_table(division[0], temporary / _DIVISION, DIVISION, division[1])
        if tuned_encoder is not None:
            # Contents only: what was written for this user alone is for whoever reads the model.
            shutil.copytree(tuned_encoder, temporary / _TUNED, copy_function=shutil.copyfile)
        (temporary / _CARD).write_text(model_card(about), encoding="utf-8")
        _write_json(temporary / _JSON, about)


def check_target(target: Path) -> None:
    """Check, before any work is done, that a model may be written there.

    Raises:
        DataError: a file, or a folder with something else in it, is in the way; or nobody may write
            there.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise DataError(f"{target}: a file is in the way of the model folder", _OTHER_PLACE)
    if target.is_dir() and not _may_be_replaced(target):
        raise DataError(
            f"{target}: the folder holds something other than a model of noisefix",
            f"{_OTHER_PLACE}, or remove this one yourself",
        )
    check_can_make(target)


def _may_be_replaced(folder: Path) -> bool:
    """Say whether a folder is empty, or a model and nothing else: names alone prove nothing."""
    names = {file.name for file in folder.iterdir()}
    if not names:
        return True
    about = _peek(folder / _JSON)
    expected = _FILES if about.get("encoder", {}).get("is_tuned") else _FILES - {_TUNED}
    return bool(about) and names <= expected


def _peek(path: Path) -> dict[str, Any]:
    """Return what model.json says if it is noisefix's own, of whatever version; else nothing."""
    try:
        about = _read_json(path)
    except ModelError:
        return {}
    is_ours = isinstance(about, dict) and isinstance(about.get("encoder"), dict)
    return about if is_ours and set(about) >= _MARKS else {}


def read_model(folder: str | Path) -> StoredModel:
    """Read a model folder; nothing heavier than NumPy is needed for a head.

    Raises:
        ModelError: no model folder, a file is missing or cut short, or written by a newer version.
    """
    path = Path(folder)
    if not (path / _JSON).is_file():
        raise ModelError(
            f"{path}: not a model folder (there is no {_JSON} in it)",
            "name the folder that noisefix train wrote",
        )
    about = _read_json(path / _JSON)
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        found = about.get("format") if isinstance(about, dict) else None
        raise ModelError(
            f"{path}: model format {found}; this noisefix knows format {FORMAT}",
            "update noisefix (pip install -U noisefix), or train again",
        )
    info = read_info(path / _JSON, about)
    kind = load_classifier_class(info.kind)
    if kind is None:
        raise ModelError(f"{path}: a model of kind {info.kind!r}, unknown here", TRAIN_AGAIN)
    tensors = _read_tensors(path / _WEIGHTS)
    try:
        classifier = kind.from_state(tensors, info.config)
        n_classes = classifier.n_classes
        probe = classifier.predict_probs(np.zeros((1, info.encoder.dimension), np.float32))
    except ModelError as error:
        raise ModelError(f"{path}: {error.message}", error.hint or TRAIN_AGAIN) from error
    except (
        ArithmeticError,
        LookupError,
        MemoryError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        raise ModelError(
            f"{path}: weights and {_JSON} do not fit together: {error}", TRAIN_AGAIN
        ) from error
    if n_classes != len(info.class_names) or probe.shape != (1, n_classes):
        raise ModelError(
            f"{path}: {len(info.class_names)} class names for {n_classes} classes", TRAIN_AGAIN
        )
    encoder_state = _read_fitted(path, info) if info.encoder.name == TFIDF else None
    tuned = path / _TUNED if info.encoder.is_tuned else None
    return StoredModel(info, classifier, encoder_state, tuned)


def is_model(folder: str | Path) -> bool:
    """Tell whether a folder holds a model, damaged or not."""
    return (Path(folder) / _JSON).is_file() or (Path(folder) / _WEIGHTS).is_file()


def weights_sha256(folder: str | Path) -> str:
    """Return the digest of a model's weights, in hex: what tells it from any other.

    Raises:
        DataError: they cannot be read.
    """
    return sha256_file(Path(folder) / _WEIGHTS)


def _read_fitted(path: Path, info: ModelInfo) -> tuple[State, dict[str, Any]]:
    from noisefix.training.fitted_encoder import check_tfidf_state

    config = _read_json(path / _ENCODER_JSON)
    if not isinstance(config, dict):
        raise ModelError(f"{path / _ENCODER_JSON}: not a JSON object", TRAIN_AGAIN)
    tensors = _read_tensors(path / _ENCODER_WEIGHTS)
    try:
        check_tfidf_state(tensors, config)
    except ModelError as error:
        raise ModelError(f"{path / _ENCODER_JSON}: {error.message}", TRAIN_AGAIN) from error
    if config["dimension"] != info.encoder.dimension:
        raise ModelError(
            f"{path / _ENCODER_JSON}: {config['dimension']} numbers a text, and the model was"
            f" trained on {info.encoder.dimension}",
            TRAIN_AGAIN,
        )
    return tensors, config


def _read_tensors(path: Path) -> State:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors: State = load_file(path)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path}: missing, cut short or damaged", "copy the folder again, or train again"
        ) from error
    bad = [k for k, v in tensors.items() if v.dtype.kind == "f" and np.isnan(v).any()]
    if bad:
        raise ModelError(
            f"{path}: the array {bad[0]!r} holds NaN", "copy the folder again, or train again"
        )
    return tensors


def _write_tensors(path: Path, tensors: State) -> None:
    from safetensors.numpy import save

    # Not save_file: that hides a full disk in an error of its own.
    path.write_bytes(save(tensors))


def _read_json(path: Path) -> Any:
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read as JSON: {error}", TRAIN_AGAIN) from error


def _write_json(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    path.write_text(text, encoding="utf-8")


_OTHER_PLACE = "choose another folder with -o"

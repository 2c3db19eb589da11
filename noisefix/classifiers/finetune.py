"""What ``train --features finetune`` does beyond the rest: options, and the encoder that learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from noisefix.classifiers.fitting import check_kinds, choose_params
from noisefix.errors import ModelError, UsageError

if TYPE_CHECKING:
    from noisefix.classifiers.training_data import RunData
    from noisefix.training.finetune.tuning import Tuning, TuningParams
    from noisefix.training.model_info import EncoderReference

FEATURES = ("frozen", "finetune")


def choose_features_params(
    features: str, method: str, parameters: Mapping[str, Any]
) -> tuple[Any, TuningParams | None]:
    """Return the method's parameters, and the encoder's where it learns along.

    Args:
        features: one of ``FEATURES``.
        method: name of the method.
        parameters: by name, of the method or of ``TuningParams``.

    Raises:
        UsageError: an unknown kind of features or name, or a value out of range.
    """
    if features not in FEATURES:
        raise UsageError(f"--features {features!r} is unknown", f"choose {', '.join(FEATURES)}")
    if features == "frozen":
        return choose_params(method, parameters), None
    from noisefix.training.finetune.tuning import HEAD_DEFAULTS, METHOD_DEFAULTS, TuningParams

    own = {f.name for f in fields(TuningParams)}
    check_kinds(TuningParams, parameters)
    of_encoder = TuningParams(**{k: v for k, v in parameters.items() if k in own})
    plain = choose_params(method, {})
    if hasattr(plain, "tuning"):  # the method tunes the encoder by options of their own
        nested = {f.name for f in fields(plain.tuning)}
        inner = {name: value for name, value in parameters.items() if name in nested}
        check_kinds(type(plain.tuning), inner)
        outer = {k: v for k, v in parameters.items() if k not in nested | own}
        return choose_params(method, outer | {"tuning": replace(plain.tuning, **inner)}), of_encoder
    usual = {name: value for name, value in HEAD_DEFAULTS.items() if hasattr(plain, name)}
    usual |= METHOD_DEFAULTS.get(method, {})
    of_method = {name: value for name, value in parameters.items() if name not in own}
    chosen = choose_params(method, usual | of_method)
    return chosen, of_encoder


def known_parameters(features: str, method: str) -> set[str]:
    """Return the names of all parameters that ``choose_features_params`` takes."""
    plain = choose_params(method, {})
    known = {f.name for f in fields(plain)}
    if features == "finetune":
        from noisefix.training.finetune.tuning import TuningParams

        known |= {f.name for f in fields(TuningParams)}
        if hasattr(plain, "tuning"):
            known |= {f.name for f in fields(plain.tuning)}
    return known


def begin_tuning(run: RunData, params: TuningParams, trusted_texts: Sequence[str] = ()) -> Tuning:
    """Return the run's encoder, to be trained along.

    Raises:
        ModelError: it cannot be had, or is not the one that the run was embedded with.
        UsageError: it has no weights.
    """
    from noisefix.encoders import find_encoder
    from noisefix.training.finetune.tuning import Tuning

    files = find_encoder(run.encoder)
    if run.encoder_sha256 and files.folder is not None and files.sha256 != run.encoder_sha256:
        raise ModelError(
            f"encoder {run.encoder}: not the one that the run was embedded with (SHA-256 of its "
            f"files {files.sha256[:12]}, then {run.encoder_sha256[:12]})",
            "put the old files back, or embed again: noisefix embed --force",
        )
    return Tuning(files, run.texts, params, trusted_texts=trusted_texts)


def tuned_reference(tuning: Tuning) -> EncoderReference:
    """Return what the model says of its tuned encoder."""
    from noisefix.encoders import find_encoder
    from noisefix.training.model_info import EncoderReference

    digest = find_encoder(str(tuning.folder)).sha256
    dimension = tuning.encode(tuning.texts[:1]).shape[1]
    return EncoderReference(tuning.files.name, digest, dimension, is_tuned=True)

"""Find, explain and repair wrong labels in text data sets.

Every command of the command line has a function of the same name here; each is imported when it is
first used, so that ``import noisefix`` costs nothing::

    from noisefix import detect

    result = detect("tickets.csv")
    for row in result.top:
        print(row.id, row.given_label, "->", row.suggested_label, row.p_error)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from noisefix.applying import apply as apply
    from noisefix.checking import check as check
    from noisefix.comparing import compare as compare
    from noisefix.evaluating import evaluate as evaluate
    from noisefix.injecting import noise as noise
    from noisefix.pipeline import candidates as candidates
    from noisefix.pipeline import detect as detect
    from noisefix.pipeline import embed as embed
    from noisefix.pipeline import joint as joint
    from noisefix.relabeling import relabel as relabel
    from noisefix.reverting import revert as revert
    from noisefix.training.predictor import load_model as load_model
    from noisefix.training_pipeline import predict as predict
    from noisefix.training_pipeline import train as train

__version__ = "0.1.0"

_HOMES = {
    "apply": "noisefix.applying",
    "candidates": "noisefix.pipeline",
    "check": "noisefix.checking",
    "compare": "noisefix.comparing",
    "detect": "noisefix.pipeline",
    "embed": "noisefix.pipeline",
    "evaluate": "noisefix.evaluating",
    "joint": "noisefix.pipeline",
    "load_model": "noisefix.training.predictor",
    "noise": "noisefix.injecting",
    "predict": "noisefix.training_pipeline",
    "relabel": "noisefix.relabeling",
    "revert": "noisefix.reverting",
    "train": "noisefix.training_pipeline",
    "DataError": "noisefix.errors",
    "ModelError": "noisefix.errors",
    "NoisefixError": "noisefix.errors",
    "ServiceError": "noisefix.errors",
    "UsageError": "noisefix.errors",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'noisefix' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

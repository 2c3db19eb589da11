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

from noisefix.version import __version__ as __version__

if TYPE_CHECKING:
    from noisefix.auditing.audit import audit as audit
    from noisefix.auditing.plan import audit_rows as audit_rows
    from noisefix.classifiers.compare import compare as compare
    from noisefix.classifiers.estimator import NoisyLabelClassifier as NoisyLabelClassifier
    from noisefix.classifiers.predict import predict as predict
    from noisefix.classifiers.train import train as train
    from noisefix.cleaning.apply import apply as apply
    from noisefix.cleaning.revert import revert as revert
    from noisefix.detection.candidates import candidates as candidates
    from noisefix.detection.check import check as check
    from noisefix.detection.detect import detect as detect
    from noisefix.detection.embed import embed as embed
    from noisefix.detection.init import init as init
    from noisefix.detection.joint import joint as joint
    from noisefix.evaluation.calibrate import calibrate as calibrate
    from noisefix.evaluation.contrast import contrast as contrast
    from noisefix.evaluation.evaluate import evaluate as evaluate
    from noisefix.evaluation.noise import noise as noise
    from noisefix.evaluation.rank_stability import rank_stability as rank_stability
    from noisefix.recipes.recipe import recipe as recipe
    from noisefix.relabelling.augment import augment as augment
    from noisefix.relabelling.relabel import relabel as relabel
    from noisefix.reporting.report import report as report
    from noisefix.reviewing.review import review as review
    from noisefix.training.predictor import load_model as load_model

_HOMES = {
    "apply": "noisefix.cleaning.apply",
    "audit": "noisefix.auditing.audit",
    "audit_rows": "noisefix.auditing.plan",
    "augment": "noisefix.relabelling.augment",
    "calibrate": "noisefix.evaluation.calibrate",
    "candidates": "noisefix.detection.candidates",
    "check": "noisefix.detection.check",
    "contrast": "noisefix.evaluation.contrast",
    "compare": "noisefix.classifiers.compare",
    "detect": "noisefix.detection.detect",
    "embed": "noisefix.detection.embed",
    "evaluate": "noisefix.evaluation.evaluate",
    "init": "noisefix.detection.init",
    "joint": "noisefix.detection.joint",
    "load_model": "noisefix.training.predictor",
    "noise": "noisefix.evaluation.noise",
    "predict": "noisefix.classifiers.predict",
    "rank_stability": "noisefix.evaluation.rank_stability",
    "recipe": "noisefix.recipes.recipe",
    "relabel": "noisefix.relabelling.relabel",
    "report": "noisefix.reporting.report",
    "review": "noisefix.reviewing.review",
    "revert": "noisefix.cleaning.revert",
    "train": "noisefix.classifiers.train",
    "NoisyLabelClassifier": "noisefix.classifiers.estimator",
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

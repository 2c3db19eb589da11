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
    from noisefix.evaluating import evaluate as evaluate
    from noisefix.pipeline import candidates as candidates
    from noisefix.pipeline import detect as detect
    from noisefix.pipeline import embed as embed
    from noisefix.pipeline import joint as joint
    from noisefix.reverting import revert as revert

__version__ = "0.1.0"

_HOMES = {
    "apply": "noisefix.applying",
    "candidates": "noisefix.pipeline",
    "check": "noisefix.checking",
    "detect": "noisefix.pipeline",
    "embed": "noisefix.pipeline",
    "evaluate": "noisefix.evaluating",
    "joint": "noisefix.pipeline",
    "revert": "noisefix.reverting",
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

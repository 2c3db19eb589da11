"""The options of the joint stage."""

from __future__ import annotations

from dataclasses import dataclass

from noisefix.detection.options import (
    FlagPrecision,
    FlagTop,
    Folds,
    LabelledBy,
    Neighbors,
    OneSided,
    Ordinal,
    UnverifiedClass,
)
from noisefix.errors import UsageError
from noisefix.options import Options

DEFAULT_VERDICT = "p_error"
"""Flag by p_error (``probing.flags``), not by one of confident learning's filters."""


@dataclass(frozen=True)
class JointParams(Options):
    """Options of the joint stage, as ``JudgeOptions`` but for what was parsed.

    Attributes:
        filter_by: what flags a row: "p_error", or a confident-learning filter.
        class_shares: true shares that the user knows, as (class name, share) pairs.
        given_by_vote: the given labels are what most annotators say, not labels of their own.
    """

    n_folds: Folds = 5
    n_neighbors: Neighbors = 10
    filter_by: str = DEFAULT_VERDICT
    class_shares: tuple[tuple[str, float], ...] = ()
    device: str = "auto"
    labelled_by: LabelledBy = "unknown"
    flag_precision: FlagPrecision = None
    flag_top: FlagTop = None
    unverified_class: UnverifiedClass = None
    one_sided: OneSided = None
    ordinal: Ordinal = None
    given_by_vote: bool = False

    def __post_init__(self) -> None:
        from noisefix.confident.filters import FILTERS

        super().__post_init__()
        if self.one_sided is not None:
            if self.unverified_class is None:
                raise UsageError(
                    "--one-sided tells how much the other classes are trusted",
                    "name the class that rows get where nobody looked with --unverified-class",
                )
            if not 1 <= self.one_sided < float("inf"):
                raise UsageError(
                    f"--one-sided is {self.one_sided:g}",
                    "the odds are divided by a number of at least 1",
                )
        if self.flag_precision is not None and self.flag_top is not None:
            raise UsageError("--flag-precision and --flag-top exclude each other", "give one")
        if self.flag_precision is not None and not 0 < self.flag_precision <= 1:
            raise UsageError(
                f"--flag-precision is {self.flag_precision:g}", "it lies above 0 and up to 1"
            )
        if self.filter_by != DEFAULT_VERDICT and (self.flag_precision or self.flag_top) is not None:
            raise UsageError(
                f"--filter-by {self.filter_by} chooses the flagged rows by itself",
                "leave --filter-by out to use --flag-precision or --flag-top",
            )
        if self.filter_by != DEFAULT_VERDICT and self.filter_by not in FILTERS:
            known = ", ".join([DEFAULT_VERDICT, *FILTERS])
            raise UsageError(f"--filter-by {self.filter_by!r} is unknown", f"choose one of {known}")

"""What a comparison of models on given and on corrected labels says."""

from __future__ import annotations

from dataclasses import dataclass

from noisefix.probability import Interval


@dataclass(frozen=True)
class ModelRank:
    """One model; ratios without a denominator are NaN.

    Attributes:
        name: what it is called.
        given: accuracy on the given labels.
        corrected: accuracy on the corrected ones.
        given_rank, corrected_rank: places by these, 1 = best; equal models share one.
        p_best_given, p_best_corrected: probability that it is the best by these.
        on_right: accuracy on rows whose given label is right.
        on_wrong: accuracy on the other rows, against their right label.
        memorised: share of these other rows on which it predicts the wrong, given label.
        expected: accuracy under the posterior of the run; None without one.
    """

    name: str
    given: Interval
    corrected: Interval
    given_rank: int
    corrected_rank: int
    p_best_given: float
    p_best_corrected: float
    on_right: Interval
    on_wrong: Interval
    memorised: Interval
    expected: Interval | None


@dataclass(frozen=True)
class SweepPoint:
    """The models where errors have a share, once right rows were taken out at random.

    Attributes:
        error_share: share of rows whose given label is wrong.
        removed: share of right rows taken out for it.
        accuracies: of each model on corrected labels, in the order of the models.
        best: the best model.
    """

    error_share: float
    removed: float
    accuracies: tuple[Interval, ...]
    best: str


@dataclass(frozen=True)
class Pair:
    """Two models.

    Attributes:
        one, other: their names; ``one`` is not behind by given labels.
        lead_given: accuracy of one above the other's on given labels; the interval is paired.
        lead_corrected: the same on corrected labels.
        p_flip: probability that their order by given labels is not that by corrected ones.
        crosses_at: error share at which they are equal, with interval over those draws in which
            they cross; None where they do not cross between no error and nothing but errors.
        crosses_removed: share of right rows to take out for it; None: it lies below the error share
            that there is, so that a cleaner test set would show it.
        p_crosses: share of the draws in which they cross within the sweep.
    """

    one: str
    other: str
    lead_given: Interval
    lead_corrected: Interval
    p_flip: float
    crosses_at: Interval | None
    crosses_removed: float | None
    p_crosses: float


@dataclass(frozen=True)
class RankStability:
    """Whether corrected labels change which model wins.

    Attributes:
        rows: rows compared.
        left_out: rows that were not, by reason.
        source: where the right labels come from.
        is_posterior: nobody has corrected anything: all is expected under the run's posterior.
        wrong: rows whose given label is wrong (expected, under a posterior).
        error_share: their share.
        models: in the order given.
        sweep: accuracies as the error share rises; empty where no label is wrong, or none right.
        pairs: every two models, the most likely to flip first.
        tau: Kendall's tau-b of the rankings by given and by corrected labels; NaN for one model.
        tau_swept: the same, corrected labels at the end of the sweep; NaN without one.
        best_given, best_corrected: the winners; all of them where several are equal.
        p_winner_changes: probability that the best by given labels is not the best by corrected
            ones.
        notes: what a person should know.
        warnings: what makes it less sure.
    """

    rows: int
    left_out: dict[str, int]
    source: str
    is_posterior: bool
    wrong: float
    error_share: float
    models: tuple[ModelRank, ...]
    sweep: tuple[SweepPoint, ...]
    pairs: tuple[Pair, ...]
    tau: float
    tau_swept: float
    best_given: tuple[str, ...]
    best_corrected: tuple[str, ...]
    p_winner_changes: float
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

"""The verdict on all labels of a data set together, in three levels."""

from __future__ import annotations

from noisefix.probability import Interval
from noisefix.probing.flags import PERHAPS_CLEAN

CLEAN, SOME, MANY = "clean", "some", "many"

CLEAN_RATE = 0.04
CLEAN_FLAGGED = 0.02
MANY_RATE, MANY_LOW = 0.2, 0.05


def judge_whole(noise_rate: Interval, flagged_share: float) -> str:
    """Say whether the labels look clean, or some or many of them wrong.

    Clean: the noise rate's interval begins below 2 %, as for the flags of data that are perhaps
    clean, its middle is below 4 %, and not more than 2 % of the labels are flagged. Many: one in
    five by the estimate, and one in twenty by the interval's low end.

    Args:
        noise_rate: share of wrong labels, with its interval.
        flagged_share: share of the labels that are flagged, in [0, 1].

    Returns:
        "clean", "some" or "many".
    """
    if noise_rate.value >= MANY_RATE and noise_rate.low >= MANY_LOW:
        return MANY
    is_near_nothing = noise_rate.low < PERHAPS_CLEAN and noise_rate.value < CLEAN_RATE
    return CLEAN if is_near_nothing and flagged_share <= CLEAN_FLAGGED else SOME

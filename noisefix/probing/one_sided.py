"""Noise in one direction: rows of one class have it because nobody looked, the others were checked.

That only the user can know. Where it is true it is worth much, where it is not it harms: so it is
never guessed, and it shifts the odds instead of ruling anything out.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from noisefix.probability import log_odds, sigmoid
from noisefix.probing.readings import Read

ONE_SIDED = 10.0
"""By how much the odds of an error in a row that somebody looked at are divided."""


def trust_what_was_looked_at(
    readings: Read, looked_at: np.ndarray, one_sided: float = ONE_SIDED
) -> Read:
    """Divide the odds of an error in some rows, in both readings and in their mixture.

    Verified rows are learned from afterwards, and can take it back.

    Args:
        readings: of N rows.
        looked_at: (N,) bool: somebody has looked at the row to give it its label.
        one_sided: what the odds are divided by, at least 1.
    """
    shift = np.where(looked_at, -np.log(one_sided), 0.0)
    only = sigmoid(log_odds(readings.only) + shift[:, None])
    return replace(readings, base=readings.base + shift, only=only)

"""The range of seeds: what every generator takes, scikit-learn's and NumPy's old ones too."""

from __future__ import annotations

from noisefix.errors import UsageError

HIGHEST_SEED = 2**32 - 1


def check_seed(seed: int, n_seeds: int = 1) -> None:
    """Check that a seed, and those that follow it, can be used everywhere.

    Raises:
        UsageError: it is negative or too large.
    """
    highest = HIGHEST_SEED - (n_seeds - 1)
    if not 0 <= seed <= highest:
        raise UsageError(f"--seed is {seed}", f"choose a whole number from 0 to {highest}")

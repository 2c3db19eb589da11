"""pandas, where it is asked for: noisefix itself does without."""

from __future__ import annotations

from importlib.util import find_spec

from noisefix.errors import UsageError


def need_pandas() -> None:
    """Check that there is pandas to make a DataFrame with.

    Raises:
        UsageError: it is not installed.
    """
    if find_spec("pandas") is None:
        raise UsageError(
            "pandas is not installed, and a DataFrame is asked for",
            'pip install "noisefix[pandas]"; or take result.to_arrow(), which needs none',
        )

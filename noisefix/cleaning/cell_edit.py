"""One cell of the input that a decision changes."""

from __future__ import annotations

from dataclasses import dataclass

from noisefix.cleaning.decide import Decision


@dataclass(frozen=True)
class Edit:
    """One cell that changes.

    Attributes:
        decision: because of which.
        column: its column.
        value: what it holds then, as text; a list as JSON.
    """

    decision: Decision
    column: str
    value: str

from __future__ import annotations

import pytest

from noisefix.cleaning.handover.rows import HandedRow, Nearest


@pytest.fixture
def handed():
    """Return a row as it is handed over; its fields may be named."""

    def make(**fields) -> HandedRow:
        row = {
            "id": "a",
            "row_number": 1,
            "text": "where is my parcel",
            "given_label": "bill",
            "suggested_label": "ship",
            "p_error": 0.93,
            "p_suggested": 0.91,
            "is_issue": True,
            "reasons": ("9 of 10 nearest rows say ship", "the name fits"),
            "nearest": (Nearest("ship", "parcel\nlost", 0.87),),
        }
        return HandedRow(**row | fields)

    return make

"""A run folder by hand: forty rows, some flagged, disputed, trusted or not to be drawn."""

from __future__ import annotations

import pyarrow as pa
import pytest

from noisefix.run.decisions import PersonDecision, append_decisions, decision_key, now
from noisefix.run.folder import RunFolder
from noisefix.run.parquet import write_table
from noisefix.run.provenance import Provenance
from noisefix.run.schemas import DECIDING

N_ROWS = 40
FLAGGED = range(1, 11)
DISPUTED = (9, 10, 11, 12)


def text_of(number: int) -> str:
    return "..." if number == 40 else f"words of row {number}"


def given_of(number: int) -> str:
    return "" if number == 39 else "ab"[number % 2]


@pytest.fixture
def run(make_run, verdict) -> RunFolder:
    """Row 38 is trusted, 39 unlabelled, 40 says nothing: 37 rows can be drawn."""
    rows = [
        verdict(given_of(n) or None, "b", 0.9, is_issue=n in FLAGGED, is_trusted=n == 38)
        for n in range(1, N_ROWS + 1)
    ]
    lines = [f"{text_of(n)},{given_of(n)}\n" for n in range(1, N_ROWS + 1)]
    folder = make_run("text,label\n" + "".join(lines), rows)
    ids = [str(n) for n in DISPUTED]
    n = len(ids)
    table = pa.table(
        {
            "id": ids,
            "row_number": pa.array(DISPUTED, pa.int64()),
            "text": pa.array([text_of(i) for i in DISPUTED], pa.large_string()),
            "given_label": [given_of(i) for i in DISPUTED],
            "suggested_label": ["b"] * n,
            "p_error": [0.5] * n,
            "suspected_if": ["collapsed"] * n,
        }
    )
    write_table(table, folder.deciding, DECIDING, Provenance("deciding", 1, "1"))
    return folder


@pytest.fixture
def say(run):
    """Write a person's word on a row into the run folder."""

    def write(number: int, decision: str, label: str | None = None) -> PersonDecision:
        key = decision_key(text_of(number), given_of(number))
        word = PersonDecision(key, str(number), decision, label, "ann", now())
        append_decisions(run.decisions, [word])
        return word

    return write

"""The glossary has every word of the tables that plain English has not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")

PLAIN = {
    *("id", "row_number", "text", "label", "rows", "column", "old", "new", "output", "model"),
    *("confidence", "attempts", "error", "latency_s", "cost_usd", "threshold", "expected_rows"),
    *("example_id", "example_text", "nearest_id", "nearest_text"),
}
"""Columns that need no explanation beside that of docs/tables.md."""

TABLES = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
COLUMNS = set(re.findall(r"^\| `(\w+)` \|", TABLES, re.MULTILINE))
WORDS = (
    *("p_error", "joint", "candidates", "probe", "pool", "reading", "flag", "duplicate group"),
    *("verified row", "trusted row", "run folder", "ledger", "annotator", "budget", "noise rate"),
    *("interval", "expected F1", "self-confidence", "HOC", "gate", "embedding", "encoder"),
)


@pytest.mark.parametrize("column", sorted(COLUMNS - PLAIN))
def test_every_column_that_is_not_plain_english_is_there(column: str) -> None:
    assert f"`{column}`" in PAGE, "explain it in docs/glossary.md"


@pytest.mark.parametrize("word", WORDS)
def test_every_word_a_newcomer_meets_is_there(word: str) -> None:
    assert word in PAGE


def test_plain_columns_exist() -> None:
    assert PLAIN <= COLUMNS


def test_entries_are_short() -> None:
    entries = [part for part in PAGE.split("\n\n") if part.startswith("**")]
    assert len(entries) > 40
    for entry in entries:
        sentences = re.findall(r"[.:?](?:\s|$)", entry.partition("** ")[2] or entry)
        assert len(sentences) <= 5, entry


@pytest.mark.parametrize("page", ["README.md", "noisefix/cli/next_steps.py"])
def test_it_is_linked_where_newcomers_are(page: str) -> None:
    assert "docs/glossary.md" in (ROOT / page).read_text(encoding="utf-8")


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert (ROOT / "docs" / target).is_file(), target

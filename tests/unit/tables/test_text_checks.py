from __future__ import annotations

import pytest

from noisefix.tables.text_checks import EmptyTexts, no_prose_warning, says_something


@pytest.mark.parametrize(
    "text",
    [
        *("", "  ", "\n\t", "\u00a0\u2003", "\u200b", "\ufeff", "...", "?!", "-", "___", ":)"),
        *("nan", "NaN", "N/A", " n/a ", "NULL", "None", "<NA>", "#N/A"),
        *("[deleted]", "[removed]", "(blank)", "[No text]"),
    ],
)
def test_a_text_that_says_nothing(text: str) -> None:
    assert not says_something(text)


@pytest.mark.parametrize(
    "text",
    ["a", "5", "no", "NA", "none of it", "é", "你", "नमस्ते", "👍", "❤️", "☹", "n/a today", "№ 5"],
)
def test_a_text_that_says_something(text: str) -> None:
    assert says_something(text)


def test_rows_are_counted_over_blocks() -> None:
    empty = EmptyTexts()
    empty.add(["a", "", "b"])
    empty.add([" ", "?", "[deleted]", "c", "-", ""])
    (warning,) = empty.warnings("d.csv, column 'text'")
    assert "6 rows have no text (2, 4, 5, 6, 8, ...)" in warning
    assert EmptyTexts().warnings("d.csv") == []


@pytest.mark.parametrize(
    "texts",
    [
        [f"2024-01-{day:02}" for day in range(1, 29)],
        [f"{n}" for n in range(50)],
        [f"TK-{n}" for n in range(50)],
        ["12:30", "3.5 %", "7"] * 10,
    ],
)
def test_numbers_dates_and_ids_are_no_prose(texts: list[str]) -> None:
    (warning,) = no_prose_warning(texts, "d.csv, column 'when'")
    assert "--text-column" in warning


@pytest.mark.parametrize(
    "texts",
    [
        ["where is my parcel 7"] * 30,
        ["good", "bad", "meh"] * 10,
        ["包裹在哪里2"] * 30,
        ["1", "2"],  # too few to say
        ["12 or so"] * 25 + ["5"] * 25,
        [""] * 30,
    ],
)
def test_prose_is_not_doubted(texts: list[str]) -> None:
    assert no_prose_warning(texts, "d.csv, column 'text'") == []

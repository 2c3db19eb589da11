from __future__ import annotations

import pytest

from noisefix.errors import DataError
from noisefix.tables.label_checks import (
    check_scores,
    check_single,
    label_warnings,
    missing_words,
    parse_missing,
)

REAL = ["billing"] * 30 + ["delivery"] * 30


@pytest.mark.parametrize(
    "word",
    ["NA", "N/A", "n/a", "None", "NULL", "null", "?", "-", "--", "#N/A", "unknown", "(blank)", "."],
)
def test_words_for_no_label_are_told_with_the_way_out(word: str) -> None:
    (warning,) = missing_words([*REAL, word, word, None], "d.csv, column 'label'")
    assert f"2 labels look like words for no label, but are taken for classes: {word!r} (2 x)" in (
        warning
    )
    assert f'--missing-labels "{word}"' in warning


def test_several_words_make_one_option() -> None:
    (warning,) = missing_words([*REAL, "N/A", "NULL", "NULL"], "d.csv")
    assert '--missing-labels "NULL,N/A"' in warning


@pytest.mark.parametrize(
    "labels",
    [REAL, ["none", None], ["-1", "0", "1"] * 9, ["nana", "no", "others"], [None, None], []],
)
def test_other_labels_are_no_such_words(labels: list[str | None]) -> None:
    assert missing_words(labels, "d.csv") == []


@pytest.mark.parametrize("separator", ["|", ";", ",", "/", "\n", " | ", ", ", "+", " & ", " and "])
def test_several_labels_in_a_cell_are_refused(separator: str) -> None:
    labels = [*REAL, *["praise"] * 5]
    labels += [f"billing{separator}praise"] * 4 + [f"delivery{separator}praise"] * 3
    with pytest.raises(DataError, match="7 of 72 labelled rows hold several labels") as caught:
        check_single(labels, "d.csv, column 'labels'")
    assert "--label-column" in (caught.value.hint or "")
    (warning,) = label_warnings(labels, "d.csv", None, refuse=False)
    assert "7 of 72" in warning


@pytest.mark.parametrize(
    "cell", ["['a', 'b']", '["a", "b"]', "('a', 'b')", "{'a', 'b'}", "[1, 2]", "['a','b','c']"]
)
def test_a_list_in_a_cell_is_refused(cell: str) -> None:
    with pytest.raises(DataError, match="1 of 3 labelled rows hold several"):
        check_single(["['a']", "['b']", cell], "d.csv")


@pytest.mark.parametrize(
    "labels",
    [
        REAL,
        ["billing/refund", "billing/charge", "delivery/late"],  # a tree of classes
        ["billing", "billing/refund", "billing/charge"],
        ["Books, Music", "Toys"],
        ["['a']", "['b']"],
        ["[a, b", "c"],
        ["1", "1,5", "2", "2,5", "5"],  # decimal commas
        ["N/A", "a", "b"],
        ["and/or", "both"],
        ["home & kitchen", "kitchen", "garden & kitchen"],
        ["a+b", "a", "c+d", "d"],
    ],
)
def test_a_separator_alone_makes_no_second_label(labels: list[str]) -> None:
    assert check_single(labels, "d.csv") == []


def test_no_class_is_called_with_a_bar() -> None:
    with pytest.raises(DataError, match="2 of 4 labelled rows"):
        check_single(["pos", "neg", "pos|neg", "pos|neg"], "d.csv")


def test_one_combination_may_be_a_class_and_is_told() -> None:
    (warning,) = check_single(["pos", "neg", "pos/neg", "pos/neg"], "d.csv")
    assert "'pos/neg' (2 rows) is made of other classes" in warning


def test_scores_are_told() -> None:
    scores = [f"0.{n}" for n in range(10, 60)]
    (warning,) = check_scores(scores * 10, "d.csv")
    assert "50 different numbers such as 0.10 are taken for classes" in warning
    with pytest.raises(DataError, match=r"50 different numbers.* in 150 labelled rows"):
        check_scores(scores * 3, "d.csv")
    assert check_scores(["0", "0.5", "1"] * 20, "d.csv") == []
    assert check_scores([str(n) for n in range(77)] * 3, "d.csv") == []


def test_an_empty_list_of_missing_labels_ends_the_warning() -> None:
    assert (parse_missing(None), parse_missing(""), parse_missing(" NA, N/A,")) == (
        None,
        (),
        ("NA", "N/A"),
    )
    assert label_warnings([*REAL, "NA"], "d.csv", (), refuse=True) == []
    assert len(label_warnings([*REAL, "NA"], "d.csv", None, refuse=True)) == 1

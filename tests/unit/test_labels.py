import pytest

from noisefix.errors import DataError
from noisefix.labels import MOST_CLASSES, check_class_count, ordered_set, set_labels, set_text


@pytest.mark.parametrize(
    ("n_classes", "n_labelled"),
    [(2, 2), (100, 100), (101, 202), (3_000, 10_000), (MOST_CLASSES, 2 * MOST_CLASSES)],
)
def test_classes_that_can_be_compared(n_classes, n_labelled):
    check_class_count(n_classes, n_labelled, "d.csv")


@pytest.mark.parametrize(
    ("n_classes", "n_labelled", "reason"),
    [
        (101, 201, "less than two rows a class"),
        (9_000, 10_000, "less than two rows a class"),
        (MOST_CLASSES + 1, 1_000_000, "5,000 is the limit"),
    ],
)
def test_an_id_or_text_column_is_refused(n_classes, n_labelled, reason):
    with pytest.raises(DataError, match=reason) as caught:
        check_class_count(n_classes, n_labelled, "d.csv, column 'label'")
    assert caught.value.message.startswith("d.csv, column 'label': ")
    assert "--label-column" in caught.value.hint


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ((), ""),
        (("a",), "a"),
        (("a", "b"), "a|b"),
        (("a|b", "c"), r"a\|b|c"),
        (("a\\", "|"), r"a\\|\|"),
        (("two\nlines", " b "), "two\nlines| b "),
    ],
)
def test_a_set_is_one_text_and_back(labels, text):
    assert set_text(labels) == text
    assert set_labels(text) == labels


def test_a_set_is_in_class_order_and_unknown_labels_come_last():
    assert ordered_set({"2", "10", "z", "b"}, ("2", "10")) == "2|10|b|z"

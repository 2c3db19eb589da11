import csv
import io

import numpy as np
import pyarrow as pa
import pytest

from noisefix.cleaning.decide import ApplyParams, decide
from noisefix.cleaning.review import (
    REVIEW_COLUMNS,
    has_decisions,
    read_review,
    review_csv_bytes,
    review_rows,
)
from noisefix.errors import DataError

CLASSES = ("bill", "ship")
IDS = ["a", "-1", "c", "d"]


def test_flagged_rows_that_stay_are_for_a_person_most_suspicious_first(issues):
    assert review_rows(issues, []).tolist() == [1, 0]
    assert review_rows(issues, decide(issues, CLASSES, ApplyParams("flag"))).tolist() == [1, 0]
    assert review_rows(issues, decide(issues, CLASSES, ApplyParams("relabel"))).tolist() == [0]
    assert review_rows(issues, [], ["-1"]).tolist() == [0]


def test_where_somebody_was_asked_what_is_left_open_is_for_a_person(make_issues, verdict):
    rows = [verdict("ship", "bill", p, is_issue=True) for p in (0.6, 0.9, 0.8, 0.7)]
    issues = make_issues(rows, CLASSES, ids=IDS)
    asked = issues.append_column("action", pa.array(["review", "relabel", None, "keep"]))
    assert review_rows(asked, []).tolist() == [2, 0]  # the third was flagged and never asked


def test_cells_that_look_like_formulas_come_back_as_they_were(issues, tmp_path):
    content = review_csv_bytes(issues, np.array([1, 0, 3]))
    assert content.startswith(b"\xef\xbb\xbf")
    header, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert tuple(header) == REVIEW_COLUMNS
    assert [row[0] for row in rows] == ["-1", "a", "d"]  # a number is no formula
    assert [row[2] for row in rows] == ["''@me", "'=1+1", 'a\nb, "c"']
    assert [row[-1] for row in rows] == ["", "", ""]

    path = tmp_path / "r.csv"
    path.write_bytes(content)
    assert not has_decisions(path)
    path.write_bytes(content.replace(b"say ship,\n", b"say ship,Keep\n", 1))
    assert has_decisions(path)
    assert read_review(path, IDS, CLASSES).choices == {"-1": "keep"}


def test_words_and_classes(decided):
    review = decided("a, Bill \n'-1,KEEP\nc,drop\nd,unsure\n")
    assert review.choices == {"a": "bill", "-1": "keep", "c": "drop"}
    assert review.labels == {"a"}
    assert decided("a,\n").choices == {}


def test_a_class_name_wins_over_a_word(decided):
    review = decided("a,drop\n-1,'-x\nc,unsure\n", ("drop", "-x", "unsure"))
    assert review.choices == {"a": "drop", "-1": "-x", "c": "unsure"}
    assert review.labels == {"a", "-1", "c"}


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("a,keep\nz,keep\n", "row 2: no row of the run has the id 'z'"),
        ("a,keep\nc,boat\n", "row 2: the decision is neither"),
        ("a,keep\na,drop\n", "row 2: decides differently on id 'a'"),
    ],
)
def test_what_is_no_decision(decided, content, part):
    with pytest.raises(DataError, match=part) as caught:
        decided(content)
    assert "boat" not in caught.value.message


def test_a_column_is_missing(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("id,choice\na,keep\n")
    with pytest.raises(DataError, match="'decision'"):
        read_review(path, IDS, CLASSES)
    assert has_decisions(path)

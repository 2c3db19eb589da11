"""Rows that a person reviews, and what comes back."""

import pytest

from noisefix.cleaning.review import read_review

CLASSES = ("bill", "ship")
IDS = ["a", "-1", "c", "d"]


@pytest.fixture
def issues(make_issues, verdict):
    rows = [
        verdict("ship", "bill", 0.60, is_issue=True),
        verdict("bill", "ship", 0.97, is_issue=True),
        verdict("ship", "bill", 0.80, is_issue=True, is_trusted=True),
        verdict(None, "ship", 0.90),
    ]
    texts = ["=1+1", "'@me", "plain", 'a\nb, "c"']
    return make_issues(rows, CLASSES, ids=IDS, texts=texts)


@pytest.fixture
def decided(tmp_path):
    def write(content: str, classes=CLASSES):
        path = tmp_path / "review.csv"
        path.write_text("id,decision\n" + content)
        return read_review(path, IDS, classes)

    return write

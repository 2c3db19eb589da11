"""A check of a run passes over no option: what it was not judged with is refused."""

from __future__ import annotations

import pytest

from noisefix import check, detect
from noisefix.errors import UsageError


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heard")
    rows = ["text,label,ok,place"]
    for i in range(40):
        label = "ab"[i % 2]
        rows.append(f"{'red apple' if label == 'a' else 'fast car'} {i},{label},{label},{i}")
    (folder / "data.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return detect(
        folder / "data.csv",
        folder / "run",
        encoder="tfidf",
        labelled_by="people",
        trusted_column="ok",
    ).run


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        ({"labelled_by": "rules"}, "--labelled-by rules"),
        ({"order_column": "place"}, "--order-column place"),
        ({"unverified_class": "a"}, "--unverified-class a"),
        ({"flag_top": 3}, "--flag-top 3"),
        ({"encoder": "hashing"}, "--encoder hashing"),
        ({"annotator_columns": "ok"}, "--annotator-columns ok"),
    ],
)
def test_what_a_run_was_not_judged_with_is_refused(run, options, flag):
    with pytest.raises(UsageError, match=f"^{flag}: .* was judged without"):
        check(run, max_issues=40, **options)


def test_what_it_was_judged_with_may_be_said_again(run):
    same = {"labelled_by": "people", "trusted_column": "ok", "encoder": "tfidf"}
    assert check(run, max_issues=40, **same).passed

from __future__ import annotations

import json

import pytest

from noisefix.cleaning.review import Word, read_review
from noisefix.cleaning.review_files import is_filled, read_answers
from noisefix.cleaning.reviewed import decisions_of
from noisefix.errors import DataError

CLASSES = ("bill", "ship")
IDS = ["a", "b", "c"]


def exported(tmp_path, *answers):
    """Write an export of Label Studio: id, class, person, time."""
    tasks = [
        {
            "data": {"noisefix_id": key},
            "annotations": [
                {
                    "result": [{"type": "choices", "value": {"choices": [choice]}}],
                    "completed_by": who,
                    "updated_at": when,
                }
            ],
        }
        for key, choice, who, when in answers
    ]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks))
    return path


def test_of_several_people_the_newest_word_counts_and_all_are_kept(tmp_path, make_issues, verdict):
    path = exported(
        tmp_path,
        ("a", "Ship", 1, "2026-01-02T00:00:00Z"),
        ("a", "bill", 2, "2026-01-01T00:00:00Z"),
        ("b", "drop", 1, "2026-01-01T00:00:00Z"),
    )
    review = read_review(path, IDS, CLASSES)
    assert review.choices == {"a": "ship", "b": "drop"}
    assert review.labels == {"a"}
    first, second = "2026-01-01T00:00:00.000+00:00", "2026-01-02T00:00:00.000+00:00"
    assert review.words == (
        Word("a", "ship", True, "annotator 1", second),
        Word("a", "bill", True, "annotator 2", first),
        Word("b", "drop", False, "annotator 1", first),
    )
    issues = make_issues([verdict("bill", "ship", 0.9)] * 3, CLASSES, ids=IDS)
    found = decisions_of(review, issues, {})
    assert [(d.id, d.decision, d.label, d.who, d.when) for d in found] == [
        ("a", "class", "ship", "annotator 1", second),
        ("a", "keep", None, "annotator 2", first),
        ("b", "drop", None, "annotator 1", first),
    ]
    assert decisions_of(review, issues, {}, lines=found) == []


def test_one_person_may_change_their_mind(tmp_path):
    path = exported(
        tmp_path,
        ("a", "ship", 1, "2026-01-02T00:00:00Z"),
        ("a", "bill", 1, "2026-01-03T00:00:00Z"),
    )
    assert read_review(path, IDS, CLASSES).choices == {"a": "bill"}
    path = exported(tmp_path, ("a", "ship", 1, None), ("a", "bill", 1, None))
    with pytest.raises(DataError, match=r"task 2: decides differently"):
        read_review(path, IDS, CLASSES)


def test_answers_outside_of_the_run_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"export.json, task 1: no row of the run has the id 'x'"):
        read_review(exported(tmp_path, ("x", "ship", 1, None)), IDS, CLASSES)
    with pytest.raises(DataError, match=r"task 1: the decision is neither a class"):
        read_review(exported(tmp_path, ("a", "spam", 1, None)), IDS, CLASSES)


@pytest.mark.parametrize("content", ["[", "[]", "[1]", '[{"a": 1}]', "[" * 100_000])
def test_other_json_is_refused(tmp_path, content):
    path = tmp_path / "export.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"export\.json"):
        read_answers(path)


def test_a_byte_order_mark_does_not_hide_an_export(tmp_path):
    path = exported(tmp_path, ("a", "ship", 1, None))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert [said.id for said in read_answers(path).said] == ["a"]


def test_whether_a_file_may_hold_decisions(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("id,decision\na,\n")
    assert not is_filled(("id", "decision"), path)
    assert is_filled(("id", "text", "decision"), path)
    path.write_text("id,decision\na,keep\n")
    assert is_filled(("id", "decision"), path)
    assert is_filled(("id", "decision"), tmp_path / "none.csv")

from __future__ import annotations

import json

import pytest

from noisefix.cleaning.handover.argilla import argilla_bytes, is_argilla, read_argilla
from noisefix.cleaning.handover.said import Said
from noisefix.errors import DataError


def test_records_carry_suggestion_score_reasons_and_nearest_texts(handed):
    records = json.loads(argilla_bytes([handed(), handed(id="b", given_label=None, p_error=None)]))
    assert records[0] == {
        "id": "a",
        "fields": {
            "text": "where is my parcel",
            "reasons": "9 of 10 nearest rows say ship; the name fits",
            "nearest": "0.87 ship: parcel lost",
        },
        "metadata": {"row_number": 1, "given_label": "bill", "p_error": 0.93, "is_issue": "true"},
        "suggestions": {"label": {"value": "ship", "score": 0.91, "agent": "noisefix"}},
        "responses": {},
        "vectors": {},
    }
    assert records[1]["metadata"] == {"row_number": 1, "is_issue": "true"}


def test_an_export_is_what_was_written_with_responses(handed):
    records = json.loads(argilla_bytes([handed(), handed(id="b")]))
    assert is_argilla(records)
    assert read_argilla(records, "r.json") == []
    records[0]["responses"] = {
        "label": [{"value": "ship", "user_id": "u1"}, {"value": "bill", "user_id": "u2"}],
        "other": [{"value": "x", "user_id": "u1"}],
    }
    records[1]["responses"] = {"label": [{"value": None, "user_id": "u1"}]}
    assert read_argilla(records, "r.json") == [
        Said("a", "ship", "record 1", "annotator u1"),
        Said("a", "bill", "record 1", "annotator u2"),
    ]


def test_flat_records_tell_drafts_from_what_was_submitted():
    rows = [
        {
            "id": "a",
            "text": "t",
            "label.responses": ["ship", "bill", "drop"],
            "label.responses.users": ["u1", "u2", "u3"],
            "label.responses.status": ["submitted", "draft", "discarded"],
        },
        {"id": "b", "text": "t", "label.responses": None},
    ]
    assert is_argilla(rows)
    assert read_argilla(rows, "r.json") == [Said("a", "ship", "record 1", "annotator u1")]


def test_a_record_without_an_id_is_refused():
    with pytest.raises(DataError, match=r"r.json, record 1: has no id"):
        read_argilla([{"fields": {}, "id": None}], "r.json")

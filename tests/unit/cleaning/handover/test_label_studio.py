from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from noisefix.cleaning.handover.label_studio import (
    is_label_studio,
    label_studio_bytes,
    labelling_config,
    read_label_studio,
)
from noisefix.cleaning.handover.said import Said
from noisefix.errors import DataError


def annotation(*choices, **fields):
    result = [{"from_name": "label", "type": "choices", "value": {"choices": list(choices)}}]
    return {"result": result, "was_cancelled": False, "completed_by": 7} | fields


def task(*annotations, key="a"):
    return {"id": 12, "data": {"text": "t", "noisefix_id": key}, "annotations": list(annotations)}


def test_tasks_carry_prediction_score_reasons_and_nearest_texts(handed):
    tasks = json.loads(label_studio_bytes([handed(), handed(id="b", p_suggested=None)]))
    prediction = tasks[0]["predictions"][0]
    assert prediction["score"] == 0.91
    assert prediction["model_version"].startswith("noisefix ")
    assert prediction["result"] == [
        {
            "id": "suggested",
            "from_name": "label",
            "to_name": "text",
            "type": "choices",
            "value": {"choices": ["ship"]},
        }
    ]
    data = tasks[0]["data"]
    assert (data["noisefix_id"], data["given_label"], data["p_error"]) == ("a", "bill", 0.93)
    assert data["reasons"] == "9 of 10 nearest rows say ship; the name fits"
    assert data["nearest"] == "0.87 ship: parcel lost"
    assert "score" not in tasks[1]["predictions"][0]


def test_the_configuration_offers_every_class_whatever_it_is_called():
    names = ("ship", 'a "b" <c> & d', "=1+1")
    root = ElementTree.fromstring(labelling_config(names))
    assert [choice.get("value") for choice in root.iter("Choice")] == list(names)
    control = root.find("Choices")
    assert (control.get("name"), control.get("toName")) == ("label", "text")


def test_an_export_is_read_with_who_and_when():
    tasks = [
        task(
            annotation("ship", updated_at="2026-03-09T22:16:08.728378Z"),
            annotation("bill", completed_by={"id": 3, "email": "ann@example.org"}),
        ),
        task(annotation("drop", was_cancelled=True), key="b"),
        task(annotation(), key="c"),
        task(key="d"),
    ]
    assert is_label_studio(tasks)
    assert read_label_studio(tasks, "e.json") == [
        Said("a", "ship", "task 1", "annotator 7", "2026-03-09T22:16:08.728+00:00"),
        Said("a", "bill", "task 1", "ann@example.org", ""),
    ]


@pytest.mark.parametrize("label", ["ship", {"choices": ["ship"]}])
def test_the_short_export_is_read_too(label):
    row = {"id": 5, "noisefix_id": 17, "annotation_id": 1, "annotator": 2, "label": label}
    unlabelled = {"id": 6, "noisefix_id": 18, "annotation_id": 2, "annotator": 2}
    assert is_label_studio([row])
    assert read_label_studio([row, unlabelled], "e.json") == [
        Said("17", "ship", "task 1", "annotator 2")
    ]


def test_what_cannot_be_read_is_said_with_its_place():
    with pytest.raises(DataError, match=r"e.json, task 1: chooses 2 classes"):
        read_label_studio([task(annotation("ship", "bill"))], "e.json")
    for broken in ({"data": {"text": "t"}}, {"data": 3}, 5):
        with pytest.raises(DataError, match=r"task 2: has no data field noisefix_id"):
            read_label_studio([task(), broken], "e.json")

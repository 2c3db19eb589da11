"""The stored result: what was written is read, anything else is refused with a reason."""

from __future__ import annotations

import json

import numpy as np
import pytest

from noisefix.errors import DataError
from noisefix.evaluation.labeller_file import Counts, read_calibration, write_calibration

COUNTS = Counts(("no", "yes"), np.array([[5, 1], [2, 7]]))


def test_what_is_written_is_read(tmp_path):
    write_calibration(tmp_path / "c.json", COUNTS, {"accuracy": {"value": 0.8}})
    found = read_calibration(tmp_path / "c.json")
    assert found.names == COUNTS.names
    assert (found.table == COUNTS.table).all()
    assert json.loads((tmp_path / "c.json").read_text())["accuracy"] == {"value": 0.8}


def test_classes_are_matched_by_name():
    wide = COUNTS.among(("yes", "maybe", "no"))
    assert wide.tolist() == [[7, 0, 2], [0, 0, 0], [1, 0, 5]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "other"}, "not a result of calibrate"),
        ({"counts": [[1, 2]]}, "counts is not a table"),
        ({"counts": [[1, 2], [3]]}, "counts is not a table"),
        ({"counts": [[1, 2], [3, -4]]}, "counts is not a table"),
        ({"counts": [[0, 0], [0, 0]]}, "counts is not a table"),
        ({"counts": "many"}, "counts is 'many'"),
        ({"class_names": ["no", "no"]}, "counts is not a table"),
        ({"class_names": [1, 2]}, "class_names is"),
    ],
)
def test_another_file_is_refused(tmp_path, change, said):
    write_calibration(tmp_path / "c.json", COUNTS, {})
    content = json.loads((tmp_path / "c.json").read_text()) | change
    (tmp_path / "c.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=said):
        read_calibration(tmp_path / "c.json")


def test_no_json_and_no_file_are_refused(tmp_path):
    (tmp_path / "c.json").write_text("{")
    with pytest.raises(DataError, match="not valid JSON"):
        read_calibration(tmp_path / "c.json")
    with pytest.raises(DataError):
        read_calibration(tmp_path / "none.json")
    (tmp_path / "c.json").write_text('{"kind": "noisefix calibration"}')
    with pytest.raises(DataError, match="class_names is missing"):
        read_calibration(tmp_path / "c.json")

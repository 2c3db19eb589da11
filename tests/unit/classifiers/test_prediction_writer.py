"""Predictions in CSV hold no formula; the other formats hold what there is."""

import csv
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

import noisefix
from noisefix.classifiers.prediction_writer import PredictionWriter
from noisefix.run.provenance import Provenance


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_labels_and_ids_that_look_like_formulas(tmp_path, ending):
    path = tmp_path / f"p.{ending}"
    names = ("=cmd|'/c calc'!A0", "-0.5")
    writer = PredictionWriter(path, names, with_probs=True)
    with writer.opened(Provenance("predictions", 1, noisefix.__version__, names)):
        writer.write(["@bob", "-7"], np.array([[0.75, 0.25], [0.0, 1.0]]))
    if ending == "csv":
        rows = list(csv.DictReader(path.read_text().splitlines()))
        assert [row["label"] for row in rows] == [f"'{names[0]}", "-0.5"]
        assert [row["id"] for row in rows] == ["'@bob", "-7"]
        assert not any(cell.startswith(("=", "@", "+")) for row in rows for cell in row.values())
        assert not any(str(name).startswith(("=", "@", "+", "-")) for name in rows[0])
        return
    if ending == "jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    else:
        rows = pq.read_table(path).to_pylist()
    assert [(row["id"], row["label"]) for row in rows] == [("@bob", names[0]), ("-7", names[1])]

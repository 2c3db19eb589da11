"""Real data that were labelled with care are called clean."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

import noisefix

FOLDER = Path(os.environ.get("NOISEFIX_SHARED", Path(__file__).parents[3] / "shared")) / "data"
MOST_CLASSES, ROWS_A_CLASS = 8, 60


def write_part(name: str, target: Path) -> Path:
    """Write some rows of some classes, spread over all: few rows of many would be hard to judge."""
    path = FOLDER / f"{name}.csv"
    if not path.is_file():
        pytest.skip("needs ../shared/data, or NOISEFIX_SHARED")
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    labels = sorted({row["label"] for row in rows})
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for label in labels[:: max(len(labels) // MOST_CLASSES, 1)][:MOST_CLASSES]:
            members = [row["text"] for row in rows if row["label"] == label]
            writer.writerows([text, label] for text in members[:ROWS_A_CLASS])
    return target


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("name", ["clean_banking77", "clean_hwu64", "clean_snips"])
def test_clean_data_are_called_clean(name, tmp_path):
    data = write_part(name, tmp_path / "data.csv")
    for labelled_by in ("people", "unknown"):
        found = noisefix.detect(data, tmp_path / "run", labelled_by=labelled_by)
        assert (labelled_by, found.verdict) == (labelled_by, "clean")
        assert found.n_issues <= 0.02 * found.labelled

"""The page's part on models: what it holds, and that JSON can hold it."""

from __future__ import annotations

import json

import pytest

from noisefix.reporting.models import models_part


@pytest.fixture
def run(make_run, verdict):
    rows = [verdict("a", "a", 0.9)] * 8 + [verdict("a", "b", 0.9, is_issue=True)] * 2
    text = "text,label\n" + "".join(f"text {row},a\n" for row in range(10))
    return make_run(text, rows)


def written(path, labels):
    lines = [f"{row},{label}" for row, label in enumerate(labels, 1)]
    path.write_text("\n".join(["id,label", *lines]) + "\n")
    return path


def test_what_the_page_says_of_models(run, tmp_path):
    files = [
        written(tmp_path / "given.csv", "a" * 10),
        written(tmp_path / "right.csv", "a" * 8 + "bb"),
    ]
    part = models_part(run, files)
    assert part["is_posterior"]
    assert [model["name"] for model in part["models"]] == ["given", "right"]
    assert part["best"] == [["given"], ["right"]]
    assert part["models"][0]["corrected"][0] == pytest.approx((8 * 0.9 + 2 * 0.1) / 10)
    assert part["models"][1]["rank"] == [2, 1]
    assert len(part["sweep"]) == 11
    assert part["pairs"][0]["one"] == "given"
    json.dumps(part, allow_nan=False)


def test_one_model_on_clean_labels_has_no_numbers_where_there_are_none(run, tmp_path):
    from noisefix.run.decisions import KEEP, PersonDecision, append_decisions, decision_key

    keys = [(f"text {row}", str(row + 1)) for row in range(10)]
    append_decisions(
        run.decisions,
        [PersonDecision(decision_key(text, "a"), key, KEEP) for text, key in keys],
    )
    part = models_part(run, [written(tmp_path / "m.csv", "a" * 10)])
    assert part["models"][0]["on_wrong"] == [None, None, None]
    assert (part["sweep"], part["pairs"], part["tau"]) == ([], [], None)
    json.dumps(part, allow_nan=False)

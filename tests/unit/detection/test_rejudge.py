"""Verdicts anew in the light of what was marked: as detect would, or a reason why not."""

from __future__ import annotations

import json
import random

import pytest

from noisefix.detection.detect import detect
from noisefix.detection.rejudge import NOT_KEPT, rejudge
from noisefix.errors import UsageError
from noisefix.run.decisions import KEEP, PersonDecision, append_decisions, decision_key, now
from noisefix.run.folder import RunFolder
from noisefix.run.parquet import read_table
from noisefix.run.schemas import ISSUES

WORDS = {
    "refund": ["refund", "money back", "charged twice", "reimburse", "overcharged"],
    "shipping": ["parcel", "delivery", "tracking", "courier", "arrived late"],
}
OPTIONS = {"encoder": "tfidf", "text_column": "text", "label_column": "label", "seed": 5}


@pytest.fixture
def data(tmp_path):
    draw = random.Random(0)
    lines = ["text,label,checked"]
    for i in range(60):
        true = sorted(WORDS)[i % 2]
        label = sorted(WORDS)[(i + (i % 10 == 3)) % 2]
        lines.append(
            f"{' and '.join(draw.sample(WORDS[true], 2))} {i},{label},{'yes' if i < 5 else ''}"
        )
    path = tmp_path / "data.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def decide(run):
    """Keep the most suspicious row."""
    issues, _ = read_table(run.issues, ISSUES, ("id", "text", "given_label", "rank"))
    [row] = [row for row in issues.to_pylist() if row["rank"] == 1]
    key = decision_key(row["text"], row["given_label"])
    append_decisions(run.decisions, [PersonDecision(key, row["id"], KEEP, None, "ann", now())])
    return row["id"]


def test_the_verdicts_are_those_of_detect_once_more_byte_for_byte(data):
    more = {"labelled_by": "people", "class_shares": "refund=0.4", "flag_top": 7, "n_neighbors": 4}
    run = RunFolder(detect(data, **OPTIONS, **more).run)
    before = run.issues.read_bytes()
    rejudge(run)
    assert run.issues.read_bytes() == before  # nobody has said anything
    key = decide(run)
    rejudge(run)
    after = {path.name: path.read_bytes() for path in (run.issues, run.joint, run.candidates)}
    issues, _ = read_table(run.issues, ISSUES, ("id", "is_trusted", "p_error", "is_issue"))
    [row] = [row for row in issues.to_pylist() if row["id"] == key]
    assert (row["is_trusted"], row["p_error"], row["is_issue"]) == (True, 0.0, False)
    detect(data, **OPTIONS, **more, force=True)
    assert {name: (run.path / name).read_bytes() for name in after} == after


def test_what_the_run_folder_does_not_hold_is_said_and_nothing_is_touched(data, tmp_path):
    run = RunFolder(detect(data, **OPTIONS, trusted_column="checked").run)
    decide(run)
    before = run.issues.read_bytes()

    def refused(why):
        with pytest.raises(UsageError, match=why):
            rejudge(run)

    refused("was judged with a trusted column")
    record = json.loads(run.run_json.read_text())
    joint = record["stages"]["joint"]
    for name, what in NOT_KEPT.items():
        joint["inputs"] = {"embeddings": "0" * 64, name: "0" * 64}
        run.run_json.write_text(json.dumps(record))
        refused(f"was judged with {what}")
    run.run_json.write_text(json.dumps(record | {"outside": {"pairs": {}}}))
    refused("made elsewhere")
    del record["stages"]["joint"]
    run.run_json.write_text(json.dumps(record))
    refused("does not say how its labels were judged")
    assert run.issues.read_bytes() == before

"""What is judged in memory while people decide is what the tables say afterwards."""

import json
import random

import numpy as np
import pytest

import noisefix
from noisefix.detection.rejudge import rejudge
from noisefix.reviewing.again import again
from noisefix.run.answers import read_verdicts
from noisefix.run.decisions import PersonDecision, append_decisions, decision_key
from noisefix.run.folder import RunFolder

WORDS = {"account": "password login", "billing": "invoice card", "delivery": "parcel late"}


@pytest.fixture
def run(tmp_path):
    """A run of rows with several labels, or with one."""

    def make(most):
        draw = random.Random(4)
        lines = []
        for k in range(80):
            about = draw.sample(sorted(WORDS), draw.randint(1, most))
            text = " ".join(f"{WORDS[name]} {draw.choice(WORDS[name].split())}" for name in about)
            label = about if most > 1 else about[0]
            lines.append(json.dumps({"text": f"{text} case {k * 37 % 101}", "label": label}))
        data = tmp_path / "data.jsonl"
        data.write_text("\n".join(lines) + "\n")
        reading = {"multi_label": "list"} if most > 1 else {}
        return RunFolder(noisefix.detect(data, encoder="tfidf", **reading).run)

    return make


@pytest.mark.parametrize(
    ("most", "labels"),
    [
        (2, ("billing|delivery", "", "account")),
        pytest.param(1, ("billing", "account"), marks=pytest.mark.slow),
    ],
)
def test_in_memory_and_in_the_tables_it_is_the_same(run, most, labels):
    folder = run(most)
    rows = read_verdicts(folder, ("id", "text", "given_label"))[0].to_pylist()
    words = ["keep", "drop", "unsure"] + ["class"] * len(labels)
    said = [
        PersonDecision(
            decision_key(row["text"], row["given_label"]),
            row["id"],
            word,
            labels[k - 3] if word == "class" else None,
        )
        for k, (row, word) in enumerate(zip(rows, words, strict=False))
    ]
    judge = again(folder)
    judge.look()
    before = judge.judge(())
    found = judge.judge(said)
    append_decisions(folder.decisions, said)
    rejudge(folder)
    issues, provenance = read_verdicts(folder)
    assert provenance.class_names == found.class_names
    p_error = issues["p_error"].to_numpy(zero_copy_only=False).astype(float)
    assert np.allclose(p_error, found.p_error, atol=1e-6, equal_nan=True)
    assert found.is_issue.tolist() == issues["is_issue"].to_pylist()
    assert found.is_trusted[[0, 1, 3]].all()
    assert not found.is_trusted[2]
    assert not np.allclose(before.p_error, found.p_error, equal_nan=True)
    assert found.facts["noise_rate"] == pytest.approx(provenance.results["noise_rate"])

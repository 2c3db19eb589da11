"""Rows with several labels: what people decide is judged with, written, and final."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisefix.annotators.desk_keys import END
from noisefix.labels import set_labels, set_text
from noisefix.reviewing.options import ReviewOptions
from noisefix.reviewing.terminal import review_at
from noisefix.run.decisions import (
    CLASS,
    DROP,
    KEEP,
    UNSURE,
    PersonDecision,
    decision_key,
    import_decisions,
    read_decisions,
)

from .test_several_labels import EXTRA, FAST, NAMES, RELABEL, TOP, rows, sets_of, write


class Desk:
    """A person with keys for each row that is shown, by row number."""

    def __init__(self, keys):
        self.keys = {row: list(some) for row, some in keys.items()}
        self.row, self.cards = 0, {}

    def show(self, card, number, total):
        self.row = card.row + 1
        self.cards[self.row] = card

    def read_key(self):
        mine = self.keys.get(self.row)
        return mine.pop(0) if mine else END if mine is None else "q"


def word(row, decision, label=None, when="2026-01-01T00:00:00.000+00:00"):
    text, labels = rows()[row - 1]
    key = decision_key(text, set_text(sorted(labels)))
    return PersonDecision(key, str(row), decision, label, "ann", when)


def judged(run):
    return {r["row_number"]: r for r in pq.read_table(run / "issues.parquet").to_pylist()}


@pytest.mark.parametrize(
    "kind", ["cells", *(pytest.param(k, marks=pytest.mark.slow) for k in ("json", "columns"))]
)
def test_from_detect_to_a_person_to_apply_and_check(cli, tmp_path, kind):
    path, how = write(tmp_path, kind)
    run, before = tmp_path / "run", sets_of(path, kind)
    assert cli("detect", path, "-o", run, *how, *FAST, *TOP).code == 0
    missing = next(
        name
        for name in NAMES
        if set_labels(judged(run)[8]["suggested_label"]).count(name) and name not in before[7]
    )
    first, second, third, fourth = EXTRA
    extra = rows()[first - 1][1][0]
    less = str(NAMES.index(extra) + 1)
    desk = Desk(
        {8: ("/", *missing, "\n", "t"), first: (less, "t"), second: "k", third: "d", fourth: "u"}
    )
    result = review_at(desk, run, ReviewOptions(name="ann"))
    assert (result.written, result.decided, result.notes) == (5, 4, ())
    assert desk.cards[8].marked == before[7] | {missing}
    said = {
        line.id: (line.decision, line.label) for line in read_decisions(run / "decisions.jsonl")
    }
    right = set_text(sorted(before[7] | {missing}))
    assert said["8"] == (CLASS, right)
    assert [said[str(row)][0] for row in (second, third, fourth)] == [KEEP, DROP, UNSURE]

    found = judged(run)
    assert [found[row]["is_issue"] for row in (8, first, second, third)] == [False] * 4
    assert [found[row]["is_trusted"] for row in (8, first, second, third)] == [True] * 4
    assert [found[row]["p_error"] for row in (8, first, second)] == [1.0, 1.0, 0.0]
    assert found[8]["suggested_label"] == right
    again = cli("detect", path, "-o", run, *how, *FAST, *TOP, "--json")
    assert json.loads(again.out)["skipped"] == ["embed", "several_labels"]

    cleaned = tmp_path / f"cleaned{path.suffix}"
    assert cli("apply", run, "-o", cleaned, "--strategy", "relabel").code == 0
    wanted = list(before)
    wanted[7] = before[7] | {missing}
    wanted[first - 1] = before[first - 1] - {extra}
    del wanted[third - 1]
    assert sets_of(cleaned, kind) == wanted
    outcome = cli("check", run, "--max-issues", 0, "--json")
    issues = json.loads(outcome.out)["issues"]
    assert issues == sum(row["is_issue"] for row in found.values())
    assert cli("apply", run, "-o", cleaned, "--revert").code == 0
    assert cleaned.read_bytes() == path.read_bytes()


def test_decisions_go_with_the_text_into_another_run(cli, tmp_path):
    path, how = write(tmp_path, "cells")
    said, run = tmp_path / "said.jsonl", tmp_path / "run"
    import_decisions(said, [word(EXTRA[0], KEEP), word(8, DROP), word(1, CLASS, "")])
    assert cli("detect", path, "-o", run, *how, *FAST, *TOP, "--decisions", said).code == 0
    found = judged(run)
    assert [found[row]["p_error"] for row in (EXTRA[0], 1)] == [0.0, 1.0]
    assert not any(found[row]["is_issue"] for row in (EXTRA[0], 8, 1))
    shown = json.loads(cli("check", run, "--max-issues", 99, "--json").out)
    assert shown["settled"] == 3
    cleaned = tmp_path / "c.csv"
    before = path.read_text().splitlines()
    assert cli("apply", run, "-o", cleaned, *RELABEL).code == 0
    after = cleaned.read_text().splitlines()
    text = before[1].split(",")[0]
    assert after[1].split(",") == [text, "", ""]  # none of the labels: a blank cell
    assert before[EXTRA[0]] in after  # kept, whatever the models say
    assert before[8] not in after


@pytest.mark.slow
def test_what_a_person_decides_is_learned_from(cli, tmp_path):
    path, how = write(tmp_path, "cells")
    run = tmp_path / "run"
    args = ("detect", path, "-o", run, *how, *FAST)
    assert cli(*args).code == 0
    before = judged(run)
    wrong = [word(n, CLASS, "account|billing|delivery") for n in range(11, 101) if n not in EXTRA]
    said = tmp_path / "said.jsonl"
    import_decisions(said, wrong)
    assert cli(*args, "--decisions", said).code == 0
    after = judged(run)
    left = [n for n in after if n > 100]
    full = [np.mean([sum(table[n]["pred_probs"]) for n in left]) for table in (before, after)]
    assert full[1] > full[0] + 0.5  # the rest looks as if it had nearly all labels


@pytest.mark.slow
def test_a_label_that_only_a_person_names_is_written_or_refused(cli, tmp_path):
    for kind, code in (("cells", 0), ("columns", 3)):
        folder = tmp_path / kind
        folder.mkdir()
        path, how = write(folder, kind)
        said, run = folder / "said.jsonl", folder / "run"
        import_decisions(said, [word(5, CLASS, "account|praise")])
        assert cli("detect", path, "-o", run, *how, *FAST, "--decisions", said).code == 0
        cleaned = folder / "c.csv"
        outcome = cli("apply", run, "-o", cleaned)
        assert outcome.code == code
        if code:
            assert "no column is called 'praise'" in outcome.err
            assert not cleaned.exists()
        else:
            assert cleaned.read_text().splitlines()[5].split(",")[1] == "account / praise"


def test_labels_with_the_separator_in_them_are_told_apart(cli, tmp_path):
    names = {"account": "a|b", "billing": "a", "delivery": "b\\"}
    made = [(text, [names[x] for x in labels]) for text, labels in rows()]
    path, run = tmp_path / "d.jsonl", tmp_path / "run"
    path.write_text("".join(json.dumps({"text": t, "label": s}) + "\n" for t, s in made))
    assert cli("detect", path, "-o", run, "--multi-label", "list", *FAST, *TOP).code == 0
    row = next(k for k, (_, labels) in enumerate(made) if set(labels) == {"a|b", "a"})
    assert judged(run)[row + 1]["given_label"] == "a|a\\|b"
    text, labels = made[row]
    both = set_text(["a|b", "b\\"])
    key = decision_key(text, set_text(sorted(labels)))
    import_decisions(run / "decisions.jsonl", [PersonDecision(key, str(row + 1), CLASS, both)])
    cleaned = tmp_path / "c.jsonl"
    assert cli("apply", run, "-o", cleaned).code == 0
    after = json.loads(cleaned.read_text().splitlines()[row])["label"]
    assert sorted(after) == ["a|b", "b\\"]


@pytest.mark.slow
def test_gaps_in_columns_are_filled_by_a_person_alone(cli, tmp_path):
    path, how = write(tmp_path, "columns")
    lines = path.read_text().splitlines()
    texts = [line.split(",")[0] for line in lines]
    lines[20], lines[21] = f"{texts[20]},,yes,", f"{texts[21]},,,"
    path.write_text("\n".join(lines) + "\n")
    run, cleaned = tmp_path / "run", tmp_path / "c.csv"
    assert cli("detect", path, "-o", run, *how, *FAST).code == 0
    key = decision_key(texts[20], None)
    said = [PersonDecision(key, "20", CLASS, "delivery")]
    import_decisions(run / "decisions.jsonl", said)
    fill = ("--strategy", "relabel", "--fill-unlabelled", "--min-probability", 0.6)
    assert cli("apply", run, "-o", cleaned, *fill).code == 0
    after = cleaned.read_text().splitlines()
    assert after[20] == f"{texts[20]},no,no,yes"  # as the person says
    assert set(after[21].split(",")[1:]) == {"yes", ""}  # a model says no "no"


@pytest.mark.slow
def test_lists_in_parquet_take_a_person_s_word(cli, tmp_path):
    path, how = write(tmp_path, "parquet")
    table = pq.read_table(path)
    labels = table["label"].to_pylist()
    labels[2] = None
    kind = table.schema.field("label").type
    path.unlink()
    pq.write_table(table.set_column(1, "label", pa.array(labels, kind)), path)
    run, cleaned = tmp_path / "run", tmp_path / "c.parquet"
    assert cli("detect", path, "-o", run, *how, *FAST).code == 0
    text = table["text"][2].as_py()
    said = [PersonDecision(decision_key(text, None), "3", CLASS, ""), word(1, CLASS, "delivery")]
    import_decisions(run / "decisions.jsonl", said)
    assert cli("apply", run, "-o", cleaned).code == 0
    after = pq.read_table(cleaned)["label"].to_pylist()
    assert (after[0], after[2]) == (["delivery"], [])
    assert after[3:] == labels[3:]

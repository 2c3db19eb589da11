"""``train --method``: what single methods take, refuse, and hand on to ``predict``."""

from __future__ import annotations

import json

import pytest

import noisefix

ROWS = 40


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("t") / "tickets.csv"
    lines = ["id,text,label"]
    for i in range(ROWS):
        urgent = i % 2
        words = "server down, please help at once" if urgent else "thanks for the nice newsletter"
        label = "urgent" if urgent and i % 5 else "other"
        lines.append(f'{i},"{words}, ticket {i} of day {i * 7}",{label}')
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def run(table):
    folder = table.parent / "run"
    noisefix.detect(table, folder, encoder="tfidf", unverified_class="other")
    return folder


def train(cli, run, model, *words):
    return cli("train", run, "-o", model, "-q", *words)


def test_pu_takes_the_class_that_detect_was_told_of(cli, run, table, tmp_path):
    done = train(cli, run, tmp_path / "m", "--method", "pu", "--epochs", 3)
    assert done.code == 0, done.err
    metrics = json.loads((tmp_path / "m" / "model.json").read_text())["metrics"]
    assert 0 <= metrics["unseen"] < 1
    found = cli("predict", tmp_path / "m", table, "-o", tmp_path / "p.csv", "-q")
    assert found.code == 0, found.err


def test_a_class_that_is_not_there_is_named(cli, run, tmp_path):
    done = train(cli, run, tmp_path / "m", "--method", "pu", "--set", "unverified=nobody")
    assert done.code == 2
    assert "'nobody' is no class" in done.err
    assert "'other', 'urgent'" in done.err
    assert not (tmp_path / "m").exists()


def test_the_class_to_be_found_is_named_or_the_rarer_one(cli, run, table, tmp_path):
    words = ("--method", "smoothap", "--epochs", 3)
    refused = train(cli, run, tmp_path / "m", *words, "--set", "positive=nobody")
    assert refused.code == 2
    assert "'nobody' is no class" in refused.err
    assert "'other', 'urgent'" in refused.err
    assert not (tmp_path / "m").exists()
    for name, more in (("m", ()), ("n", ("--set", "positive=urgent"))):
        done = train(cli, run, tmp_path / name, *words, *more)
        assert done.code == 0, done.err
        made = cli("predict", tmp_path / name, table, "-o", tmp_path / f"{name}.csv", "-q")
        assert made.code == 0, made.err
    assert (tmp_path / "m.csv").read_bytes() == (tmp_path / "n.csv").read_bytes()  # urgent is rarer


def test_a_closed_form_has_no_epochs_and_predicts_as_any_other(cli, run, table, tmp_path):
    refused = train(cli, run, tmp_path / "m", "--method", "gaussian", "--epochs", 3)
    assert refused.code == 2
    assert "no parameter 'epochs'" in refused.err
    words = ("--method", "gaussian", "--set", "shrinkage=0.3", "--set", "labels=repaired")
    done = train(cli, run, tmp_path / "m", *words)
    assert done.code == 0, done.err
    assert cli("predict", tmp_path / "m", table, "-o", tmp_path / "p.csv", "-q").code == 0
    first = (tmp_path / "p.csv").read_bytes()
    assert train(cli, run, tmp_path / "again", *words).code == 0
    assert cli("predict", tmp_path / "again", table, "-o", tmp_path / "q.csv", "-q").code == 0
    assert (tmp_path / "q.csv").read_bytes() == first


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--method", "ce", "--set", "start=clean"), "start 'clean' is unknown"),
        (("--method", "forward", "--set", "transition=hoc"), "fewer than 100 rows"),
        (("--method", "opl", "--set", "head=linear"), "head=mlp"),
        (("--method", "nested", "--set", "rank=most"), "a number, auto or nested"),
    ],
)
def test_what_cannot_be_is_said(cli, run, tmp_path, words, said):
    done = train(cli, run, tmp_path / "m", *words)
    assert done.code in (2, 3)
    assert said in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "m").exists()

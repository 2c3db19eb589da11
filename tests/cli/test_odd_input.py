"""Odd numbers and odd documents end in one clear line, never as a bug."""

from __future__ import annotations

import json
import shutil

import pytest

DEEP = "[" * 100_000 + "]" * 100_000


def refusal(outcome, code, *parts):
    assert (outcome.code, outcome.out) == (code, ""), outcome.err
    assert outcome.err.count("error: ") == 1
    assert "hint: " in outcome.err
    assert "Traceback" not in outcome.err
    for part in parts:
        assert str(part) in outcome.err


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("text,label\n" + "".join(f"text {i},{'ab'[i % 2]}\n" for i in range(20)))
    return path


@pytest.mark.parametrize("seed", ["4294967296", "-1", "99999999999999999999999", "x"])
def test_a_seed_out_of_range(cli, table, tmp_path, seed):
    outcome = cli("detect", table, "--encoder", "tfidf", "-o", tmp_path / "run", "--seed", seed)
    refusal(outcome, 2, "--seed")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("epochs=abc", "epochs is 'abc': it must be a whole number"),
        ("epochs=2.5", "epochs is 2.5"),
        ("epochs=true", "epochs is True"),
        ("learning_rate=x", "learning_rate is 'x': it must be a finite number"),
        ("learning_rate=NaN", "learning_rate is nan"),
        ("penalty=[1]", "penalty is [1]"),
        ("head=5", "head is 5: it must be a text"),
        ("head=huge", "head"),
        ("batch_size=null", "batch_size is None"),
        (f"penalty={DEEP}", "penalty is '[[["),
    ],
)
def test_a_parameter_of_another_kind(cli, detected, tmp_path, setting, said):
    model = tmp_path / "m"
    outcome = cli("train", detected, "-o", model, "--method", "ce", "-q", "--set", setting)
    refusal(outcome, 2, said)
    assert not model.exists()


def test_every_method_says_what_kinds_it_takes():
    from dataclasses import fields

    from noisefix.classifiers.fitting import choose_params
    from noisefix.errors import UsageError
    from noisefix.training.registry import METHODS

    for method in METHODS:
        for field in fields(choose_params(method, {})):
            with pytest.raises(UsageError, match=f"parameter {field.name} is"):
                choose_params(method, {field.name: object()})


@pytest.mark.parametrize("text", [f"x = {DEEP}", "text_column = [1]", "[detect]\nseed = 'x'", "="])
def test_an_odd_configuration(cli, table, tmp_path, text):
    path = tmp_path / "noisefix.toml"
    path.write_text(text)
    refusal(cli("detect", table, "--config", path, "-o", tmp_path / "run"), 2)


@pytest.mark.parametrize("text", [f"x = {DEEP}", "labels = 5", "[labels]\na = 5", "task = 1"])
def test_odd_label_descriptions(cli, table, tmp_path, text):
    path = tmp_path / "labels.toml"
    path.write_text(text)
    options = ("--encoder", "tfidf", "-q", "-o", tmp_path / "run")
    refusal(cli("detect", table, "--labels", path, *options), 3, path)


@pytest.mark.parametrize("text", [DEEP, "[]", '{"input": 5, "stages": {}}', '{"input":{"path":5}}'])
def test_an_odd_run_json(cli, detected, tmp_path, text):
    run = tmp_path / "run"
    shutil.copytree(detected, run)
    (run / "run.json").write_text(text)
    for command in (
        ("apply", run, "-o", tmp_path / "c.csv"),
        ("check", run, "--max-issues", 5),
        ("relabel", run, "--dry-run"),
    ):
        refusal(cli(*command, "-q"), 3, "run.json")


def test_an_odd_model_folder(cli, detected, table, tmp_path):
    model = tmp_path / "m"
    assert cli("train", detected, "-o", model, "--method", "ce", "--epochs", 1, "-q").code == 0
    predict = ("predict", model, table, "-o", tmp_path / "p.csv", "-q")
    whole = {name: (model / name).read_text() for name in ("model.json", "encoder.json")}
    for name, text in whole.items():
        about = json.loads(text)
        about["class_names" if name == "model.json" else "words"] = "abc"
        for damaged in (json.dumps(about), text[:-30], DEEP, "{}"):
            (model / name).write_text(damaged)
            refusal(cli(*predict), 4, model)
            assert not (tmp_path / "p.csv").exists()
        (model / name).write_text(text)
    assert cli(*predict).code == 0


def test_a_label_column_of_ids_is_refused_before_the_long_work(cli, tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("text,label\n" + "".join(f"text {i},case {i % 150}\n" for i in range(200)))
    outcome = cli("detect", path, "--encoder", "tfidf", "-q", "-o", tmp_path / "run")
    refusal(outcome, 3, "d.csv, column 'label'", "150 different labels in 200", "--label-column")
    assert not (tmp_path / "run").exists()

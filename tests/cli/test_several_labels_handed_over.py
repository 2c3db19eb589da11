"""Rows with several labels go to people and other tools, and come back; init knows them."""

from __future__ import annotations

import csv
import json
import tomllib

import pytest

from noisefix.labels import set_labels

from .test_several_labels import EXTRA, FAST, NAMES, TOP, rows, sets_of, write

HOSTILE = {"account": "=cmd|' /C calc'!A0", "billing": "a|b", "delivery": "keep"}


@pytest.fixture
def run(cli, tmp_path):
    """A run of hostile labels."""
    path, run = tmp_path / "d.jsonl", tmp_path / "run"
    made = [(text, [HOSTILE[x] for x in labels]) for text, labels in rows()]
    path.write_text("".join(json.dumps({"text": t, "label": s}) + "\n" for t, s in made))
    assert cli("detect", path, "-o", run, "--multi-label", "list", *FAST, *TOP).code == 0
    return run


def labels_after(cli, run, *options):
    cleaned = run.parent / "c.jsonl"
    outcome = cli("apply", run, "-o", cleaned, "--strategy", "relabel", *options)
    assert outcome.code == 0, outcome.err
    return [json.loads(line)["label"] for line in cleaned.read_text().splitlines()]


def test_a_table_to_fill_in_comes_back(cli, run, tmp_path):
    sheet = tmp_path / "review.csv"
    assert cli("apply", run, "--review-csv", sheet).code == 0
    with sheet.open(newline="", encoding="utf-8-sig") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(EXTRA) + 1
    answers = ["a\\|b | keep", "'=cmd\\|' /C calc'!A0", "none", "keep", "drop"]
    for line, answer in zip(lines, answers, strict=True):
        line["decision"] = answer
    with sheet.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows(lines)
    before = labels_after(cli, run)
    after = labels_after(cli, run, "--review", sheet)
    numbers = [int(line["row_number"]) - 1 for line in lines]
    assert sorted(after[numbers[0]]) == ["a|b", "keep"]
    # "keep" names a class, and a class wins over a word
    wanted = {numbers[1]: [HOSTILE["account"]], numbers[2]: [], numbers[3]: ["keep"]}
    gone = numbers[4]
    for row, labels in wanted.items():
        assert after[row - (row > gone)] == labels
    assert len(after) == len(before) - 1
    lines[0]["decision"] = "a|keep"
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows(lines)
    outcome = cli("apply", run, "-o", tmp_path / "x.jsonl", "--review", sheet)
    assert (outcome.code, "neither labels with | between nor keep" in outcome.err) == (3, True)


def test_label_studio_and_argilla_choose_several(cli, run, tmp_path):
    tasks, records = tmp_path / "tasks.json", tmp_path / "records.json"
    for path, kind in ((tasks, "label-studio"), (records, "argilla")):
        assert cli("apply", run, "-o", path, "--format", kind, "--only-flagged").code == 0
    handed = json.loads(tasks.read_text())
    task = handed[0]
    [prediction] = task["predictions"]
    chosen = prediction["result"][0]["value"]["choices"]
    assert chosen == list(set_labels(task["data"]["suggested_label"]))
    assert 0 < prediction["score"] < 1
    people = {"completed_by": {"email": "ann@x"}, "created_at": "2026-01-01T00:00:00Z"}
    choice = {"type": "choices", "from_name": "label", "value": {"choices": ["a|b", "keep"]}}
    task["annotations"] = [people | {"result": [choice]}]
    tasks.write_text(json.dumps([task]))
    row = task["data"]["row_number"] - 1
    assert sorted(labels_after(cli, run, "--review", tasks)[row]) == ["a|b", "keep"]

    record = json.loads(records.read_text())[0]
    assert record["suggestions"]["label"]["value"] == chosen
    record["responses"] = {"label": [{"value": [HOSTILE["account"]], "user_id": "bob"}]}
    records.write_text(json.dumps([record]))
    assert labels_after(cli, run, "--review", records)[row] == [HOSTILE["account"]]


@pytest.mark.slow
def test_tables_for_people_have_the_sets(cli, run, tmp_path):
    table = tmp_path / "flagged.csv"
    assert cli("apply", run, "-o", table, "--format", "csv", "--only-flagged").code == 0
    with table.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(EXTRA) + 1
    assert all(set(json.loads(line["label"])) <= set(HOSTILE.values()) for line in lines)


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        ("cells", {"multi_label": "/", "label_column": "label"}),
        *(
            pytest.param(kind, option, marks=pytest.mark.slow)
            for kind, option in (
                ("json", {"multi_label": "list", "label_column": "label"}),
                ("parquet", {"multi_label": "list", "label_column": "label"}),
                ("python", {"multi_label": "list", "label_column": "label"}),
            )
        ),
        ("columns", {"label_columns": ",".join(NAMES)}),
    ],
)
def test_init_sees_how_several_labels_are_written(cli, tmp_path, kind, option):
    path, _ = write(tmp_path, kind)
    made = cli("init", path, "--encoder", "tfidf", "--json")
    assert (made.code, "several labels a row" in made.err) == (0, True)
    text = (tmp_path / "noisefix.toml").read_text()
    config = tomllib.loads(text)
    assert config.pop("check")["max_noise_rate"] > 0
    assert config == {"text_column": "text", "encoder": "tfidf", **option}
    assert "of the rows look wrong" in text
    assert not (tmp_path / "labels.toml").exists()
    gate = cli("check", path)
    assert (gate.code, "of the rows look wrong" in gate.out) == (0, True)
    assert sets_of(path, kind)


@pytest.mark.slow
def test_init_leaves_one_label_a_row_alone(cli, tmp_path):
    made = [(text, labels[0]) for text, labels in rows()]
    lines = [f"{text},{label},{k % 2},yes" for k, (text, label) in enumerate(made)]
    path = tmp_path / "d.csv"
    path.write_text("\n".join(["text,label,is_new,seen", *lines]) + "\n")
    assert cli("init", path, "--encoder", "tfidf").code == 0
    config = tomllib.loads((tmp_path / "noisefix.toml").read_text())
    assert not {"multi_label", "label_columns"} & config.keys()
    named = cli("init", path, "--encoder", "tfidf", "--force", "--label-column", "nowhere")
    assert named.code == 3

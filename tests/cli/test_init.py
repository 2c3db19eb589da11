"""``noisefix init``: what it writes works at once."""

from __future__ import annotations

import csv
import json
import tomllib
from pathlib import Path

import pytest

from noisefix.label_descriptions import load_label_sheet


def test_what_is_written_is_found_and_passed(cli, tickets, tmp_path):
    made = cli("init", tickets, "--encoder", "tfidf", "--labelled-by", "people", "--json")
    assert made.code == 0, made.err
    result = json.loads(made.out)
    config = tomllib.loads((tmp_path / "noisefix.toml").read_text())
    check = config.pop("check")
    assert config == {
        "text_column": "text",
        "label_column": "label",
        "id_column": "id",
        "encoder": "tfidf",
        "labelled_by": "people",
    }
    assert check == {"max_noise_rate": result["max_noise_rate"]}
    assert result["noise_rate_low"] <= check["max_noise_rate"]
    text = (tmp_path / "labels.toml").read_text()
    assert list(load_label_sheet(tmp_path / "labels.toml").labels) == [
        "account",
        "refund",
        "shipping",
    ]
    assert "Most confused here" in text

    gate = cli("check", tickets)
    assert (gate.code, "noisefix.toml" in gate.err) == (0, True)
    assert "passed max-noise-rate" in gate.out


def test_all_that_is_known_of_the_labels_is_kept(cli, tickets, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "said.jsonl").touch()
    known = ("--unverified-class", "refund", "--flag-precision", 0.7, "--seed", 3)
    made = cli("init", "tickets.csv", "--encoder", "tfidf", "--decisions", "said.jsonl", *known)
    assert made.code == 0, made.err
    config = tomllib.loads((tmp_path / "noisefix.toml").read_text())
    assert (config["unverified_class"], config["flag_precision"]) == ("refund", 0.7)
    assert (config["seed"], config["decisions"]) == (3, str(tmp_path / "said.jsonl"))
    assert "device" not in config
    gate = cli("check", "tickets.csv")
    assert gate.code == 0, gate.err


@pytest.mark.slow
def test_a_table_that_has_become_clearly_worse_fails_that_gate(cli, tmp_path):
    source = Path(__file__).parents[2] / "examples" / "support_tickets.csv"
    with source.open(newline="") as file:
        head, *rows = csv.reader(file)
    label = head.index("label")
    names = sorted({row[label] for row in rows})
    data = tmp_path / "data.csv"
    data.write_bytes(source.read_bytes())
    assert cli("init", data, "--encoder", "tfidf", "-q").code == 0
    assert cli("check", data, "-q").code == 0
    for place, row in enumerate(rows):
        if place % 2 == 0:
            row[label] = names[(names.index(row[label]) + 1 + place % 5) % len(names)]
    with data.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    outcome = cli("check", data, "-q")
    assert outcome.code == 1, outcome.out


def test_nothing_is_written_over_unless_asked(cli, tickets, tmp_path):
    config = tmp_path / "noisefix.toml"
    config.write_text("broken = ")
    refused = cli("init", tickets, "--encoder", "tfidf")
    assert (refused.code, "is there already" in refused.err) == (2, True)
    assert config.read_text() == "broken = "
    assert not (tmp_path / "tickets.noisefix").exists()
    assert cli("init", tickets, "--encoder", "tfidf", "--force", "-q").code == 0
    assert "[check]" in config.read_text()
    sheet = tmp_path / "labels.toml"
    before = sheet.read_text()
    own = cli("init", tickets, "--encoder", "tfidf", "--force", "--labels", sheet, "-q")
    assert own.code == 0, own.err
    assert sheet.read_text() == before
    assert tomllib.loads(config.read_text())["labels"] == str(sheet)
    assert cli("init", "-").code == 2

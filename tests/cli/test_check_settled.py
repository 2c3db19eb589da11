"""``check`` on a run that an annotator has been asked about."""

import json
import shutil


def test_what_relabel_settled_counts(cli, detected, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(detected, run)
    data = detected.parent / "tickets.csv"
    gate = ("check", run, "--max-issues", 99, "--json", "--data", data)
    before = json.loads(cli(*gate).out)
    lines = data.read_text().splitlines()
    answers = tmp_path / "tickets.csv"
    answers.write_text(
        "\n".join([f"{lines[0]},second", *(f"{x},{x.rpartition(',')[2]}" for x in lines[1:])])
        + "\n"
    )
    fresh = tmp_path / "fresh"
    assert cli("detect", answers, "-o", fresh, "--encoder", "tfidf", "-q", "--json").code == 0
    asked = cli("relabel", fresh, "--annotator", "column:second", "-q")
    assert asked.code == 0, asked.err
    after = json.loads(cli("check", fresh, "--max-issues", 99, "--json").out)
    assert before["settled"] == 0
    assert after["settled"] >= before["issues"] > 0
    assert after["noise_rate"] != before["noise_rate"]

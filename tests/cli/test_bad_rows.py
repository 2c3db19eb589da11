"""--bad-rows: the same way of reading for every command, from detect to --revert."""

from __future__ import annotations

import inspect
import json

import pytest

import noisefix
from noisefix.cli.app import COMMANDS

TEXTS = {"a": "coffee beans taste great, number {}", "b": "refund my money, order {}"}
BAD = ['999,"never closed,a', "1,2,3,4,5", "id,text,label"]


@pytest.fixture
def table(tmp_path):
    lines = ["id,text,label"]
    for i in range(60):
        label = "ab"[i % 2]
        lines.append(f'{i},"{TEXTS[label].format(i)}",{label if i % 15 else "ba"[i % 2]}')
    lines.insert(10, BAD[0])
    lines.insert(20, BAD[1])
    lines.insert(30, BAD[2])
    path = tmp_path / "data.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_detect_apply_check_and_revert(cli, table, tmp_path):
    stopped = cli("detect", table, "--encoder", "tfidf")
    assert stopped.code == 3
    assert "line 11" in stopped.err
    assert "--bad-rows skip" in stopped.err
    run, out = tmp_path / "run", tmp_path / "out.csv"
    found = cli("detect", table, "-o", run, "--encoder", "tfidf", "--bad-rows", "skip")
    assert found.code == 0, found.err
    assert "3 rows that cannot be read are left out (lines 11, 21, 31)" in found.err
    listed = [json.loads(line) for line in (run / "bad_rows.jsonl").read_text().splitlines()]
    assert [row["text"] for row in listed] == BAD
    assert json.loads((run / "run.json").read_text())["input"]["bad_rows"] == "skip"

    assert cli("apply", run, "-o", out, "--strategy", "drop").code == 0
    kept = out.read_text().splitlines()
    given = table.read_text().splitlines()
    assert all(line in kept for line in BAD)
    assert kept == [line for line in given if line in kept]
    assert 0 < len(given) - len(kept) < 20
    assert cli("apply", run, "--revert", "-o", out).code == 0
    assert out.read_bytes() == table.read_bytes()

    checked = cli("check", run, "--max-issues", "0", "--json")
    lines = {row["id"]: row["line"] for row in json.loads(checked.out)["flagged"]}
    assert lines
    for key, line in lines.items():
        assert given[line - 1].startswith(f"{key},")


def test_commands_without_a_run_folder_list_the_rows_beside_their_output(cli, table, tmp_path):
    for command in (["embed", "--encoder", "tfidf"], ["noise"]):
        out = tmp_path / ("e.parquet" if command[0] == "embed" else "n.csv")
        done = cli(command[0], table, "-o", out, "--bad-rows", "skip", *command[1:])
        assert done.code == 0, done.err
        listed = tmp_path / f"{out.name}.bad_rows.jsonl"
        assert str(listed) in done.err
        assert len(listed.read_text().splitlines()) == 3
    noisy = (tmp_path / "n.csv").read_text().splitlines()
    assert all(line in noisy for line in BAD)


def test_every_command_that_reads_a_table_has_the_option_and_so_has_its_twin():
    readers = {"detect", "embed", "joint", "check", "evaluate", "train", "predict", "noise"}
    readers |= {"init", "calibrate"}
    for name, command in COMMANDS.items():
        has_it = "bad_rows" in inspect.signature(command).parameters
        assert has_it == (name in readers), name
        twin = inspect.signature(getattr(noisefix, name)).parameters
        assert ("bad_rows" in twin) == (name in readers), name
        if has_it:
            assert twin["bad_rows"].default == "stop"

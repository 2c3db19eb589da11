"""A table full of orders to CI services, through every command that shows something of it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

# What GitHub, Azure, TeamCity and GitLab obey when they read a log.
OBEYED = re.compile(r"^\s*::[^:\s]|##\w*\[|section_(start|end):", re.MULTILINE)
ORDERS = ("\n::add-mask::billing", "##vso[task.setvariable variable=x]y", "::stop-commands::x")

LABELS = ("::set-output name=a::b", "##[error]ship", "::x::")
TOPICS = (
    "refund money charged reimburse",
    "parcel delivery tracking courier",
    "password login profile locked",
)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes with orders for names, orders in texts, ids and column names."""
    folder = tmp_path_factory.mktemp("hostile")
    path = folder / "::error::x.csv"
    lines = ['::key,"##[group]text",label']
    for i in range(60):
        words, order = TOPICS[i % 3].split(), ORDERS[i // 3 % 3]
        label = LABELS[(i + (i % 10 == 4)) % 3]  # one in ten is wrong
        text = f"{words[i // 3 % 4]} {words[i // 9 % 4]} {words[i // 5 % 4]} case {i}"
        lines.append(f'::t{i},"{order} {text} {order}","{label}"')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def detected_run(table: Path) -> Path:
    from noisefix.cli.app import main

    folder = table.parent / "run"
    columns = ("--text-column", "##[group]text", "--label-column", "label", "--id-column", "::key")
    code = main(["detect", str(table), *columns, "--encoder", "tfidf", "-q", "-o", str(folder)])
    assert code == 0
    return folder


@pytest.fixture
def run(detected_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(detected_run, tmp_path / "run"))


COMMANDS = [
    "detect TABLE --text-column ##[group]text --label-column label --encoder tfidf -o NEW --top 60",
    "detect TABLE --text-column ::nothing --label-column label --encoder tfidf -o NEW",
    "detect ::no-such::file.csv",
    "detect TABLE --devise ::add-mask::x",
    "apply RUN --strategy drop --dry-run",
    "apply RUN --strategy relabel --min-probability 0.1 --min-margin 0 --diff -o NEW.csv",
    "apply RUN --strategy relabel --min-probability 0.1 --min-margin 0 --dry-run --json",
    "check RUN --max-issues 0",
    "check RUN --max-issues 0 --json",
    "relabel RUN --dry-run",
    "relabel RUN --dry-run --json",
    "relabel RUN --annotator ::add-mask::x",
    "relabel RUN --annotator column:##[group]text --probe 0",
    "evaluate RUN --truth ::key",
    "noise TABLE --text-column ##[group]text --label-column label --rate 0.3 -o NEW.csv",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_order_reaches_a_log(cli, table, run, tmp_path, command):
    places = {"TABLE": table, "RUN": run, "NEW": tmp_path / "new", "NEW.csv": tmp_path / "new.csv"}
    outcome = cli(*(places.get(word, word) for word in command.split()))
    assert outcome.code in (0, 1, 2, 3)
    assert outcome.out + outcome.err
    assert not OBEYED.search(outcome.out)
    assert not OBEYED.search(outcome.err)
    if "--json" in command:
        json.loads(outcome.out)


def test_reports_of_check(cli, table, run, tmp_path):
    report = tmp_path / "report.xml"
    outcome = cli("check", run, "--max-issues", 0, "--junit", report, "--github")
    assert outcome.code == 1
    assert not OBEYED.search(report.read_text(encoding="utf-8"))
    lines = outcome.out.splitlines()
    assert len(lines) > 2
    for line in lines:
        assert line.startswith("::error ")
        assert not re.search(r"##\w*\[", line)


def test_values_in_json_are_the_data_s_own(cli, run):
    outcome = cli("apply", run, "--strategy", "drop", "--dry-run", "--json")
    changes = json.loads(outcome.out)["changes"]
    assert changes
    assert {change["old"] or change["new"] for change in changes} <= set(LABELS)
    assert all(change["id"].startswith("::t") for change in changes)

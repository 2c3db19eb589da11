"""``noisefix train --method noiseal`` with an annotator: a column, a scripted server, a kill."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from noisefix.cli.app import main

KEY = "sk-secret-0123456789abcdef"
CLASSES = ("account", "refund", "shipping")


WORDS = {
    "refund": ["refund", "money back", "charged twice", "reimburse", "overcharged"],
    "shipping": ["parcel", "delivery", "tracking", "courier", "arrived late"],
    "account": ["password", "login", "email address", "profile", "locked out"],
}
N_ROWS = 90
METHOD = ("--method", "noiseal", "--epochs", 8, "--set", "penalty=30", "--set", "warm_epochs=1")
"""A head that cannot learn ninety texts by heart."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run on tickets of which two in five have a wrong label, and a right one in ``second``."""
    lines = ["id,text,label,second"]
    for i in range(N_ROWS):
        true = CLASSES[i % 3]
        words = [WORDS[true][k % 5] for k in (i, i // 3, i // 5)]
        label = CLASSES[(i + 1 + i % 2) % 3] if i % 5 in (1, 3) else true
        lines.append(
            f't{i + 1},"{words[0]} and {words[1]}, case {i} about {words[2]}",{label},{true}'
        )
    data = tmp_path_factory.mktemp("asking") / "tickets.csv"
    data.write_text("\n".join(lines) + "\n")
    columns = ("--text-column", "text", "--label-column", "label", "--id-column", "id")
    assert main(["detect", str(data), "--encoder", "tfidf", "--quiet", *columns]) == 0
    return data.with_suffix(".noisefix")


@pytest.fixture
def run(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "run"))


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def asked_case(request) -> int:
    """Return which ticket a prompt is about: the last text in it."""
    return int(re.findall(r"case (\d+) about", request.text)[-1])


def right_answer(faults, request):
    return faults.says(CLASSES[asked_case(request) % 3])


def at(server, *more):
    options = ("--model", "tiny", "--base-url", server.url, "--concurrency", 2)
    return (*METHOD, "--share", 0.2, *options, *more)


def assert_same_model(one: Path, other: Path) -> None:
    names = sorted(file.name for file in one.iterdir())
    assert names == sorted(file.name for file in other.iterdir())
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_a_column_is_asked_about_few_rows(cli, run, tmp_path):
    command = ("train", run, *METHOD)
    done = cli(*command, "-o", tmp_path / "m", "--annotator", "column:second", "--json")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert result["failure"] is None
    assert 0 < result["asking"]["asked"] <= 0.3 * N_ROWS
    assert result["asking"]["answered"] == result["asking"]["asked"] == result["metrics"]["asked"]
    assert not (run / "annotations.sqlite").exists()
    assert (tmp_path / "m" / "division.parquet").exists()
    shown = cli(*command, "-o", tmp_path / "n", "--annotator", "column:second", "--max-rows", 3)
    assert "3 of 3 rows asked got a label" in shown.out
    assert "nobody is asked" not in shown.err
    alone = cli(*command, "-o", tmp_path / "o")
    assert alone.code == 0
    assert "nobody is asked" in alone.err


def test_only_rows_of_p_are_asked_with_examples_from_r(cli, run, tmp_path, faults):
    with faults.FaultServer(lambda request: right_answer(faults, request)) as server:
        done = cli("train", run, "-o", tmp_path / "m", *at(server))
    assert done.code == 0, done.err
    assert re.search(r"\d+ of \d+ rows asked got a label", done.out)
    assert "tokens in" in done.out
    division = pq.read_table(tmp_path / "m" / "division.parquet").to_pylist()
    first = Counter(asked_case(request) for request in server.requests)
    assert set(first.values()) == {1}
    assert 5 < len(first) <= 0.2 * N_ROWS
    purified = {row["id"] for row in division if row["subset"] == "P" and row["epoch"] >= 1}
    assert {f"t{case + 1}" for case in first} <= purified
    clean = {row["id"] for row in division if row["subset"] == "R" and row["epoch"] >= 1}
    examples = [
        f"t{int(case) + 1}"
        for request in server.requests
        for case in re.findall(r"case (\d+) about", request.text)[:-1]
    ]
    assert examples
    assert set(examples) <= clean
    said = {row["id"]: row["answer"] for row in division if row["is_asked"]}
    assert said == {f"t{case + 1}": CLASSES[case % 3] for case in first}
    for file in [*run.rglob("*"), *(tmp_path / "m").rglob("*")]:
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file


def test_nothing_is_asked_twice_and_relabels_answers_are_taken_over(cli, run, tmp_path, faults):
    with faults.FaultServer(lambda request: right_answer(faults, request)) as server:
        first = cli("train", run, "-o", tmp_path / "a", *at(server, "--json"))
        asked = len(server.requests)
        assert first.code == 0, first.err
        assert asked == json.loads(first.out)["asking"]["asked"]
        again = cli("train", run, "-o", tmp_path / "b", *at(server, "--json"))
        assert json.loads(again.out)["asking"]["reused"] == asked == len(server.requests)
        assert_same_model(tmp_path / "a", tmp_path / "b")

        (run / "annotations.sqlite").unlink()
        relabel = ("--model", "tiny", "--base-url", server.url, "--share", 1, "--probe", 0)
        assert cli("relabel", run, *relabel).code == 0
        (run / "relabels.parquet").unlink()
        before = len(server.requests)
        last = cli("train", run, "-o", tmp_path / "c", *at(server, "--json"))
        asking = json.loads(last.out)["asking"]
        assert asking["reused"] == asking["asked"] - (len(server.requests) - before)
        assert asking["reused"] > 0


def test_a_failing_service_leaves_a_model_and_exit_code_5(cli, run, tmp_path, faults):
    broken = True

    def respond(request):
        if broken and request.number >= 3:
            return faults.error(401, f"Incorrect API key provided: {KEY}")
        return right_answer(faults, request)

    with faults.FaultServer(respond) as server:
        done = cli("train", run, "-o", tmp_path / "m", *at(server, "--json"))
        assert done.code == 5
        assert "the model is written" in done.err
        assert KEY not in done.out + done.err
        result = json.loads(done.out)
        assert 3 <= result["asking"]["asked"] <= 4
        assert result["failure"]
        assert (tmp_path / "m" / "model.json").exists()
        assert not list(tmp_path.glob(".*"))
        n_refused = len(server.requests)
        assert n_refused <= 3 + 2  # nobody is asked again, epoch after epoch

        broken = False
        done = cli("train", run, "-o", tmp_path / "m", *at(server, "--json"))
        assert done.code == 0, done.err
        assert json.loads(done.out)["asking"]["reused"] == result["asking"]["asked"]


@pytest.mark.parametrize(
    "limit",
    [
        ("--max-tokens-total", 600),
        ("--max-cost-usd", 0.0006, "--price-in", 1, "--price-out", 1),
    ],
)
def test_a_budget_is_kept_and_the_training_goes_on(cli, run, tmp_path, faults, limit):
    with faults.FaultServer(lambda request: right_answer(faults, request)) as server:
        done = cli("train", run, "-o", tmp_path / "m", *at(server, *limit))
        assert done.code == 5
        assert "answers" in done.err
        assert 0 < len(server.requests) <= 5 + 2  # 110 tokens each, two at a time
        assert (tmp_path / "m" / "model.json").exists()
        spent = len(server.requests)
        more = cli("train", run, "-o", tmp_path / "m", *at(server))
        assert more.code == 0, more.err
        asked = Counter(asked_case(request) for request in server.requests)
        assert len(server.requests) > spent
        assert set(asked.values()) == {1}


@pytest.mark.slow
def test_a_killed_training_goes_on_and_asks_nothing_twice(cli, run, tmp_path, faults):
    def slowly(request):
        return [0.1, *right_answer(faults, request)]

    other = Path(shutil.copytree(run, tmp_path / "other"))
    with faults.FaultServer(slowly) as server:
        command = ["train", run, "-o", tmp_path / "m", *at(server)]
        killed = subprocess.Popen(
            [sys.executable, "-m", "noisefix", *map(str, command)], stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 60
        while len(server.requests) < 5 and time.monotonic() < until:
            time.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
        assert not (tmp_path / "m").exists()
        before = len(server.requests)
        assert cli(*command).code == 0
        asked = Counter(asked_case(request) for request in server.requests)
        assert before < len(asked) <= 0.2 * N_ROWS
        assert sum(asked.values()) <= len(asked) + 2  # those in flight, at most
        assert cli("train", other, "-o", tmp_path / "n", *at(server)).code == 0
    assert_same_model(tmp_path / "m", tmp_path / "n")


@pytest.mark.parametrize(
    ("options", "code", "parts"),
    [
        (("--method", "ce", "--annotator", "column:second"), 2, ("asks nobody", "noiseal")),
        (("--method", "repair", "--model", "tiny"), 2, ("asks nobody", "relabel")),
        (("--method", "noiseal", "--annotator", "human"), 2, ("a person", "relabel")),
        (("--method", "noiseal", "--annotator", "oracle"), 2, ("oracle", "column:NAME")),
        (("--method", "noiseal", "--annotator", "openai"), 2, ("no model", "--model")),
        (("--method", "noiseal", "--annotator", "column:nowhere"), 3, ("nowhere", "second")),
        (("--method", "noiseal", "--annotator", "column:label"), 2, ("label", "judged")),
        (("--method", "noiseal", "--annotator", "local:none"), 4, ("none",)),
        (("--method", "noiseal", "--max-rows", 5), 2, ("--max-rows", "nobody")),
        (("--method", "noiseal", "--model", "m", "--max-cost-usd", 1), 2, ("price",)),
        (("--method", "noiseal", "--model", "m", "--price-in", 1), 2, ("--price-out",)),
        (("--compare", "ce,noiseal", "--model", "m"), 2, ("asks nobody",)),
    ],
)
def test_what_cannot_be_asked(cli, run, tmp_path, options, code, parts):
    output = () if "--compare" in options else ("-o", tmp_path / "m")
    done = cli("train", run, *output, *options, "--epochs", 2)
    assert (done.code, done.out) == (code, ""), done.err
    assert "Traceback" not in done.err
    for part in parts:
        assert part in done.err
    assert not (tmp_path / "m").exists()

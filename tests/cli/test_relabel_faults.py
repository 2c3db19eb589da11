"""``noisefix relabel`` when the service fails: exit code, remedy; nothing lost or paid twice."""

from __future__ import annotations

import json
import os
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

CLASSES = ("account", "refund", "shipping")
N_ROWS = 12
BAD = 3
"""The first request for this many-th row meets the fault; the first request of all goes alone."""


def asked_case(body) -> int:
    """Return which ticket a prompt is about: the last text in it."""
    prompt = next(m["content"] for m in body["messages"] if m["role"] == "user")
    return int(re.findall(r"case (\d+) about", prompt)[-1])


class Service:
    """Answers every ticket rightly, but for what a fault does to one of them.

    Args:
        faults: the module of the server.
        steps: what is sent instead of an answer to the unlucky ticket.
        always: each time, not only the first time.
    """

    def __init__(self, faults, steps=(), *, always=False):
        self.faults = faults
        self.steps = steps
        self.always = always
        self.answered = Counter()
        self.seen = []
        self.healthy = False

    def __call__(self, request):
        if request.body is None:  # which models are there?
            return [self.faults.http(200, {"data": [{"id": "tiny"}, {"id": "large"}]})]
        case = asked_case(request.body)
        is_first = case not in self.seen
        if is_first:
            self.seen.append(case)
        is_bad = len(self.seen) > BAD and case == self.seen[BAD] and (is_first or self.always)
        if is_bad and self.steps and not self.healthy:
            return self.steps
        self.answered[case] += 1
        return self.faults.says(CLASSES[case % 3])


@pytest.fixture
def run(detected, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789abcdef")
    return Path(shutil.copytree(detected, tmp_path / "run"))


def options(server, *more):
    budget = ("--max-rows", N_ROWS, "--probe", 0, "--timeout", 0.6)
    where = ("--model", "tiny", "--base-url", server.url, "--concurrency", 2)
    return (*where, *budget, "--pool", "all", *more)


def answers(run: Path) -> dict[str, str]:
    table = pq.read_table(run / "relabels.parquet").to_pylist()
    return {row["id"]: row["answer"] for row in table}


def cut_off(faults) -> bytes:
    whole = faults.says("refund")[0]
    return whole[: len(whole) - 40]


PASSING = {
    "429 with Retry-After": lambda f: f.error(429, "slow down", headers={"Retry_After": "1"}),
    "429 without": lambda f: f.error(429, "slow down"),
    "500": lambda f: f.error(500, "it failed"),
    "hang": lambda f: [30.0],
    "reset in the middle of the body": lambda f: [cut_off(f), 0.02, f.RESET],
    "truncated JSON": lambda f: [f.http(200, b'{"choices": [{"mess')],
    "off-list label": lambda f: f.says("complaint"),
    "empty choices": lambda f: [f.http(200, {"choices": []})],
    "slow drip": lambda f: [step for byte in cut_off(f) for step in (bytes([byte]), 0.05)],
}


@pytest.mark.parametrize("name", PASSING)
def test_a_passing_fault_is_overcome(cli, run, faults, name):
    service = Service(faults, PASSING[name](faults))
    with faults.FaultServer(service) as server:
        outcome = cli("relabel", run, *options(server))
        assert outcome.code == 0, outcome.err
        said = answers(run)
        assert len(said) >= N_ROWS
        assert set(said.values()) <= set(CLASSES)
        assert set(service.answered.values()) == {1}, "a stored answer was paid for again"
        assert len(service.answered) == N_ROWS
        assert len(server.requests) == N_ROWS + 1
        assert cli("relabel", run, *options(server)).code == 0
        assert len(server.requests) == N_ROWS + 1, "the second run asked again"
    assert answers(run) == said


@pytest.mark.parametrize(
    ("name", "steps", "answer", "n_requests"),
    [
        ("refusal", lambda f: [f.http(200, f.completion(None, refusal="shipping"))], "refused", 1),
        ("1 MB answer", lambda f: [f.http(200, f.completion("x" * 1_000_000))], "invalid", 2),
        ("off-list label, twice", lambda f: f.says("complaint"), "invalid", 2),
    ],
)
def test_what_is_no_label_never_becomes_one(cli, run, faults, name, steps, answer, n_requests):
    service = Service(faults, steps(faults), always=True)
    with faults.FaultServer(service) as server:
        outcome = cli("relabel", run, *options(server, "--json"))
        assert outcome.code == 0, outcome.err
        assert json.loads(outcome.out)["report"]["other_answers"] == {answer: 1}
        assert len(server.requests) == N_ROWS - 1 + n_requests
        assert cli("relabel", run, *options(server)).code == 0
        assert len(server.requests) == N_ROWS - 1 + n_requests, "it was paid for already"
    table = pq.read_table(run / "relabels.parquet").to_pylist()
    (row,) = (row for row in table if row["answer"] == answer)
    assert row["final_label"] == row["given_label"]
    assert row["action"] != "relabel"
    assert len(row["raw_answer"] or "") < 25_000


@pytest.mark.parametrize(
    ("name", "steps", "hint", "everybody_else_is_asked"),
    [
        (
            "truncated JSON, always",
            lambda f: [f.http(200, b'{"choices": [{"mess')],
            "only those without an answer will be asked",
            True,
        ),
        (
            "wrong model name",
            lambda f: f.error(404, "The model 'tiny' does not exist", code="model_not_found"),
            "models there: tiny, large",
            False,
        ),
        (
            "no quota",
            lambda f: f.error(429, "You exceeded your quota", code="insufficient_quota"),
            "add credit or raise the limit",
            False,
        ),
    ],
)
def test_a_lasting_fault_ends_with_5_and_the_remedy(
    cli, run, faults, name, steps, hint, everybody_else_is_asked
):
    service = Service(faults, steps(faults), always=True)
    with faults.FaultServer(service) as server:
        outcome = cli("relabel", run, *options(server))
        assert outcome.code == 5, outcome.err
        assert hint in " ".join(outcome.err.split())
        n_answered = len(service.answered)
        assert (n_answered == N_ROWS - 1) == everybody_else_is_asked
        service.healthy = True
        assert cli("relabel", run, *options(server)).code == 0
    assert set(service.answered.values()) == {1}, "a stored answer was paid for again"
    assert len(service.answered) == N_ROWS
    assert set(answers(run).values()) <= set(CLASSES)


@pytest.mark.parametrize("kill_at", [pytest.param(1, marks=pytest.mark.slow), 7])
def test_sigkill_and_resume(cli, run, faults, kill_at):
    service = Service(faults)
    process: list[subprocess.Popen[bytes]] = []

    def respond(request):
        if len(service.answered) == kill_at and process[0].returncode is None:
            os.kill(process[0].pid, signal.SIGKILL)
            process[0].wait()
        return [0.02, *service(request)]

    with faults.FaultServer(respond) as server:
        command = [sys.executable, "-m", "noisefix", "relabel", str(run), "--quiet"]
        process.append(subprocess.Popen(command + [str(word) for word in options(server)]))
        assert process[0].wait(60) == -signal.SIGKILL
        time.sleep(0.1)  # what the server was about to say is lost by now
        sent = len(server.requests)
        assert sent < N_ROWS
        assert not (run / "relabels.parquet").exists()
        assert cli("relabel", run, *options(server)).code == 0
        paid_twice = sum(count - 1 for count in service.answered.values())
        assert paid_twice <= 2, "more than was in flight"
        assert len(server.requests) == N_ROWS + paid_twice
    assert set(answers(run).values()) <= set(CLASSES)
    assert len(service.answered) == N_ROWS

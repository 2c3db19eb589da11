"""A process killed at any moment loses the requests in flight, and pays for nothing twice."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from noisefix.annotators.engine import ask
from noisefix.annotators.openai_client import OpenAIAnnotator
from noisefix.annotators.protocol import Answer, Message, Question, key_maker
from noisefix.annotators.store import STORE_NAME, AnswerStore

N_ROWS = 300
CONCURRENCY = 16

ASK = """
import sys
from noisefix.annotators.engine import ask
from noisefix.annotators.openai_client import OpenAIAnnotator
from noisefix.annotators.protocol import Message, Question
from noisefix.annotators.store import AnswerStore

url, path, n_rows, concurrency = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
annotator = OpenAIAnnotator("tiny", base_url=url, concurrency=concurrency)
questions = (
    Question(f"id-{row}", ("pos", "neg"), (Message("user", f"row {row} of the data"),))
    for row in range(n_rows)
)
with AnswerStore(path) as store:
    print(sum(1 for _ in ask(annotator, questions, store=store)))
"""


@pytest.mark.parametrize(
    "kill_at",
    [pytest.param(1, marks=pytest.mark.slow), 60, pytest.param(230, marks=pytest.mark.slow)],
)
def test_sigkill_and_resume(faults, tmp_path, kill_at):
    answered = Counter()
    current = {}

    def respond(request):
        if len(answered) == kill_at and "killed" not in current:
            current["killed"] = True
            os.kill(current["process"].pid, signal.SIGKILL)
        answered[request.row] += 1
        return [0.01, *faults.says("pos")]

    path = tmp_path / STORE_NAME
    environment = {**os.environ, "OPENAI_API_KEY": "sk-test-0123456789"}
    with faults.FaultServer(respond) as server:
        command = [sys.executable, "-c", ASK, server.url, str(path), str(N_ROWS), str(CONCURRENCY)]
        current["process"] = subprocess.Popen(command, env=environment)
        assert current["process"].wait(60) == -signal.SIGKILL
        time.sleep(0.1)  # what the server was about to say is lost by now
        asked_before = len(server.requests)
        with AnswerStore(path) as store:
            stored = store.totals().answers
        assert asked_before - stored <= CONCURRENCY

        again = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert again.returncode == 0, again.stderr
        assert again.stdout.strip() == str(N_ROWS)
        assert len(server.requests) == asked_before + N_ROWS - stored
    assert len(answered) == N_ROWS
    assert sum(count - 1 for count in answered.values()) <= CONCURRENCY


@pytest.mark.slow
def test_resuming_with_many_stored_answers_asks_only_what_is_new(faults, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    text = "some words of a usual text " * 40  # with the instructions, some 1,000 characters

    def questions(n):
        for row in range(n):
            prompt = (Message("system", "Label."), Message("user", f"row {row} {text}"))
            yield Question(f"id-{row}", ("pos", "neg", "so-so"), prompt)

    annotator = OpenAIAnnotator("tiny", base_url="http://127.0.0.1:9/v1")
    make_key = key_maker(annotator.identity)
    answer = Answer("", "pos", True, 0.9, {"pos": 0.9, "neg": 0.1}, "openai", "tiny")
    with AnswerStore(tmp_path / STORE_NAME) as store:
        store.put_many((make_key(question), answer) for question in questions(20_000))
    asked = list(questions(20_010))
    with faults.FaultServer(lambda request: faults.says("neg")) as server:
        annotator = OpenAIAnnotator("tiny", base_url=server.url)
        with AnswerStore(tmp_path / STORE_NAME) as store:
            n = sum(1 for _ in ask(annotator, asked, store=store))
    assert (n, len(server.requests)) == (20_010, 10)

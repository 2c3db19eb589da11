"""Its own server: started, asked, ended. In the place of vLLM is a program that takes its words."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from noisefix.annotators import vllm
from noisefix.annotators.engine import ask
from noisefix.annotators.protocol import Message, Question
from noisefix.annotators.vllm import VllmAnnotator
from noisefix.errors import DataError, ModelError, ServiceError, UsageError

PROGRAM = Path(__file__).parents[2] / "servers" / "vllm_program.py"
POOL = ("pos", "neg")


def questions(n=4, start=0):
    labels = [POOL[row % 2] for row in range(start, start + n)]
    return [
        Question(
            f"id-{row}",
            POOL,
            (Message("system", "Label the text."), Message("user", f"row {row}: it is {label}")),
        )
        for row, label in enumerate(labels, start)
    ]


@pytest.fixture
def folder(tmp_path):
    """Something that looks like a model's folder; the stand-in does not load it."""
    made = tmp_path / "tiny-model"
    made.mkdir()
    (made / "config.json").write_text("{}")
    (made / "model.safetensors").write_bytes(b"weights")
    return made


@pytest.fixture
def seen(tmp_path, monkeypatch):
    """Install the stand-in; return a function that tells what it was started with."""
    program = tmp_path / "bin" / "vllm"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{PROGRAM.read_text()}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.setenv("VLLM_SEEN", str(tmp_path / "seen"))
    monkeypatch.setattr(vllm, "_POLL_S", 0.02)

    def starts(what=""):
        path = Path(f"{tmp_path / 'seen'}{what}")
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    return starts


def is_alive(process):
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def assert_ended(processes):
    until = time.monotonic() + 10
    while any(map(is_alive, processes)):
        assert time.monotonic() < until, processes
        time.sleep(0.02)


def test_it_is_started_asked_and_ended(folder, seen, store, quick_policy, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # the server is nobody else's matter
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    annotator = VllmAnnotator(folder, policy=quick_policy)
    assert seen() == [], "nothing is asked yet"
    answers = {answer.id: answer for answer in ask(annotator, questions(), store=store)}
    assert [answers[f"id-{row}"].label for row in range(4)] == ["pos", "neg", "pos", "neg"]
    first = answers["id-0"]
    assert (first.annotator, first.model) == ("vllm", "tiny-model")
    assert first.confidence == pytest.approx(0.904837, abs=1e-4)  # exp(-0.1)
    assert first.probabilities["pos"] > 0.8 > first.probabilities["neg"] > 0.05
    list(ask(annotator, questions(start=4), store=store))
    (start,) = seen()
    assert start["folder"] == str(folder)
    assert start["environment"] == {"VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
    options = start["options"]
    assert options["--host"] == "127.0.0.1"
    assert options["--load-format"] == "safetensors"
    assert "--config" not in options
    requests = seen(".requests")
    assert len(requests) == 8
    assert all(r["chat_template_kwargs"] == {"enable_thinking": False} for r in requests)
    assert all(r["logprobs"] and r["temperature"] == 0 for r in requests)
    assert all(map(is_alive, start["processes"]))
    annotator.close()
    assert_ended(start["processes"])
    assert start["key"] not in repr(vars(annotator))


def test_what_is_stored_starts_nothing(folder, seen, store, quick_policy):
    annotator = VllmAnnotator(folder, policy=quick_policy)
    list(ask(annotator, questions(), store=store))
    annotator.close()
    again = list(ask(VllmAnnotator(folder, policy=quick_policy), questions(), store=store))
    assert all(answer.reused for answer in again)
    assert len(seen()) == 1


def test_it_ends_with_the_process_that_asks(folder, seen, tmp_path):
    program = f"""
import asyncio
from noisefix.annotators.vllm import VllmAnnotator
kept = VllmAnnotator({str(folder)!r})
asyncio.run(kept._server.ready())
raise SystemExit("an error")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.stderr == b"an error\n"
    (start,) = seen()
    assert_ended(start["processes"])


def test_one_that_dies_while_it_is_asked_ends_the_run(folder, seen, store, quick_policy):
    annotator = VllmAnnotator(folder, policy=quick_policy)
    answers = ask(annotator, questions(2), store=store)
    list(answers)
    annotator._server._process.kill()
    annotator._server._process.wait()
    with pytest.raises(ServiceError, match=r"ended while it was asked \(code -9\)"):
        list(ask(annotator, questions(2, start=2), store=store))
    annotator.close()
    (start,) = seen()
    assert_ended(start["processes"])
    again = VllmAnnotator(folder, policy=quick_policy)
    answered = list(ask(again, questions(4), store=store))
    assert [answer.reused for answer in answered].count(True) == 2
    again.close()


def test_why_it_does_not_serve_is_told(folder, seen, store, monkeypatch):
    monkeypatch.setenv("VLLM_FAILS", "ValueError: No available memory for the cache blocks.")
    annotator = VllmAnnotator(folder)
    with pytest.raises(ModelError, match="No available memory for the cache blocks") as caught:
        list(ask(annotator, questions(), store=store))
    assert "--vllm-config" in caught.value.hint
    assert store.totals().answers == 0


def test_an_answer_that_takes_too_long_is_not_waited_for(
    folder, seen, store, quick_policy, monkeypatch
):
    """The patience with a model that loads is not that with an answer."""
    monkeypatch.setenv("VLLM_WAITS", "5")
    policy = type(quick_policy)(**{**vars(quick_policy), "timeout_s": 0.3, "max_attempts": 2})
    annotator = VllmAnnotator(folder, policy=policy)
    started = time.monotonic()
    with pytest.raises(ServiceError, match=r"within 0\.3 s"):
        list(ask(annotator, questions(1), store=store))
    assert time.monotonic() - started < 4
    annotator.close()


def test_ctrl_c_while_the_model_loads(folder, seen, tmp_path):
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from noisefix.annotators.engine import ask
from noisefix.annotators.protocol import Message, Question
from noisefix.annotators.vllm import VllmAnnotator
question = Question("1", ("pos", "neg"), (Message("user", "it is pos"),))
list(ask(VllmAnnotator({str(folder)!r}), [question]))
"""
    slow = {**os.environ, "VLLM_LOADS": "60"}
    asking = subprocess.Popen([sys.executable, "-c", program], env=slow, stderr=subprocess.PIPE)
    until = time.monotonic() + 30
    while not seen():
        assert time.monotonic() < until
        time.sleep(0.05)
    asking.send_signal(signal.SIGINT)
    _, said = asking.communicate(timeout=15)
    assert said.strip().endswith(b"KeyboardInterrupt")
    assert_ended(seen()[0]["processes"])


def test_one_that_never_serves_is_given_up(folder, seen, monkeypatch):
    monkeypatch.setattr(vllm, "_PATIENCE_S", 0.0)
    server = VllmAnnotator(folder)._server
    with pytest.raises(Exception, match="does not serve the model") as caught:
        asyncio.run(server.ready())
    assert caught.value.exit_code == 5
    time.sleep(0.1)
    assert_ended([process for start in seen() for process in start["processes"]])


def test_its_own_options_are_passed_on_and_count(folder, seen, tmp_path):
    config = tmp_path / "serve.yaml"
    config.write_text("max-model-len: 8192\n")
    annotator, plain = VllmAnnotator(folder, config=config), VllmAnnotator(folder)
    asyncio.run(annotator._server.ready())
    annotator.close()
    assert seen()[0]["options"]["--config"] == str(config)
    assert annotator.identity.sampling != plain.identity.sampling
    with pytest.raises(DataError, match="cannot be read"):
        VllmAnnotator(folder, config=tmp_path / "none.yaml")


def test_identity_follows_the_files(folder, seen):
    before = VllmAnnotator(folder).identity
    assert VllmAnnotator(folder).identity.sampling == before.sampling
    (folder / "model.safetensors").write_bytes(b"others")
    assert VllmAnnotator(folder).identity.sampling != before.sampling


def test_without_vllm_there_are_two_ways_out(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="the package vllm, which is not installed") as caught:
        VllmAnnotator(folder)
    for way in ("pip install vllm", f"--annotator local:{folder}", "--base-url"):
        assert way in caught.value.hint


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_folder_without_a_model(folder, seen, missing):
    (folder / missing).unlink()
    with pytest.raises(ModelError):
        VllmAnnotator(folder)

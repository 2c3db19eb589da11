"""Against a real OpenAI-compatible server: ``transformers serve`` with tiny models made here."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from noisefix.annotators.engine import UnansweredError, ask
from noisefix.annotators.openai_client import OpenAIAnnotator
from noisefix.annotators.vllm import VllmAnnotator
from noisefix.errors import ServiceError


@pytest.fixture(scope="module")
def server_url(tmp_path_factory):
    """Start the server on a free port of the loopback, without any other network; stop it."""
    folder = tmp_path_factory.mktemp("serve")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = shutil.which("transformers", path=Path(sys.executable).parent)
    assert program is not None, "install the extra: pip install 'noisefix[dev]'"
    command = [program, "serve", "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(folder),
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(f"{url}/health", process, folder / "log")
            yield f"{url}/v1"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def wait_for(url, process, log):
    until = time.monotonic() + 240
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(log.read_text())


@pytest.fixture(scope="module")
def random_model(save_tiny_model):
    return str(save_tiny_model("llama"))


@pytest.fixture(scope="module")
def taught_model(save_tiny_model, tmp_path_factory):
    """A tiny model that has been taught to say one thing, whatever it is asked."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source, folder = save_tiny_model("llama"), tmp_path_factory.mktemp("taught")
    tokenizer = AutoTokenizer.from_pretrained(source)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(source)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    said = tokenizer('{"answer": "pos"}', add_special_tokens=False)["input_ids"]
    said = [*said, tokenizer.eos_token_id]
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for step in range(150):
        messages = [
            {"role": "system", "content": "Label the text."},
            {"role": "user", "content": f"row {step} of the data"},
        ]
        prompt = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=True, return_dict=True
        )["input_ids"]
        tokens = torch.tensor([[*prompt, *said]])
        targets = tokens.clone()
        targets[:, : len(prompt)] = -100
        model(input_ids=tokens, labels=targets).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    torch.set_num_threads(threads)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture
def annotator_for(server_url, quick_policy):
    def make(model, **options):
        policy = type(quick_policy)(**{**vars(quick_policy), "timeout_s": 60.0})
        return OpenAIAnnotator(
            model,
            base_url=server_url,
            concurrency=3,
            max_output_tokens=12,
            policy=policy,
            **options,
        )

    return make


@pytest.mark.slow
def test_labels_come_back(annotator_for, taught_model, make_questions, store):
    questions = make_questions(8, start=1000)
    answers = list(ask(annotator_for(taught_model), questions, store=store))
    assert sorted(answer.id for answer in answers) == [question.id for question in questions]
    assert {(answer.label, answer.attempts) for answer in answers} == {("pos", 1)}
    assert json.loads(answers[0].raw_answer) == {"answer": "pos"}
    assert all(20 < answer.input_tokens < 60 for answer in answers)
    assert all(4 <= answer.output_tokens <= 12 for answer in answers)
    assert answers[0].confidence is None  # this server knows no log-probabilities
    again = list(ask(annotator_for(taught_model), questions, store=store))
    assert all(answer.reused for answer in again)


STAND_IN = """#!{python}
import os, sys
words = sys.argv[1:]
port, folder = words[words.index("--port") + 1], words[1]
os.chdir(os.path.dirname(folder))  # so that the model's name is a folder
os.environ["OMP_NUM_THREADS"] = "1"
program = [{program!r}, "serve", "--host", "127.0.0.1", "--port", port, "--device", "cpu"]
os.execv(program[0], program)
"""


@pytest.mark.slow
def test_a_server_of_its_own_with_a_real_model(
    taught_model, make_questions, store, quick_policy, tmp_path, monkeypatch
):
    """What ``vllm:PATH`` does, with the other server in the place of vLLM."""
    program = shutil.which("transformers", path=Path(sys.executable).parent)
    (tmp_path / "vllm").write_text(STAND_IN.format(python=sys.executable, program=program))
    (tmp_path / "vllm").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    policy = type(quick_policy)(**{**vars(quick_policy), "timeout_s": 60.0})
    annotator = VllmAnnotator(taught_model, concurrency=3, max_output_tokens=12, policy=policy)
    try:
        answers = list(ask(annotator, make_questions(8, start=1000), store=store))
        assert {(answer.label, answer.annotator) for answer in answers} == {("pos", "vllm")}
        assert len(answers) == 8
    finally:
        annotator.close()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{annotator.url}/models", timeout=2)


def test_babble_never_becomes_a_label(annotator_for, random_model, make_questions, store):
    answers = list(ask(annotator_for(random_model), make_questions(4), store=store))
    assert {(answer.answer, answer.is_label, answer.attempts) for answer in answers} == {
        ("invalid", False, 2)
    }
    assert store.totals().answers == 4


def test_a_model_that_is_not_there(annotator_for, make_questions, store):
    with pytest.raises((ServiceError, UnansweredError)) as caught:
        list(ask(annotator_for("no-such-model"), make_questions(2), store=store))
    assert caught.value.exit_code == 5
    assert store.totals().answers == 0


def test_a_field_the_server_does_not_know(annotator_for, taught_model, make_questions, store):
    annotator = annotator_for(taught_model, extra_body={"bogus": 1})
    with pytest.raises(ServiceError, match=r"422 \(Unexpected fields in the request: \{'bogus'\}"):
        list(ask(annotator, make_questions(6), store=store))

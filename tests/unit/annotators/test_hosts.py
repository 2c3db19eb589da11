"""What happens where a question is sent from: the same as in the process that asks."""

import asyncio
import json
import os
from dataclasses import replace

import pytest

from noisefix.annotators.hosts import LOT, ModelHost, ServerHost
from noisefix.annotators.local import LocalAnnotator
from noisefix.annotators.local_model import load_local_model
from noisefix.annotators.openai_client import OpenAIAnnotator
from noisefix.annotators.prompts import render_question
from noisefix.annotators.protocol import INVALID, Message, Question
from noisefix.annotators.retry import RejectedError, RetryableError
from noisefix.errors import ModelError, ServiceError


def question(number):
    return Question(f"id-{number}", ("pos", "neg"), (Message("user", f"row {number} of them"),))


@pytest.fixture
def at(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")

    def make(server):
        return ServerHost(OpenAIAnnotator("tiny", base_url=server.url), {"OPENAI_ORG_ID": "org-1"})

    return make


def test_a_question_keeps_its_place_between_requests(faults, at, monkeypatch):
    """The first answer is none; the second request says so, and both are billed."""
    monkeypatch.delenv("OPENAI_ORG_ID", raising=False)

    def respond(request):
        return faults.says("pos" if len(request.body["messages"]) > 1 else "blue")

    async def both(host):
        hosting = await host.open()
        first = await host.send(7, question(7))
        return hosting, first, await host.send(7, question(7))

    with faults.FaultServer(respond) as server:
        hosting, first, second = asyncio.run(both(at(server)))
        headers = [request.headers for request in server.requests]
    os.environ.pop("OPENAI_ORG_ID")
    assert hosting.identity == OpenAIAnnotator("tiny", base_url="http://x/v1").identity
    assert (first.reply, first.problem, first.fallback.answer) == (None, None, INVALID)
    assert (second.reply.answer, second.usage.input_tokens) == ("pos", 200)
    names = {name.lower(): value for request in headers for name, value in request.items()}
    assert names["openai-organization"] == "org-1"


def test_problems_come_back_as_values(faults, at):
    replies = {
        "0": faults.error(500, "out of order"),
        "1": faults.error(400, "This text was filtered."),
        "2": faults.error(401, "Incorrect API key provided"),
    }

    async def all_of_them(host):
        await host.open()
        return [await host.send(n, question(n)) for n in range(3)]

    with faults.FaultServer(lambda request: replies[request.row]) as server:
        sent = asyncio.run(all_of_them(at(server)))
    assert isinstance(sent[0].problem, RetryableError)
    assert isinstance(sent[2].problem, ServiceError)
    assert all(one.reply is None or one.problem is None for one in sent)


@pytest.fixture
def model(save_tiny_model, one_torch_thread):
    return save_tiny_model()


def asked(n):
    pools = [("spam", "ham", "s")[: 2 + k % 2] for k in range(n)]
    return [render_question(str(k), "Win! " * (k % 9), pool) for k, pool in enumerate(pools)]


def test_a_model_answers_in_lots_what_it_answers_here(model):
    questions = asked(LOT + 20)

    async def send_all(host):
        hosting = await host.open()
        sent = await asyncio.gather(*(host.send(n, q) for n, q in enumerate(questions)))
        return hosting, sent

    hosting, sent = asyncio.run(send_all(ModelHost(str(model), "cpu")))
    local = LocalAnnotator(load_local_model(model, "cpu"))
    expected = {answer.id: answer for answer in local.annotate(questions)}
    assert hosting.identity == local.identity
    for q, one in zip(questions, sent, strict=True):
        answer = expected[q.id]
        assert (one.reply.answer, one.reply.is_label) == (answer.answer, True)
        assert one.reply.probabilities == pytest.approx(answer.probabilities, abs=1e-5)
        assert json.loads(one.reply.raw_answer).keys() == json.loads(answer.raw_answer).keys()
        assert (one.usage.input_tokens, one.usage.output_tokens) == (answer.input_tokens, 0)


def test_a_prompt_that_is_too_long_is_rejected_alone(save_tiny_model, one_torch_thread):
    long = render_question("long", "zq" * 3_000, ("a", "b"))

    async def send_both(host):
        await host.open()
        return await asyncio.gather(host.send(0, long), host.send(1, asked(1)[0]))

    too_long, short = asyncio.run(send_both(ModelHost(str(save_tiny_model("gpt2")), "cpu")))
    assert isinstance(too_long.problem, RejectedError)
    assert "the model takes 2,048" in too_long.problem.message
    assert short.reply.is_label


def test_errors_of_the_model_reach_all_that_wait(model, monkeypatch):
    def break_down(self, questions):
        raise ModelError("out of memory", "take another one")
        yield

    monkeypatch.setattr(LocalAnnotator, "annotate", break_down)

    async def send_all(host):
        await host.open()
        return await asyncio.gather(*(host.send(n, q) for n, q in enumerate(asked(3))))

    sent = asyncio.run(send_all(ModelHost(str(model), "cpu")))
    assert {str(one.problem) for one in sent} == {"out of memory"}


def test_a_model_that_is_not_there_says_on_which_machine(tmp_path):
    hosting = asyncio.run(ModelHost(str(tmp_path), "cpu").open())
    assert isinstance(hosting.problem, ModelError)
    assert hosting.problem.message.startswith(f"on {os.uname().nodename}: {tmp_path}: no model")


def test_who_has_gone_away_is_not_answered(model):
    async def cancel_one(host):
        await host.open()
        gone = asyncio.create_task(host.send(0, replace(asked(1)[0], id="gone")))
        await asyncio.sleep(0)
        gone.cancel()
        return await host.send(1, asked(1)[0])

    assert asyncio.run(cancel_one(ModelHost(str(model), "cpu"))).reply.is_label

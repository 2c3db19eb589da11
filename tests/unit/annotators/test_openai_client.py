"""What is sent, what is learned about the server, and what never leaves: against a real socket."""

import json
import logging
import math
import threading
import time
import traceback

import pytest

from noisefix.annotators.engine import ask
from noisefix.annotators.openai_client import OpenAIAnnotator
from noisefix.annotators.protocol import Identity
from noisefix.errors import ServiceError, UsageError

KEY = "sk-test-0123456789abcdef"


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def annotator_for(quick_policy):
    def make(server, **options):
        options = {"policy": quick_policy, "concurrency": 4, **options}
        return OpenAIAnnotator("tiny", base_url=server.url, **options)

    return make


def test_what_is_sent(faults, annotator_for, make_questions):
    with faults.FaultServer(lambda request: faults.says("pos")) as server:
        annotator = annotator_for(server, seed=7, extra_body={"top_k": 1})
        list(annotator.annotate(make_questions(1)))
    (request,) = server.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    body = request.body
    assert body["model"] == "tiny"
    assert body["messages"] == [
        {"role": "system", "content": "Label the text."},
        {"role": "user", "content": "row 0 of the data"},
    ]
    assert (body["temperature"], body["seed"], body["max_tokens"]) == (0.0, 7, 2048)
    assert (body["logprobs"], body["top_k"]) == (True, 1)
    schema = body["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert schema["schema"]["properties"]["answer"]["enum"] == ["pos", "neg", "none", "ambiguous"]


def test_votes_have_seeds_of_their_own(faults, annotator_for, make_questions):
    with faults.FaultServer(lambda request: faults.says("pos")) as server:
        questions = [q for vote in range(3) for q in make_questions(1, vote=vote)]
        answers = list(annotator_for(server, seed=5).annotate(questions))
    assert sorted(request.body["seed"] for request in server.requests) == [5, 6, 7]
    assert sorted(answer.vote for answer in answers) == [0, 1, 2]


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    ("refused", "complaint"),
    [
        ("response_format", {"error": {"message": "response_format is not supported"}}),
        ("response_format", {"error": {"message": "bad", "param": "response_format"}}),
        ("response_format", {"detail": "Unknown field: response_format"}),
        ("response_format", {"message": "json_schema cannot be compiled"}),
        ("seed", {"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted",
                              "input": "logprobs temperature response_format"}]}),
        ("logprobs", {"error": "logprobs are not available for this model"}),
        ("temperature", {"error": {"message": "Unsupported value: 'temperature'"}}),
        ("max_tokens", {"error": {"message": "max_tokens is not permitted"}}),
        ("seed", {"error": {"message": "what is this?"}}),
        ("temperature", "no explanation at all"),
    ],
)  # fmt: skip
def test_an_unsupported_parameter_is_found_out_once(
    faults, annotator_for, make_questions, status, refused, complaint
):
    def respond(request):
        if refused in request.body:
            return [faults.http(status, complaint)]
        return [0.005, *faults.says("pos")]

    with faults.FaultServer(respond) as server:
        answers = list(annotator_for(server).annotate(make_questions(30)))
    assert {answer.label for answer in answers} == {"pos"}
    assert len(answers) == 30
    with_it = [request.number for request in server.requests if refused in request.body]
    assert with_it == list(range(len(with_it)))  # at the very start only, one at a time
    assert len(with_it) == (1 if refused in json.dumps(complaint) else len(with_it))
    assert len(server.requests) == 30 + len(with_it)


def test_new_openai_models_want_max_completion_tokens(faults, annotator_for, make_questions):
    def respond(request):
        if "max_tokens" in request.body:
            return faults.error(
                400,
                "Unsupported parameter: 'max_tokens' is not supported with this model."
                " Use 'max_completion_tokens' instead.",
                param="max_tokens",
            )
        return faults.says("pos")

    with faults.FaultServer(respond) as server:
        list(annotator_for(server, max_output_tokens=99).annotate(make_questions(3)))
    assert [request.body.get("max_completion_tokens") for request in server.requests] == (
        [None, 99, 99, 99]
    )


def test_without_a_schema_answers_are_parsed(faults, annotator_for, make_questions):
    def respond(request):
        if "response_format" in request.body:
            return faults.error(400, "response_format is not supported")
        return [faults.http(200, faults.completion("**Neg**."))]

    with faults.FaultServer(respond) as server:
        answers = list(annotator_for(server).annotate(make_questions(3)))
    assert [answer.label for answer in answers] == ["neg"] * 3


def test_log_probabilities_become_the_confidence(faults, annotator_for, make_questions):
    tokens = [
        ('{"', -0.01, {}),
        ("answer", -0.01, {}),
        ('":"', -0.01, {}),
        ("po", math.log(0.8), {"po": math.log(0.8), "ne": math.log(0.15), "zz": math.log(0.05)}),
        ("s", math.log(0.9), {"s": math.log(0.9), "t": math.log(0.1)}),
        ('"}', -0.01, {}),
    ]
    reply = [faults.http(200, faults.completion('{"answer":"pos"}', tokens=tokens))]
    with faults.FaultServer(lambda request: reply) as server:
        (answer,) = annotator_for(server).annotate(make_questions(1))
    assert answer.confidence == pytest.approx(0.72)
    assert answer.probabilities["neg"] / answer.probabilities["pos"] == pytest.approx(0.15 / 0.72)
    assert sum(answer.probabilities.values()) == pytest.approx(1.0)


def test_a_server_without_log_probabilities_gives_no_confidence(
    faults, annotator_for, make_questions
):
    with faults.FaultServer(lambda request: faults.says("pos")) as server:
        (answer,) = annotator_for(server).annotate(make_questions(1))
    assert (answer.confidence, answer.probabilities) == (None, None)


def test_everything_an_answer_carries(faults, annotator_for, make_questions):
    with faults.FaultServer(lambda request: [0.05, *faults.says("neg", usage=(321, 12))]) as server:
        (answer,) = annotator_for(server).annotate(make_questions(1))
    assert (answer.annotator, answer.model) == ("openai", "tiny")
    assert (answer.input_tokens, answer.output_tokens, answer.attempts) == (321, 12, 1)
    assert 0.05 <= answer.latency_s < 1.0
    assert answer.raw_answer == '{"answer": "neg"}'
    assert len(answer.prompt_sha256) == 64


def test_no_more_in_flight_than_the_concurrency(faults, annotator_for, make_questions, store):
    with faults.FaultServer(lambda request: [0.01, *faults.says("pos")]) as server:
        answers = list(ask(annotator_for(server, concurrency=7), make_questions(200), store=store))
    assert len(answers) == 200
    assert server.most_at_once == 7


def test_identical_questions_in_flight_are_asked_once(faults, annotator_for, make_questions, store):
    questions = make_questions(3) * 40
    questions = [type(q)(f"copy-{n}", q.label_pool, q.prompt) for n, q in enumerate(questions)]
    with faults.FaultServer(lambda request: [0.02, *faults.says("pos")]) as server:
        answers = list(ask(annotator_for(server, concurrency=16), questions, store=store))
    assert len(answers) == len({answer.id for answer in answers}) == 120
    assert len(server.requests) == 3
    assert sum(not answer.reused for answer in answers) == 3


def test_answers_are_stored_though_nobody_takes_them(faults, annotator_for, make_questions, store):
    with faults.FaultServer(lambda request: faults.says("pos")) as server:
        answers = ask(annotator_for(server), make_questions(40), store=store)
        next(answers)
        until = time.monotonic() + 5.0
        while store.totals().answers < 40 and time.monotonic() < until:
            time.sleep(0.02)
        assert store.totals().answers == 40
        answers.close()


def test_closing_stops_at_once_and_leaves_no_thread(faults, annotator_for, make_questions, store):
    before = threading.active_count()
    with faults.FaultServer(
        lambda request: [60.0] if request.number >= 5 else faults.says("pos")
    ) as server:
        answers = ask(annotator_for(server), make_questions(1000), store=store)
        for _ in range(5):
            next(answers)
        began = time.monotonic()
        answers.close()
        assert time.monotonic() - began < 1.0
        assert len(server.requests) <= 5 + 4
    assert threading.active_count() <= before


def test_the_key_is_in_no_error_no_log_and_no_traceback(
    faults, annotator_for, make_questions, caplog
):
    caplog.set_level(logging.DEBUG)
    echo = faults.error(401, f"bad key {KEY}")
    with faults.FaultServer(lambda request: echo) as server:
        annotator = annotator_for(server)
        with pytest.raises(ServiceError) as caught:
            list(annotator.annotate(make_questions(1)))
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(vars(annotator))
    assert KEY not in shown
    assert "[hidden]" in caught.value.message


def test_the_key_is_in_no_traceback_of_a_bug(faults, annotator_for, make_questions, monkeypatch):
    def broken(*args, **kwargs):
        raise KeyError(f"Authorization: Bearer {KEY}")

    monkeypatch.setattr("aiohttp.ClientSession._request", broken)
    with faults.FaultServer(lambda request: faults.says("pos")) as server:
        annotator = annotator_for(server)
        with pytest.raises(RuntimeError) as caught:
            list(annotator.annotate(make_questions(1)))
    shown = "".join(traceback.format_exception(caught.value))
    assert KEY not in shown
    assert "KeyError" in shown


def test_a_bug_without_secrets_keeps_its_traceback(
    faults, annotator_for, make_questions, monkeypatch
):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("a plain bug")

    monkeypatch.setattr("noisefix.annotators.openai_client.reply_of", broken)
    with (
        faults.FaultServer(lambda request: faults.says("pos")) as server,
        pytest.raises(ZeroDivisionError, match="a plain bug"),
    ):
        list(annotator_for(server).annotate(make_questions(3)))


def test_passwords_in_the_address_are_not_shown(make_questions, quick_policy):
    annotator = OpenAIAnnotator(
        "tiny", base_url="http://me:hunter22@127.0.0.1:9/v1", policy=quick_policy
    )
    with pytest.raises(ServiceError) as caught:
        list(annotator.annotate(make_questions(9)))
    assert "hunter22" not in f"{caught.value.message} {caught.value.hint}"
    assert "http://127.0.0.1:9/v1" in caught.value.message


def test_a_password_in_the_address_goes_before_the_key(faults, make_questions, quick_policy):
    with faults.FaultServer(lambda request: faults.says("pos")) as server:
        url = server.url.replace("http://", "http://me:hunter22@")
        list(OpenAIAnnotator("m", base_url=url, policy=quick_policy).annotate(make_questions(1)))
    assert server.requests[0].headers["authorization"] == "Basic bWU6aHVudGVyMjI="


def test_no_key_for_openai_is_wrong_usage(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(UsageError, match="OPENAI_API_KEY is not set") as caught:
        OpenAIAnnotator("gpt")
    assert "--api-key-env" in caught.value.hint
    OpenAIAnnotator("llama", base_url="http://localhost:11434/v1")  # a server of one's own: fine


def test_a_named_variable_must_be_there(monkeypatch):
    with pytest.raises(UsageError, match="MY_KEY is not set"):
        OpenAIAnnotator("m", base_url="http://localhost:1/v1", api_key_env="MY_KEY")
    monkeypatch.setenv("MY_KEY", f"  {KEY}\n")
    OpenAIAnnotator("m", base_url="http://localhost:1/v1", api_key_env="MY_KEY")


def test_a_key_with_a_line_break_inside_is_refused_unseen(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-first\nsk-second")
    with pytest.raises(UsageError, match="OPENAI_API_KEY has blanks") as caught:
        OpenAIAnnotator("m")
    assert "sk-first" not in f"{caught.value.message}{caught.value.hint}"


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://x/v1", "file:///etc/passwd"])
def test_an_address_must_be_of_the_web(url):
    with pytest.raises(UsageError, match="no web address"):
        OpenAIAnnotator("m", base_url=url)


def test_the_identity_says_what_can_change_an_answer():
    one = OpenAIAnnotator("m", base_url="http://a:1/v1", concurrency=3)
    two = OpenAIAnnotator("m", base_url="http://b:2/v1", concurrency=9)
    assert one.identity == two.identity
    assert one.identity == Identity(
        "openai", "m", {"temperature": 0.0, "seed": 0, "max_tokens": 2048}
    )
    assert OpenAIAnnotator("m", temperature=1.0).identity != one.identity

"""Services as they are: every text gets its answer, whatever their ways; each way costs little."""

import json

import pytest

from noisefix.annotators.engine import ask
from noisefix.annotators.openai_client import OpenAIAnnotator
from noisefix.annotators.protocol import Message, Question
from noisefix.errors import ServiceError, UsageError

KEY = "sk-test-0123456789abcdef"
SERVICES = [
    "log-probabilities refused with 403",
    "seed unknown, in a list",
    "schema refused with 500",
    "temperature refused with 404, as text",
    "seed refused inside a 200",
    "a complaint within a complaint",
    "no system role",
    "no system role, of a template",
    "no system role, of a schema",
    "small context, computed",
    "small context, newer",
    "small context, not told",
    "answer in reasoning_content",
    "answer at the end of reasoning",
    "answer in a tool call",
    "content in parts",
    "token of the template left",
    "event stream",
    "legacy text",
]


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def run(faults, quick_policy, store, make_questions):
    """Return ``run(respond, n)``, which asks a server; it returns answers, error and server."""

    def runs(respond, n=8, *, path="/v1", questions=None, **options):
        got, error = [], None
        options = {"policy": quick_policy, "concurrency": 2, **options}
        with faults.FaultServer(respond) as server:
            url = server.url.removesuffix("/v1") + path
            annotator = OpenAIAnnotator("tiny", base_url=url, **options)
            try:
                for answer in ask(annotator, questions or make_questions(n), store=store):
                    got.append(answer)
            except ServiceError as caught:
                error = caught
        return got, error, server

    return runs


def test_every_service_is_tried(services):
    assert sorted(services.SERVICES) == sorted(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_every_text_gets_its_answer(run, services, name):
    got, error, server = run(services.SERVICES[name])
    assert error is None
    assert [answer.label for answer in got] == ["pos"] * 8
    assert len(server.requests) <= 8 + 3, "what was found out is not remembered"


def test_a_room_that_is_told_is_asked_for_at_once(run, services):
    _, _, server = run(services.SERVICES["small context, computed"], 4)
    lengths = [request.body["max_tokens"] for request in server.requests]
    assert lengths[0] == 2048
    assert len(lengths) == 5
    assert all(1000 < length <= 1348 for length in lengths[1:])


def test_a_room_that_is_not_told_is_halved_and_remembered(run, services):
    _, _, server = run(services.SERVICES["small context, not told"], 4)
    assert [request.body["max_tokens"] for request in server.requests] == [2048, *[1024] * 4]


def test_a_length_that_is_never_right_is_left_out(run, faults):
    def respond(request):
        if "max_tokens" in request.body:
            return faults.error(400, "max_tokens is too large")
        return faults.says("pos")

    got, _, server = run(respond, 3)
    assert [answer.label for answer in got] == ["pos"] * 3
    lengths = [request.body.get("max_tokens") for request in server.requests]
    assert lengths == [2048, 1024, 512, 256, None, None, None]


def test_the_length_can_be_chosen(run, faults):
    _, _, server = run(lambda request: faults.says("pos"), 1, max_output_tokens=99)
    assert server.requests[0].body["max_tokens"] == 99
    with pytest.raises(UsageError, match="at least 1"):
        OpenAIAnnotator("tiny", max_output_tokens=0)


def test_system_role_and_log_probabilities_can_be_left_out_from_the_start(run, services):
    _, _, server = run(services.SERVICES["no system role"], 2, system_role="user", logprobs="off")
    assert len(server.requests) == 2
    (message,) = server.requests[0].body["messages"]
    assert message["content"].startswith("Label the text.\n\nrow ")
    assert "logprobs" not in server.requests[0].body


def test_roles_take_turns_after_an_empty_answer(run, faults):
    def respond(request):
        if request.number == 0:
            return [faults.http(200, faults.completion(""))]
        return faults.says("pos")

    _, _, server = run(respond, 1)
    roles = [message["role"] for message in server.requests[1].body["messages"]]
    assert roles == ["system", "user"]
    assert "allowed answers" in server.requests[1].text


CUT = [
    "<think>\nAt first sight. So the answer is pos.\nWait, but",
    "Let me see. So the answer is pos.\nBut then",
    'Perhaps {"answer": "pos"}, or',
]


@pytest.mark.parametrize("said", CUT)
def test_a_cut_off_answer_is_asked_for_again_with_more_room(run, faults, said):
    def respond(request):
        if request.body["max_tokens"] <= 2048:
            return [faults.http(200, faults.completion(said, finish_reason="length"))]
        return faults.says("neg")

    got, error, server = run(respond, 4, concurrency=1)
    assert error is None
    assert [answer.label for answer in got] == ["neg"] * 4
    lengths = [request.body["max_tokens"] for request in server.requests]
    assert lengths == [2048, *[8192] * 4]  # remembered


@pytest.mark.parametrize(
    ("complaint", "lengths"),
    [
        ("max_tokens is too large: at most 4096 are supported", [2048, 8192, 4096]),
        ("maximum context length is 2100 tokens, you asked for 8197 (5 in the prompt)",
         [2048, 8192]),
        ("max_tokens is too large", [2048, 8192, 4096]),
    ],
)  # fmt: skip
def test_more_room_than_there_is_is_not_insisted_on(run, faults, complaint, lengths):
    def respond(request):
        if request.body["max_tokens"] > 4096:
            return faults.error(400, complaint)
        return [faults.http(200, faults.completion("Let me see", finish_reason="length"))]

    (got,), error, server = run(respond, 1)
    assert error is None
    assert got.is_cut
    assert [request.body["max_tokens"] for request in server.requests] == lengths


def test_a_server_that_fails_at_first_keeps_its_parameters(run, faults):
    def respond(request):
        if request.number < 2:
            return faults.error(500, "An unexpected error occurred: invalid argument")
        return faults.says("pos")

    _, error, server = run(respond, 2)
    assert error is None
    assert all("response_format" in request.body for request in server.requests)


def test_a_request_that_alone_passes_the_limit_is_made_shorter(run, faults):
    def respond(request):
        if request.body["max_tokens"] > 1500:
            return faults.error(429, "Request too large: Limit 2000, Requested 2600 tokens")
        return faults.says("pos")

    got, error, server = run(respond, 3)
    assert error is None
    assert [answer.label for answer in got] == ["pos"] * 3
    assert [request.body["max_tokens"] for request in server.requests] == [2048, *[1024] * 3]


@pytest.mark.parametrize("said", CUT)
def test_what_stays_cut_off_is_never_a_label(run, faults, said):
    body = faults.completion(said, finish_reason="length")
    got, error, server = run(lambda request: [faults.http(200, body)], 3)
    assert error is None
    assert {(answer.answer, answer.is_label, answer.is_cut) for answer in got} == {
        ("invalid", False, True)
    }
    assert len(server.requests) == 6


def test_unfinished_reasoning_is_no_answer_though_the_server_says_stop(run, faults):
    body = faults.completion("<think>\nThe answer is pos.")
    got, _, _ = run(lambda request: [faults.http(200, body)], 1)
    assert (got[0].answer, got[0].is_cut) == ("invalid", True)


@pytest.mark.parametrize("reason", ["length", "max_tokens", "MAX_TOKENS"])
@pytest.mark.parametrize("said", ['{"answer": "pos"}', "pos", '```json\n{"answer": "pos"}\n```'])
def test_a_whole_answer_counts_though_it_was_cut_off(run, faults, reason, said):
    body = faults.completion(said, finish_reason=reason)
    got, _, server = run(lambda request: [faults.http(200, body)], 1)
    assert got[0].label == "pos"
    assert len(server.requests) == 1


FLAGGED = {
    403: {"error": {"code": 403, "message": "The input was flagged by moderation.",
                    "metadata": {"reasons": ["violence"], "flagged_input": "row 5"}}},
    400: {"error": {"code": "content_filter", "message": "The response was filtered", "status": 400,
                    "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
    422: {"message": "Your prompt violates our usage policies"},
    200: {"choices": [], "prompt_filter_results": [
        {"content_filter_results": {"hate": {"filtered": True}}}]},
}  # fmt: skip


@pytest.mark.parametrize("status", FLAGGED)
def test_a_moderated_row_is_refused_and_all_others_are_asked(run, faults, store, status):
    def respond(request):
        if request.row == "5":
            return [faults.http(status, FLAGGED[status])]
        return faults.says("pos")

    got, error, server = run(respond)
    assert error is None
    assert {answer.id for answer in got if answer.answer == "refused"} == {"id-5"}
    assert sum(answer.label == "pos" for answer in got) == 7
    assert len(server.requests) == store.totals().answers == 8


def test_a_blocked_account_is_no_matter_of_one_row(run, faults):
    said = faults.error(403, "Your account has been flagged for violating our policies.")
    got, error, server = run(lambda request: said)
    assert (got, len(server.requests)) == ([], 1)
    assert "Your account has been flagged" in error.message


ERRORS = {
    "a list": [{"error": {"code": 400, "message": "The moon is full."}}],
    "errors": {"errors": [{"code": 7, "message": "The moon is full."}], "success": False},
    "a text": "The moon is full.",
    "html": b"<html><head><title>Oops</title></head><body><p>The moon is full.</p></body></html>",
    "detail": {"detail": "The moon is full."},
    "a list of details": {"detail": [{"loc": ["body"], "msg": "The moon is full."}]},
    "plain text": b"The moon\nis full.",
    "error, a text": {"error": "The moon is full."},
    "an error in an error": {"error": {"message": '{"message": "The moon is full."}'}},
}


@pytest.mark.parametrize("shape", ERRORS)
def test_the_servers_own_words_are_shown(run, faults, shape):
    got, error, _ = run(lambda request: [faults.http(400, ERRORS[shape])], 5)
    assert "The moon is full." in error.message
    assert "\n" not in error.message
    assert error.hint
    assert all(answer.answer is None for answer in got)


def test_an_empty_error_is_told_with_its_status(run, faults):
    _, error, _ = run(lambda request: [faults.http(418, b"")], 5)
    assert "answers 418" in error.message


@pytest.mark.parametrize(
    ("status", "body", "words", "hint"),
    [
        (400, [{"error": {"message": "API key not valid. Please pass one."}}], "API key not valid",
         "OPENAI_API_KEY"),
        (403, {"message": "Invalid API Key"}, "key was not accepted", "--api-key-env"),
        (400, {"errors": [{"message": "No such model tiny or task"}]}, "'tiny' was not found",
         "--model"),
        (405, b"Method Not Allowed", "not found", "/v1"),
        (400, b"<html><title>400 The plain HTTP request was sent to HTTPS port</title></html>",
         "HTTPS port", "https://"),
        (407, b"", "proxy", "no_proxy"),
    ],
)  # fmt: skip
def test_what_will_not_pass_is_told_after_one_question(run, faults, status, body, words, hint):
    got, error, server = run(lambda request: [faults.http(status, body)], 50, concurrency=16)
    posts = [request for request in server.requests if request.body is not None]
    assert (got, error.exit_code) == ([], 5)
    assert words in error.message
    assert hint in error.hint
    assert len(posts) <= (7 if "HTTPS" in words else 1)


def test_a_web_page_in_the_place_of_the_api_is_told_at_once(run, faults):
    page = [faults.http(200, b"<!doctype html><title>Welcome</title><p>Log in</p>")]
    _, error, server = run(lambda request: page, 50)
    assert "Welcome" in error.message
    assert "/v1" in error.hint
    assert len(server.requests) == 2


@pytest.mark.parametrize("end", ["", "/", "/chat/completions", "/chat/completions/"])
def test_addresses_as_people_copy_them(run, faults, end):
    _, error, server = run(lambda request: faults.says("pos"), 1, path=f"/v1{end}")
    assert error is None
    assert server.requests[0].path == "/v1/chat/completions"


@pytest.mark.parametrize("end", ["", "/", "/chat/completions"])
def test_a_query_stays_behind_the_path(run, services, end):
    path = f"/openai/deployments/d{end}?api-version=2024-10-21"
    got, error, server = run(services.azure, 2, path=path)
    assert error is None
    assert [answer.label for answer in got] == ["pos", "pos"]
    assert server.requests[0].headers["api-key"] == KEY
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_other_servers_get_no_header_of_azure(run, faults):
    _, _, server = run(lambda request: faults.says("pos"), 1)
    assert "api-key" not in server.requests[0].headers


def minute_service(faults, most, window_s, complaint):
    """Return a service that answers so many requests in each window."""
    seen = []

    def respond(request):
        began = seen[0] if seen else request.at
        this = [at for at in seen if (at - began) // window_s == (request.at - began) // window_s]
        if len(this) >= most:
            return faults.error(429, complaint)
        seen.append(request.at)
        return faults.says("pos")

    return respond


@pytest.mark.parametrize(
    "complaint", ["Limit of 8 requests per minute", "too many", "try again in 0s"]
)
def test_a_limit_by_the_minute_is_waited_out(run, faults, quick_policy, complaint):
    policy = type(quick_policy)(**{**vars(quick_policy), "window_s": 0.5, "longest_wait_s": 0.2})
    respond = minute_service(faults, 8, 0.5, complaint)
    got, error, server = run(respond, 24, policy=policy, concurrency=8)
    assert error is None
    assert [answer.label for answer in got] == ["pos"] * 24
    assert len(server.requests) < 24 + 24  # without one throttle for all it would be hundreds


def test_a_wait_that_is_told_in_words_is_kept(run, faults):
    def respond(request):
        if request.number == 0:
            return faults.error(429, "Rate limit reached. Please try again in 700ms.")
        return faults.says("pos")

    _, error, server = run(respond, 3)
    assert error is None
    assert server.requests[1].at - server.requests[0].at >= 0.7


def test_a_model_called_like_a_parameter_is_not_taken_for_one(run, faults, monkeypatch):
    question = Question("a", ("pos", "neg"), (Message("user", "row 1"),))
    with faults.FaultServer(
        lambda request: faults.error(403, "You may not use seed-oss here.")
    ) as server:
        annotator = OpenAIAnnotator("seed-oss", base_url=server.url)
        with pytest.raises(ServiceError, match="may not use seed-oss here"):
            list(ask(annotator, [question]))
    assert len(server.requests) == 1
    assert "seed" in json.dumps(server.requests[0].body)

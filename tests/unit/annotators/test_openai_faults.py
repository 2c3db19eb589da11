"""Every fault a server can have: no answer lost, none paid twice, an error that says what to do.

The server is real and scripted; so is the HTTP. ``answered`` counts, row by row, the answers the
server gave away complete: a row that has two of them was paid for twice.
"""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from noisefix.annotators.budget import Budget, BudgetError, Prices
from noisefix.annotators.engine import UnansweredError, ask
from noisefix.annotators.openai_client import OpenAIAnnotator
from noisefix.errors import ServiceError

KEY = "sk-test-0123456789abcdef"


@pytest.fixture
def run(faults, monkeypatch, quick_policy, store, make_questions):
    """Return ``run(respond, n)``, which asks a server; it returns answers, error and server."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def runs(respond, n=12, *, questions=None, budget=None, concurrency=4, **options):
        options.setdefault("policy", quick_policy)
        got, error = [], None
        with faults.FaultServer(respond) as server:
            annotator = OpenAIAnnotator(
                "tiny", base_url=server.url, concurrency=concurrency, **options
            )
            questions = make_questions(n) if questions is None else questions
            try:
                for answer in ask(annotator, questions, store=store, budget=budget):
                    got.append(answer)
            except ServiceError as caught:
                error = caught
        return got, error, server

    return runs


class Once:
    """Responds with a fault to the first request for one row, and well to everything else."""

    def __init__(self, faults, fault, row="5"):
        self.faults, self.fault, self.row = faults, fault, row
        self.answered = Counter()
        self.is_done = False

    def __call__(self, request):
        if request.row == self.row and not self.is_done:
            self.is_done = True
            return self.fault
        self.answered[request.row] += 1
        return self.faults.says("pos")


def expect_all_well(got, error, store, n=12):
    assert error is None
    assert sorted(answer.id for answer in got) == sorted(f"id-{row}" for row in range(n))
    assert {answer.label for answer in got} == {"pos"}
    assert store.totals().answers == n


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_passing_statuses_are_tried_again(run, faults, store, status):
    respond = Once(faults, faults.error(status, "not now"))
    got, error, _ = run(respond)
    expect_all_well(got, error, store)
    assert set(respond.answered.values()) == {1}
    assert {a.id: a.attempts for a in got}["id-5"] == 2


def test_retry_after_in_seconds_is_honoured(run, faults, store):
    respond = Once(faults, faults.error(429, "slow down", headers={"Retry_After": "1"}))
    got, error, server = run(respond, 20)
    expect_all_well(got, error, store, 20)
    tries = [request.at for request in server.requests if request.row == "5"]
    assert tries[1] - tries[0] >= 1.0
    late = [r.at for r in server.requests if tries[0] + 0.2 < r.at < tries[0] + 0.95]
    assert late == []  # nobody else goes on either: the limit is the key's, not the row's


def test_retry_after_as_a_date_is_honoured(run, faults, store):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)
    respond = Once(faults, faults.error(503, "busy", headers={"Retry_After": date}), row="0")
    got, error, server = run(respond, 3)
    expect_all_well(got, error, store, 3)
    tries = [request.at for request in server.requests if request.row == "0"]
    assert 1.0 < tries[1] - tries[0] < 3.5


def test_a_very_long_retry_after_ends_the_run_at_once(run, faults, store):
    respond = Once(faults, faults.error(429, "daily limit", headers={"Retry_After": "7200"}))
    got, error, _ = run(respond, 50, concurrency=1)
    assert error.exit_code == 5
    assert "7200 s" in error.message
    assert len(got) == store.totals().answers == 5
    assert "will not be asked again" in error.hint


def test_429s_bring_the_concurrency_down_and_lose_nobody(run, faults, store):
    refused = []

    def respond(request):
        if request.at_once > 3:
            refused.append(request.row)
            return faults.error(429, "too many")
        return [0.01, *faults.says("pos")]

    got, error, _ = run(respond, 200, concurrency=32)
    expect_all_well(got, error, store, 200)
    assert 0 < len(refused) < 150  # without slowing down it would be thousands


def test_a_row_that_always_gets_a_429_is_given_up(run, faults, store):
    def respond(request):
        if request.row == "5":
            return faults.error(429, "request too large for the tokens per minute")
        return faults.says("pos")

    _, error, server = run(respond, 300)
    assert isinstance(error, UnansweredError)
    assert store.totals().answers == 299
    assert 4 <= Counter(server.rows)["5"] <= 20


def test_a_hang_meets_the_time_limit_and_is_tried_again(run, faults, store, quick_policy):
    respond = Once(faults, [60.0])
    policy = type(quick_policy)(**{**vars(quick_policy), "timeout_s": 0.3})
    got, error, _ = run(respond, policy=policy)
    expect_all_well(got, error, store)
    assert set(respond.answered.values()) == {1}


def test_a_server_that_always_hangs(run, faults, store, quick_policy):
    policy = type(quick_policy)(**{**vars(quick_policy), "timeout_s": 0.1, "max_attempts": 2})
    got, error, _ = run(lambda request: [60.0], policy=policy)
    assert error.exit_code == 5
    assert "no complete answer within 0.1 s (2 attempts)" in error.message
    assert "--timeout" in error.hint
    assert all(answer.answer is None and answer.error for answer in got)
    assert store.totals().answers == 0


def test_a_slow_drip_meets_the_time_limit_too(run, faults, store, quick_policy):
    whole = faults.http(200, faults.completion("pos"))
    drip = [part for byte in whole for part in (bytes([byte]), 0.05)]
    respond = Once(faults, drip)
    policy = type(quick_policy)(**{**vars(quick_policy), "timeout_s": 0.3})
    got, error, _ = run(respond, policy=policy)
    expect_all_well(got, error, store)


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("after", [0, 40, 150])
def test_a_connection_that_breaks_is_tried_again(run, faults, store, how, after):
    whole = faults.http(200, faults.completion("pos"))
    steps = [how] if after == 0 else [whole[:after], 0.02, how]
    respond = Once(faults, steps)
    got, error, _ = run(respond)
    expect_all_well(got, error, store)
    assert set(respond.answered.values()) == {1}


def test_nobody_is_there(store, make_questions, quick_policy, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    annotator = OpenAIAnnotator("tiny", base_url="http://127.0.0.1:9/v1", policy=quick_policy)
    with pytest.raises(ServiceError, match=r"no connection to http://127\.0\.0\.1:9/v1") as caught:
        list(ask(annotator, make_questions(20), store=store))
    assert "--base-url" in caught.value.hint


def test_truncated_json_is_asked_again_once(run, faults, store):
    body = json.dumps(faults.completion("pos")).encode()[:-30]
    respond = Once(faults, [faults.http(200, body)])
    got, error, _ = run(respond)
    expect_all_well(got, error, store)


def test_truncated_json_all_the_time(run, faults, store):
    body = json.dumps(faults.completion("pos")).encode()[:-30]
    _, error, server = run(lambda request: [faults.http(200, body)], 50, concurrency=1)
    assert error.exit_code == 5
    assert "no chat completion, twice" in error.message
    assert max(Counter(server.rows).values()) == 2
    assert store.totals().answers == 0


def test_a_page_of_html_is_no_answer(run, faults):
    _, error, _ = run(lambda request: [faults.http(200, b"<html>Welcome!</html>")], 3)
    assert "no chat completion, twice (Welcome!)" in error.message
    assert "/v1" in error.hint


def test_a_cut_off_answer_is_asked_again_then_invalid(run, faults, store):
    cut = [faults.http(200, faults.completion('{"answer": "po', finish_reason="length"))]
    (got,), error, _ = run(lambda request: cut, 1)
    assert error is None
    assert (got.answer, got.is_label, got.attempts) == ("invalid", False, 2)
    assert got.is_cut
    assert got.raw_answer.startswith('{"answer": "po … ')


def test_a_wrong_model_name_ends_the_run_with_one_request(run, faults, store):
    def respond(request):
        if request.path == "/v1/models":
            models = {"data": [{"id": "small"}, {"id": "large"}]}
            return [faults.http(200, models)]
        return faults.error(404, "The model `tiny` does not exist", code="model_not_found")

    got, error, server = run(respond, 100)
    assert got == []
    assert error.exit_code == 5
    assert "model 'tiny' was not found" in error.message
    assert error.hint == "models there: small, large"
    assert [request.path for request in server.requests] == ["/v1/chat/completions", "/v1/models"]


def test_a_wrong_address_says_so(run, faults):
    _, error, _ = run(lambda request: [faults.http(404, {"detail": "Not Found"})], 3)
    assert "/v1" in error.hint


def test_texts_do_not_follow_a_redirect_to_a_server_that_nobody_named(run, faults):
    with faults.FaultServer(lambda request: faults.says("pos")) as other:
        target = f"{other.url}/chat/completions".replace("//", f"//user:{KEY}@")
        got, error, server = run(lambda request: [faults.http(307, {}, Location=target)], 100)
    assert (got, error.exit_code, len(server.requests), other.requests) == ([], 5, 1, [])
    assert f"--base-url {other.url}" in error.hint
    assert KEY not in f"{error.message} {error.hint}"


@pytest.mark.parametrize(
    ("status", "message", "hint"),
    [
        (400, "key was not accepted", "--api-key-env"),
        (401, "key was not accepted", "--api-key-env"),
        (403, "key was not accepted", "--api-key-env"),
    ],
)
def test_a_key_that_is_not_accepted_ends_the_run(run, faults, store, status, message, hint):
    said = faults.error(status, f"Incorrect API key provided: {KEY}.")
    got, error, server = run(lambda request: said, 100, concurrency=16)
    assert len(server.requests) == 1
    assert (got, error.exit_code) == ([], 5)
    assert message in error.message
    assert hint in error.hint
    assert KEY not in f"{error.message} {error.hint} {error!r} {error.__cause__!r}"
    assert "[hidden]" in error.message


def test_no_quota_left_ends_the_run_and_keeps_what_was_paid(run, faults, store):
    def respond(request):
        if len(answered) < 10:
            answered.append(request.row)
            return faults.says("pos")
        return faults.error(429, "You exceeded your quota", type="insufficient_quota",
                            code="insufficient_quota")  # fmt: skip

    answered = []
    got, error, server = run(respond, 500, concurrency=4)
    assert "no quota left" in error.message
    assert "add credit" in error.hint
    assert len(got) == store.totals().answers == 10
    assert len(server.requests) <= 14
    got, error, server = run(Once(faults, faults.says("pos")), 500)
    assert error is None
    assert len(server.requests) == 490  # nothing is paid for twice


def test_payment_required_is_no_quota(run, faults):
    _, error, _ = run(lambda request: faults.error(402, "Insufficient Balance"), 3)
    assert "no quota left" in error.message


def test_an_off_list_label_is_asked_again_once(run, faults, store):
    off = Once(faults, faults.says("banana"))
    got, error, server = run(off)
    expect_all_well(got, error, store)
    again = [request for request in server.requests if request.row == "5"][1]
    assert again.body["messages"][-2] == {"role": "assistant", "content": '{"answer": "banana"}'}
    assert '"pos", "neg", "none", "ambiguous"' in again.body["messages"][-1]["content"]
    row = next(answer for answer in got if answer.id == "id-5")
    assert (row.attempts, row.input_tokens, row.output_tokens) == (2, 200, 20)


def test_off_list_twice_is_invalid_and_stored(run, faults, store):
    def respond(request):
        return faults.says("banana" if request.row == "5" else "neg")

    got, error, server = run(respond)
    assert error is None
    assert {a.id: (a.answer, a.is_label) for a in got}["id-5"] == ("invalid", False)
    assert Counter(server.rows)["5"] == 2
    _, error, server = run(respond)
    assert (error, server.requests) == (None, [])


def test_a_second_request_that_fails_does_not_lose_the_first_answer(run, faults, store):
    def respond(request):
        if request.row != "5":
            return faults.says("neg")
        is_again = len(request.body["messages"]) > 2
        return faults.error(500, "broken") if is_again else faults.says("banana")

    got, error, _ = run(respond)
    assert error is None
    assert {a.id: a.answer for a in got}["id-5"] == "invalid"
    assert store.totals().answers == 12


def test_a_model_that_never_follows_ends_the_run(run, faults, store):
    got, error, server = run(lambda request: faults.says("banana"), 1000, concurrency=2)
    assert "outside of what was offered" in error.message
    assert "JSON schemas" in error.hint
    assert len(server.requests) <= 2 * 22
    assert len(got) == store.totals().answers


def test_empty_choices_are_asked_again_then_invalid(run, faults, store):
    empty = {"choices": [], "usage": {"prompt_tokens": 50, "completion_tokens": 0}}
    (got,), error, _ = run(lambda request: [faults.http(200, empty)], 1)
    assert error is None
    assert (got.answer, got.attempts, got.input_tokens) == ("invalid", 2, 100)
    assert store.totals().answers == 1


@pytest.mark.parametrize(
    "said",
    [
        {"text": None, "refusal": "I cannot help with that."},
        {"text": "", "finish_reason": "content_filter"},
        {"text": "I'm sorry, but I can't assist with that request."},
    ],
)
def test_a_refusal_is_refused_with_one_request(run, faults, store, said):
    (got,), error, server = run(lambda request: [faults.http(200, faults.completion(**said))], 1)
    assert (got.answer, got.is_label, error) == ("refused", False, None)
    assert len(server.requests) == 1
    assert store.totals().answers == 1


def test_a_content_filter_before_the_model_is_a_refusal(run, faults, store):
    filtered = faults.error(400, "The prompt was filtered", code="content_filter")
    (got,), error, server = run(lambda request: filtered, 1)
    assert (got.answer, error, len(server.requests)) == ("refused", None, 1)


def test_an_answer_of_a_megabyte(run, faults, store):
    huge = [faults.http(200, faults.completion("blah " * 200_000))]
    (got,), error, server = run(lambda request: huge, 1)
    assert (got.answer, error) == ("invalid", None)
    assert len(got.raw_answer) < 25_000
    assert len(server.requests[1].body["messages"][-2]["content"]) <= 500


def test_an_answer_without_end_is_not_read_to_its_end(run, faults, store, monkeypatch):
    monkeypatch.setattr("noisefix.annotators.openai_connection.LARGEST_BODY", 100_000)
    huge = [faults.http(200, faults.completion("blah " * 200_000))]
    (got,), error, _ = run(lambda request: huge, 1)
    assert isinstance(error, UnansweredError)
    assert "longer than" in got.error


def test_a_row_that_is_too_long_does_not_stop_the_others(run, faults, store):
    def respond(request):
        if request.row == "5":
            return faults.error(400, "This model's maximum context length is 10 tokens",
                                code="context_length_exceeded")  # fmt: skip
        return faults.says("pos")

    got, error, server = run(respond)
    assert isinstance(error, UnansweredError)
    assert "1 questions got no answer" in error.message
    assert Counter(server.rows)["5"] == 1
    assert store.totals().answers == 11
    assert next(a for a in got if a.id == "id-5").error.endswith("context_length_exceeded)")


def test_an_error_inside_a_200_is_an_error(run, faults, store):
    proxy = [faults.http(200, {"error": {"message": "upstream is down", "code": 502}})]
    respond = Once(faults, proxy)
    got, error, _ = run(respond)
    expect_all_well(got, error, store)


def test_always_500_ends_the_run_after_few_rows(run, faults, store):
    got, error, server = run(lambda request: faults.error(500, "CUDA out of memory"), 1000)
    assert error.exit_code == 5
    assert "CUDA out of memory" in error.message
    assert "look at its log" in error.hint
    assert len(server.requests) <= 4 * 9
    assert all(answer.answer is None for answer in got)


def test_requests_never_exceed_the_budget(run, faults, store):
    got, error, server = run(
        lambda request: [0.01, *faults.says("pos")], 500, budget=Budget(max_requests=37),
        concurrency=16,
    )  # fmt: skip
    assert isinstance(error, BudgetError)
    assert len(server.requests) == len(got) == store.totals().answers == 37


@pytest.mark.parametrize(
    "limit",
    [{"max_tokens_total": 5000}, {"max_cost_usd": 0.005, "prices": Prices(1.0, 1.0)}],
)
def test_tokens_and_cost_stay_within_the_budget(run, faults, store, limit):
    got, error, server = run(
        lambda request: [0.01, *faults.says("pos")], 500, budget=Budget(**limit), concurrency=16
    )
    assert isinstance(error, BudgetError)
    assert len(got) == len(server.requests) == store.totals().answers
    assert 40 <= len(got) <= 46  # 110 tokens each; at least what fits but for the estimate


def test_nothing_in_the_run_folder_holds_the_key(run, faults, store, tmp_path):
    run(Once(faults, faults.error(500, f"echo {KEY}")))
    for path in tmp_path.rglob("*"):
        assert KEY.encode() not in path.read_bytes()

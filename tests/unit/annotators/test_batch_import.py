"""Batch responses into the store: any order, in parts, broken, twice."""

import json
import random

import pytest

from noisefix.annotators.batch_import import import_batch
from noisefix.annotators.budget import Prices
from noisefix.annotators.engine import stored_answers
from noisefix.annotators.keys import key_maker
from noisefix.annotators.openai_client import OpenAIAnnotator
from noisefix.errors import DataError


@pytest.fixture
def annotator(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    return OpenAIAnnotator("gpt-x")


@pytest.fixture
def respond(annotator, faults):
    """Return the batch's line for a question."""

    def line(question, text='{"answer": "pos"}', *, status=200, error=None):
        body = faults.completion(text, usage=(1000, 10))
        if status != 200:
            body = {"error": {"message": "rate limit", "code": "rate_limit"}}
        response = {"status_code": status, "request_id": "r", "body": body}
        return json.dumps(
            {
                "id": "batch_req_1",
                "custom_id": key_maker(annotator.identity)(question).hex(),
                "response": None if error else response,
                "error": error,
            }
        )

    return line


def test_answers_come_from_the_file(annotator, make_questions, respond, store, tmp_path):
    questions = make_questions(20)
    lines = [respond(question) for question in questions]
    random.Random(0).shuffle(lines)
    path = tmp_path / "responses.jsonl"
    path.write_text("\n".join(lines) + "\n")
    summary = import_batch([path], iter(questions), annotator, store, Prices(2.0, 10.0))
    assert (summary.stored, summary.known, summary.failed) == (20, 0, 0)
    assert (summary.input_tokens, summary.output_tokens) == (20_000, 200)
    assert summary.cost_usd == pytest.approx(20 * (1000 * 1.0 + 10 * 5.0) / 1e6)  # half the price
    answers = list(stored_answers(annotator, questions, store))
    assert [answer.id for answer in answers] == [question.id for question in questions]
    assert {(a.label, a.annotator, a.model, a.reused) for a in answers} == {
        ("pos", "openai", "gpt-x", True)
    }
    assert answers[0].cost_usd == pytest.approx(0.00105)


def test_partial_files_add_up_and_a_second_import_changes_nothing(
    annotator, make_questions, respond, store, tmp_path
):
    questions = make_questions(10)
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_text("\n".join(respond(q) for q in questions[:6]))
    second.write_text("\n".join(respond(q, '{"answer": "neg"}') for q in questions[4:]))
    assert import_batch([first], questions, annotator, store).stored == 6
    both = import_batch([first, second], questions, annotator, store, Prices(1.0, 1.0))
    assert (both.stored, both.known) == (4, 8)
    assert both.cost_usd == pytest.approx(4 * 1010 * 0.5 / 1e6)
    labels = [answer.label for answer in stored_answers(annotator, questions, store)]
    assert labels == ["pos"] * 6 + ["neg"] * 4


def test_what_cannot_be_used_is_counted(annotator, make_questions, respond, store, tmp_path):
    questions = make_questions(5)
    path = tmp_path / "r.jsonl"
    lines = [
        respond(questions[0]),
        respond(questions[1], status=429),
        respond(questions[2], error={"code": "batch_expired", "message": "too late"}),
        respond(questions[3], '{"answer": "banana"}'),
        json.dumps({"custom_id": "of another batch", "response": {}}),
        "",
        respond(questions[4])[:80],
    ]
    path.write_text("\n".join(lines))
    summary = import_batch([path], questions, annotator, store)
    assert (summary.stored, summary.failed, summary.unknown, summary.unreadable) == (2, 2, 1, 1)
    assert summary.first_failure == "rate limit; rate_limit"
    assert summary.cost_usd is None
    answers = {a.id: a.answer for a in stored_answers(annotator, questions, store)}
    assert answers == {"id-0": "pos", "id-3": "invalid"}


def test_a_file_of_something_else_is_bad_data(annotator, make_questions, store, tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text("id,label\n1,pos\n")
    with pytest.raises(DataError, match="no line of it is a batch response"):
        import_batch([path], make_questions(1), annotator, store)
    with pytest.raises(DataError, match="cannot be read"):
        import_batch([tmp_path / "missing.jsonl"], make_questions(1), annotator, store)


def test_a_class_called_error_is_fine(annotator, respond, store, make_questions, tmp_path):
    (question,) = make_questions(1, pool=("error", "warning"))
    path = tmp_path / "r.jsonl"
    path.write_text(respond(question, '{"answer": "error"}'))
    assert import_batch([path], [question], annotator, store).stored == 1
    (answer,) = stored_answers(annotator, [question], store)
    assert answer.label == "error"

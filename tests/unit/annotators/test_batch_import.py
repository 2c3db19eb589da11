"""Responses of a batch become stored answers."""

import json
import random

import pytest

from noisefix.annotators import batch_export
from noisefix.annotators.batch_export import export_batch
from noisefix.annotators.batch_import import import_batch
from noisefix.annotators.budget import Prices
from noisefix.annotators.engine import stored_answers
from noisefix.annotators.openai_client import OpenAIAnnotator
from noisefix.annotators.outstanding import Outstanding
from noisefix.annotators.protocol import Message, Question, key_maker
from noisefix.errors import DataError


@pytest.fixture
def importer(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    return OpenAIAnnotator("gpt-x")


@pytest.fixture
def respond(importer, faults):
    """Return the batch's line for a question."""

    def line(question, text='{"answer": "pos"}', *, status=200, error=None):
        body = faults.completion(text, usage=(1000, 10))
        if status != 200:
            body = {"error": {"message": "rate limit", "code": "rate_limit"}}
        response = {"status_code": status, "request_id": "r", "body": body}
        return json.dumps(
            {
                "id": "batch_req_1",
                "custom_id": key_maker(importer.identity)(question).hex(),
                "response": None if error else response,
                "error": error,
            }
        )

    return line


def test_answers_come_from_the_file(importer, make_questions, respond, store, tmp_path):
    questions = make_questions(20)
    lines = [respond(question) for question in questions]
    random.Random(0).shuffle(lines)
    path = tmp_path / "responses.jsonl"
    path.write_text("\n".join(lines) + "\n")
    summary = import_batch([path], iter(questions), importer, store, Prices(2.0, 10.0))
    assert (summary.stored, summary.known, summary.failed) == (20, 0, 0)
    assert (summary.input_tokens, summary.output_tokens) == (20_000, 200)
    assert summary.cost_usd == pytest.approx(20 * (1000 * 1.0 + 10 * 5.0) / 1e6)  # half the price
    answers = list(stored_answers(importer, questions, store))
    assert [answer.id for answer in answers] == [question.id for question in questions]
    assert {(a.label, a.annotator, a.model, a.reused) for a in answers} == {
        ("pos", "openai", "gpt-x", True)
    }
    assert answers[0].cost_usd == pytest.approx(0.00105)


def test_partial_files_add_up_and_a_second_import_changes_nothing(
    importer, make_questions, respond, store, tmp_path
):
    questions = make_questions(10)
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_text("\n".join(respond(q) for q in questions[:6]))
    second.write_text("\n".join(respond(q, '{"answer": "neg"}') for q in questions[4:]))
    assert import_batch([first], questions, importer, store).stored == 6
    both = import_batch([first, second], questions, importer, store, Prices(1.0, 1.0))
    assert (both.stored, both.known) == (4, 8)
    assert both.cost_usd == pytest.approx(4 * 1010 * 0.5 / 1e6)
    labels = [answer.label for answer in stored_answers(importer, questions, store)]
    assert labels == ["pos"] * 6 + ["neg"] * 4


def test_what_cannot_be_used_is_counted(importer, make_questions, respond, store, tmp_path):
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
    summary = import_batch([path], questions, importer, store)
    assert (summary.stored, summary.failed, summary.unknown, summary.unreadable) == (2, 2, 1, 1)
    assert summary.first_failure == "rate limit; rate_limit"
    assert summary.cost_usd is None
    answers = {a.id: a.answer for a in stored_answers(importer, questions, store)}
    assert answers == {"id-0": "pos", "id-3": "invalid"}


def test_a_file_of_something_else_is_bad_data(importer, make_questions, store, tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text("id,label\n1,pos\n")
    with pytest.raises(DataError, match="no line of it is a batch response"):
        import_batch([path], make_questions(1), importer, store)
    with pytest.raises(DataError, match="cannot be read"):
        import_batch([tmp_path / "missing.jsonl"], make_questions(1), importer, store)


def test_a_class_called_error_is_fine(importer, respond, store, make_questions, tmp_path):
    (question,) = make_questions(1, pool=("error", "warning"))
    path = tmp_path / "r.jsonl"
    path.write_text(respond(question, '{"answer": "error"}'))
    assert import_batch([path], [question], importer, store).stored == 1
    (answer,) = stored_answers(importer, [question], store)
    assert answer.label == "error"


def test_several_files_there_and_back_in_any_order(
    importer, make_questions, respond, store, tmp_path, monkeypatch
):
    monkeypatch.setattr(batch_export, "MOST_REQUESTS", 4)
    questions = make_questions(10)
    by_key = {key_maker(importer.identity)(q).hex(): q for q in questions}
    export = export_batch(tmp_path / "r.jsonl", questions, importer, store)
    assert len(export.paths) == 3
    back = []
    for path in export.paths:
        keys = [json.loads(line)["custom_id"] for line in path.read_text().splitlines()]
        lines = [respond(by_key[key]) for key in keys]
        back.append(path.with_suffix(".out"))
        back[-1].write_text("\n".join(lines))
    late = import_batch(back[2:], questions, importer, store)
    assert (late.stored, late.outstanding) == (2, 8)
    assert export_batch(tmp_path / "again.jsonl", questions, importer, store).requests == 0
    rest = import_batch(back[1::-1], questions, importer, store)
    assert (rest.stored, rest.outstanding) == (8, 0)
    answers = list(stored_answers(importer, questions, store))
    assert [answer.id for answer in answers] == [question.id for question in questions]


def test_a_request_that_failed_may_be_exported_again(
    importer, make_questions, respond, store, tmp_path
):
    questions = make_questions(3)
    export_batch(tmp_path / "r.jsonl", questions, importer, store)
    path = tmp_path / "errors.jsonl"
    expired = {"code": "batch_expired", "message": "too late"}
    path.write_text("\n".join([respond(questions[0]), respond(questions[1], error=expired)]))
    read = import_batch([path], questions, importer, store)
    assert (read.stored, read.failed, read.outstanding) == (1, 1, 1)
    assert Outstanding(store, "gpt-x").files() == {str(tmp_path / "r.jsonl"): 1}
    again = export_batch(tmp_path / "again.jsonl", questions, importer, store)
    assert (again.requests, again.reused, again.outstanding) == (1, 1, 1)


def test_a_label_may_be_ruled_out(importer, respond, store, tmp_path):
    question = Question("1", ("pos", "neg"), (Message("user", "row 1"),), allow_not=True)
    path = tmp_path / "responses.jsonl"
    path.write_text(respond(question, '{"answer": "not pos"}') + "\n")
    import_batch([path], [question], importer, store)
    (answer,) = stored_answers(importer, [question], store)
    assert (answer.answer, answer.rejected) == ("not pos", ("pos",))

"""Questions as batch request files."""

import json
import random
from dataclasses import replace

import pytest

from noisefix.annotators import batch
from noisefix.annotators.batch import export_batch, import_batch
from noisefix.annotators.budget import Prices
from noisefix.annotators.engine import stored_answers
from noisefix.annotators.openai_client import OpenAIAnnotator
from noisefix.annotators.protocol import Answer, key_maker
from noisefix.errors import DataError


@pytest.fixture
def annotator(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    return OpenAIAnnotator("gpt-x", without=("logprobs",))


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_format(annotator, make_questions, tmp_path):
    path = tmp_path / "requests.jsonl"
    export = export_batch(path, make_questions(3), annotator)
    assert (export.paths, export.requests, export.reused) == ((path,), 3, 0)
    lines = lines_of(path)
    assert [set(line) for line in lines] == [{"custom_id", "method", "url", "body"}] * 3
    first = lines[0]
    assert (first["method"], first["url"]) == ("POST", "/v1/chat/completions")
    assert first["custom_id"] == key_maker(annotator.identity)(make_questions(1)[0]).hex()
    assert first["body"]["model"] == "gpt-x"
    assert first["body"]["messages"][1]["content"] == "row 0 of the data"
    assert first["body"]["response_format"]["type"] == "json_schema"
    assert "logprobs" not in first["body"]
    assert "sk-test" not in path.read_text()
    assert export.characters == 3 * len("Label the text.row 0 of the data")


def test_what_is_stored_or_asked_twice_is_left_out(annotator, make_questions, store, tmp_path):
    questions = make_questions(4)
    answer = Answer("", "pos", True, annotator="openai", model="gpt-x")
    store.put(key_maker(annotator.identity)(questions[1]), answer)
    questions.append(replace(questions[0], id="twin"))
    export = export_batch(tmp_path / "r.jsonl", questions, annotator, store)
    assert (export.requests, export.reused) == (3, 2)
    asked = [line["body"]["messages"][1]["content"] for line in lines_of(tmp_path / "r.jsonl")]
    assert asked == [f"row {row} of the data" for row in (0, 2, 3)]


@pytest.mark.parametrize(("limit", "value"), [("MOST_REQUESTS", 4), ("LARGEST_FILE", 2000)])
def test_large_batches_become_several_files(
    annotator, make_questions, tmp_path, monkeypatch, limit, value
):
    monkeypatch.setattr(batch, limit, value)
    export = export_batch(tmp_path / "r.jsonl", make_questions(10), annotator)
    names = [path.name for path in export.paths]
    assert names[:3] == ["r.jsonl", "r-2.jsonl", "r-3.jsonl"]
    assert sum(len(lines_of(path)) for path in export.paths) == export.requests == 10
    if limit == "LARGEST_FILE":
        assert all(path.stat().st_size <= value for path in export.paths)


def test_a_file_is_complete_or_not_there(annotator, make_questions, tmp_path):
    def broken():
        yield from make_questions(3)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        export_batch(tmp_path / "r.jsonl", broken(), annotator)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(annotator, make_questions, tmp_path):
    with pytest.raises(DataError, match="cannot be written"):
        export_batch(tmp_path / "nowhere" / "r.jsonl", make_questions(1), annotator)


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

"""Questions as files of batch requests."""

import json
from dataclasses import replace

import pytest

from noisefix.annotators import batch_export
from noisefix.annotators.batch_export import export_batch
from noisefix.annotators.openai_client import OpenAIAnnotator
from noisefix.annotators.outstanding import Outstanding
from noisefix.annotators.protocol import Answer, key_maker
from noisefix.annotators.store import AnswerStore
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
    monkeypatch.setattr(batch_export, limit, value)
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


def test_what_lies_in_a_batch_is_not_exported_again(
    annotator, make_questions, store, tmp_path, monkeypatch
):
    monkeypatch.setattr(batch_export, "MOST_REQUESTS", 3)
    questions = make_questions(7)
    first = export_batch(tmp_path / "a.jsonl", questions[:5], annotator, store)
    assert (first.requests, first.outstanding, first.earlier) == (5, 0, ())
    second = export_batch(tmp_path / "b.jsonl", questions, annotator, store)
    assert (second.requests, second.reused, second.outstanding) == (2, 0, 5)
    assert second.earlier[:2] == tuple(str(tmp_path / name) for name in ("a.jsonl", "a-2.jsonl"))
    third = export_batch(tmp_path / "c.jsonl", questions, annotator, store)
    assert (third.paths, third.requests, third.outstanding) == ((), 0, 7)
    assert not (tmp_path / "c.jsonl").exists()
    out = Outstanding(store, "gpt-x")
    assert sum(out.files().values()) == 7
    assert Outstanding(store, "another").files() == {}
    out.forget()
    assert export_batch(tmp_path / "d.jsonl", questions, annotator, store).requests == 7


def test_nothing_is_out_where_the_files_could_not_be_written(
    annotator, make_questions, store, tmp_path
):
    def check(path):
        if path.name == "r.jsonl":
            raise DataError("full", "make room")

    with pytest.raises(DataError, match="full"):
        export_batch(tmp_path / "r.jsonl", make_questions(3), annotator, store, check=check)
    assert Outstanding(store, "gpt-x").files() == {}


def test_a_request_is_out_before_its_file_is_in_place(
    annotator, make_questions, store, tmp_path, monkeypatch
):
    path = tmp_path / "r.jsonl"
    seen = []
    monkeypatch.setattr(Outstanding, "add", lambda *_: seen.append(path.exists()))
    export_batch(path, make_questions(2), annotator, store)
    assert seen == [False]
    assert path.exists()


def test_a_folder_that_is_not_there(annotator, make_questions, tmp_path):
    with pytest.raises(DataError, match="cannot be written"):
        export_batch(tmp_path / "nowhere" / "r.jsonl", make_questions(1), annotator)


def test_requests_whose_file_never_came_into_place_are_not_out(tmp_path):
    """Dying between the note and the file: the next export has them all again."""
    with AnswerStore(tmp_path / "store.sqlite") as store:
        out = Outstanding(store, "m")
        out.add([(tmp_path / "never.jsonl", [b"a", b"b"])])
        assert Outstanding(store, "m").among([b"a", b"b"]) == set()
        there = tmp_path / "there.jsonl"
        there.write_text("{}")
        out.add([(there, [b"c"])])
        assert Outstanding(store, "m").among([b"c"]) == {b"c"}
        out.placed()
        there.unlink()  # sent off and deleted, or moved: it was there
        assert Outstanding(store, "m").among([b"c"]) == {b"c"}

"""The store: durable, keyed by what was asked, shown to nobody else."""

import sqlite3
from dataclasses import replace

import pytest

from noisefix.annotators.protocol import Answer, Identity, Message, Question, key_maker
from noisefix.annotators.store import AnswerStore, restore, shortened
from noisefix.errors import DataError, ServiceError

IDENTITY = Identity("openai", "m-1", {"temperature": 0.0, "seed": 0})
QUESTION = Question("a", ("pos", "neg"), (Message("system", "Label."), Message("user", "Fine!")))
ANSWER = Answer(
    "a",
    "pos",
    True,
    0.75,
    {"pos": 0.75, "neg": 0.25},
    "openai",
    "m-1",
    "",
    100,
    7,
    0.001,
    0.5,
    2,
    None,
    '{"answer": "pos"}',
)


def key_of(question=QUESTION, identity=IDENTITY):
    return key_maker(identity)(question)


def test_what_is_put_is_found_after_closing(tmp_path):
    path = tmp_path / "annotations.sqlite"
    key = key_of()
    with AnswerStore(path) as store:
        assert store.find([key]) == {}
        assert store.put(key, ANSWER)
    with AnswerStore(path) as store:
        found = store.find([b"x" * 32, key])
        answer = restore(found[key], replace(QUESTION, id="b"), IDENTITY)
    assert answer == replace(ANSWER, id="b", prompt_sha256=key.hex(), reused=True)


def test_the_first_answer_to_a_question_stays(store):
    assert store.put(key_of(), ANSWER)
    assert not store.put(key_of(), replace(ANSWER, answer="neg"))
    assert store.find([key_of()])[key_of()][1] == "pos"
    assert store.totals().answers == 1


def test_a_put_is_durable_before_it_returns(tmp_path):
    """Seen by another connection at once: a commit, not a buffer of this process."""
    with AnswerStore(tmp_path / "s.sqlite") as store:
        for n in range(3):
            store.put(bytes([n]) * 32, ANSWER)
            other = sqlite3.connect(tmp_path / "s.sqlite")
            assert other.execute("SELECT count(*) FROM answers").fetchone() == (n + 1,)
            other.close()


def test_put_many_is_all_or_nothing(store):
    assert store.put_many([(b"1" * 32, ANSWER), (b"2" * 32, ANSWER), (b"1" * 32, ANSWER)]) == 2
    with pytest.raises(ValueError, match="without an answer"):
        store.put_many([(b"3" * 32, ANSWER), (b"4" * 32, replace(ANSWER, answer=None))])
    assert store.totals().answers == 2


def test_totals(store):
    store.put(b"1" * 32, ANSWER)
    store.put(b"2" * 32, replace(ANSWER, input_tokens=None, cost_usd=None))
    totals = store.totals()
    assert (totals.answers, totals.input_tokens, totals.output_tokens) == (2, 100, 14)
    assert totals.cost_usd == pytest.approx(0.001)


def test_many_keys_are_looked_up_in_one_call(store):
    keys = [n.to_bytes(32, "big") for n in range(2500)]
    store.put_many((key, ANSWER) for key in keys[::2])
    assert set(store.find(keys)) == set(keys[::2])


def test_failures_are_never_stored(store):
    with pytest.raises(ValueError, match="without an answer"):
        store.put(key_of(), Answer("a", None, error="broken"))


def test_the_prompt_is_not_in_the_file(tmp_path):
    secret = "a very private text"
    question = replace(QUESTION, prompt=(Message("user", secret),))
    with AnswerStore(tmp_path / "s.sqlite") as store:
        store.put(key_of(question), ANSWER)
        store.sync()
        for path in tmp_path.iterdir():
            assert secret.encode() not in path.read_bytes()


def test_half_a_surrogate_pair_in_an_answer_is_stored_as_a_question_mark(store):
    store.put(key_of(), replace(ANSWER, raw_answer="odd \ud800"))
    assert store.find([key_of()])[key_of()][-1] == "odd ?"


def test_two_runs_at_once_are_refused(tmp_path):
    path = tmp_path / "s.sqlite"
    with AnswerStore(path), pytest.raises(ServiceError, match="another noisefix process") as caught:
        AnswerStore(path)
    assert "pay twice" in caught.value.hint
    AnswerStore(path).close()


def test_a_damaged_file_is_bad_data(tmp_path):
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"this is no database, " * 100)
    with pytest.raises(DataError, match="cannot be used as a store") as caught:
        AnswerStore(path)
    assert "move the file away" in caught.value.hint


def test_a_missing_folder_is_bad_data(tmp_path):
    with pytest.raises(DataError, match="cannot be used"):
        AnswerStore(tmp_path / "nowhere" / "s.sqlite")


def test_a_newer_store_is_left_alone(tmp_path):
    path = tmp_path / "s.sqlite"
    AnswerStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(DataError, match="newer noisefix"):
        AnswerStore(path)


def test_a_full_disk_is_said(store):
    pages = store._writer.execute("PRAGMA page_count").fetchone()[0]
    store._writer.execute(f"PRAGMA max_page_count={pages}")
    long = [(n.to_bytes(32, "big"), replace(ANSWER, raw_answer="x" * 5000)) for n in range(20)]
    with pytest.raises(DataError, match="full") as caught:
        store.put_many(long)
    assert store.totals().answers == 0
    assert "make room" in caught.value.hint


def test_close_twice(tmp_path):
    store = AnswerStore(tmp_path / "s.sqlite")
    store.close()
    store.close()


def test_very_long_answers_are_cut():
    assert shortened("short") == "short"
    cut = shortened("x" * 1_000_000)
    assert len(cut) < 21_000
    assert "1000000 characters" in cut


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("probabilities = '{\"a\": '", "probabilities"),
        ('probabilities = \'{"a": "much"}\'', "probabilities is"),
        ("probabilities = printf('%.*c', 100000, '[')", "nested too deeply"),
        ("is_label = 'yes'", "is_label is 'yes': it must be a whole number"),
        ("confidence = 'high'", "confidence is 'high'"),
        ("attempts = x'00'", "attempts is"),
    ],
)
def test_a_damaged_answer_is_bad_data_with_a_way_out(tmp_path, change, said):
    path = tmp_path / "annotations.sqlite"
    with AnswerStore(path) as store:
        store.put(b"k" * 32, ANSWER)
        store.sync()
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE answers SET {change}")
    connection.close()
    with AnswerStore(path) as store, pytest.raises(DataError) as caught:
        store.find([b"k" * 32])
    assert caught.value.message.startswith(f"{path}: a stored answer is damaged: ")
    assert said in caught.value.message
    connection = sqlite3.connect(path)
    connection.execute(caught.value.hint.split('"')[1])
    connection.commit()
    connection.close()
    with AnswerStore(path) as store:
        assert store.find([b"k" * 32]) == {}


def test_pages_that_are_damaged_are_bad_data(tmp_path):
    path = tmp_path / "annotations.sqlite"
    with AnswerStore(path) as store:
        store.put_many([(bytes([k]) * 32, ANSWER) for k in range(200)])
    data = bytearray(path.read_bytes())
    data[4096 * 2 :] = b"\x55" * (len(data) - 4096 * 2)
    path.write_bytes(bytes(data))
    with (
        pytest.raises(DataError, match="cannot be") as caught,
        AnswerStore(path) as store,
    ):
        store.find([bytes([k]) * 32 for k in range(200)])
    assert "move the file away" in caught.value.hint


def test_a_label_that_was_not_offered_is_bad_data(tmp_path):
    with AnswerStore(tmp_path / "annotations.sqlite") as store:
        store.put(b"k" * 32, replace(ANSWER, answer="elsewhere"))
        row = store.find([b"k" * 32])[b"k" * 32]
    with pytest.raises(DataError, match="no label that was offered: 'elsewhere'"):
        restore(row, QUESTION, IDENTITY)

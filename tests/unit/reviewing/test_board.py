from concurrent.futures import ThreadPoolExecutor

import pytest

from noisefix.errors import DataError
from noisefix.reviewing.board import LEASE_S, Board
from noisefix.run.decisions import decision_key, read_decisions

IDS = ["a", "b", "c", "d"]
TEXTS = ["one", "two", "two", None]
LABELS = ["x", "y", "y", None]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "decisions.jsonl"


@pytest.fixture
def board(path):
    return Board(path, IDS, TEXTS, LABELS)


def said(decision="keep", label=None, who="ann", second=0, **more):
    when = f"2026-01-01T00:00:{second:02}.000+00:00"
    return {"decision": decision, "label": label, "who": who, "when": when, "note": "", **more}


def test_a_decision_is_on_the_disk_at_once_without_any_text(board, path):
    board.decide(0, said("class", "y", note="see", is_random=True))
    [line] = read_decisions(path)
    assert (line.key, line.id) == (decision_key("one", "x"), "a")
    assert (line.decision, line.label, line.who, line.note) == ("class", "y", "ann", "see")
    assert line.is_random
    assert "one" not in path.read_text()


def test_the_same_decision_sent_again_is_written_once(board, path):
    board.decide(0, said())
    board.decide(0, said())
    Board(path, IDS, TEXTS, LABELS).decide(0, said())
    assert len(read_decisions(path)) == 1


def test_a_decision_holds_for_every_row_of_the_same_text_and_label(board):
    board.decide(1, said())
    told = board.news()["decisions"]
    assert [(d["row"], d["record"]["id"]) for d in told] == [(1, "b"), (2, "c")]


def test_news_tell_what_is_new_and_what_was_taken_back(board):
    board.decide(0, said())
    board.decide(1, said(who="bob"))
    assert [d["row"] for d in board.news(1)["decisions"]] == [1, 2]
    assert board.undo("ann") == 0
    told = board.news(2)
    assert told == {"lines": 3, "decisions": [{"row": 0, "record": None}]}


def test_undo_takes_back_the_own_words_only_and_survives_a_restart(board, path):
    board.decide(0, said())
    board.decide(1, said(second=1))
    board.decide(3, said("class", "x", who="bob", second=2))
    again = Board(path, IDS, TEXTS, LABELS)
    assert again.undo("ann") == 1
    assert again.undo("ann") == 0
    assert again.undo("ann") is None
    assert again.undo("bob") == 3
    assert again.undo("eve") is None
    assert [line.decision for line in read_decisions(path)][3:] == ["undo"] * 3


def test_after_an_undo_the_word_of_another_person_stands(board):
    board.decide(0, said(who="bob"))
    board.decide(0, said("class", "y", second=1))
    board.undo("ann")
    [told] = board.news()["decisions"]
    assert told["record"]["who"] == "bob"


def test_a_row_is_one_persons_for_a_minute(path):
    time = [0.0]
    board = Board(path, IDS, TEXTS, LABELS, clock=lambda: time[0])
    assert board.lease(0, "ann") is None
    assert board.lease(0, "bob") == "ann"
    assert board.lease(0, "ann") is None
    assert board.lease(1, "bob") is None
    time[0] = LEASE_S + 1
    assert board.lease(0, "bob") is None
    board.decide(0, said(who="bob"))
    assert board.lease(0, "ann") is None


@pytest.mark.parametrize(
    ("row", "word"),
    [
        (9, said()),
        (-1, said()),
        ("0", said()),
        (0, said("undo")),
        (0, said("class")),
        (0, said("keep", "x")),
        (3, said()),  # no label to keep
        (0, said(note="n" * 501)),
        (0, said(who=["a"])),
        (0, said() | {"when": "yesterday"}),
        (0, {}),
    ],
)
def test_what_is_no_decision_is_refused_and_not_written(board, path, row, word):
    with pytest.raises(DataError):
        board.decide(row, word)
    assert not path.exists()


def test_a_clock_that_runs_ahead_does_not_win_for_ever(board, path):
    board.decide(0, said() | {"when": "2999-01-01T00:00:00.000+00:00"})
    assert read_decisions(path)[0].when < "2999"


def test_many_at_once_lose_nothing(board, path):
    def work(person):
        for second in range(40):
            board.decide(second % 3, said(who=f"p{person}", second=second))

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(work, range(5)))
    lines = read_decisions(path)
    assert len(lines) == len(set(lines)) == 200
    assert board.news()["lines"] == 200


def test_a_label_is_ruled_out_by_null_where_it_is_the_given_one(tmp_path):
    board = Board(tmp_path / "d.jsonl", ["1", "2"], ["x", "y"], ["a", None])
    said = {"decision": "not", "who": "ann", "when": "2026-01-01T00:00:00.000+00:00"}
    board.decide(0, said)
    board.decide(0, {**said, "label": "a"})
    board.decide(0, {**said, "label": "b"})
    board.decide(1, {**said, "label": "b"})
    assert [(word.decision, word.label) for word in board.log()] == [
        ("not", None),
        ("not", "b"),
        ("not", "b"),
    ]
    with pytest.raises(DataError, match="no label to keep or to rule out"):
        board.decide(1, said)


@pytest.fixture
def sets(path):
    return Board(path, IDS, TEXTS, ["x", "y|z", "", None], classes=("x", "y", "z|"))


@pytest.mark.parametrize(
    ("label", "written"), [("x", "x"), ("z\\||x", "x|z\\|"), ("", ""), ("y|y", "y")]
)
def test_of_several_labels_a_set_is_decided_in_class_order(sets, path, label, written):
    sets.decide(3, said("class", label))
    [line] = read_decisions(path)
    assert (line.decision, line.label) == ("class", written)


@pytest.mark.parametrize(
    ("row", "decision", "label"),
    [
        (0, "class", None),
        (0, "class", "x|nothing"),
        (0, "class", ["x"]),
        (0, "keep", "x"),
        (0, "not", None),
        (0, "not", "x"),
        (3, "keep", None),
    ],
)
def test_of_several_labels_nothing_else_is_taken(sets, path, row, decision, label):
    with pytest.raises(DataError):
        sets.decide(row, said(decision, label))
    assert not path.exists()


def test_a_row_with_none_of_the_labels_may_be_kept(sets, path):
    sets.decide(2, said("keep"))
    sets.decide(1, said("drop"))
    assert [line.label for line in read_decisions(path)] == [None, None]

"""Reading what annotators say: columns and lists of answers, hostile cells included."""

from __future__ import annotations

import pyarrow as pa
import pytest

from noisefix.detection.annotations import (
    Annotations,
    annotator_columns,
    consensus,
    parse_columns,
    read_answers,
    read_columns,
    together,
)
from noisefix.detection.voting import encode_answers
from noisefix.errors import DataError, UsageError
from noisefix.tables.label_rules import LabelRules
from noisefix.tables.source import read_source


def answers(*rows: tuple[str, str, str]) -> pa.Table:
    return pa.table(
        dict(zip(("id", "annotator", "label"), zip(*rows, strict=True), strict=True)),
        schema=pa.schema([(name, pa.string()) for name in ("id", "annotator", "label")]),
    )


def test_column_names_may_hold_commas():
    assert parse_columns(None) == ()
    assert parse_columns(' gpt , "ann, second" ,rules') == ("gpt", "ann, second", "rules")


@pytest.mark.parametrize("words", ["", " , ", "a,a"])
def test_column_names_that_are_none(words):
    with pytest.raises(UsageError, match="--annotator-columns"):
        parse_columns(words)


@pytest.fixture
def write(tmp_path):
    def to(text: str, name: str = "d.csv"):
        path = tmp_path / name
        path.write_text(text, newline="")
        return path

    return to


def test_columns_are_read_with_their_gaps(write):
    source = read_source(write("id,text,label,a,b\n1,x,yes,yes,\n2,y,no, no ,nan\n3,z,no,NA,yes\n"))
    assert annotator_columns(source, ["A", "b"], {"text": "text"}) == ("a", "b")
    found = read_columns(
        source, ["a", "b"], ["1", "2", "3"], ["yes", "no", "no"], rules=LabelRules(missing=("NA",))
    )
    assert (
        found.table.to_pylist()
        == answers(("1", "a", "yes"), ("2", "a", "no"), ("3", "b", "yes")).to_pylist()
    )
    assert any("nan" in warning for warning in found.warnings)


def test_columns_that_serve_otherwise_or_say_nothing(write):
    source = read_source(write("id,text,label,a\n1,x,yes,\n2,y,no,\n"))
    with pytest.raises(UsageError, match="this is the label column itself"):
        annotator_columns(source, ["label"], {"label": "label"})
    with pytest.raises(DataError, match="there is no column 'c'"):
        annotator_columns(source, ["c"], {})
    with pytest.raises(DataError, match="'a' is empty"):
        read_columns(source, ["a"], ["1", "2"], ["yes", "no"])


def test_a_list_of_answers(write):
    path = write(
        "id,annotator,label\n1,ann,yes\n1,bob,no\n2,bob,yes\n9,bob,yes\n2,ann,\n1,bob,no\n"
    )
    found = read_answers(path, {"1", "2"})
    assert (
        found.table.to_pylist()
        == answers(("1", "bob", "no"), ("2", "bob", "yes"), ("1", "ann", "yes")).to_pylist()
    )
    assert found.warnings == ("d.csv: 1 answers are about rows that are not there",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,annotator,label\n1,ann,yes\n1,ann,no\n", "row 2: 'ann' says 'no' of '1', and 'yes'"),
        ("id,annotator,label\n1,,yes\n", "row 1: the column 'annotator' is empty"),
        ("id,annotator,label\n,ann,yes\n", "row 1: the column 'id' is empty"),
        ("id,annotator,label\n9,ann,yes\n", "no answer is about a row of the table"),
        ("id,who,label\n1,ann,yes\n", "there is no column 'annotator'"),
    ],
)
def test_a_list_of_answers_that_cannot_be_used(write, text, message):
    with pytest.raises(DataError) as error:
        read_answers(write(text), {"1", "2"})
    assert message in error.value.message
    assert error.value.hint


def test_one_name_for_two_annotators():
    part = Annotations(answers(("1", "a", "yes")))
    with pytest.raises(UsageError, match="'a' is a name of"):
        together([part, part])
    assert together([]) is None


def test_the_vote_goes_to_the_first_of_equals():
    said = answers(
        *((key, "a", label) for key, label in zip("12345678", ["no", "yes"] * 4, strict=True)),
        *(
            (key, "b", label)
            for key, label in zip("12345679", ["yes"] * 4 + ["no"] * 4, strict=True)
        ),
        ("1", "c", "odd"),
        ("5", "c", "yes"),
        ("99", "c", "odd"),
    )
    ids = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "99"]
    found = ["no", "yes", "no", "yes", "no", "yes", "no", "yes", "no", None]
    assert consensus(said, ids) == found
    alone = answers(*((key, "a", "yes") for key in "123"), ("4", "a", "slip"))
    assert consensus(alone, ["1", "4"]) == ["yes", None]


def test_answers_become_classes():
    said = answers(
        *((str(i), "a", label) for i, label in enumerate(["yes", "YES", "maybe"] * 3)),
        *((str(i), "b", label) for i, label in enumerate(["no", "maybe", "maybe"] * 3)),
        *((str(i), "c", label) for i, label in enumerate(["=1+1", "\x1b[31mno", "yes"] * 3)),
        ("77", "c", "yes"),
    )
    found = encode_answers(said, [str(i) for i in range(9)], ("no", "yes"))
    assert found.new_names == ("maybe",)
    assert [voter.name for voter in found.voters] == ["a", "b", "c"]
    assert found.voters[0].labels.tolist() == [1, 1, 2] * 3
    assert found.voters[1].labels.tolist() == [0, 2, 2] * 3
    assert found.voters[2].rows.tolist() == [2, 5, 8]
    assert found.other_answers == (0, 0, 6)


def test_names_that_differ_in_case_alone_are_not_guessed():
    said = answers(*((str(i), "a", "Yes") for i in range(9)))
    found = encode_answers(said, [str(i) for i in range(9)], ("YES", "no", "yes"))
    assert found.voters[0].rows.tolist() == []
    assert found.other_answers == (9,)

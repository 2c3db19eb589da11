"""labels.toml: both forms, and every way to get it wrong."""

from pathlib import Path

import pytest

from noisefix.errors import DataError
from noisefix.label_descriptions import (
    LabelDescription,
    label_texts,
    load_label_descriptions,
    load_label_sheet,
    validate,
)


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "labels.toml"
    path.write_bytes(text.encode(encoding))
    return path


def test_both_forms_and_the_task(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'task = """Who should\n  answer?"""\n'
        "[labels]\n"
        'billing = "invoices,\\n refunds"\n'
        '"card.lost" = "a lost card"\n'
        "[labels.shipping]\n"
        'description = "parcels"\n'
        'examples = ["Where is it?", "Line one\\nline two"]\n'
        "[labels.0]\n",
    )
    sheet = load_label_sheet(path)
    assert sheet.task == "Who should answer?"
    assert list(sheet.labels) == ["billing", "card.lost", "shipping", "0"]
    assert sheet.labels["billing"] == LabelDescription("billing", "invoices, refunds")
    assert sheet.labels["shipping"] == LabelDescription(
        "shipping", "parcels", ("Where is it?", "Line one\nline two")
    )
    assert sheet.labels["0"] == LabelDescription("0")
    assert load_label_descriptions(path) == sheet.labels


def test_several_definitions_of_a_class(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "[labels]\n"
        'billing = ["invoices,\\n refunds", "money back"]\n'
        "none = []\n"
        "[labels.shipping]\n"
        'description = ["parcels", "a courier"]\n'
        'examples = ["Where is it?"]\n',
    )
    labels = load_label_sheet(path).labels
    assert labels["billing"].definitions == ("invoices, refunds", "money back")
    assert labels["billing"].in_words == "invoices, refunds; money back"
    assert labels["none"] == LabelDescription("none")
    assert labels["none"].definitions == ()
    assert labels["shipping"] == LabelDescription(
        "shipping", "parcels", ("Where is it?",), ("a courier",)
    )
    assert label_texts(("billing", "shipping"), labels) == [
        "billing: invoices, refunds; money back",
        "shipping: parcels; a courier",
    ]


def test_a_class_may_wait_for_its_description(tmp_path: Path) -> None:
    path = write(tmp_path, '[labels]\na = ""\nb = []\n[labels.c]\ndescription = ""\n')
    assert [one.definitions for one in load_label_descriptions(path).values()] == [()] * 3


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    path = write(tmp_path, '[labels]\n"ä" = "größer"\n', encoding="utf-8-sig")
    assert load_label_descriptions(path)["ä"].description == "größer"


def test_broken_toml_names_the_line(tmp_path: Path) -> None:
    path = write(tmp_path, '[labels]\na = "x"\nb = "unclosed\n')
    with pytest.raises(DataError, match=r"labels\.toml: not valid TOML.*line 3") as caught:
        load_label_sheet(path)
    assert "[labels.NAME]" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no labels under"),
        ("[labels]\n", "no labels under"),
        ("labels = 3\n", "no labels under"),
        ('[label]\na = "x"\n', "unknown top-level key 'label'"),
        ('task = 3\n[labels]\na = "x"\n', "task must be a string"),
        ("[labels]\na = 3\n", "label 'a' must be a string or a table"),
        ('[labels.a]\ntext = "x"\n', "label 'a' has an unknown key 'text'"),
        ('[labels.card.lost]\ndescription = "x"\n', "label 'card' has an unknown key 'lost'"),
        ("[labels.a]\ndescription = 3\n", "description of 'a' must be a string"),
        ('[labels]\na = ["x", 3]\n', "description of 'a' must be a string, or a list"),
        ('[labels.a]\ndescription = [["x"]]\n', "description of 'a' must be a string, or a list"),
        ('[labels]\na = ["x", " "]\n', "definition 2 of 'a' is empty"),
        ('[labels.a]\ndescription = [""]\n', "definition 1 of 'a' is empty"),
        ('[labels]\na = ["x y", "z", "x\\n y"]\n', "definitions 1 and 3 of 'a' are the same"),
        ("[labels.a]\nexamples = [1]\n", "examples of 'a' must be strings"),
        ('[labels.a]\nexamples = "one"\n', "examples of 'a' must be strings"),
    ],
)
def test_wrong_content_says_what_and_how(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load_label_sheet(write(tmp_path, text))
    assert "labels.toml" in caught.value.message
    assert caught.value.hint


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        load_label_sheet(tmp_path / "absent.toml")
    with pytest.raises(DataError, match="not UTF-8"):
        load_label_sheet(write(tmp_path, '[labels]\na = "ä"\n', encoding="latin-1"))


def test_validate_names_strangers_and_gaps() -> None:
    described = {name: LabelDescription(name, "x") for name in ("Positve", "negative", "zebra")}
    warnings = validate(described, ("negative", "neutral", "positive"))
    assert warnings == [
        "label 'Positve' is described but no row has it; did you mean 'positive'?",
        "label 'zebra' is described but no row has it",
        "no description for 'neutral', 'positive'",
    ]
    assert validate({"a": LabelDescription("a")}, ("a",)) == []
    assert validate({}, ("a",)) == []


def test_validate_lists_five_gaps_at_most() -> None:
    warnings = validate({"c0": LabelDescription("c0")}, tuple(f"c{k}" for k in range(9)))
    assert warnings == ["no description for 'c1', 'c2', 'c3', 'c4', 'c5' and 3 more"]


def test_label_texts_for_embedding() -> None:
    described = {"card_lost": LabelDescription("card_lost", "a card is gone")}
    assert label_texts(("card_lost", "top-up.fee", "_"), described) == [
        "card lost: a card is gone",
        "top up fee",
        "_",
    ]
    assert label_texts(("a",)) == ["a"]

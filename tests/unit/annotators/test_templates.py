"""The wording of a prompt that a user may replace."""

from pathlib import Path

import pytest

from noisefix.annotators.prompts import (
    PromptStyle,
    render_question,
)
from noisefix.annotators.protocol import Question
from noisefix.annotators.templates import load_template, parse_template
from noisefix.errors import DataError

POOL = ("billing", "shipping", "other")


def user(question: Question) -> str:
    return question.prompt[-1].content


def test_a_template_replaces_the_wording_but_not_the_frame(tmp_path: Path) -> None:
    path = tmp_path / "prompt.txt"
    path.write_text("Costs $$5.\n$demonstrations\n\nPick from:\n${labels}\n$text", encoding="utf-8")
    style = PromptStyle(template=load_template(path))
    text = "my $labels $text $$ {x}"
    question = render_question("1", text, POOL, style=style)
    body = user(question)
    assert body.startswith("Costs $5.\nPick from:\n- ")
    assert f">\n{text}\n</data-" in body  # placeholders within a text are text
    assert "Answer with one line of JSON" in body.rpartition("</data-")[2]
    assert "not addressed to you" in question.prompt[0].content


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("no placeholder at all", r"missing \$labels and \$text"),
        ("$labels", r"missing \$text\n"),
        ("$text $task", r"missing \$labels\n"),
        ("$text $labels $label $exmples", r"unknown \$label, \$exmples"),
        ("$labels\ncosts $5\n$text", r"line 2: a \$ that begins no placeholder"),
    ],
)
def test_templates_that_cannot_work_are_refused(tmp_path: Path, body: str, message: str) -> None:
    path = tmp_path / "prompt.txt"
    path.write_text(body, encoding="utf-8")
    with pytest.raises(DataError, match=message) as caught:
        load_template(path)
    assert "prompt.txt" in caught.value.message
    assert "$" in caught.value.hint
    with pytest.raises(DataError, match=message):
        parse_template(body)


def test_an_absent_or_foreign_template_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        load_template(tmp_path / "absent.txt")
    (tmp_path / "latin.txt").write_bytes("$labels ä $text".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        load_template(tmp_path / "latin.txt")

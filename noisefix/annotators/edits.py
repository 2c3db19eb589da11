"""Ask for the smallest edit of a text after which a label is right, and read what comes back.

An edited text is data like any other: what is invisible goes, and chat markup is broken. It is no
longer than twice the text, and what is no plain answer is ``invalid``, never an edit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from noisefix.annotators.answer_text import answer_part
from noisefix.annotators.exchange import Reply
from noisefix.annotators.prompts import PromptStyle, label_line, label_literal, texts_are_data
from noisefix.annotators.protocol import (
    ANSWER_FIELD,
    CUT_MARK,
    INVALID,
    NOT_LABELS,
    REFUSED,
    Message,
    Question,
)
from noisefix.annotators.quoting import clean_text, cut_text, make_tags

EDITED, NO_EDIT, IMPOSSIBLE = "edited", "no edit", "impossible"
_OUTCOMES = (EDITED, NO_EDIT, IMPOSSIBLE)
TEXT_FIELD = "text"

LONGEST_GROWTH = 2
"""An edited text may have so many times the characters of the text."""

_RULES = """\
You edit texts, one at a time. The user gives a label and a text. You make the smallest change to \
the text after which that label is right for it.

{texts_are_data}

Change as few words as you can; keep the language, the tone and the form. Add no facts: no names, \
numbers, dates, places or events that the text does not hold. If the label is right for the text \
as it stands, answer "no edit". If no small change would make it right, answer "impossible".

Answer with one line of JSON and nothing else: {{"answer": "edited", "text": "..."}} with the \
whole edited text, or {{"answer": "no edit", "text": ""}}, or \
{{"answer": "impossible", "text": ""}}."""


@dataclass(frozen=True)
class EditQuestion(Question):
    """A question whose answer is an edited text.

    ``label_pool`` is the label that is to be right. An answer is the edited text (``is_label``),
    ``no edit``, ``impossible``, ``refused`` or ``invalid``.

    Attributes:
        text: the text as it is shown.
    """

    text: str = ""

    @property
    def allowed(self) -> tuple[str, ...]:
        """The kinds of answer."""
        return _OUTCOMES

    @property
    def more_tokens(self) -> float:
        """Tokens of a text as long as this one, at four characters a token."""
        return len(self.text) / 4.0

    @property
    def most_characters(self) -> int:
        """The longest edited text."""
        return LONGEST_GROWTH * len(self.text)

    @property
    def reminder(self) -> str:
        """What is said to whoever has answered something else."""
        return (
            "That cannot be used. Reply with one line of JSON and nothing else: "
            f'"{ANSWER_FIELD}" is one of {", ".join(map(label_literal, _OUTCOMES))}; '
            f'"{TEXT_FIELD}" is the whole edited text, of at most {self.most_characters} '
            "characters, or empty."
        )

    @property
    def schema(self) -> dict[str, Any]:
        """JSON schema of an answer: its kind, and the text."""
        return {
            "type": "object",
            "properties": {
                ANSWER_FIELD: {"type": "string", "enum": list(_OUTCOMES)},
                TEXT_FIELD: {"type": "string"},
            },
            "required": [ANSWER_FIELD, TEXT_FIELD],
            "additionalProperties": False,
        }

    def takes(self, answer: str) -> bool:
        """Tell whether an answer is an edited text: it is there, short enough, and another one."""
        is_fit = bool(answer.strip()) and len(answer) <= self.most_characters
        return is_fit and not is_same(answer, self.text)

    def held_to(self, answer: str | None, *, is_label: bool) -> tuple[str | None, bool]:
        """Return an answer as it counts; the text itself, given back as edited, is ``no edit``."""
        if answer is None:
            return None, False
        if not is_label:
            is_kind = answer in (NO_EDIT, IMPOSSIBLE, *NOT_LABELS)
            return (answer if is_kind else INVALID), False
        text = clean_text(answer).strip()
        if is_same(text, self.text):
            return NO_EDIT, False
        return (text, True) if self.takes(text) else (INVALID, False)

    def kept(self, raw: str | None) -> str | None:
        """Return only how long an answer was: the texts of users are in no message and no log."""
        if raw is None:
            return None
        is_cut = raw.endswith(CUT_MARK)
        size = len(raw.removesuffix(CUT_MARK))
        return f"{size:,} characters, not shown{CUT_MARK if is_cut else ''}"


def render_edit(
    row_id: str,
    text: str,
    label: str,
    examples: Sequence[str] = (),
    style: PromptStyle | None = None,
    *,
    instead_of: str | None = None,
) -> EditQuestion:
    """Ask for the smallest edit of one row's text.

    Args:
        row_id: the row's id; not part of the prompt.
        text: the row's text, as read; at most ``style.max_text_chars`` long.
        label: the label that is to be right for the edited text.
        examples: texts that have this label.
        style: what all prompts of the run share; its template is not for this.
        instead_of: the label that the text seems to have.
    """
    style = style or PromptStyle()
    shown = clean_text(text)
    quoted = [clean_text(cut_text(text, style.max_demonstration_chars)) for text in examples]
    labels = [label] if instead_of is None else [label, instead_of]
    tags = make_tags([shown, *quoted, *labels], style.seed, "edit")
    parts = [style.task] if style.task else []
    line = label_line(label, style.descriptions.get(label))
    parts.append(f"The label that is to be right:\n{line}")
    if instead_of is not None:
        line = label_line(instead_of, style.descriptions.get(instead_of))
        parts.append(f"The label that the text seems to have:\n{line}")
    if quoted:
        blocks = "\n".join(map(tags.around, quoted))
        parts.append(f"Texts that have the label {label_literal(label)}:\n{blocks}")
    parts.append(f"The text to edit:\n{tags.around(shown)}")
    parts.append(
        f"The text has ended with the last {tags.closing}. Make the smallest change after which "
        f"{label_literal(label)} is right, of at most {LONGEST_GROWTH * len(shown)} characters "
        'in all. Answer with one line of JSON: {"answer": "edited", "text": "..."}'
    )
    rules = _RULES.format(texts_are_data=texts_are_data(tags))
    prompt = (Message("system", rules), Message("user", "\n\n".join(parts)))
    return EditQuestion(row_id, (label,), prompt, text=shown)


def is_same(one: str, other: str) -> bool:
    """Tell whether two texts differ in nothing but blanks."""
    return one.split() == other.split()


def edit_reply(
    raw: str,
    question: EditQuestion,
    *,
    is_refused: bool = False,
    is_cut: bool = False,
    is_reasoning: bool = False,
) -> Reply:
    """Return what a model's words answer.

    They must hold one JSON object with a kind and a text, and no second one that says otherwise;
    reasoning before it does not count. Lines may break within the text.

    Args:
        raw: the words, as received.
        question: what was asked.
        is_refused: the model, or a filter, will not answer.
        is_cut: the longest length was reached.
        is_reasoning: the words are reasoning with no answer after it: only JSON alone counts.
    """
    if is_refused:
        return Reply(REFUSED, raw_answer=raw)
    words = answer_part(raw)
    found = [] if words is None else _objects(words)
    if is_reasoning and not raw.strip().startswith("{"):
        found = []
    if len(set(found)) == 1:
        kind, text = found[0]
        says_so = kind != NO_EDIT or not text.strip() or is_same(clean_text(text), question.text)
        is_text = kind == EDITED
        answer, is_label = question.held_to(text if is_text else kind, is_label=is_text)
        if answer is not None and (is_label or answer != INVALID) and says_so:
            return Reply(answer, is_label, raw_answer=None)
    is_cut = is_cut or words is None
    return Reply(INVALID, raw_answer=raw + (CUT_MARK if is_cut else ""), is_cut=is_cut)


def _objects(words: str) -> list[tuple[str, str]]:
    """Return kind and text of every JSON object that has both, and nothing else."""
    decoder = json.JSONDecoder(strict=False, object_pairs_hook=list)
    found: list[tuple[str, str]] = []
    place = words.find("{")
    while place >= 0:
        try:
            pairs, end = decoder.raw_decode(words, place)
        except (ValueError, RecursionError):
            place = words.find("{", place + 1)
            continue
        fields = dict(pairs)
        kind, text = fields.get(ANSWER_FIELD), fields.get(TEXT_FIELD, "")
        if kind in _OUTCOMES and isinstance(text, str) and len(fields) == len(pairs) <= 2:
            found.append((kind, text))
        elif ANSWER_FIELD in fields:
            found.append(("", ""))  # says something that is no answer
        place = words.find("{", end)
    return found

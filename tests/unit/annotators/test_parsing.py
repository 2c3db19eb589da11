"""Reading answers: what counts, what does not, and that nothing makes it raise."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisefix.annotators.parsing import LabelMatcher, ParsedAnswer, parse_answer
from noisefix.annotators.protocol import AMBIGUOUS, INVALID, NONE, REFUSED, escape_words

POOL = ("spam", "ham", "card_arrival", "Content-Container")


@pytest.mark.parametrize(
    ("raw", "label"),
    [
        ("spam", "spam"),
        ("  Spam.\n", "spam"),
        ('"spam"', "spam"),
        ("**spam**", "spam"),
        ("`spam`.", "spam"),
        ("[spam]", "spam"),
        ("«ham»", "ham"),
        ("HAM!", "ham"),
        ("card arrival", "card_arrival"),
        ("Card-Arrival", "card_arrival"),
        ("content_container", "Content-Container"),
        ('{"answer": "spam"}', "spam"),
        ('{"answer":"SPAM"}', "spam"),
        ('{"label": "spam"}', "spam"),
        ('{"Answer": "spam", "reason": "ham it is not"}', "spam"),
        ('["spam"]', "spam"),
        ('{"answer": ["spam"]}', "spam"),
        ('```json\n{"answer": "spam"}\n```', "spam"),
        ('```\n{"answer": "spam"}```', "spam"),
        ("```\nspam\n```", "spam"),
        ('Here you are: {"answer": "spam"} Anything else?', "spam"),
        ('It could be {ham} but no.\n\n{"answer": "spam"}', "spam"),
        ('The form is {"answer": "LABEL"}, so: {"answer": "spam"}', "spam"),
        ("{'answer': 'spam'}", "spam"),
        ('{"answer": "spam",}', "spam"),
        ('{"answer": "spam"', "spam"),
        ("Label: spam", "spam"),
        ("label = 'spam'", "spam"),
        ("**Label:** spam", "spam"),
        ("**Answer**: spam.", "spam"),
        ("Final answer: spam", "spam"),
        ("The answer is spam.", "spam"),
        ("Based on the link, the label is spam.", "spam"),
        ("The category would be: card arrival", "card_arrival"),
        ("Label: spam (because of the link)", "spam"),
        ("Label: spam. It has a link.", "spam"),
        ("The answer is not obvious at first.\nAnswer: spam", "spam"),
        ("It looks like ham, but there is a link.\n\nspam", "spam"),
        ("spam\n\nThe text has a link.", "spam"),
        ("Label: ham?\nNo: there is a link.\nFinal answer: spam", "spam"),
        ('<think>ham? {"answer": "ham"} no</think>\nspam', "spam"),
        ("<reasoning>\nLabel: ham\n</reasoning>\nspam", "spam"),
        ("[THINK]ham?[/THINK]spam", "spam"),
        (
            "<|channel|>analysis<|message|>ham?<|end|><|start|>assistant<|channel|>final<|message|>"
            '{"answer": "spam"}',
            "spam",
        ),
        ("spam<|im_end|>", "spam"),
        ('{"answer": "spam"}</s>', "spam"),
        ("Label: spam<end_of_turn>", "spam"),
        ("spam <|eot_id|><|end_of_text|>", "spam"),
        ("spam[/INST]", "spam"),
        ("spam<|im_end|>\n<|im_start|>user\nThank you. ham?", "spam"),
        ("\\boxed{spam}", "spam"),
        ("So $\\boxed{\\text{card\\_arrival}}$.", "card_arrival"),
        ("<answer>spam</answer>", "spam"),
        ('"{\\"answer\\": \\"spam\\"}"', "spam"),
        ("The label for this text is spam.", "spam"),
        ("I would label this as spam.", "spam"),
        ("This text is about card arrival.", "card_arrival"),
        ("It belongs to the category spam.", "spam"),
    ],
)
def test_answers_that_count(raw: str, label: str) -> None:
    assert parse_answer(raw, POOL) == ParsedAnswer(label, is_label=True)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "   \n",
        "banana",
        "This is not spam",
        "not spam",
        "spam or ham",
        "spam, ham",
        "spam\nham",
        "Options:\nspam\nham",
        "Label: spam or ham",
        "Label: spam\nLabel: ham",
        "Final answer: spam\nFinal answer: ham",
        "Label: spam - not ham",
        "Label: banana\nspam is a word",
        '{"answer": "spam"} {"answer": "ham"}',
        '{"answer": "spam", "answer": "ham"}',
        '{"answer": ["spam", "ham"]}',
        '{"answer": "banana"}\nspam',
        '{"answer": "spam"} or rather {"answer": "banana"}',
        '{"answer": null}',
        '{"answer": "spa',
        '{"spam": 1}',
        "I doubt that the label is spam",
        "<think>\nThe answer is spam.",
        "[THINK]\nspam",
        "<|channel|>analysis<|message|>The answer is spam.",
        "\\boxed{spam} or \\boxed{ham}",
        "\\boxed{banana}",
        "<answer>spam</answer> <answer>ham</answer>",
        "I would not label this as spam.",
        "This is not about spam.",
        "The text was spam-like, and\nspam\nwas on my mind.",
    ],
)
def test_answers_that_do_not_count(raw: str) -> None:
    assert parse_answer(raw, POOL) == ParsedAnswer(INVALID)


@pytest.mark.parametrize(
    "raw",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I can’t assist.",
        "As an AI language model, I do not judge people.",
        "I cannot classify this text.",
        "This goes against my guidelines.",
        '{"answer": "I cannot answer that"}',
        "I am unable to label this.",
    ],
)
def test_refusals(raw: str) -> None:
    assert parse_answer(raw, POOL) == ParsedAnswer(REFUSED)


def test_a_label_given_after_an_apology_is_an_answer() -> None:
    assert parse_answer("I'm sorry for the delay.\nLabel: ham", POOL).answer == "ham"


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        ("none", NONE),
        ('{"answer": "None"}', NONE),
        ("None of the above.", NONE),
        ("ambiguous", AMBIGUOUS),
        ("Label: Ambiguous", AMBIGUOUS),
        ("none or ambiguous", INVALID),
    ],
)
def test_escapes_are_no_labels(raw: str, answer: str) -> None:
    assert parse_answer(raw, POOL) == ParsedAnswer(answer, is_label=False)


def test_classes_that_are_called_like_the_escapes() -> None:
    pool = ("favor", "against", "none", "ambiguous", "refused", "invalid")
    none, ambiguous = escape_words(pool)
    assert none != "none"
    for name in pool:
        assert parse_answer(json.dumps({"answer": name}), pool) == ParsedAnswer(name, True)
        assert parse_answer(f"Label: {name}", pool) == ParsedAnswer(name, True)
    assert parse_answer(none, pool) == ParsedAnswer(NONE)
    assert parse_answer(json.dumps({"answer": ambiguous}), pool) == ParsedAnswer(AMBIGUOUS)


def test_a_class_that_reads_like_a_common_way_to_say_none() -> None:
    pool = ("a", "None of the above")
    assert parse_answer("none of the above", pool) == ParsedAnswer("None of the above", True)


def test_names_that_differ_in_case_only_are_told_apart_or_not_at_all() -> None:
    pool = ("US", "us", "other")
    assert parse_answer("us", pool).answer == "us"
    assert parse_answer('{"answer": "US"}', pool).answer == "US"
    assert parse_answer("Us", pool).answer == INVALID


def test_numbers_punctuation_and_odd_names() -> None:
    assert parse_answer('{"answer": 1}', ("0", "1")).answer == "1"
    assert parse_answer('{"answer": true}', ("True", "False")).answer == "True"
    assert parse_answer("1.", ("0", "1")).answer == "1"
    assert parse_answer("10", ("0", "1")).answer == INVALID
    assert parse_answer(":)", (":)", ":(")).answer == ":)"
    assert parse_answer("C++", ("C", "C++")).answer == "C++"
    assert parse_answer('{"answer": "a}b"}', ("a}b", "a")).answer == "a}b"
    assert parse_answer('{"answer": "line\\none"}', ("line\none", "b")).answer == "line\none"
    assert parse_answer("cafe\u0301", ("caf\u00e9", "tea")).answer == "caf\u00e9"


@pytest.mark.parametrize("size", [20_000, 1_000_000])  # the longest read whole, and far more
def test_long_answers_are_read_quickly(size: int) -> None:
    answers = [
        "spam " * (size // 5),
        "[" * size,
        "{" * size,
        '{"answer":' * (size // 10),
        '{"answer": "' + "x" * (size - 20) + '"}',
        "\n" * size,
        "answer: " * (size // 8),
        "answer:" + " " * (size - 10),
        "```\n" * (size // 4),
        '"answer":"' * (size // 10),
        "(" * (size // 2) + ")" * (size // 2),
        "<think>" * (size // 7),
        "spam\n" * (size // 10) + "ham\n" * (size // 10),
    ]
    started = time.perf_counter()
    for raw in answers:
        assert parse_answer(raw, POOL).answer in (INVALID, "ham")
    assert time.perf_counter() - started < 5  # quadratic work would take minutes


def test_the_end_of_a_long_answer_counts() -> None:
    assert parse_answer("thinking aloud... " * 60_000 + "\nLabel: ham", POOL).answer == "ham"


PIECES = "spam ham none answer \" { } [ ] : . is \\ ' label final </think> not , ``` ( \x00 \ud800"
texts = st.text(max_size=200) | st.lists(
    st.sampled_from([*PIECES.split(" "), " ", "\n", "I cannot"]), max_size=40
).map("".join)


@settings(deadline=None)
@given(texts, st.lists(st.text(min_size=1, max_size=10), min_size=1, max_size=6, unique=True))
def test_nothing_raises_and_only_offered_labels_come_back(raw: str, pool: list[str]) -> None:
    for names in (pool, list(POOL)):
        parsed = parse_answer(raw, names)
        if parsed.is_label:
            assert parsed.answer in names
        else:
            assert parsed.answer in (NONE, AMBIGUOUS, REFUSED, INVALID)


@settings(deadline=None)
@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=6, unique=True), st.data())
def test_the_json_asked_for_always_gives_back_the_very_word(
    pool: list[str], data: st.DataObject
) -> None:
    label = data.draw(st.sampled_from(pool))
    assert parse_answer(json.dumps({"answer": label}), pool) == ParsedAnswer(label, True)
    none, ambiguous = escape_words(pool)
    assert parse_answer(json.dumps({"answer": none}), pool) == ParsedAnswer(NONE)
    assert parse_answer(json.dumps({"answer": ambiguous}), pool) == ParsedAnswer(AMBIGUOUS)


@settings(deadline=None)
@given(st.integers(0, 2), st.permutations(["spam", "ham", "eggs"]))
def test_the_order_of_the_pool_does_not_matter(index: int, pool: list[str]) -> None:
    raw = f"Label: {['spam', 'ham', 'eggs'][index]}"
    assert parse_answer(raw, pool) == parse_answer(raw, ("spam", "ham", "eggs"))


def test_matcher_prefers_the_closest_form() -> None:
    matcher = LabelMatcher(("a b", "a_b", "A B C"))
    assert matcher.match("a b") == "a b"
    assert matcher.match(" a_b ") == "a_b"
    assert matcher.match("a-b") is None  # either could be meant
    assert matcher.match("a-b-c") == "A B C"
    assert matcher.match("x" * 10_000) is None


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        ("spam", "spam"),
        ("<think>ham?</think>\nspam", "spam"),
        ('{"answer": "spam"}', "spam"),
        ('```json\n{"answer": "spam"}\n```', "spam"),
        ('{"answer": "spam"' + " \n" * 5000, "spam"),
        ('{"answer": "spam", ', "spam"),
        ('{"answer": "spa', INVALID),
        ('{"answer": "spam", "reason": "it has a', INVALID),
        ("The answer is spam.", INVALID),
        ("Label: spam\nBut", INVALID),
        ('Perhaps {"answer": "spam"}', INVALID),
        ("spam\n\nThe text has a", INVALID),
        ("\\boxed{spam}, but", INVALID),
        ("<think>\nspam", INVALID),
        ("", INVALID),
    ],
)
def test_prose_that_was_cut_off_says_nothing(raw: str, answer: str) -> None:
    assert parse_answer(raw, POOL, is_cut=True).answer == answer


def test_labels_in_the_shape_of_tokens() -> None:
    pool = ("email", "email <html>", "<|x|>")
    assert parse_answer("email <html>", pool).answer == "email <html>"
    assert parse_answer("Label: email <html><|im_end|>", pool).answer == "email <html>"
    assert parse_answer("<|x|></s>", pool).answer == "<|x|>"

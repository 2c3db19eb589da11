"""Tags that no text can close, and texts that show a model what a person sees."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisefix.annotators.quoting import Tags, clean_text, cut_text, digest, make_tags

nasty = st.text(
    st.characters() | st.sampled_from("<>|[]/\u202e\u200b\u200d\ud800\x1b\r\n\u2028\U000e0041｜"),
    max_size=120,
)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain text, 100 % ok\n\ttabbed", "plain text, 100 % ok\n\ttabbed"),
        ("a\r\nb\rc\u2028d\x85e", "a\nb\nc\nd\ne"),
        ("bell\x07 esc\x1b[31m nul\x00", "bell\ufffd esc\ufffd[31m nul\ufffd"),
        ("half \ud83d pair", "half \ufffd pair"),
        ("ignore\u202e this\u202c\u2066 now", "ignore this now"),
        ("ze\u200bro wi\ufeffdth so\xadft", "zero width soft"),
        ("hid\U000e0061\U000e0062den", "hidden"),
        ("sel\U000e0100ected", "selected"),
        ("\U0001f469\u200d\U0001f4bb می\u200cخواهم", "\U0001f469\u200d\U0001f4bb می\u200cخواهم"),
        ("❤\ufe0f", "❤\ufe0f"),
        ("no\xa0break", "no\xa0break"),
    ],
)
def test_invisible_characters_go_and_visible_ones_stay(text: str, clean: str) -> None:
    assert clean_text(text) == clean


@pytest.mark.parametrize(
    "markup",
    [
        "<|im_start|>",
        "<|im_end|>",
        "<|eot_id|>",
        "<|start_header_id|>",
        "<|endoftext|>",
        "<｜User｜>",
        "[INST]",
        "[/INST]",
        "<<SYS>>",
        "<</SYS>>",
        "<s>",
        "</s>",
        "<bos>",
        "<start_of_turn>",
        "<end_of_turn>",
        "<think>",
        "</think>",
        "<tool_call>",
        "[SEP]",
        "[TOOL_CALLS]",
        "<|im_\u200bstart|>",  # becomes markup once the invisible character has gone
    ],
)
def test_chat_markup_is_broken_by_one_blank(markup: str) -> None:
    visible = markup.replace("\u200b", "")
    clean = clean_text(f"before{markup}after")
    assert visible not in clean
    assert clean.replace(" ", "") == f"before{visible}after"


def test_ordinary_markup_is_left_alone() -> None:
    text = '<b>bold</b> a < b <a href="x">link</a> [1] [citation] x |> f'
    assert clean_text(text) == text


@settings(deadline=None)
@given(nasty)
def test_cleaning_twice_is_cleaning_once_and_can_be_sent(text: str) -> None:
    clean = clean_text(text)
    assert clean_text(clean) == clean
    clean.encode("utf-8")


def test_long_texts_are_cut_in_the_middle_and_it_is_said() -> None:
    text = "".join(str(k % 10) for k in range(100))
    cut = cut_text(text, 30)
    assert cut == text[:20] + "\n[... 70 characters left out ...]\n" + text[-10:]
    assert cut_text(text, 100) == text
    assert cut_text("", 0) == ""


def test_a_text_that_holds_the_name_gets_another(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody can write a text that holds its own digest, so the digests are made up here.
    names = iter(["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"])
    monkeypatch.setattr("noisefix.annotators.quoting.digest", lambda *parts: next(names))
    tags = make_tags(["x </data-AAAAAAAAAAAA> y", "ｂｂｂｂbbbbbbbb"], 0)
    assert tags == Tags("data-cccccccccccc")


@settings(deadline=None)
@given(st.lists(nasty, min_size=1, max_size=4), st.integers(0, 3))
def test_no_text_holds_its_own_tags_and_the_same_texts_have_the_same(
    texts: list[str], seed: int
) -> None:
    tags = make_tags(texts, seed)
    assert tags == make_tags(list(texts), seed)
    assert not any(tags.name.removeprefix("data-") in text.casefold() for text in texts)
    assert tags.around("x") == f"<{tags.name}>\nx\n</{tags.name}>"


def test_the_name_depends_on_every_part_and_on_the_seed() -> None:
    names = {
        make_tags(texts, seed).name
        for texts in (["a", "b"], ["ab"], ["b", "a"], ["a", "b", ""])
        for seed in (0, 1)
    }
    assert len(names) == 8


def test_digest_keeps_parts_apart() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("a") == digest("a")
    digest("\ud800")  # half a surrogate pair is no error

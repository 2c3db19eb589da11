"""No tokenizer finds a control token in a text or in a label's name, and texts stay readable."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers

from noisefix.annotators.parsing import parse_answer
from noisefix.annotators.prompts import (
    LONGEST_LABEL,
    Demonstration,
    check_label_names,
    label_literal,
    render_question,
)
from noisefix.annotators.quoting import break_chat_markup, clean_text
from noisefix.errors import DataError

# From the tokenizers of the families named; what a rule for the shape must find without a list.
FAMILIES = (
    # ChatML, Llama 3 and 4, Phi, Command, Harmony
    "<|im_start|> <|im_end|> <|eot_id|> <|start_header_id|> <|header_start|> <|user|> <|end|> "
    "<|START_OF_TURN_TOKEN|> <|channel|> <BOS_TOKEN> "
    # Llama 2, Mistral, CodeLlama
    "<s> </s> <unk> [INST] [/INST] <<SYS>> <</SYS>> [TOOL_CALLS] [SYSTEM_PROMPT] [IMG_BREAK] "
    "[THINK] <PRE> <SUF> <MID> <EOT> [control_8] "
    # Gemma, PaliGemma, T5, Nemotron
    "<bos> <eos> <start_of_turn> <end_of_turn> <|turn> <turn|> <unused0> <image_soft_token> "
    "<extra_id_0> <SPECIAL_12> <loc0001> <seg001> <0x0A> <2en> "
    # DeepSeek, Hunyuan, Seed, Doubao, MiniMax, Kimi
    "<｜User｜> <｜begin▁of▁sentence｜> <｜tool▁calls▁begin｜> <seed:bos> <seed:think> "
    "<[begin▁of▁sentence]> <[fim-prefix]> ]~b] [e~[ ]!p~[ ]<]image[>[ ]~!b[ <minimax:tool_call> "
    # EXAONE, Baichuan, InternLM, ChatGLM, MiniCPM, LongCat, Ling
    "[|system|] [|endofturn|] <reserved_106> <eoh> [UNUSED_TOKEN_145] [gMASK] [sMASK] <sop> "
    "<用户> <AI> <longcat_user> <role> [PAD151645] "
    # Falcon, StarCoder, SmolLM, Qwen-VL, BERT, others
    ">>TITLE<< >>QUESTION<< <fim_prefix> <file_sep> <gh_stars> <image> <video> <img> </img> <ref> "
    "[CLS] [SEP] [MASK] [unused1] <think> </think> <tool_call> <mask> <sep/> <madeupword0> "
    "<ctrl99> <unk_2> <sos/eos>"
)
CONTROL_TOKENS = tuple(FAMILIES.split())

NORMALIZERS = {
    "none": None,
    "NFKC": normalizers.NFKC(),
    "lower case": normalizers.Lowercase(),
    "BERT": normalizers.BertNormalizer(lowercase=True),
}

INNOCENT = (
    '<b>bold</b> <br/> <P> <a href="x">link</a> <div class="x"> <table><tr><td>1</td></tr></table>',
    "a < b and c > d, 3<4>2, if (x<y) {} x |> f, a -> b <- c <=> d <-> e",
    "mail <x@y.z> or <https://example.org/a?b=c>",
    "[link](http://x) [1] [citation] [x, y] a[0] b[i][j] [A] [Smith 2020] - [ ] todo - [x] done",
    "<3 >_> <_< >:[ :] ;-] <(^_^)> [...] << >> <1> <!-- note --> \\o/",
)


@pytest.mark.parametrize("token", CONTROL_TOKENS)
def test_a_control_token_is_broken_by_blanks_alone(token: str) -> None:
    broken = break_chat_markup(f"before{token}after")
    assert token not in broken
    assert broken.replace(" ", "") == f"before{token}after"


@pytest.mark.parametrize("normalizer", NORMALIZERS.values(), ids=NORMALIZERS.keys())
def test_no_tokenizer_finds_one(normalizer: object) -> None:
    tokenizer = Tokenizer(models.WordLevel({"x": 0}, unk_token="x"))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.add_special_tokens(
        [AddedToken(token, normalized=True, special=True) for token in CONTROL_TOKENS]
    )
    for token in CONTROL_TOKENS:
        wide = token.replace("<", "＜").replace("[", "［")
        for text in (token, wide, f"a{token}", f"{token * 2}b", f"<{token}>", f"[{token}]"):
            for spoiled in (text, text[:1] + "\u200d" + text[1:], text[:2] + "\ufeff" + text[2:]):
                found = {k for k in tokenizer.encode(clean_text(spoiled)).ids if k > 0}
                assert not found, (spoiled, clean_text(spoiled))


@pytest.mark.parametrize("text", INNOCENT)
def test_ordinary_texts_are_left_alone(text: str) -> None:
    assert break_chat_markup(text) == text


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from(
            [
                *CONTROL_TOKENS,
                *"<>[]|/~!_sINST ＜［｜\u200d",
                "s>",
                "|>",
                "<|",
                "]~",
                ">[",
                "b",
                "9",
            ]
        ),
        max_size=30,
    ).map("".join)
)
def test_breaking_twice_is_breaking_once_and_adds_little(text: str) -> None:
    broken = break_chat_markup(text)
    assert break_chat_markup(broken) == broken
    assert broken.replace(" ", "") == text.replace(" ", "")
    assert len(broken) <= 2 * len(text)


def test_long_texts_without_an_end_take_no_longer_than_they_must() -> None:
    for piece in ("<", "[", "]~", "<a", "[A", ">>", "<a/", "[a_", "[A>", "]<"):
        assert len(break_chat_markup(piece * 100_000)) < 500_000


@pytest.mark.parametrize("token", CONTROL_TOKENS)
def test_a_label_with_one_is_quoted_without_it_and_read_back(token: str) -> None:
    label = f"ticket {token}"
    question = render_question("1", "a text", [label, "other"], [Demonstration("x", label)])
    for message in question.prompt:
        assert token not in message.content
        assert label not in message.content
    literal = label_literal(label)
    assert break_chat_markup(literal) == literal
    assert json.loads(literal) == label
    parsed = parse_answer(f'{{"answer": {literal}}}', question.label_pool)
    assert (parsed.answer, parsed.is_label) == (label, True)


def test_label_names_that_are_texts_are_refused() -> None:
    check_label_names(["spam", "x" * LONGEST_LABEL])
    with pytest.raises(DataError, match="301 characters") as caught:
        check_label_names(["spam", "x" * (LONGEST_LABEL + 1)])
    assert "--label-column" in caught.value.hint

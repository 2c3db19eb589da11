"""The local annotator against a plain computation: no cache, no batch, no padding."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noisefix.annotators.engine import ask
from noisefix.annotators.local import LocalAnnotator
from noisefix.annotators.local_model import LocalModel, load_local_model
from noisefix.annotators.prompts import PromptStyle, answer_lead, answer_rest, render_question
from noisefix.annotators.protocol import Answer, Question
from noisefix.annotators.store import AnswerStore

torch = pytest.importorskip("torch")

LABELS = ("spam", "ham", "spam or ham", "s", 'say "hi"')
pytestmark = pytest.mark.usefixtures("one_torch_thread")
Save = Callable[..., Path]


def questions(n: int = 4, form: Any = "json") -> list[Question]:
    style = PromptStyle(answer_form=form)
    texts = ["Win a prize now. " * (k + 1) for k in range(n)]
    pools = [LABELS[: 2 + k] for k in range(n)]
    return [
        render_question(str(k), text, pool, style=style)
        for k, (text, pool) in enumerate(zip(texts, pools, strict=True))
    ]


def plain_scores(model: LocalModel, question: Question, form: Any = "json") -> dict[str, float]:
    """Mean token log-likelihood of each answer: one sequence, one forward pass, no cache."""
    tokenizer = model.tokenizer
    messages = [{"role": m.role, "content": m.content} for m in question.prompt]
    if tokenizer.chat_template:
        start = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    else:
        start = "<s>" + "".join(m["content"] + "\n\n" for m in messages)
    start += answer_lead(form)
    scores = {}
    borders = []
    for label in question.label_pool:
        encoded = tokenizer(
            start + answer_rest(label, form), add_special_tokens=False, return_offsets_mapping=True
        )
        ends = [end for _, end in encoded["offset_mapping"]]
        borders.append(next(k for k, end in enumerate(ends) if end > len(start)))
    for label in question.label_pool:
        text = start + answer_rest(label, form)
        ids = torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]])
        with torch.no_grad():
            logits = model.model(input_ids=ids, use_cache=False).logits[0].double()
        each = logits.log_softmax(-1)[torch.arange(ids.shape[1] - 1), ids[0, 1:]]
        scores[label] = each[min(borders) - 1 :].mean().item()
    return scores


def annotate(model: LocalModel, asked: list[Question], **options: Any) -> dict[str, Answer]:
    return {answer.id: answer for answer in LocalAnnotator(model, **options).annotate(asked)}


@pytest.mark.parametrize("kind", ["llama", "mistral", "gpt2", "bloom", "mamba"])
@pytest.mark.parametrize("max_batch_tokens", [1, 3_000])
def test_scores_are_those_of_a_plain_computation(
    save_tiny_model: Save, kind: str, max_batch_tokens: int
) -> None:
    model = load_local_model(save_tiny_model(kind), device="cpu", precision="fp32")
    asked = questions()
    answers = annotate(model, asked, max_batch_tokens=max_batch_tokens)
    assert len(answers) == len(asked)
    for question in asked:
        answer = answers[question.id]
        expected = plain_scores(model, question)
        scores = json.loads(answer.raw_answer or "")
        assert list(scores) == list(question.label_pool)
        for label in question.label_pool:
            assert scores[label] == pytest.approx(expected[label], abs=1e-4)
        weights = np.exp(list(expected.values()))
        for label, share in zip(expected, weights / weights.sum(), strict=True):
            assert (answer.probabilities or {})[label] == pytest.approx(share, abs=1e-4)
        assert answer.answer == max(expected, key=lambda label: expected[label])


def test_the_scores_are_worth_comparing(save_tiny_model: Save) -> None:
    """The random model must tell labels apart, or agreeing with it would mean nothing."""
    model = load_local_model(save_tiny_model(), device="cpu", precision="fp32")
    spread = [np.ptp(list(plain_scores(model, question).values())) for question in questions()]
    assert min(spread) > 0.05


def test_tokens_that_span_prompt_and_label_belong_to_the_label(save_tiny_model: Save) -> None:
    model = load_local_model(save_tiny_model(), device="cpu", precision="fp32")
    start = answer_lead("json")
    bare = model.tokenizer(start, add_special_tokens=False)["input_ids"]
    whole = model.tokenizer(start + '"spam"}', add_special_tokens=False)["input_ids"]
    assert whole[: len(bare)] != bare  # the case under test does occur
    (question,) = questions(1)
    answer = annotate(model, [question])[question.id]
    expected = plain_scores(model, question)
    assert json.loads(answer.raw_answer or "") == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("form", ["json", "plain"])
def test_without_a_chat_template(save_tiny_model: Save, form: Any) -> None:
    model = load_local_model(save_tiny_model(chat_template=None), device="cpu", precision="fp32")
    asked = questions(3, form)
    answers = annotate(model, asked, answer_form=form)
    for question in asked:
        scores = json.loads(answers[question.id].raw_answer or "")
        assert scores == pytest.approx(plain_scores(model, question, form), abs=1e-4)


def test_answers_are_complete(save_tiny_model: Save) -> None:
    folder = save_tiny_model()
    model = load_local_model(folder, device="cpu", precision="fp32")
    annotator = LocalAnnotator(model)
    question = render_question("row", "x", ("only",), vote=2)
    (answer,) = annotator.annotate([question])
    assert (answer.id, answer.vote, answer.answer, answer.is_label) == ("row", 2, "only", True)
    assert answer.confidence == 1.0
    assert (answer.annotator, answer.model) == ("local", folder.name)
    assert answer.input_tokens is not None
    assert answer.input_tokens > 20
    assert answer.output_tokens == 0
    assert answer.latency_s is not None
    two = annotate(model, questions(2))
    assert all(a.confidence == max((a.probabilities or {}).values()) for a in two.values())


def test_equal_scores_go_by_name(save_tiny_model: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_local_model(save_tiny_model(), device="cpu", precision="fp32")
    monkeypatch.setattr(
        "noisefix.annotators.likelihood.Scorer.score",
        lambda self, tasks: iter(
            [[(k, [-1.0 * len(c) for c in t.continuations]) for k, t in enumerate(tasks)]]
        ),
    )
    for pool in (("b", "a", "c"), ("c", "b", "a")):
        question = Question("1", pool, render_question("1", "x", pool).prompt)
        assert annotate(model, [question])["1"].answer == "a"


def test_a_prompt_that_is_too_long_fails_alone(save_tiny_model: Save) -> None:
    model = load_local_model(save_tiny_model("gpt2"), device="cpu", precision="fp32")
    assert model.max_tokens == 2048
    long = render_question("long", "zq" * 3_000, ("a", "b"))
    short = render_question("short", "x", ("a", "b"))
    answers = annotate(model, [long, short])
    assert answers["long"].answer is None
    assert "the model takes 2,048" in (answers["long"].error or "")
    assert answers["short"].answer in ("a", "b")


def test_a_model_whose_output_is_not_finite_gives_no_answer(save_tiny_model: Save) -> None:
    model = load_local_model(save_tiny_model(), device="cpu", precision="fp32")
    with torch.no_grad():
        model.model.lm_head.weight.fill_(float("nan"))
    answer = annotate(model, questions(1))["0"]
    assert answer.answer is None
    assert "not finite" in (answer.error or "")


def test_questions_are_taken_lot_by_lot(save_tiny_model: Save) -> None:
    model = load_local_model(save_tiny_model(), device="cpu", precision="fp32")
    taken = 0

    def endless() -> Any:
        nonlocal taken
        while True:
            taken += 1
            yield render_question(str(taken), f"text {taken}", ("spam", "ham"))

    answers = LocalAnnotator(model).annotate(endless())
    next(answers)
    assert taken == 64
    answers.close()  # type: ignore[attr-defined]


def test_questions_sorted_together_need_less_padding_and_get_the_same_answers(
    save_tiny_model: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_local_model(save_tiny_model(), device="cpu", precision="fp32")
    rng = np.random.default_rng(0)
    asked = [
        render_question(str(k), "zq" * int(rng.integers(1, 200)), ("spam", "ham"))
        for k in range(24)
    ]
    computed: list[int] = []
    forward = model.model.forward

    def counting(*, input_ids: Any, **options: Any) -> Any:
        computed.append(input_ids.numel())
        return forward(input_ids=input_ids, **options)

    found, tokens = [], []
    for at_once in (4, 24):
        annotator = LocalAnnotator(model, max_batch_tokens=1_500, taken_at_once=at_once)
        computed.clear()
        monkeypatch.setattr(model.model, "forward", counting)
        answers = {answer.id: answer for answer in annotator.annotate(asked)}
        monkeypatch.undo()
        found.append({row: json.loads(a.raw_answer or "") for row, a in answers.items()})
        tokens.append(sum(computed))
    assert tokens[1] < 0.95 * tokens[0]
    assert len(found[0]) == len(found[1]) == 24
    for row, scores in found[0].items():
        assert found[1][row] == pytest.approx(scores, abs=1e-4)


def test_identity_follows_the_files_and_not_the_place(save_tiny_model: Save) -> None:
    def identity(**options: Any) -> Any:
        model = load_local_model(save_tiny_model(**options), device="cpu", precision="fp32")
        return LocalAnnotator(model).identity

    assert identity() == identity()
    assert identity().sampling == identity().sampling
    assert identity().sampling != identity(kind="gpt2").sampling
    assert identity().sampling != identity(chat_template=None).sampling


def test_answers_are_stored_and_found_again(save_tiny_model: Save, store: AnswerStore) -> None:
    def run() -> dict[str, Answer]:
        model = load_local_model(save_tiny_model(), device="cpu", precision="fp32")
        return {
            answer.id: answer for answer in ask(LocalAnnotator(model), questions(), store=store)
        }

    first, second = run(), run()
    assert not any(answer.reused for answer in first.values())
    assert all(answer.reused for answer in second.values())
    for row, answer in first.items():
        assert second[row].answer == answer.answer
        assert second[row].probabilities == answer.probabilities


def test_bf16_is_close_to_fp32(save_tiny_model: Save) -> None:
    exact = annotate(load_local_model(save_tiny_model(), "cpu", "fp32"), questions())
    rough = annotate(load_local_model(save_tiny_model(), "cpu", "bf16"), questions())
    for row in exact:
        left, right = exact[row].probabilities or {}, rough[row].probabilities or {}
        assert left == pytest.approx(right, abs=0.05)


@pytest.mark.parametrize(("kind", "said"), [("llama", False), ("mamba", True)])
def test_a_model_that_reads_each_prompt_again_is_announced(
    save_tiny_model, kind, said, monkeypatch
):
    from noisefix.relabelling import connect as connecting
    from noisefix.relabelling.connect import connect, connection_note
    from noisefix.relabelling.options import ServerOptions

    monkeypatch.setattr(connecting, "_check_texts", lambda folder, who: None)
    who = f"local:{save_tiny_model(kind)}"
    annotator = connect(who, None, (), ServerOptions(), device="cpu", seed=0)
    assert (
        any(
            "reads the prompt again for each label" in n.replace("\n", " ")
            for n in connection_note(annotator)
        )
        is said
    )

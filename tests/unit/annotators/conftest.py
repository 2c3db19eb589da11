"""Questions, scripted annotators, made-up witnesses; a tiny causal model of random weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noisefix.annotators.protocol import Answer, Identity, Message, Question
from noisefix.annotators.retry import RetryPolicy
from noisefix.annotators.store import AnswerStore

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def samples() -> list[str]:
    """Return what the tokenizer learns from: our own prompts, so that they become short."""
    from noisefix.annotators.prompts import render_question

    prompt = render_question("1", "Win a prize now. See you at lunch.", ("spam", "ham")).prompt
    lines = [line for message in prompt for line in message.content.split("\n")]
    return [*lines, *lines, '{"answer": "spam"}', '{"answer": "ham"}', "Label: spam\nLabel: ham\n"]


def make_tokenizer(chat_template: str | None = CHAT_TEMPLATE) -> Any:
    """Train a byte-level BPE without word borders: merges run across blanks and quotes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        special_tokens=["<s>", "</s>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(samples(), trainer)
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    tokenizer.chat_template = chat_template
    return tokenizer


def make_config(kind: str, vocab_size: int) -> Any:
    import transformers

    small = {"vocab_size": vocab_size, "hidden_size": 32, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 48}
    if kind == "llama":
        return transformers.LlamaConfig(**small, **heads, max_position_embeddings=4096)
    if kind == "mistral":  # a window far shorter than the prompts
        return transformers.MistralConfig(**small, **heads, sliding_window=16)
    if kind == "gpt2":  # learned positions
        return transformers.GPT2Config(
            vocab_size=vocab_size, n_embd=32, n_layer=2, n_head=4, n_positions=2048
        )
    if kind == "bloom":  # positions from the mask
        return transformers.BloomConfig(**small, n_head=4)
    assert kind == "mamba"  # no keys and values to share
    return transformers.MambaConfig(**small, state_size=4)


@pytest.fixture(scope="session")
def save_tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that builds a model of some kind and returns its folder."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    saved: dict[tuple[str, str | None], Path] = {}

    def save(kind: str = "llama", chat_template: str | None = CHAT_TEMPLATE) -> Path:
        import torch
        from transformers import AutoModelForCausalLM

        if (kind, chat_template) not in saved:
            folder = tmp_path_factory.mktemp(kind)
            tokenizer = make_tokenizer(chat_template)
            torch.manual_seed(0)
            model = AutoModelForCausalLM.from_config(make_config(kind, len(tokenizer)))
            for parameter in model.parameters():  # large weights: labels differ in probability
                torch.nn.init.normal_(parameter, std=0.2)
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            saved[kind, chat_template] = folder
        return saved[kind, chat_template]

    return save


POOL = ("pos", "neg")


@pytest.fixture
def make_questions() -> Callable[..., list[Question]]:
    """Return a function that makes questions whose prompts name their row."""

    def make(
        n: int, *, start: int = 0, pool: tuple[str, ...] = POOL, vote: int = 0
    ) -> list[Question]:
        system = Message("system", "Label the text.")
        return [
            Question(f"id-{row}", pool, (system, Message("user", f"row {row} of the data")), vote)
            for row in range(start, start + n)
        ]

    return make


@pytest.fixture
def quick_policy() -> RetryPolicy:
    """Patience that does not slow the tests down."""
    return RetryPolicy(
        max_attempts=4,
        timeout_s=2.0,
        first_wait_s=0.01,
        longest_wait_s=0.05,
        longest_retry_after_s=5.0,
        window_s=0.2,
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AnswerStore]:
    with AnswerStore(tmp_path / "annotations.sqlite") as opened:
        yield opened


class Scripted:
    """An annotator that works in turn: ``says(question)`` is its answer."""

    def __init__(
        self, says: Callable[[Question], Answer], identity: Identity | None = None
    ) -> None:
        self.says = says
        self.asked: list[str] = []
        if identity is not None:
            self.identity = identity

    def annotate(self, questions: Iterable[Question]) -> Iterator[Answer]:
        for question in questions:
            self.asked.append(question.id)
            yield self.says(question)


@pytest.fixture
def scripted() -> type[Scripted]:
    return Scripted


@pytest.fixture
def one_torch_thread() -> Iterator[None]:
    """Compute in one thread: for tiny models a second one only costs, on a busy machine dearly."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True)
class Witnesses:
    """N rows with three witnesses (given labels, views of the text, an annotator) and the truth."""

    truth: np.ndarray
    given: np.ndarray
    answers: np.ndarray
    p_error: np.ndarray
    true_label_probs: np.ndarray

    def with_answers(self, answers: np.ndarray) -> Witnesses:
        return replace(self, answers=answers)

    def with_p_error(self, p_error: np.ndarray) -> Witnesses:
        rows = np.arange(len(self.given))
        probs = self.true_label_probs.copy()
        probs[rows, self.given] = 0
        probs *= (p_error / probs.sum(axis=1))[:, None]
        probs[rows, self.given] = 1 - p_error
        return replace(self, p_error=p_error, true_label_probs=probs)


def _made_up(
    n_rows: int,
    n_classes: int,
    *,
    noise: float = 0.2,
    accuracy: float = 0.8,
    confusion: np.ndarray | None = None,
    shares: Sequence[float] | None = None,
    seed: int = 0,
) -> Witnesses:
    """Draw truth, noisy labels, answers, and what calibrated views would say of the labels.

    Args:
        n_rows: N.
        n_classes: K.
        noise: share of wrong given labels, any other class equally likely.
        accuracy: of the annotator, any other class equally likely.
        confusion: (K, K) P(answer | true) instead.
        shares: of the classes; None: equal.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    rows = np.arange(n_rows)
    truth = rng.choice(n_classes, n_rows, p=shares)
    given = _some_wrong(rng, truth, n_classes, noise)
    if confusion is None:
        answers = _some_wrong(rng, truth, n_classes, 1 - accuracy)
    else:
        answers = np.array([rng.choice(n_classes, p=confusion[label]) for label in truth])
    evidence = rng.standard_normal((n_rows, n_classes))
    evidence[rows, truth] += 2.0
    logits = 2.0 * evidence  # N(2, 1) against N(0, 1): twice the value is the log-odds
    logits += np.log(noise / max(n_classes - 1, 1))
    logits[rows, given] += np.log(1 - noise) - np.log(noise / max(n_classes - 1, 1))
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    return Witnesses(truth, given, answers, 1 - probs[rows, given], probs)


def _some_wrong(
    rng: np.random.Generator, truth: np.ndarray, n_classes: int, share: float
) -> np.ndarray:
    wrong = rng.random(len(truth)) < share
    moved = (truth + rng.integers(1, n_classes, len(truth))) % n_classes
    return np.where(wrong, moved, truth)


@pytest.fixture
def made_up() -> Callable[..., Witnesses]:
    """Return the function that makes witnesses up."""
    return _made_up

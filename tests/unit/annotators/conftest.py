"""Questions and scripted annotators; a tiny causal model of random weights, saved to a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

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

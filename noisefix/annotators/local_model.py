"""A causal language model from a folder: loading it, and putting a prompt into its tokens."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noisefix.annotators.likelihood import ScoringTask
from noisefix.annotators.protocol import Message
from noisefix.errors import ModelError
from noisefix.hardware import choose_device, choose_precision

_MARKUP = re.compile(r"<.+>|\[.+\]", re.DOTALL)
_PROBE = (Message("system", "some rules"), Message("user", "a question"))


@dataclass(frozen=True)
class LocalModel:
    """A loaded model with its tokenizer."""

    path: Path
    model: Any
    tokenizer: Any

    @property
    def max_tokens(self) -> int | None:
        """The longest sequence that the model takes; None when it does not say."""
        config = self.model.config.get_text_config()
        longest = getattr(config, "max_position_embeddings", None)
        return int(longest) if longest else None


def load_local_model(path: str | Path, device: str = "auto", precision: str = "auto") -> LocalModel:
    """Load a model from a folder: safetensors only, no code from the folder, no network.

    Args:
        path: a folder as ``save_pretrained`` writes it.
        device: ``auto`` (a GPU if there is one), ``cpu``, ``cuda`` or ``mps``.
        precision: ``auto`` (bf16 where the hardware computes in it), ``fp32`` or ``bf16``.

    Raises:
        ModelError: there is no such folder, it holds no causal language model with a tokenizer,
            its weights are not safetensors, it needs code of its own, or it does not fit.
    """
    folder = check_model_folder(path)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    target = choose_device(device)
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[choose_precision(precision, target)]
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=dtype,
        )
        model.to(torch.device(target)).eval()
    except Exception as error:  # transformers raises what it likes: OSError, ValueError, KeyError
        first_line = next(iter(str(error).strip().splitlines()), "")
        raise ModelError(
            f"{folder}: cannot be loaded as a causal language model on {target}:"
            f" {type(error).__name__}: {first_line}",
            "it must be a causal language model that transformers knows without remote code,"
            " with a tokenizer, and fit into memory",
        ) from error
    return LocalModel(folder, model, tokenizer)


def check_model_folder(path: str | Path, wanted_by: str = "local:PATH") -> Path:
    """Return the folder of a model.

    Raises:
        ModelError: there is no such folder, or its weights are not safetensors.
    """
    folder = Path(path)
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{folder}: no model folder (it has no config.json)",
            f"{wanted_by} takes a folder with config.json, tokenizer.json and *.safetensors",
        )
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"{folder}: no weights in safetensors format",
            "pickled weights (*.bin) are never loaded: convert them with transformers'"
            " save_pretrained(..., safe_serialization=True) in an environment you trust",
        )
    return folder


def folder_digest(path: str | Path) -> str:
    """Return the SHA-256 of the files that decide what a model says: a part of the store key."""
    state = hashlib.sha256()
    files = [
        file
        for pattern in ("*.json", "*.safetensors", "*.jinja", "*.model", "*.txt")
        for file in sorted(Path(path).glob(pattern))
    ]
    for file in files:
        with file.open("rb") as stream:
            part = hashlib.file_digest(stream, "sha256").hexdigest()
        state.update(f"{file.name}\0{part}\n".encode())
    return state.hexdigest()


class PromptEncoder:
    """Turns messages and possible answers into tokens.

    A text may hold the model's own control tokens; they are broken by a blank, so that the only
    ones the model sees are those that its chat template writes. Prompt and answer are tokenized as
    one string: where a token spans the border, it belongs to the answer.

    Args:
        tokenizer: of transformers; with its chat template, if it has one.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._has_template = bool(getattr(tokenizer, "chat_template", None))
        added = tokenizer.added_tokens_decoder
        control = {
            number: token.content
            for number, token in added.items()
            if token.content.strip() and (token.special or _MARKUP.fullmatch(token.content))
        }
        self._control_texts = sorted(control.values(), key=len, reverse=True)
        self._control_ids = set(control) - {tokenizer.unk_token_id}
        self._leading = self._leading_ids()
        self._takes_system = self._has_template and self._keeps_system_message()

    def encode(self, prompt: Sequence[Message], lead: str, answers: Sequence[str]) -> ScoringTask:
        """Return the tokens of a prompt and of each answer.

        Args:
            prompt: the messages.
            lead: what every answer begins with.
            answers: how each goes on.
        """
        start = self.render(prompt) + lead
        texts = [start, *(start + answer for answer in answers)]
        # verbose=False: whether it is too long for the model is the caller's question.
        encoded = self._tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        bare, *whole = [self._leading + list(ids) for ids in encoded]
        common = min(_common_length(bare, ids) for ids in whole)
        common = max(1, min(common, *(len(ids) - 1 for ids in whole)))
        return ScoringTask(whole[0][:common], [ids[common:] for ids in whole])

    def render(self, prompt: Sequence[Message]) -> str:
        """Return the prompt as one string, with the chat template where there is one."""
        messages = [Message(message.role, self.defused(message.content)) for message in prompt]
        if not self._has_template:
            return "\n\n".join(message.content for message in messages) + "\n\n"
        return self._templated(messages if self._takes_system else _without_system(messages))

    def defused(self, text: str) -> str:
        """Return a text in which the tokenizer finds none of its control tokens."""
        for control in self._control_texts:
            broken = f"{control[0]} {control[1:]}" if len(control) > 1 else "\ufffd"
            text = text.replace(control, broken)
        if not getattr(self._tokenizer, "is_fast", False):
            return text
        for _ in range(10):  # normalization can bring tokens back that were not there as such
            encoded = self._tokenizer(
                text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
            )
            spans = [
                span
                for number, span in zip(
                    encoded["input_ids"], encoded["offset_mapping"], strict=True
                )
                if number in self._control_ids and span[1] > span[0]
            ]
            if not spans:
                break
            for start, end in reversed(spans):
                middle = f"{text[start]} {text[start + 1 : end]}" if end - start > 1 else "\ufffd"
                text = text[:start] + middle + text[end:]
        return text

    def _templated(self, messages: Sequence[Message]) -> str:
        rendered: str = self._tokenizer.apply_chat_template(
            [{"role": message.role, "content": message.content} for message in messages],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,  # for templates that ask; others do not look at it
        )
        return rendered

    def _keeps_system_message(self) -> bool:
        try:
            return _PROBE[0].content in self._templated(_PROBE)
        except Exception:  # the template is the model's: it raises what it likes
            return False

    def _leading_ids(self) -> list[int]:
        """Return the tokens that must stand at the beginning; a template writes them itself."""
        if self._has_template:
            return []
        plain = list(self._tokenizer("a", add_special_tokens=False)["input_ids"])
        full = list(self._tokenizer("a")["input_ids"])
        starts = [k for k in range(len(full)) if full[k : k + len(plain)] == plain]
        return full[: starts[0]] if starts and plain else []


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """Put the rules at the beginning of the user's message, for templates without a system role."""
    rules = [message.content for message in messages if message.role == "system"]
    others = [message for message in messages if message.role != "system"]
    return [Message("user", "\n\n".join([*rules, *(message.content for message in others)]))]


def _common_length(left: Sequence[int], right: Sequence[int]) -> int:
    for place, (a, b) in enumerate(zip(left, right, strict=False)):
        if a != b:
            return place
    return min(len(left), len(right))

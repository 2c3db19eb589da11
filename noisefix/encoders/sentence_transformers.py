"""Any sentence-transformers model, batched by tokens instead of by 32 texts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.encoders.word_pieces import CHARACTERS_PER_TOKEN
from noisefix.errors import ModelError
from noisefix.hardware import fetch, send, steady_attention
from noisefix.threads import n_threads

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

_NO_LIMIT = 1_000_000
"""Tokenizers say 10**30 when there is no limit."""

_TOKENS_PER_THREAD = 1024
_GPU_LENGTHS = 8
"""On a GPU texts are padded to multiples of so many tokens."""


class SentenceTransformerModel:
    """A sentence-transformers model of any make: the same vectors as its ``encode``.

    Attributes:
        dimension: D.
        max_tokens: tokens read of a text; None: all.
        device: as given.
        is_padded: True.
        is_thread_safe: False.
        cpu_batch_tokens: tokens in a batch on a CPU; its operations share out each batch.
        model: the sentence-transformers model itself.
    """

    is_padded = True
    is_thread_safe = False

    def __init__(self, folder: Path, *, device: str, precision: str) -> None:
        """Load a model folder; no code that it brings is run.

        Args:
            folder: as saved by sentence-transformers, or a transformers model.
            device: "cpu", "cuda:0", ...
            precision: "fp32"; or "bf16": the transformer's matrix products in bf16, the rest fp32.

        Raises:
            ModelError: it cannot be loaded, or needs code of its own.
        """
        self.model = _load(folder, device)
        if precision == "bf16":
            _multiply_in_bf16(self.model[0])
        limit = self.model.max_seq_length
        self.max_tokens = None if limit is None or limit > _NO_LIMIT else int(limit)
        self.device = device
        self.cpu_batch_tokens = _TOKENS_PER_THREAD * n_threads()
        self._padding = _padding(self.model, device)
        self._prompt = self.model.prompts.get(self.model.default_prompt_name or "") or None
        self.dimension = self.embed(["a"]).shape[1]

    def prepare(self, texts: Sequence[str]) -> tuple[list[str], np.ndarray]:
        """Return the texts, and (N,) their tokens."""
        limit = CHARACTERS_PER_TOKEN * (self.max_tokens or _NO_LIMIT)
        shown = [text[:limit] for text in texts]
        return shown, _count_tokens(self.model, shown, self._prompt or "")

    def embed(self, items: Sequence[str]) -> np.ndarray:
        """Return (B, D) float32 unit vectors of B texts."""
        return self.start(items)()

    def start(self, items: Sequence[str]) -> Callable[[], np.ndarray]:
        """Hand the work of ``embed`` to the device; what is returned waits for the vectors."""
        import torch
        from torch.nn import functional

        with torch.inference_mode(), steady_attention(self.device):
            return fetch(functional.normalize(self.raw_vectors(items), dim=1))

    def raw_vectors(self, items: Sequence[str]) -> torch.Tensor:
        """Return (B, D) float32 vectors of B texts as the model gives them, with gradients."""
        import torch

        features = self.model.preprocess(list(items), prompt=self._prompt, **self._padding)
        on_device = {
            name: send(value, self.device) if isinstance(value, torch.Tensor) else value
            for name, value in features.items()
        }
        vectors: torch.Tensor = self.model(on_device)["sentence_embedding"].float()
        return vectors[:, : self.model.truncate_dim]


def _load(folder: Path, device: str) -> SentenceTransformer:
    import torch

    with quiet_libraries():
        from sentence_transformers import SentenceTransformer

        try:
            model = SentenceTransformer(
                str(folder),
                device=device,
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"dtype": torch.float32},
            )
        except Exception as error:  # anything can be wrong with a model that is not ours
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ModelError(
                f"{folder}: sentence-transformers cannot load this encoder: {reason}",
                "name another --encoder; noisefix runs no code that a model brings with it",
            ) from error
    model.eval()
    return model


def _padding(model: SentenceTransformer, device: str) -> dict[str, Any]:
    """Return options for ``preprocess``: on a GPU few lengths, which come again and again."""
    from sentence_transformers.sentence_transformer.modules import Transformer

    limit = model.max_seq_length
    is_whole = limit is None or limit % _GPU_LENGTHS == 0  # or padding would pass the limit
    if device == "cpu" or not is_whole or type(model[0]) is not Transformer:
        return {}
    return {"processing_kwargs": {"text": {"pad_to_multiple_of": _GPU_LENGTHS}}}


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep the libraries' bars and remarks off the terminal while a model loads or is saved."""
    from transformers.utils import logging as transformers_logging

    has_bars = transformers_logging.is_progress_bar_enabled()
    libraries = [logging.getLogger(name) for name in ("sentence_transformers", "transformers")]
    levels = [library.level for library in libraries]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    for library in libraries:
        library.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for library, level in zip(libraries, levels, strict=True):
            library.setLevel(level)
        if has_bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _multiply_in_bf16(module: torch.nn.Module) -> None:
    """Let every linear layer multiply in bf16; what it takes and gives stays in fp32.

    With the whole model in bf16, one of a hundred nearest neighbours is lost to the rounding of
    layer norms and of the residual stream alone.
    """
    import torch

    for layer in module.modules():
        # Not subclasses: theirs may be called in other ways than forward().
        if type(layer) is torch.nn.Linear:
            layer.to(torch.bfloat16)
            layer.forward = partial(_bf16_product, layer)  # type: ignore[method-assign]


def _bf16_product(layer: torch.nn.Linear, x: torch.Tensor) -> torch.Tensor:
    import torch
    from torch.nn import functional

    return functional.linear(x.to(torch.bfloat16), layer.weight, layer.bias).to(x.dtype)


def _count_tokens(model: Any, texts: list[str], prompt: str) -> np.ndarray:
    """Return (N,) tokens before truncation; words where the model has no usual tokenizer."""
    from transformers import PreTrainedTokenizerBase

    whole = [prompt + text for text in texts]
    tokenizer = getattr(model, "tokenizer", None)
    if isinstance(tokenizer, PreTrainedTokenizerBase):
        options = {"truncation": False, "padding": False, "verbose": False}
        found = tokenizer(whole, return_attention_mask=False, **options)["input_ids"]
        counts = [len(ids) for ids in found]
    else:
        counts = [len(text.split()) for text in whole]
    return np.maximum(np.array(counts, dtype=np.int64), 1)

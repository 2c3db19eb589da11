"""BERT on packed tokens: the texts of a batch one after the other, no padding.

sentence-transformers gives the same vectors (a test compares them) but takes seconds to import;
with its weights in bf16 it also keeps fewer neighbours than this does, for here the layer norms and
the residual stream stay in fp32.

Without padding, and with attention worked out for one length at a time, a text's vector depends on
the texts that share its batch in no more than rounding.

Source: Devlin et al. 2019, BERT, section 3; layer order as in the released code (post-norm).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.encoders.bert_files import BertFiles
from noisefix.encoders.products import Product, make_product
from noisefix.encoders.word_pieces import WordPieces
from noisefix.errors import ModelError
from noisefix.hardware import fetch, send, steady_attention

if TYPE_CHECKING:
    import torch

Affine = tuple["torch.Tensor", "torch.Tensor"]

_GPU_STEP = 1024
"""On a GPU a batch has a multiple of so many tokens, the last of them idle: few shapes, which come
again and again, for its products."""


class PackedBert:
    """A plain BERT sentence encoder.

    Attributes:
        dimension: D.
        max_tokens: tokens read of a text.
        device: as given.
        is_padded: False.
        is_thread_safe: True.
        cpu_batch_tokens: tokens in a batch on a CPU: few enough for a core's own cache.
    """

    is_padded = False
    is_thread_safe = True
    cpu_batch_tokens = 1024

    def __init__(self, files: BertFiles, *, device: str, precision: str) -> None:
        """Load the weights.

        Args:
            files: as ``read_bert_files`` found them.
            device: "cpu", "cuda:0", ...
            precision: "fp32"; or "bf16": matrix products and attention in bf16, the rest in fp32.

        Raises:
            ModelError: the weights file is damaged, or lacks a tensor.
        """
        import torch

        self.max_tokens: int | None = files.max_tokens
        self.device = device
        self._step = 1 if device == "cpu" else _GPU_STEP
        self._files = files
        self._pieces = WordPieces(files.tokenizer, files.max_tokens)
        self._dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        weights = _Weights(files, device)
        self._words, self._positions, self._types = (
            weights[f"embeddings.{kind}_embeddings.weight"]
            for kind in ("word", "position", "token_type")
        )
        self._norm = weights.affine("embeddings.LayerNorm")
        self.dimension = int(self._words.shape[1])
        self._layers = [
            _Layer(weights, f"encoder.layer.{i}.", self._dtype) for i in range(files.n_layers)
        ]

    def prepare(self, texts: Sequence[str]) -> tuple[list[np.ndarray], np.ndarray]:
        """Return the token ids of each text, truncated, and its tokens before that, (N,)."""
        return self._pieces.tokenize(texts)

    def embed(self, token_ids: Sequence[np.ndarray]) -> np.ndarray:
        """Return (B, D) float32 unit vectors of B texts' token ids; fastest sorted by length."""
        return self.start(token_ids)()

    def start(self, token_ids: Sequence[np.ndarray]) -> Callable[[], np.ndarray]:
        """Hand the work of ``embed`` to the device; what is returned waits for the vectors."""
        import torch
        from torch.nn import functional

        lengths = [len(ids) for ids in token_ids]
        n_tokens = sum(lengths)
        idle = np.zeros(-n_tokens % self._step, np.int64)
        ids = np.concatenate([*token_ids, idle])
        starts = np.cumsum([0, *lengths])[:-1]
        positions = np.append(np.arange(n_tokens) - np.repeat(starts, lengths), idle)
        runs = _runs(lengths)
        with torch.inference_mode(), steady_attention(self.device):
            x = functional.embedding(send(ids, self.device), self._words)  # (T, D)
            x += self._types[0]
            x += self._positions[send(positions, self.device)]
            x = self._normalize(x, self._norm)
            attended = torch.zeros(len(x), self.dimension, dtype=self._dtype, device=self.device)
            for layer in self._layers:
                self._attend(layer.queries_keys_values(x.to(self._dtype)), runs, attended)
                x += layer.attention_output(attended)
                x = self._normalize(x, layer.attention_norm)
                hidden = layer.intermediate(x.to(self._dtype))  # (T, 4 D)
                x += layer.output(hidden)
                x = self._normalize(x, layer.output_norm)
            return fetch(functional.normalize(self._pool(x, runs), dim=1))

    def _normalize(self, x: torch.Tensor, affine: Affine) -> torch.Tensor:
        from torch.nn import functional

        return functional.layer_norm(x, (self.dimension,), *affine, self._files.norm_eps)

    def _attend(self, qkv: torch.Tensor, runs: list[_Run], attended: torch.Tensor) -> None:
        """Write the attention of each text over itself, (T, D), into ``attended``."""
        from torch.nn import functional

        n_heads = self._files.n_heads
        for start, end, length in runs:
            parts = qkv[start:end].view(-1, length, 3, n_heads, self.dimension // n_heads)
            q, k, v = parts.permute(2, 0, 3, 1, 4)  # (B, H, L, D / H) each
            mixed = functional.scaled_dot_product_attention(q, k, v)
            attended[start:end].view(-1, length, *mixed.shape[1::2]).copy_(mixed.transpose(1, 2))

    def _pool(self, x: torch.Tensor, runs: list[_Run]) -> torch.Tensor:
        import torch

        texts = [x[start:end].view(-1, length, self.dimension) for start, end, length in runs]
        if self._files.pooling == "cls":
            return torch.cat([tokens[:, 0] for tokens in texts])
        return torch.cat([tokens.mean(1) for tokens in texts])


_Run = tuple[int, int, int]


def _runs(lengths: Sequence[int]) -> list[_Run]:
    """Return (first token, end, length) of each run of texts of one length."""
    runs, start = [], 0
    for length, group in groupby(lengths):
        end = start + length * sum(1 for _ in group)
        runs.append((start, end, length))
        start = end
    return runs


class _Layer:
    """One transformer layer; products take and give (T, ...) in the model's precision."""

    def __init__(self, weights: _Weights, prefix: str, dtype: torch.dtype) -> None:
        import torch

        def product(*names: str, gelu: bool = False) -> Product:
            parts = [weights.affine(prefix + name) for name in names]
            weight, bias = (torch.cat(tensors).to(dtype) for tensors in zip(*parts, strict=True))
            return make_product(weight, bias, gelu=gelu)

        self.queries_keys_values = product(
            "attention.self.query", "attention.self.key", "attention.self.value"
        )
        self.attention_output = product("attention.output.dense")
        self.attention_norm = weights.affine(f"{prefix}attention.output.LayerNorm")
        self.intermediate = product("intermediate.dense", gelu=True)
        self.output = product("output.dense")
        self.output_norm = weights.affine(f"{prefix}output.LayerNorm")


class _Weights:
    """The tensors of a safetensors file, in fp32 on the device, under BertModel's own names."""

    def __init__(self, files: BertFiles, device: str) -> None:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        self._path = files.weights
        try:
            self._tensors: dict[str, Any] = load_file(files.weights)
        except (OSError, SafetensorError) as error:
            raise ModelError(
                f"{files.weights}: the weights cannot be read: {error}",
                "remove the folder, so that the encoder is fetched anew, or name another --encoder",
            ) from error
        self._device = device
        self._prefix = "bert." if "bert.embeddings.LayerNorm.weight" in self._tensors else ""

    def __getitem__(self, name: str) -> torch.Tensor:
        key = self._prefix + name
        if key not in self._tensors:
            raise ModelError(f"{self._path}: there is no tensor {key!r}", "name another --encoder")
        tensor: torch.Tensor = self._tensors[key].float().to(self._device)
        return tensor

    def affine(self, name: str) -> Affine:
        return self[f"{name}.weight"], self[f"{name}.bias"]

"""A sentence-transformers model that learns: texts to unit vectors with gradients, and to disk.

Any model that sentence-transformers loads without code of its own will do. What it saves is again
such a model (safetensors, JSON, tokenizer files), so that predictions go through the same encoders
as ever: ``noisefix.encoders.open_encoder`` on the folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.errors import ModelError, UsageError

if TYPE_CHECKING:
    from torch import Tensor


class TrainableEncoder:
    """An encoder whose weights can be changed.

    The tables of words, positions and the like stay as they are: most rows of them are in no
    training text, and half of a small model's weights and of a step's time would be theirs.
    Dropout within attention is left out, and on a CPU the fused kernel too: both are slow.

    Attributes:
        dimension: D.
        weights: its parameters that learn, by name.
    """

    def __init__(self, folder: Path, *, device: str, max_tokens: int | None = None) -> None:
        """Load it.

        Args:
            folder: as saved by sentence-transformers, or a transformers model.
            device: "cpu", "cuda", ...
            max_tokens: tokens read of a text; None: as many as the model says.

        Raises:
            ModelError: it cannot be loaded, or has nothing that learns.
            UsageError: more tokens than the model can read.
        """
        import torch

        from noisefix.encoders.sentence_transformers import SentenceTransformerModel

        loaded = SentenceTransformerModel(folder, device=device, precision="fp32")
        self._loaded, self._model = loaded, loaded.model
        self._source = (folder, max_tokens)
        if max_tokens is not None:
            if loaded.max_tokens is not None and not 3 <= max_tokens <= loaded.max_tokens:
                raise UsageError(
                    f"max_tokens is {max_tokens}", f"this encoder reads 3 to {loaded.max_tokens}"
                )
            self._model.max_seq_length = max_tokens
            loaded.max_tokens = max_tokens
        self.dimension = loaded.dimension
        self._words: Any = None
        part: Any
        for part in self._model.modules():
            if self._words is None and hasattr(part, "get_input_embeddings"):
                self._words = part.get_input_embeddings()
            if device == "cpu" and hasattr(part, "set_attn_implementation"):
                part.set_attn_implementation("eager")
            if isinstance(part, torch.nn.Embedding):
                part.requires_grad_(False)
            if hasattr(part, "query") and isinstance(
                getattr(part, "dropout", None), torch.nn.Dropout
            ):
                part.dropout.p = 0.0
        # Poolers and the like take no part; an optimiser must not wait for their gradients.
        torch.autograd.backward(self.vectors(["a"]).sum())
        self.weights: dict[str, Tensor] = {}
        for name, value in self._model.named_parameters():
            value.requires_grad_(value.grad is not None)
            if value.grad is not None:
                self.weights[name] = value
                value.grad = None
        if not self.weights:
            raise ModelError(f"{folder}: this encoder has no weights that learn")

    def copy_to(self, device: str) -> TrainableEncoder:
        """Load it on another device as well: as it was at first, to be given weights by ``load``.

        Raises:
            ModelError: it cannot be loaded there.
        """
        folder, max_tokens = self._source
        return TrainableEncoder(folder, device=device, max_tokens=max_tokens)

    def learn(self, mode: bool) -> None:
        """Switch dropout on or off."""
        self._model.train(mode)

    def token_counts(self, texts: Sequence[str]) -> np.ndarray:
        """Return (N,) tokens read of each text, at least 1."""
        counts: np.ndarray = self._loaded.prepare(list(texts))[1]
        most = self._loaded.max_tokens or int(counts.max(initial=1))
        return np.asarray(np.minimum(counts, most))

    def vectors(
        self, texts: Sequence[str], is_noised: Tensor | None = None, noise: float = 0.0
    ) -> Tensor:
        """Return (B, D) float32 unit vectors, with gradients where those are on.

        Args:
            texts: B texts.
            is_noised: (B,) bool, texts with normal noise in their words' vectors, drawn by torch's
                own generator; None: none.
            noise: its standard deviation, as a share of that of all words' vectors.

        Raises:
            UsageError: noise is asked for, and the encoder has no words to put it into.
        """
        from torch.nn import functional

        with self._noised(is_noised, noise):
            return functional.normalize(self._loaded.raw_vectors(texts), dim=1)

    @contextmanager
    def _noised(self, is_noised: Tensor | None, noise: float) -> Iterator[None]:
        """Put noise into what the table of words gives, within the block."""
        import torch

        if is_noised is None:
            yield
            return
        if self._words is None:
            raise UsageError("token_noise: this encoder has no table of words", "leave it at 0")
        size = noise * self._words.weight.std()

        def shake(module: Any, given: Any, out: Tensor) -> Tensor:
            shaken: Tensor = out + is_noised[:, None, None] * size * torch.randn_like(out)
            return shaken

        handle = self._words.register_forward_hook(shake)
        try:
            yield
        finally:
            handle.remove()

    def load(self, weights: dict[str, Tensor]) -> None:
        """Take over weights of the same names and shapes."""
        import torch

        with torch.no_grad():
            for name, value in self.weights.items():
                value.copy_(weights[name])

    def save(self, folder: Path) -> None:
        """Write a folder that sentence-transformers and ``open_encoder`` can load.

        Raises:
            OSError: it cannot be written.
        """
        from noisefix.encoders.sentence_transformers import quiet_libraries

        with quiet_libraries():
            self._model.save(str(folder), create_model_card=False, safe_serialization=True)

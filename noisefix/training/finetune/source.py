"""Features from an encoder that learns along: micro-batches by tokens, exact accumulation.

An objective sees the whole batch at once, for some compare its rows. So the features of a batch are
made in micro-batches of texts of like length, so many tokens each; the loss is taken of all of
them; and the gradient that reaches the features goes back through the encoder micro-batch by
micro-batch. Where a batch is too large for all its graphs to be kept, those of the last
micro-batches are made again on the way back, with the same dropout: the gradient is that of the
whole batch however small the memory (gradient caching: Gao et al., RepL4NLP 2021,
arXiv:2101.06983).

Several devices share the micro-batches out among them. What a micro-batch holds, and its dropout,
are the same however many there are, so only the rounding of the gradients' sum is left between one
device and several.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from noisefix.encoders.batching import shrinking_batches, token_batches
from noisefix.errors import ModelError
from noisefix.hardware import (
    BatchTooLargeError,
    autocast,
    free_memory,
    run_in_memory,
    send,
    steady_attention,
)
from noisefix.training.finetune.copies import Copies, deal
from noisefix.training.finetune.encoder import TrainableEncoder

if TYPE_CHECKING:
    from torch import Tensor

CPU_TOKENS, GPU_TOKENS = 1 << 10, 1 << 14
_KEPT = 8
"""Micro-batches' worth of tokens whose graphs a device keeps; more is computed twice."""


@dataclass(eq=False)
class _Part:
    """One micro-batch: places in the batch, its dropout's seed, its tokens with padding.

    ``taker`` is the number of the device that has it; ``vectors`` have their graph, if it is kept.
    """

    places: np.ndarray
    seed: list[int]
    tokens: int
    taker: int = 0
    vectors: Tensor | None = None


class TunedFeatures:
    """A ``FeatureSource`` around an encoder; N texts, D numbers each.

    Attributes:
        n_features: D.
        weights: the encoder's, by name, with the prefix "encoder.".
        learning_rate: theirs, at its highest.
        token_budget: tokens in a micro-batch, padding included; halved when memory runs out.
        agreement: of noised with plain rows; 0: there are no noised ones.
    """

    def __init__(
        self,
        encoder: TrainableEncoder,
        texts: Sequence[str],
        *,
        learning_rate: float,
        device: str,
        precision: str,
        trusted_texts: Sequence[str] = (),
        token_budget: int | None = None,
        token_noise: float = 0.0,
        agreement: float = 0.0,
        more_devices: Sequence[str] = (),
    ) -> None:
        """Set up.

        Args:
            encoder: on the device.
            texts: of the training rows, in their order.
            learning_rate: of the encoder, at its highest.
            device: "cpu", "cuda" or "mps".
            precision: "fp32" or "bf16" (autocast; weights and their sums stay in fp32).
            trusted_texts: of the trusted rows.
            token_budget: to begin with; None: 1,024 on a CPU, else 16,384.
            token_noise: in the words of noised rows, see ``TrainableEncoder.vectors``.
            agreement: weight of their divergence from the plain ones.
            more_devices: which take a share of the work, each with a copy of the encoder.
        """
        self.encoder, self.device, self.precision = encoder, device, precision
        self.learning_rate = learning_rate
        self.n_features = encoder.dimension
        self.weights = {f"encoder.{name}": value for name, value in encoder.weights.items()}
        self.token_budget = token_budget or (CPU_TOKENS if device == "cpu" else GPU_TOKENS)
        self._texts, self._trusted = list(texts), list(trusted_texts)
        self._counts = encoder.token_counts(self._texts)
        self._noise, self.agreement = token_noise, agreement if token_noise else 0.0
        self._rows, self._n_plain = np.empty(0, np.int64), 0
        self._parts: list[_Part] = []
        self._copies = Copies([device, *more_devices])

    def batch(self, rows: Tensor, seed: Sequence[int]) -> Tensor:
        """Return the rows' vectors, (B, D): a leaf that gathers gradients.

        Where noised rows are to agree with plain ones they follow, with a dropout of their own.
        """
        import torch

        self._rows, self._n_plain = rows.numpy(), len(rows)
        if self.agreement:
            self._rows = np.tile(self._rows, 2)
        self.encoder.learn(True)
        leaf = torch.empty(len(self._rows), self.n_features, device=self.device)
        while True:
            self._parts = self._split(list(seed))
            try:
                self._copies.prepare(self.encoder, self._n_takers, mode=True)
                run_in_memory(self.device, partial(self._everywhere, self._forward, leaf))
                return leaf.requires_grad_()
            except BatchTooLargeError:
                self._shrink()

    def spread(self, features: Tensor) -> None:
        """Hand the gradient of the features on to the encoder's weights."""
        if features.grad is None:
            raise RuntimeError("the loss does not depend on the features")
        while True:
            try:
                back = partial(self._everywhere, self._backward, features.grad)
                run_in_memory(self.device, back)
                self._copies.add_gradients(self.encoder)
                return
            except BatchTooLargeError:
                self._shrink()
            # Begun anew with smaller parts, each of them computed again: their dropout differs from
            # that of the loss, in this one step of the training.
            for value in self.weights.values():
                value.grad = None
            self._copies.forget_gradients()
            self._parts = self._split(self._parts[0].seed[:-1])
            self._copies.prepare(self.encoder, self._n_takers, mode=True)

    def everything(self, weights: dict[str, Tensor] | None = None) -> Tensor:
        """Return all rows' vectors, (N, D), without dropout or gradient."""
        return self._look(self._texts, self._counts, weights)

    def trusted(self, weights: dict[str, Tensor], features: np.ndarray) -> Tensor:
        """Return the trusted rows' vectors, (V, D)."""
        return self._look(self._trusted, self.encoder.token_counts(self._trusted), weights)

    @property
    def _n_takers(self) -> int:
        """How many devices have parts of the batch."""
        return 1 + max(part.taker for part in self._parts)

    def _split(self, seed: list[int]) -> list[_Part]:
        counts = self._counts[self._rows]
        parts = [
            _Part(places, [*seed, index], len(places) * int(counts[places].max()))
            for index, places in enumerate(token_batches(counts, self.token_budget, is_padded=True))
        ]
        takers = deal([part.tokens for part in parts], len(self._copies.devices))
        for part, taker in zip(parts, takers, strict=True):
            part.taker = taker
        return parts

    def _everywhere(self, work: Callable[[Tensor, int], None], tensor: Tensor) -> None:
        """Let each device work on its parts."""
        # The choice of kernels is the whole process's: it is made before the threads begin.
        with steady_attention(self.device):
            self._copies.work(self._n_takers, partial(work, tensor))

    def _forward(self, leaf: Tensor, device: int) -> None:
        """Put the vectors of a device's parts into (B, D); the first keep their graphs."""
        import torch

        taken = 0
        for part in self._parts:
            if part.taker != device:
                continue
            taken += part.tokens
            keeps = taken <= _KEPT * self.token_budget
            with torch.set_grad_enabled(keeps):
                found = self._vectors(part)
            part.vectors = found if keeps else None
            leaf[send(part.places, self.device)] = found.detach().to(self.device)

    def _backward(self, gradient: Tensor, device: int) -> None:
        """Hand the gradient, (B, D), on to the weights of a device, by way of its parts."""
        import torch

        def share(part: _Part) -> Tensor:
            return gradient[send(part.places, self.device)].to(self._copies.devices[device])

        parts = [part for part in self._parts if part.taker == device]
        kept = [(part.vectors, share(part)) for part in parts if part.vectors is not None]
        if kept:
            torch.autograd.backward([v for v, _ in kept], [gradient for _, gradient in kept])
        for part in parts:
            if part.vectors is None:
                torch.autograd.backward(self._vectors(part), share(part))
            part.vectors = None

    def _vectors(self, part: _Part) -> Tensor:
        texts = [self._texts[i] for i in self._rows[part.places]]
        device = self._copies.devices[part.taker]
        encoder = self._encoder(part.taker)
        with self._copies.drawing(part.taker, part.seed), autocast(device, self.precision):
            if not self.agreement:
                return encoder.vectors(texts)
            is_noised = send(part.places >= self._n_plain, device)
            return encoder.vectors(texts, is_noised, self._noise)

    def _encoder(self, device: int) -> TrainableEncoder:
        return self._copies[device] if device else self.encoder

    def _shrink(self) -> None:
        """Forget the graphs that are kept, and halve the token budget."""
        longest = int(self._counts[self._rows].max())
        for part in self._parts:
            part.vectors = None
        free_memory(self.device)
        if self.token_budget <= longest:
            raise _too_small(self.device, longest)
        self.token_budget = max(self.token_budget // 2, longest)

    def _look(
        self, texts: list[str], counts: np.ndarray, weights: dict[str, Tensor] | None
    ) -> Tensor:
        import torch

        found = torch.empty(len(texts), self.n_features, device=self.device)
        budget = _KEPT // 2 * self.token_budget
        devices = self._copies.devices
        n_takers = max(1, min(len(devices), math.ceil(counts.sum() / budget)))
        longest_first = np.argsort(-counts, kind="stable")

        def look(device: int) -> None:
            rows = longest_first[device::n_takers]

            def run(places: np.ndarray) -> Tensor:
                chosen = [texts[i] for i in rows[places]]
                return run_in_memory(devices[device], lambda: self._numbers(chosen, device))

            for places, vectors in shrinking_batches(counts[rows], budget, run, is_padded=True):
                found[send(rows[places], self.device)] = vectors.to(self.device)

        self.encoder.learn(False)
        try:
            with self._swapped(weights), steady_attention(self.device):
                self._copies.prepare(self.encoder, n_takers, mode=False)
                self._copies.work(n_takers, look)
        except BatchTooLargeError:
            raise _too_small(self.device, int(counts.max())) from None
        return found

    def _numbers(self, texts: list[str], device: int) -> Tensor:
        import torch

        with torch.no_grad(), autocast(self._copies.devices[device], self.precision):
            return self._encoder(device).vectors(texts)

    @contextmanager
    def _swapped(self, weights: dict[str, Tensor] | None) -> Iterator[None]:
        """Let the encoder have other weights within the block."""
        import torch

        if weights is None:
            yield
            return
        with torch.no_grad():
            own = {name: value.clone() for name, value in self.weights.items()}
            for name, value in self.weights.items():
                value.copy_(weights[name])
            try:
                yield
            finally:
                for name, value in self.weights.items():
                    value.copy_(own[name])


def _too_small(device: str, longest: int) -> ModelError:
    return ModelError(
        f"device {device}: out of memory with a single text of {longest} tokens",
        "read less of each text (--set max_tokens=64), or use --device cpu or a smaller encoder",
    )

"""How likely a causal language model finds each of several continuations of a prompt.

The prompt's keys and values are computed once and shared by its continuations. Prompts go in
batches, padded on the left, so that the distance between two tokens is what it would be without
padding; the result is that of one plain forward pass per continuation. Models whose state is not
a plain cache of keys and values (state-space and hybrid models) take that plain way. Which way it
is, is tried out on a few tokens: what libraries call their caches, and the layers in them, changes.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from noisefix.errors import ModelError
from noisefix.hardware import is_out_of_memory

if TYPE_CHECKING:
    import torch

_MOST_LOGITS = 1 << 27  # held at once: 512 MB as float32
_CACHE_ARGUMENTS = ("past_key_values", "cache")
"""What a model calls the cache that it takes."""

_MAX_DIFFERENCE = {"torch.float32": 0.01}
_MAX_ROUGH_DIFFERENCE = 0.5
"""Between the two ways, in nats over two tokens; numbers of 16 bits are rounded that much."""


@dataclass(frozen=True)
class ScoringTask:
    """One prompt and what may follow it, in token ids; neither is ever empty."""

    prefix: list[int]
    continuations: list[list[int]]

    @property
    def longest(self) -> int:
        """Tokens of the prompt with its longest continuation."""
        return len(self.prefix) + max(map(len, self.continuations))


class Scorer:
    """Scores tasks in batches; a batch that does not fit into memory is halved, for good.

    Args:
        model: a causal language model of transformers, in evaluation mode.
        pad_id: any valid token id; what stands there is masked.
        max_batch_tokens: tokens in one forward pass, padding included.

    Attributes:
        max_batch_tokens: as given, and smaller once memory ran out.
        shares_prefix: a prompt is computed once for all of its continuations.
    """

    def __init__(self, model: Any, pad_id: int, max_batch_tokens: int) -> None:
        self.max_batch_tokens = max_batch_tokens
        self._model = model
        self._pad_id = pad_id
        self._parameters = inspect.signature(model.forward).parameters
        self._cache_argument = next((a for a in _CACHE_ARGUMENTS if a in self._parameters), None)
        self.shares_prefix = self._agrees_when_shared()

    def score(self, tasks: Sequence[ScoringTask]) -> Iterator[list[tuple[int, list[float]]]]:
        """Yield batches: for each task its place and the log-likelihood of each continuation.

        Log-likelihoods are natural logarithms, summed over the tokens of the continuation. Tasks
        come longest first, equal ones in the order given.

        Raises:
            ModelError: a single prompt does not fit into memory.
        """
        order = sorted(range(len(tasks)), key=lambda place: -tasks[place].longest)
        while order:
            fitting = self.max_batch_tokens // tasks[order[0]].longest
            batch = order[: max(1, fitting)]
            scores = self._try_batch([tasks[place] for place in batch])
            if scores is None:
                continue  # with half as many tokens
            yield list(zip(batch, scores, strict=True))
            order = order[len(batch) :]

    def _try_batch(self, tasks: list[ScoringTask]) -> list[list[float]] | None:
        import torch

        try:
            with torch.inference_mode():
                if self.shares_prefix:
                    return self._score_shared(tasks)
                return [self._score_plainly(task) for task in tasks]
        except RuntimeError as error:  # torch.OutOfMemoryError is one
            if not is_out_of_memory(error):
                raise
        longest = tasks[0].longest
        if self.max_batch_tokens < longest:
            raise ModelError(
                f"out of memory on a single prompt of {longest:,} tokens",
                "use a smaller model, --device cpu or --no-demonstrations",
            )
        self.max_batch_tokens = min(self.max_batch_tokens, longest * len(tasks)) // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return None

    def _agrees_when_shared(self) -> bool:
        """Try both ways on a few tokens: is the cache all that the model keeps of a prompt?"""
        import torch

        if self._cache_argument is None:
            return False
        vocabulary = self._model.config.get_text_config().vocab_size
        ids = [(7 * k + 3) % vocabulary for k in range(24)]
        # Of different lengths, for then the shorter one is padded.
        tasks = [ScoringTask(ids[:length], [ids[-3:], ids[-2:]]) for length in (20, 13)]
        with torch.inference_mode():
            plain = torch.tensor([self._score_plainly(task) for task in tasks])
            try:
                shared = torch.tensor(self._score_shared(tasks))
            except (
                AttributeError,
                IndexError,
                KeyError,
                TypeError,
                ValueError,
                RuntimeError,
            ) as error:
                if is_out_of_memory(error):
                    raise
                return False
        allowed = _MAX_DIFFERENCE.get(str(self._model.dtype), _MAX_ROUGH_DIFFERENCE)
        return bool((shared - plain).abs().max() <= allowed)

    def _score_shared(self, tasks: list[ScoringTask]) -> list[list[float]]:
        """Score a batch whose prompts are computed once."""
        import torch
        from transformers import DynamicCache

        ids, mask = self._padded([task.prefix for task in tasks], side="left")  # (B, P)
        cache: Any = DynamicCache()
        logits = self._forward(ids, mask, mask.cumsum(1) - 1, 1, cache)[:, -1]  # (B, V)
        first = logits.float().log_softmax(-1)
        scores = [[first[b, c[0]].item() for c in t.continuations] for b, t in enumerate(tasks)]
        longer = [
            (b, k)
            for b, task in enumerate(tasks)
            for k, continuation in enumerate(task.continuations)
            if len(continuation) > 1
        ]
        layers = [(keys, values) for keys, values, *_ in cache]
        width = max((len(tasks[b].continuations[k]) for b, k in longer), default=0)
        at_once = self._rows_at_once(ids.shape[1] + width, width, logits.shape[-1])
        for start in range(0, len(longer), at_once):
            part = longer[start : start + at_once]
            rows = torch.tensor([b for b, _ in part], device=ids.device)
            shared: Any = DynamicCache()
            for number, (keys, values) in enumerate(layers):
                shared.update(keys[rows], values[rows], number)
            ends = [tasks[b].continuations[k] for b, k in part]
            end_ids, end_mask = self._padded(ends, side="right")  # (R, T)
            lengths = mask[rows].sum(1, keepdim=True)
            logits = self._forward(
                end_ids[:, :-1],
                torch.cat([mask[rows], end_mask[:, :-1]], dim=1),
                lengths + torch.arange(end_ids.shape[1] - 1, device=ids.device),
                end_ids.shape[1] - 1,
                shared,
            )  # (R, T - 1, V)
            sums = _picked(logits, end_ids[:, 1:], end_mask[:, 1:]).tolist()
            for (b, k), rest in zip(part, sums, strict=True):
                scores[b][k] += rest
        return scores

    def _score_plainly(self, task: ScoringTask) -> list[float]:
        """Score the continuations as whole sequences, padded on the right."""
        width = max(map(len, task.continuations))
        at_once = self._rows_at_once(
            task.longest, width + 1, self._model.config.get_text_config().vocab_size
        )
        scores: list[float] = []
        for start in range(0, len(task.continuations), at_once):
            part = task.continuations[start : start + at_once]
            ids, mask = self._padded([task.prefix + c for c in part], side="right")  # (R, T)
            ends = slice(len(task.prefix), None)
            logits = self._forward(ids, mask, None, ids.shape[1] - len(task.prefix) + 1, None)
            scores += _picked(logits[:, :-1], ids[:, ends], mask[:, ends]).tolist()
        return scores

    def _forward(
        self,
        ids: torch.Tensor,
        mask: torch.Tensor,
        positions: torch.Tensor | None,
        n_last: int,
        cache: Any,
    ) -> torch.Tensor:
        """Return the logits of the last ``n_last`` places."""
        arguments: dict[str, Any] = {"use_cache": cache is not None}
        if cache is not None and self._cache_argument is not None:
            arguments[self._cache_argument] = cache
        if positions is not None and "position_ids" in self._parameters:
            arguments["position_ids"] = positions.clamp(min=0)
        if "logits_to_keep" in self._parameters:
            arguments["logits_to_keep"] = n_last
        logits: torch.Tensor = self._model(input_ids=ids, attention_mask=mask, **arguments).logits
        return logits[:, -n_last:]

    def _padded(
        self, sequences: Sequence[list[int]], side: str
    ) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        width = max(map(len, sequences))
        ids = torch.full((len(sequences), width), self._pad_id)
        mask = torch.zeros_like(ids)
        for row, sequence in enumerate(sequences):
            place = slice(width - len(sequence), None) if side == "left" else slice(len(sequence))
            ids[row, place] = torch.tensor(sequence)
            mask[row, place] = 1
        device = self._model.device
        return ids.to(device), mask.to(device)

    def _rows_at_once(self, length: int, n_logits: int, vocabulary: int) -> int:
        by_tokens = self.max_batch_tokens // max(1, length)
        return max(1, min(by_tokens, _MOST_LOGITS // max(1, n_logits * vocabulary)))


def _picked(logits: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return (R,) sums of the log-probabilities of ``ids`` (R, T) where ``mask`` is 1."""
    logits = logits.float()
    chosen = logits.gather(-1, ids.unsqueeze(-1)).squeeze(-1) - logits.logsumexp(-1)
    return (chosen * mask).sum(1)

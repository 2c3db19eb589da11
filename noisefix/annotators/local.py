"""``local:PATH``: a causal language model in this process that weighs every label of the pool.

Nothing is generated and nothing has to be read: each label is scored by how likely the model finds
it as the answer, and the scores become probabilities over the pool. The answer is always a label;
that none fits, or several do, shows in how even the probabilities are.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice

import numpy as np

from noisefix.annotators.likelihood import Scorer, ScoringTask
from noisefix.annotators.local_model import LocalModel, PromptEncoder, folder_digest
from noisefix.annotators.prompts import AnswerForm, answer_lead, answer_rest
from noisefix.annotators.protocol import Answer, Identity, Question
from noisefix.probability import softmax

_TOKENS_ON_GPU = 32_768
_TOKENS_ON_CPU = 4_096
_TAKEN_ON_GPU = 256  # questions sorted by length together: the larger a batch, the more of them
_TAKEN_ON_CPU = 64


class LocalAnnotator:
    """Scores every label of the pool with a local model.

    A label's score is the log-likelihood of the answer that names it, divided by its number of
    tokens, so that long names are not at a disadvantage; the softmax of the scores gives the
    probabilities. Equal scores go by name.

    Args:
        model: from ``load_local_model``.
        answer_form: the form of answer that the prompts ask for.
        max_batch_tokens: tokens in one forward pass; None: what suits the device. Halved whenever
            memory runs out.
        taken_at_once: questions that are sorted by length together; None: what suits the device.

    Attributes:
        shares_prefix: the model reads a prompt once for all labels of its pool; False: once for
            each label, which takes longer.
    """

    def __init__(
        self,
        model: LocalModel,
        answer_form: AnswerForm = "json",
        max_batch_tokens: int | None = None,
        taken_at_once: int | None = None,
    ) -> None:
        self.answer_form = answer_form
        self._model = model
        self._encoder = PromptEncoder(model.tokenizer)
        on_gpu = model.model.device.type != "cpu"
        self._taken_at_once = taken_at_once or (_TAKEN_ON_GPU if on_gpu else _TAKEN_ON_CPU)
        pad_id = model.tokenizer.pad_token_id or 0
        self._scorer = Scorer(
            model.model, pad_id, max_batch_tokens or (_TOKENS_ON_GPU if on_gpu else _TOKENS_ON_CPU)
        )
        self.shares_prefix = self._scorer.shares_prefix

    @cached_property
    def identity(self) -> Identity:
        """Who answers: the folder's name, and a digest of what lies in it."""
        return Identity(
            "local",
            self._model.path.resolve().name,
            {
                "files_sha256": folder_digest(self._model.path),
                "precision": str(self._model.model.dtype).removeprefix("torch."),
                "answer_form": self.answer_form,
                "score": "mean token log-likelihood",
            },
        )

    def annotate(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """Yield one answer for each question, batch by batch, the longest of each lot first.

        Raises:
            ModelError: a single prompt does not fit into memory.
        """
        coming = iter(questions)
        while lot := list(islice(coming, self._taken_at_once)):
            tasks: list[ScoringTask] = []
            asked: list[Question] = []
            for question in lot:
                task = self._task(question)
                reason = self._too_long(task)
                if reason:
                    yield self._failure(question, reason)
                else:
                    tasks.append(task)
                    asked.append(question)
            started = time.perf_counter()
            for batch in self._scorer.score(tasks):
                seconds = (time.perf_counter() - started) / len(batch)
                for place, sums in batch:
                    yield self._answer(asked[place], tasks[place], sums, seconds)
                started = time.perf_counter()

    def _task(self, question: Question) -> ScoringTask:
        answers = [answer_rest(label, self.answer_form) for label in question.label_pool]
        return self._encoder.encode(question.prompt, answer_lead(self.answer_form), answers)

    def _too_long(self, task: ScoringTask) -> str | None:
        most = self._model.max_tokens
        if most is None or task.longest <= most:
            return None
        return (
            f"the prompt has {task.longest:,} tokens and the model takes {most:,}:"
            " use --no-demonstrations, or another model"
        )

    def _answer(
        self, question: Question, task: ScoringTask, sums: list[float], seconds: float
    ) -> Answer:
        scores = np.array(sums) / np.array([len(tokens) for tokens in task.continuations])
        if not np.isfinite(scores).all():
            return self._failure(
                question,
                "the model's output is not finite: try another --device, or use another model",
            )
        probabilities = softmax(scores).tolist()
        by_name = sorted(zip(question.label_pool, probabilities, strict=True))
        label, probability = max(by_name, key=lambda pair: pair[1])
        return replace(
            question.blank(self.identity),
            answer=label,
            is_label=True,
            confidence=probability,
            probabilities=dict(zip(question.label_pool, probabilities, strict=True)),
            input_tokens=len(task.prefix),
            output_tokens=0,
            latency_s=seconds,
            raw_answer=_as_json(question.label_pool, scores),
        )

    def _failure(self, question: Question, reason: str) -> Answer:
        return replace(question.blank(self.identity), error=reason)


def _as_json(labels: Sequence[str], scores: np.ndarray) -> str:
    rounded = [round(score, 6) for score in scores.tolist()]
    return json.dumps(dict(zip(labels, rounded, strict=True)), ensure_ascii=False)

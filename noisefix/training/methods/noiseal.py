"""NoiseAL: two small models find the noise, an annotator is asked about it.

A strong head on the sentence embedding and a weak one on word features predict together; the
dynamic-enhanced thresholds divide the rows every epoch (``division``); rows to be purified go to
the annotator, once each, with clean rows as demonstrations; each subset has a loss of its own.

Source: Yuan, Chen, Zhang, Jiang, Hide and Seek in Noise Labels: Noise-Robust Collaborative Active
Learning with LLMs-Powered Assistance, ACL 2024, arXiv:2504.02901. L = L_R + L_P + L_H:
cross-entropy on R, reversed cross-entropy on P, mixing in embedding space on H.

Decisions:

- Reversed cross-entropy alone pulls with p (1 - p): next to nothing at a row of P that the head is
  sure of, so that labels that collapsed into one class stay there, answers or not. P therefore has
  cross-entropy beside it, as in symmetric cross-entropy. Where half the labels are given to one
  class, see the tests, it is what makes the answers count.
- The paper's target on H is the models' average; ``hard_belief`` adds the detect stage's
  distribution where there is one. A row of P that nobody was asked about has that distribution as
  its target, else the models' running average.
- A row of H is mixed with any row of the batch and stays nearer to itself (as in MixMatch).
- Answers are weighed, not believed: see ``noiseal_answers.believe``.
- The paper's models are a pretrained encoder and a BiLSTM; here two heads, on the sentence
  embedding and on word features, which err differently because they see different things.
- Near-duplicates with one label are asked about once, a row whose label a person knows never.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from noisefix.annotators.selection import question_numbers, spread_to_duplicates
from noisefix.errors import UsageError
from noisefix.labels import UNLABELLED
from noisefix.training.division import CLEAN, NOT_ASKED, PURIFY, Divider, Division, History
from noisefix.training.head_training import train_heads
from noisefix.training.heads import first_head
from noisefix.training.interface import Checkpoint, Training, TrainingData
from noisefix.training.losses import cross_entropy, reverse_cross_entropy
from noisefix.training.noiseal_answers import Annotate, believe
from noisefix.training.objective import Batch, HeadParams, Objective
from noisefix.training.targets import given_targets, one_hot, to_device
from noisefix.training.weak_features import paired_features

if TYPE_CHECKING:
    from torch import Tensor

PENALTY_SHARE = 0.3


@dataclass(frozen=True)
class Params(HeadParams):
    """Options.

    Attributes:
        warm_epochs: of plain training before the first division.
        momentum: of the running averages of confidences and thresholds.
        most_asked: share of the labelled rows that may be asked about, in [0, 1].
        most_rows: rows that may be asked about; None: ``most_asked`` alone decides.
        answer_trust: probability that an answer is right, where nothing tells how good the
            annotator is.
        hard_belief: share of what is believed of the true labels in the targets of H; the rest is
            the models' average, which is all that the paper has.
        penalty: None: three tenths of what other heads have: soft targets need less.
        mix_alpha: both parameters of the Beta distribution that mixes rows of H.
        weak_dimension: numbers that word features are reduced to.
    """

    warm_epochs: int = 4
    momentum: float = 0.7
    most_asked: float = 0.3
    most_rows: int | None = None
    answer_trust: float = 0.8
    hard_belief: float = 0.75
    mix_alpha: float = 0.75
    weak_dimension: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("momentum", "most_asked", "answer_trust", "hard_belief"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} is {getattr(self, name)}", "it must lie in 0 to 1")
        if self.most_rows is not None and self.most_rows < 0:
            raise UsageError(f"most_rows is {self.most_rows}", "it must be 0 or above")


def fit(
    data: TrainingData,
    params: Params,
    *,
    seed: int,
    device: str,
    checkpoint: Checkpoint | None = None,
    annotate: Annotate | None = None,
    on_division: Callable[[Division], None] | None = None,
) -> Training:
    """Train both models; the classifier is the strong one. See ``interface.Fit``.

    Args:
        data: the training rows, with word features.
        params: options.
        seed: seed of all randomness.
        device: "cpu", "cuda" or "mps".
        checkpoint: where to go on from; rows asked about are not asked about again.
        annotate: asks an annotator; None: P keeps a soft target.
        on_division: is shown every epoch's division, those before a checkpoint too.
    """
    objective = NoiseAL(data, params, device, annotate, on_division)
    words = data.need("word_features", "noiseal")
    features = paired_features(data.features, words, params.weak_dimension, seed)
    classifier = yield from train_heads(
        data,
        params,
        objective,
        seed=seed,
        device=device,
        features=to_device(features, device),
        checkpoint=checkpoint,
    )
    objective.show_divisions()
    return first_head(classifier, data.features.shape[1])


class NoiseAL(Objective):
    """The division before each epoch, and the three losses."""

    n_heads = 2
    penalty_share = PENALTY_SHARE

    def __init__(
        self,
        data: TrainingData,
        params: Params,
        device: str,
        annotate: Annotate | None = None,
        on_division: Callable[[Division], None] | None = None,
    ) -> None:
        import torch

        self.given, _ = given_targets(data, 0.0, device)
        super().__init__(self.given.clone())
        self.data, self.params, self.device = data, params, device
        self.annotate, self.on_division = annotate, on_division
        self.divider = Divider(len(data.given_labels), data.n_classes, params.momentum)
        self.most = int(params.most_asked * int(data.is_labelled.sum()))
        if params.most_rows is not None:
            self.most = min(self.most, params.most_rows)
        groups = np.arange(len(data.given_labels)) if data.groups is None else data.groups
        self.groups, self.questions = groups, question_numbers(groups, data.given_labels)
        # What goes into a checkpoint: targets, subsets, and what the divider has averaged.
        self.subsets = torch.zeros(len(data.given_labels), dtype=torch.int64, device=device)
        self.answers = torch.full_like(self.subsets, UNLABELLED)
        self.asked = torch.zeros_like(self.subsets)
        self.averages = torch.from_numpy(self.divider.averages)
        self.thresholds = torch.from_numpy(self.divider.thresholds)
        self.history = History(len(data.given_labels), max(params.epochs - 1, 0))
        self.shown = 0  # divisions
        # With estimates, what is believed changes with the answers only.
        self._believed: np.ndarray | None = None
        self._heard = np.zeros(0, np.int64)
        self.counts: dict[str, float] = {}

    def start_epoch(self, epoch: int, look: Callable[[], Tensor]) -> None:
        """Divide the rows, ask about P, and set the targets."""
        if epoch == 0:
            return
        probs = look().softmax(-1).cpu().numpy().astype(np.float64)  # (2, N, K)
        division = self.divider.divide(epoch, probs[0], probs[1], self.data.given_labels)
        said = np.where(self.asked.cpu().numpy() == 1, self.answers.cpu().numpy(), NOT_ASKED)
        self.history.add(replace(division, answers=said))
        self.show_divisions()
        self.counts = {n: float(len(division.rows(n))) for n in ("R", "H", "P")}
        if epoch < self.params.warm_epochs:
            return
        self._ask(division)
        self.subsets.copy_(to_device(division.subset, self.device))
        self.targets.copy_(to_device(self._targets(division), self.device))
        self.counts["asked"] = float(self.asked.sum())

    def _targets(self, division: Division) -> np.ndarray:
        """Return (N, K): the given label on R, answers on P, the models' average elsewhere."""
        average = self.divider.averages / self.divider.averages.sum(axis=1, keepdims=True)
        answers, own = spread_to_duplicates(
            self.answers.cpu().numpy(), self.data.given_labels, self.groups
        )
        knows = self.data.true_label_probs is not None and self.data.p_error is not None
        if not knows or self._believed is None or not (self._heard == answers).all():
            offered = getattr(self.annotate, "offered", None)
            pools = None if offered is None else offered(np.flatnonzero(answers != UNLABELLED))
            trust = self.params.answer_trust
            self._believed = believe(self.data, average, answers, trust, own, pools)
            self._heard = answers
        believed = self._believed
        share = self.params.hard_belief
        targets: np.ndarray = (1 - share) * average + share * believed
        clean, purify = division.rows(CLEAN), division.rows(PURIFY)
        targets[clean] = one_hot(self.data.given_labels[clean], self.data.n_classes)
        answered = np.flatnonzero(answers != UNLABELLED)
        for rows in (purify, answered):
            targets[rows] = believed[rows]
        return targets

    def _ask(self, division: Division) -> None:
        """Ask about rows of P, the most doubtful first; of near-duplicates with one label one."""
        left = self.most - int(self.asked.sum())
        rows = self._waiting(division)
        if self.annotate is None or left <= 0 or not len(rows):
            return
        doubt = 1 - self.divider.averages[rows, self.data.given_labels[rows]]
        if self.data.p_error is not None:
            doubt = doubt + np.nan_to_num(self.data.p_error[rows], nan=0.0)
        rows = rows[np.argsort(-doubt, kind="stable")]
        rows = rows[np.sort(np.unique(self.questions[rows], return_index=True)[1])][:left]
        answers = np.asarray(self.annotate(rows, division.rows(CLEAN)), np.int64)
        rows, answers = rows[answers != NOT_ASKED], answers[answers != NOT_ASKED]
        places = to_device(rows, self.device)
        self.asked[places] = 1
        self.answers[places] = to_device(answers, self.device)

    def _waiting(self, division: Division) -> np.ndarray:
        """Return the rows of P that nobody was asked about, and of which the label is not known."""
        settled = np.isin(self.questions, self.questions[self.asked.cpu().numpy() == 1])
        if self.data.true_label_probs is not None:
            settled |= self.data.true_label_probs.max(axis=1) >= 1  # a person has verified it
        rows = division.rows(PURIFY)
        waiting: np.ndarray = rows[~settled[rows]]
        return waiting

    def show_divisions(self) -> None:
        """Show the divisions that nobody was shown in this process."""
        while self.shown < self.history.n_divisions:
            if self.on_division is not None:
                self.on_division(self.history.division(self.shown))
            self.shown += 1

    def loss(self, batch: Batch) -> Tensor:
        """Return L_R + L_P + L_H over the batch, each row in its subset."""
        subsets, targets = self.subsets[batch.rows], self.targets[batch.rows]
        clean, hard, purify = (subsets == place for place in (0, 1, 2))
        forward = cross_entropy(batch.logits, targets)  # (2, B)
        backward = reverse_cross_entropy(batch.logits, targets)
        rows = forward * (clean | purify) + backward * purify
        total = rows.sum(1)
        if bool(hard.any()):
            total = total + self._mixed(batch, hard, targets)
        return total.sum() / len(batch.rows)

    def _mixed(self, batch: Batch, hard: Tensor, targets: Tensor) -> Tensor:
        """Return (2,) summed loss of rows of H mixed with others of the batch."""
        count = len(batch.rows)
        share = batch.rng.beta(self.params.mix_alpha, self.params.mix_alpha, count)
        share = np.maximum(share, 1 - share)[:, None]  # a mixed row stays nearer to itself
        own = to_device(share, self.device)
        other = to_device(batch.rng.permutation(count), self.device)
        features = own * batch.features + (1 - own) * batch.features[..., other, :]
        mixed = own * targets + (1 - own) * targets[other]
        return (cross_entropy(batch.forward(features).float(), mixed) * hard).sum(1)

    def memory(self) -> dict[str, Tensor]:
        """Return targets, subsets, answers, running averages and all divisions so far."""
        import torch

        history = {f"history.{n}": torch.from_numpy(a) for n, a in self.history.arrays.items()}
        return history | {
            "targets": self.targets,
            "subsets": self.subsets,
            "answers": self.answers,
            "asked": self.asked,
            "averages": self.averages,
            "thresholds": self.thresholds,
        }

    def metrics(self) -> dict[str, float]:
        """Return how many rows are in each subset, and how many were asked about."""
        return self.counts

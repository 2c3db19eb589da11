"""What a training method gets, what it yields and what it returns.

A method is a function ``fit(data, params, *, seed, device, checkpoint)`` that is a generator: it
yields a ``TrainingStep`` now and then and *returns* a classifier (the value of the generator, which
``finish`` hands on). A classifier is a head on features: whoever holds the encoder turns texts into
features. With fine-tuned encoders the features are the encoder's own, so a head stays a head.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from noisefix.errors import DataError, UsageError
from noisefix.labels import UNLABELLED
from noisefix.vectors import blocks

if TYPE_CHECKING:
    from noisefix.training.finetune.tuning import Tuning

State = dict[str, np.ndarray]
"""Named arrays: what a classifier or a checkpoint is made of, beside JSON."""


@dataclass(frozen=True, eq=False)
class TrustedRows:
    """Rows whose labels are known to be right: for choosing between models, never for training."""

    features: np.ndarray  # (V, D) float32
    labels: np.ndarray  # (V,) int64 in 0..K-1


@dataclass(frozen=True, eq=False)
class TrainingData:
    """All that a method may know; N rows, K classes, D features. No true label is among it.

    Attributes:
        features: (N, D) float32, finite; unit-length rows where they are embeddings.
        given_labels: (N,) int64 in 0..K-1, -1 = unlabelled (never trained on as if labelled).
        n_classes: K.
        word_features: (N, W) scipy CSR or dense, for a weak model on words; None: there are none.
        pred_probs: (N, K) out-of-sample probabilities.
        p_error: (N,) estimated probability that the given label is wrong; NaN = unlabelled.
        true_label_probs: (N, K) estimated P(true label | text, given label, all else known).
        candidate_weights: (N, K) weights of the candidate labels, rows sum to 1; 0 = no candidate.
        is_certain: (N,) bool, rows with one candidate.
        repaired_labels: (N,) int64, labels after relabelling, -1 = drop or unknown.
        is_issue: (N,) bool, flagged rows.
        noise_rate: estimated share of wrong labels, in [0, 1].
        groups: (N,) int64; rows with (nearly) the same text share a number.
        label_embeddings: (K, D) what the class names mean, in the space of the features.
        name_gain: how well the names explain the given labels, 0 where they do not.
        class_shares: (K,) true shares that the user knows.
        not_likelihood: (N, K) P(what was ruled out | class), 1 where nothing was.
        weights: (N,) how much each row counts, in [0, 1]; None: all alike. ``heeds_weights`` says
            which methods heed them.
        trusted: rows for model selection.
        tuning: an encoder that is to learn along; the features are what it gave before.
        class_names: (K,) names of the classes, for options that name one; () = not known.
        unverified_class: name of the class that rows get where nobody looked, if it was said.
    """

    features: np.ndarray
    given_labels: np.ndarray
    n_classes: int
    word_features: Any = None
    pred_probs: np.ndarray | None = None
    p_error: np.ndarray | None = None
    true_label_probs: np.ndarray | None = None
    candidate_weights: np.ndarray | None = None
    is_certain: np.ndarray | None = None
    repaired_labels: np.ndarray | None = None
    is_issue: np.ndarray | None = None
    noise_rate: float | None = None
    groups: np.ndarray | None = None
    label_embeddings: np.ndarray | None = None
    name_gain: float = 0.0
    class_shares: np.ndarray | None = None
    not_likelihood: np.ndarray | None = None
    weights: np.ndarray | None = None
    trusted: TrustedRows | None = None
    tuning: Tuning | None = None
    class_names: tuple[str, ...] = ()
    unverified_class: str | None = None

    def __post_init__(self) -> None:
        n_rows = len(self.given_labels)
        if self.features.ndim != 2 or len(self.features) != n_rows:
            raise DataError(f"features of shape {self.features.shape} for {n_rows} labels")
        bad = np.zeros(n_rows, dtype=bool)
        for first, last in blocks(n_rows):
            bad[first:last] = ~np.isfinite(self.features[first:last]).all(axis=1)
        if bad.any():
            first = int(np.flatnonzero(bad)[0]) + 1
            raise DataError(
                f"features: row {first} holds NaN or infinity ({int(bad.sum())} such rows)",
                "embed the data again with `noisefix embed --force`",
            )
        if n_rows and not UNLABELLED <= self.given_labels.min() <= self.given_labels.max() < (
            self.n_classes
        ):
            raise DataError(f"labels must lie in -1..{self.n_classes - 1}")
        classes = np.unique(self.given_labels[self.given_labels != UNLABELLED])
        if len(classes) < 2:
            raise DataError(
                f"the rows to train on have {len(classes)} of {self.n_classes} classes",
                "a classifier needs labelled rows of two classes or more",
            )

    @property
    def is_labelled(self) -> np.ndarray:
        """(N,) bool: rows with a given label."""
        labelled: np.ndarray = self.given_labels != UNLABELLED
        return labelled

    def need(self, name: str, method: str) -> Any:
        """Return an optional field that a method cannot do without.

        Raises:
            DataError: it is not there.
        """
        value = getattr(self, name)
        if value is None:
            raise DataError(
                f"--method {method} needs {name}, which this table alone does not give",
                "train from a run folder: noisefix detect DATA, then noisefix train RUN",
            )
        return value

    def check_frozen(self, method: str) -> None:
        """Refuse an encoder that learns along, for methods that look at their features once.

        Raises:
            UsageError: there is one.
        """
        if self.tuning is not None:
            raise UsageError(
                f"--method {method} takes features as they are: no encoder can learn with it",
                "leave out --features finetune, or use another method",
            )


@dataclass(frozen=True)
class TrainingStep:
    """How far the training has come.

    Attributes:
        epoch: epochs done, 1 .. n_epochs.
        n_epochs: epochs there will be at most.
        loss: mean training loss since the step before.
        metrics: small facts by name, e.g. {"train_agreement": 0.81}.
        phase: part of the method, e.g. "branches" or "diffusion"; "" where there is only one.
    """

    epoch: int
    n_epochs: int
    loss: float
    metrics: dict[str, float] = field(default_factory=dict)
    phase: str = ""


class Classifier(Protocol):
    """A trained model: features to probabilities. ``kind`` is its key in ``CLASSIFIERS``."""

    kind: str

    @property
    def n_classes(self) -> int:
        """K."""
        ...

    def predict_probs(self, features: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities of (N, D) float32 features; rows sum to 1."""
        ...

    def state(self) -> tuple[State, dict[str, Any]]:
        """Return named arrays and a JSON object, from which ``from_state`` makes it again."""
        ...

    @classmethod
    def from_state(cls, tensors: State, config: dict[str, Any]) -> Classifier:
        """Make the classifier again.

        Raises:
            ModelError: arrays are missing or do not fit together.
        """
        ...


class Checkpoint(Protocol):
    """Where a method keeps its state, to go on after it was killed.

    The files belong to one set of data, parameters and seed; another set never sees them.
    """

    def load(self) -> tuple[State, dict[str, Any]] | None:
        """Return what was saved last, or None."""
        ...

    def save(self, tensors: State, facts: dict[str, Any]) -> None:
        """Replace what was saved; cheap to call often (writes are spaced in time)."""
        ...


Training = Generator[TrainingStep, None, Classifier]


class Fit(Protocol):
    """The function of a method."""

    def __call__(
        self,
        data: TrainingData,
        params: Any,
        *,
        seed: int,
        device: str,
        checkpoint: Checkpoint | None = None,
    ) -> Training:
        """Train.

        Args:
            data: what is known of the training rows.
            params: the method's frozen dataclass.
            seed: all randomness comes from it.
            device: "cpu", "cuda" or "mps": chosen already, never "auto".
            checkpoint: where to go on from, and to save to; None: nowhere.
        """
        ...


T = TypeVar("T")


def finish(
    training: Generator[TrainingStep, None, T],
    on_step: Callable[[TrainingStep], None] | None = None,
) -> T:
    """Run a training to its end and return its value."""
    while True:
        try:
            step = next(training)
        except StopIteration as done:
            value: T = done.value
            return value
        if on_step is not None:
            on_step(step)


_WEIGHTED = "heeds_weights"


def with_weights(fit: Fit) -> Fit:
    """Mark a method as one that heeds ``TrainingData.weights``; return it."""
    setattr(fit, _WEIGHTED, True)
    return fit


def heeds_weights(fit: Fit) -> bool:
    """Tell whether a method heeds ``TrainingData.weights``."""
    return bool(getattr(fit, _WEIGHTED, False))

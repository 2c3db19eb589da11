"""SiDyP: co-regularised branches on the given labels, then simplex diffusion towards the true ones.

Source: SiDyP, Calibrating Pre-trained Language Classifiers on LLM-generated Noisy Labels via
Iterative Refinement, KDD 2025, arXiv:2505.19675. What is done otherwise, and why:

- The label weights that the denoiser learns start from the detect stage's calibrated estimate
  P(true label | text, given label), not from the neighbours' candidates alone: the estimate weighs
  what the noise may have done to the class shares.
  In that estimate a row that is not flagged keeps its given label (``believed_labels``).
- The branches are held back by a penalty that the data choose (``branch_penalty``); without one
  they learn a few hundred noisy labels by heart.
- The clean pool is as large as the estimated noise leaves it, not half of the rows.
- Corners are drawn, not the nearest taken, which makes the samples right (``simplex.project``); the
  prediction divides out what the noise said (``sampling.read_posterior``).
- The samples of a row are truly different; unseen text has its training dynamics recomputed from
  the heads of every epoch; true labels never enter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from noisefix.errors import UsageError
from noisefix.training.branch_penalty import choose_branch_penalty
from noisefix.training.diffusion.classifier import SidypClassifier
from noisefix.training.diffusion.fitting import PHASE, DenoiserParams, DenoiserRun
from noisefix.training.diffusion.label_prior import start_weights
from noisefix.training.diffusion.sampling import ReverseProcess
from noisefix.training.diffusion.simplex import PROJECTIONS
from noisefix.training.finetune.branches import BranchTuning, tune_branches
from noisefix.training.interface import Checkpoint, Training, TrainingData
from noisefix.training.loop import load_phase
from noisefix.training.stage_one import Branches, BranchParams, clean_pool, train_branches
from noisefix.training.targets import to_device


@dataclass(frozen=True)
class Params:
    """Options.

    Attributes:
        epochs: of each of the two stages.
        branches: of the first stage.
        denoiser: of the second.
        process: of the diffusion.
        candidate_share: of the neighbours' candidates in the label weights, beside the estimate of
            the true labels; 1 = candidates only, as in the paper.
        n_samples: chains for each row, branch and given label in prediction.
        n_given: given labels to sum over in prediction, the most probable.
        prototypes: weight of a contrast of the denoiser's hidden layer with the class means of
            certain rows (``hidden_losses.prototype_contrast``); 0 = none, 0.1 to try it.
        tuning: of the encoder's training, where it learns along; its epochs come before those.
    """

    epochs: int = 10
    branches: BranchParams = field(default_factory=BranchParams)
    denoiser: DenoiserParams = field(default_factory=DenoiserParams)
    process: ReverseProcess = field(default_factory=ReverseProcess)
    candidate_share: float = 0.0
    n_samples: int = 2
    n_given: int = 20
    prototypes: float = 0.0
    tuning: BranchTuning = field(default_factory=BranchTuning)

    def __post_init__(self) -> None:
        if not 0 <= self.candidate_share <= 1:
            raise UsageError(f"candidate_share is {self.candidate_share}", "it must lie in 0 to 1")
        if self.epochs < 1:
            raise UsageError(f"epochs is {self.epochs}", "it must be at least 1")
        if self.n_samples < 1 or self.n_given < 1:
            raise UsageError("n_samples and n_given must be at least 1")
        if not 0 <= self.prototypes < math.inf:
            raise UsageError(f"prototypes is {self.prototypes}", "it must be 0 or above")
        if self.process.projection not in PROJECTIONS:
            known = " or ".join(PROJECTIONS)
            raise UsageError(f"projection {self.process.projection!r} is unknown", f"try {known}")


def fit(
    data: TrainingData,
    params: Params,
    *,
    seed: int,
    device: str,
    checkpoint: Checkpoint | None = None,
) -> Training:
    """Train; see ``noisefix.training.interface.Fit``. Unlabelled rows are left out."""
    if params.branches.penalty is None and data.tuning is None:
        penalty = choose_branch_penalty(data, params.branches, epochs=params.epochs, device=device)
        params = replace(params, branches=replace(params.branches, penalty=penalty))
    if data.tuning is not None:
        data, checkpoint = yield from tune_branches(
            data,
            params.tuning,
            seed=seed,
            device=device,
            checkpoint=checkpoint,
        )
        once = replace(params.branches, min_steps=params.tuning.branch_steps)
        params = replace(params, branches=once)
    rows = np.flatnonzero(data.is_labelled)
    features = to_device(data.features[rows], device)
    given = to_device(data.given_labels[rows], device)
    start = start_weights(data, rows, params.candidate_share)

    saved = load_phase(checkpoint, PHASE)
    if saved is None:
        branches = yield from train_branches(
            features,
            given,
            data.n_classes,
            params.branches,
            epochs=params.epochs,
            seed=seed,
            checkpoint=checkpoint,
        )
    else:
        branches = Branches(
            **{
                name.removeprefix("branches."): to_device(value, device)
                for name, value in saved[0].items()
                if name.startswith("branches.")
            }
        )
    certain = clean_pool(branches, features, given, _p_error(data, rows))
    if data.is_certain is not None:
        certain &= data.is_certain[rows]
    run = DenoiserRun(
        branches,
        features,
        given,
        start,
        certain,
        replace(params.denoiser, prototypes=params.prototypes),
        params.process,
        epochs=params.epochs,
        seed=seed,
    )
    if saved is not None:
        run.learner.resume(saved[0], int(saved[1]["steps"]))
    denoiser = yield from run.train(checkpoint, params.branches.penalty or 0.0)
    return SidypClassifier(
        branches,
        denoiser,
        params.process,
        n_samples=params.n_samples,
        n_given=params.n_given,
        seed=seed,
        device=device,
    )


def _p_error(data: TrainingData, rows: np.ndarray) -> np.ndarray:
    """Return the rows' probability of a wrong label; where none is known, the noise rate."""
    if data.p_error is None:
        return np.full(len(rows), 0.0 if data.noise_rate is None else data.noise_rate)
    known: np.ndarray = np.nan_to_num(data.p_error[rows], nan=0.0)
    return known

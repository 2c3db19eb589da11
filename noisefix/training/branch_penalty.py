"""How strongly SiDyP's branches are held back: as much as held-out rows can bear.

Branches have a hidden layer to learn noise with, so that they want more than the penalty that suits
a linear head: many times as much where labels are noisy, no more where they are clean and classes
many. The likelihood of given labels that a branch has not seen tells which, by the rule of
``penalty``: the strongest that is not surely worse than the best.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from noisefix.training.interface import TrainingData, finish
from noisefix.training.penalty import LEAST_PROBABILITY, choose_penalty, first_good_enough
from noisefix.training.stage_one import BranchParams, train_branches
from noisefix.training.targets import to_device

TIMES = (30.0, 10.0, 3.0, 1.0)
"""Of the penalty that suits a linear head, strongest first."""

_FOLDS = 4
_MOST_ROWS = 4_000


def choose_branch_penalty(
    data: TrainingData, params: BranchParams, *, epochs: int, device: str
) -> float:
    """Return the L2 penalty under which a branch predicts a held-out quarter of the labels well.

    Near-duplicates stay on one side. Beyond 4,000 labelled rows a random part decides. The choice
    depends on data and options alone, not on a seed.

    Args:
        data: the training rows; only features, given labels and groups are looked at.
        params: of the branches.
        epochs: of their training.
        device: where it is done.
    """
    from noisefix.probing.folds import make_folds
    from noisefix.probing.sampling import some_rows

    usual = choose_penalty(data)
    rows = some_rows(np.flatnonzero(data.is_labelled), _MOST_ROWS)
    labels = data.given_labels[rows]
    groups = None if data.groups is None else data.groups[rows]
    held_out = make_folds(labels, groups, n_folds=_FOLDS) == 0
    features, given = to_device(data.features[rows], device), to_device(labels, device)
    learns, own = np.flatnonzero(~held_out), labels[held_out]
    gains = np.empty((len(TIMES), len(own)))
    for place, times in enumerate(TIMES):
        one = replace(params, n_branches=1, penalty=times * usual)
        training = train_branches(
            features[learns], given[learns], data.n_classes, one, epochs=epochs, seed=0
        )
        probs = finish(training).look(features[held_out])[1][0].cpu().numpy()
        gains[place] = np.log(np.maximum(probs[np.arange(len(own)), own], LEAST_PROBABILITY))
    return TIMES[first_good_enough(gains)] * usual

"""Log-odds and back."""

import numpy as np
from scipy.special import expit, logit

from noisefix.annotators.odds import FLOOR, log_odds, sigmoid


def test_both_agree_with_scipy_and_undo_each_other():
    p = np.linspace(FLOOR, 1 - FLOOR, 99)
    np.testing.assert_allclose(log_odds(p), logit(p))
    np.testing.assert_allclose(sigmoid(logit(p)), expit(logit(p)))
    np.testing.assert_allclose(sigmoid(log_odds(p)), p)


def test_nobody_is_surer_than_the_floor():
    np.testing.assert_allclose(log_odds(np.array([0.0, 1.0])), logit([FLOOR, 1 - FLOOR]))

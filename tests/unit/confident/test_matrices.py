import numpy as np
import pytest

from noisefix.confident.matrices import (
    inverse_noise_matrix,
    noise_matrix,
    noise_matrix_from_transition,
    transition_matrix,
)
from noisefix.errors import DataError

JOINT = np.array([[0.4, 0.1], [0.2, 0.3]])  # [given, true]


def test_noise_matrix_is_given_by_true():
    np.testing.assert_allclose(noise_matrix(JOINT), [[2 / 3, 1 / 4], [1 / 3, 3 / 4]])


def test_inverse_noise_matrix_is_true_by_given():
    np.testing.assert_allclose(inverse_noise_matrix(JOINT), [[4 / 5, 2 / 5], [1 / 5, 3 / 5]])


def test_counts_and_probabilities_give_the_same():
    counts = (JOINT * 1000).round().astype(int)
    np.testing.assert_allclose(noise_matrix(counts), noise_matrix(JOINT))
    np.testing.assert_allclose(inverse_noise_matrix(counts), inverse_noise_matrix(JOINT))


def test_columns_sum_to_one_or_are_zero_for_an_empty_class():
    joint = np.array([[3, 0, 1], [1, 0, 2], [0, 0, 0]])
    np.testing.assert_allclose(noise_matrix(joint).sum(axis=0), [1, 0, 1])
    np.testing.assert_allclose(inverse_noise_matrix(joint).sum(axis=0), [1, 1, 0])


def test_there_and_back_by_name():
    noise = noise_matrix(JOINT)
    transition = transition_matrix(noise)
    np.testing.assert_allclose(transition.sum(axis=1), 1)
    assert transition[0, 1] == noise[1, 0]
    np.testing.assert_array_equal(noise_matrix_from_transition(transition), noise)


def test_a_mix_up_is_refused():
    noise = noise_matrix(JOINT)
    with pytest.raises(DataError, match="column 1 of the noise matrix"):
        transition_matrix(transition_matrix(noise))
    with pytest.raises(DataError, match="row 1 of the transition matrix"):
        noise_matrix_from_transition(noise)


@pytest.mark.parametrize("bad", [np.ones((2, 3)), np.ones(4), np.array([[1, np.nan], [0, 1]])])
def test_not_a_square_of_numbers(bad):
    with pytest.raises(DataError):
        noise_matrix(bad)

"""Who vouches for a change of labels."""

import pytest

from noisefix.detection.witness import find_witness


@pytest.mark.parametrize(
    ("gain", "low", "n_verified", "can", "why"),
    [
        (0.1, 0.02, 0, True, "label names explain 10 %"),
        (0.321, 0.5, 0, True, "label names explain 32 %"),
        (0.099, 0.5, 0, False, "too little to vouch"),
        (0.9, 0.0199, 0, False, "may be as low as 2.0 %"),
        (None, 0.5, 0, False, "nothing but the labels themselves"),
        (None, 0.0, 50, True, "50 verified rows"),
        (0.0, 0.0, 1234, True, "1,234 verified rows"),
        (None, 0.5, 49, False, "50 verified rows (--trusted-column)"),
    ],
)
def test_names_or_verified_rows_vouch(gain, low, n_verified, can, why):
    witness = find_witness(gain, low, n_verified)
    assert witness.can_relabel is can
    assert why in witness.reason


@pytest.mark.parametrize(("count", "can"), [(1, False), (2, True), (7, True)])
def test_one_annotator_alone_is_no_witness(count, can):
    witness = find_witness(0.3, 0.5, 100, n_annotators=count)
    assert witness.can_relabel is can
    assert ("alone" if count == 1 else f"{count} annotators") in witness.reason

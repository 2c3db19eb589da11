"""What holds for weighing and selection whatever the rows and the answers are."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from noisefix.annotators.selection import expected_benefit, rank_rows, spread_to_duplicates
from noisefix.annotators.weighing import KEEP, NONE_FITS, RELABEL, REVIEW, weigh


@st.composite
def rows(draw):
    n_rows, n_classes = draw(st.integers(1, 40)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    probs = rng.dirichlet(np.full(n_classes, draw(st.sampled_from([0.05, 1.0]))), n_rows)
    labels = rng.integers(-1, n_classes, n_rows)
    answers = rng.integers(NONE_FITS, n_classes, n_rows)
    p_error = np.where(labels < 0, np.nan, 1 - probs[np.arange(n_rows), labels])
    return answers, labels, probs, p_error, rng.integers(0, n_rows, n_rows)


@given(rows())
@settings(max_examples=60)
def test_weighing_gives_sound_verdicts(drawn):
    answers, labels, probs, p_error, _ = drawn
    trusted = np.arange(len(labels)) % 3 == 0
    verdicts = weigh(answers, labels, probs, p_error, trusted=trusted)
    assert set(verdicts.actions) <= {KEEP, RELABEL, REVIEW}
    changed = verdicts.final_labels != labels
    np.testing.assert_array_equal(changed, verdicts.actions == RELABEL)
    np.testing.assert_array_equal(verdicts.final_labels[changed], answers[changed])
    assert not changed[trusted].any()
    np.testing.assert_array_equal(np.isnan(verdicts.p_error), labels < 0)
    known = verdicts.p_error[labels >= 0]
    assert ((known >= -1e-12) & (known <= 1 + 1e-12)).all()
    assert np.isfinite(verdicts.true_label_probs).all()
    np.testing.assert_allclose(verdicts.true_label_probs.sum(axis=1), 1, atol=1e-9)


@given(rows())
@settings(max_examples=60)
def test_ranking_names_each_question_once(drawn):
    answers, labels, probs, _, groups = drawn
    asked = answers >= 0
    named = rank_rows(labels, probs, groups=groups, exclude=asked)
    assert not asked[named].any()
    assert (labels[named] >= 0).all()
    questions = set(zip(groups[named].tolist(), labels[named].tolist(), strict=True))
    assert len(questions) == len(named)
    answered = set(zip(groups[asked].tolist(), labels[asked].tolist(), strict=True))
    assert not questions & answered
    everything = set(zip(groups.tolist(), labels.tolist(), strict=True))
    assert questions == {q for q in everything - answered if q[1] >= 0}


@given(rows())
@settings(max_examples=60)
def test_benefit_is_a_share(drawn):
    _, labels, probs, _, _ = drawn
    benefit = expected_benefit(labels, probs)
    assert ((benefit >= 0) & (benefit <= 1)).all()
    assert (benefit[labels < 0] == 0).all()


@given(rows())
@settings(max_examples=60)
def test_spreading_again_changes_nothing(drawn):
    answers, labels, _, _, groups = drawn
    spread, own = spread_to_duplicates(answers, labels, groups)
    np.testing.assert_array_equal(spread[own], answers[own])
    again, _ = spread_to_duplicates(spread, labels, groups)
    np.testing.assert_array_equal(again, spread)

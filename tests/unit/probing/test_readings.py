"""The two readings: the views at the given shares, and how they are mixed."""

import numpy as np
import pytest

from noisefix.probing.readings import LABELLED_BY, read, shares_as_given


def views(n_rows=600, seed=0, rare=0.2):
    """A sharp view, one that knows nothing, and the given labels; class 1 is rare."""
    rng = np.random.default_rng(seed)
    true = (rng.random(n_rows) < rare).astype(int)
    score = np.where(true == 1, 1.0, -1.0) + rng.normal(size=n_rows)
    p = 1 / (1 + np.exp(-score))
    noise = rng.random(n_rows)
    given = np.where(rng.random(n_rows) < 0.1, 1 - true, true)
    return np.column_stack([1 - p, p]), np.column_stack([1 - noise, noise]), given


def test_the_views_are_weighed_by_how_well_they_predict_the_labels():
    good, useless, given = views()
    found = shares_as_given([good, useless], given)
    assert found.weights[0] > 5 * found.weights[1]
    rows = np.arange(len(given))
    agreed = good[rows, given]
    assert np.corrcoef(found.log_odds, np.log(1 - agreed) - np.log(agreed))[0, 1] > 0.9


def test_the_reading_is_calibrated_to_the_given_labels_whatever_the_sharpness_of_the_views():
    good, _, given = views(4000)
    flat = np.sqrt(np.sqrt(good))
    flat /= flat.sum(axis=1, keepdims=True)
    sharp, dull = (shares_as_given([view], given).log_odds for view in (good, flat))
    np.testing.assert_allclose(sharp, dull, atol=0.4)  # the raw odds differ four times
    disagree = 1 / (1 + np.exp(-sharp))
    assert disagree.mean() == pytest.approx(2 * (disagree * (1 - disagree)).mean(), rel=0.2)


def test_the_share_of_a_class_is_its_odds_without_a_text():
    good, useless, given = views()
    found = shares_as_given([good, useless], given)
    share = (given == 1).mean()
    assert found.share_odds[given == 1] == pytest.approx(np.log(1 - share) - np.log(share))
    assert found.share_odds[given == 1][0] > 0 > found.share_odds[given == 0][0]


def test_equal_shares_take_the_suspicion_off_the_rare_class():
    good, useless, given = views()
    found = shares_as_given([good, useless], given)
    moved = found.equal - found.log_odds
    assert moved[given == 1].mean() < 0 < moved[given == 0].mean()
    known = shares_as_given([good, useless], given, np.array([0.8, 0.2]))
    assert known.equal[given == 1].mean() > found.equal[given == 1].mean()


def test_unlabelled_rows_say_nothing():
    good, useless, given = views()
    gaps = np.where(np.arange(len(given)) % 3 == 0, -1, given)
    found = shares_as_given([good, useless], gaps)
    for said in (found.log_odds, found.share_odds, found.equal):
        assert not said[gaps == -1].any()
        assert np.isfinite(said).all()


@pytest.mark.parametrize("labelled_by", LABELLED_BY)
def test_both_readings_have_a_say_and_each_alone_is_monotone(labelled_by):
    good, useless, given = views()
    found = shares_as_given([good, useless], given)
    hypotheses = found.equal / 2
    both = read(found, hypotheses, labelled_by, 0.0)
    assert both.base.shape == (600,)
    assert both.inputs.shape == both.only.shape == (600, 2)
    assert ((both.only > 0) & (both.only < 1)).all()
    as_given = both.inputs[:, 1]
    order = np.argsort(as_given)
    assert (np.diff(both.only[order, 1]) >= -1e-12).all()
    known = read(found, hypotheses, labelled_by, 0.0, knows_shares=True)
    assert np.corrcoef(known.base, hypotheses)[0, 1] == pytest.approx(1)


def test_people_are_suspected_for_rare_labels_and_models_for_common_ones():
    good, useless, given = views()
    found = shares_as_given([good, useless], given)
    by = {
        who: read(found, found.equal / 2, who, 0.0).base for who in ("people", "model", "unknown")
    }

    def lean(base):
        return base[given == 1].mean() - base[given == 0].mean()

    assert lean(by["people"]) > lean(by["unknown"]) > lean(by["model"])
    assert by["people"].mean() < by["model"].mean()


def test_label_names_vouch_up_to_a_limit():
    good, useless, given = views()
    found = shares_as_given([good, useless], given)
    plain, named, more, most = (
        read(found, found.equal, "model", gain).base.mean() for gain in (0, 0.3, 0.7, 0.9)
    )
    assert plain > named > more == most


def test_names_that_nobody_looked_at_are_no_sign_of_noise():
    good, useless, given = views()
    found = shares_as_given([good, useless], given)
    for who in LABELLED_BY:
        unseen, silent, telling = (
            read(found, found.equal, who, gain).base.mean() for gain in (None, 0.0, 0.6)
        )
        assert silent > unseen > telling

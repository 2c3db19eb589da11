"""What the names tell: much where they are near their class, nothing where they are not."""

import numpy as np
import pytest

from noisefix.probing.label_names import MAX, MEAN, held_out_gain, name_view, readable_name


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("card_arrival", "card arrival"),
        ("cardArrival", "card arrival"),
        ("Cause-Effect(e1,e2)", "cause effect e1 e2"),
        ("  HAM ", "ham"),
        ("2", "2"),
        ("Größe/Maß", "größe maß"),
        ("__", "__"),
        ("???", "???"),
    ],
)
def test_readable_names(label, words):
    assert readable_name(label) == words


@pytest.fixture
def rows():
    """Centres of three classes, 600 rows around them, and the class of each row."""
    rng = np.random.default_rng(0)
    centres = unit(rng.normal(size=(3, 24)))
    true = np.repeat([0, 1, 2], [360, 180, 60])
    return centres, unit(centres[true] + 0.25 * rng.normal(size=(600, 24))), true


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def noisy(true, share, seed=1):
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(true)) < share
    return np.where(wrong, rng.integers(0, true.max() + 1, len(true)), true)


def test_names_near_their_classes_see_through_the_noise(rows):
    centres, embeddings, true = rows
    given = noisy(true, 0.4)
    view = name_view(embeddings, centres, given)
    assert view.slope > 0.5
    assert 0.1 < view.gain < 0.5
    assert (view.probs.argmax(axis=1) == true).mean() > 0.93 > (given == true).mean() + 0.1
    np.testing.assert_allclose(view.probs.sum(axis=1), 1, rtol=1e-5)


def test_the_gain_falls_as_the_names_explain_less(rows):
    centres, embeddings, true = rows
    gains = [
        name_view(embeddings, centres, noisy(true, share)).gain for share in (0, 0.3, 0.6, 0.9)
    ]
    assert gains == sorted(gains, reverse=True)
    assert gains[0] > 0.8
    assert gains[-1] < 0.05


def test_names_that_tell_nothing_say_nothing(rows):
    centres, embeddings, true = rows
    strange = unit(np.random.default_rng(5).normal(size=(3, 24)))
    shuffled = np.random.default_rng(6).permutation(true)
    assert name_view(embeddings, strange, shuffled).gain < 0.02
    opposite = name_view(embeddings, -centres, true)  # never believed the wrong way round
    assert opposite.slope == 0
    assert opposite.gain < 0.01
    np.testing.assert_allclose(opposite.probs, 1 / 3, rtol=1e-6)


def test_a_name_near_every_text_does_not_take_them_all(rows):
    centres, embeddings, true = rows
    common = np.zeros((1, 24), np.float32)
    common[0, 0] = 2
    moved = unit(embeddings + common)  # all texts share a direction
    names = unit(centres + np.array([[3], [0], [0]]) * common)  # and one name has it too
    assert ((moved @ names.T).argmax(axis=1) == 0).mean() > 0.9
    probs = name_view(moved, names, true).probs
    assert (probs.argmax(axis=1) == true).mean() > 0.85
    even = np.stack([probs[true == k].mean(axis=0) for k in range(3)]).mean(axis=0)
    np.testing.assert_allclose(even, 1 / 3, atol=0.12)


def test_shares_do_not_bend_the_view(rows):
    centres, embeddings, true = rows
    given = true.copy()
    given[true == 2] = 0  # a class that is never given
    given[0] = 2
    view = name_view(embeddings, centres, given)
    assert (view.probs.argmax(axis=1) == true)[true == 2].mean() > 0.9


def test_unlabelled_rows_are_judged_but_not_learned_from(rows):
    centres, embeddings, true = rows
    given = noisy(true, 0.2)
    masked = given.copy()
    masked[::3] = -1
    view = name_view(embeddings, centres, masked)
    assert view.probs.shape == (600, 3)
    assert (view.probs.argmax(axis=1) == true)[::3].mean() > 0.93
    complete = name_view(embeddings, centres, given)
    assert view.slope == pytest.approx(complete.slope, rel=0.25)
    assert view.gain == pytest.approx(complete.gain, abs=0.05)


@pytest.mark.parametrize("n_classes", [2, 100])
def test_few_rows_and_many_classes(n_classes):
    rng = np.random.default_rng(2)
    given = np.arange(max(10, n_classes + 5)) % n_classes
    names = unit(rng.normal(size=(n_classes, 64)))
    view = name_view(unit(names[given] + 0.1 * rng.normal(size=(len(given), 64))), names, given)
    assert np.isfinite(view.probs).all()
    assert 0 <= view.gain <= 1
    assert 0 <= view.slope <= 5
    assert (view.probs.argmax(axis=1) == given).mean() > 0.9


def test_one_class_only_has_nothing_to_explain():
    rng = np.random.default_rng(3)
    view = name_view(
        unit(rng.normal(size=(10, 8))), unit(rng.normal(size=(2, 8))), np.zeros(10, np.int64)
    )
    assert view.gain == 0


def test_equal_texts_tell_nothing():
    same = np.tile(unit(np.ones((1, 8))), (12, 1))
    names = unit(np.random.default_rng(4).normal(size=(2, 8)))
    view = name_view(same, names, np.arange(12) % 2)
    np.testing.assert_allclose(view.probs, 0.5, atol=1e-3)
    assert view.gain < 1e-3


def test_one_definition_a_class_is_the_view_of_the_names(rows):
    centres, embeddings, true = rows
    given = noisy(true, 0.3)
    one, listed = (name_view(embeddings, each, given) for each in (centres, centres[:, None]))
    assert listed.matching is None
    np.testing.assert_array_equal(one.probs, listed.probs)
    assert (one.slope, one.gain) == (listed.slope, listed.gain)


def test_the_same_definition_twice_changes_nothing(rows):
    centres, embeddings, true = rows
    given = noisy(true, 0.3)
    twice = [np.stack([each, each]) for each in centres]
    one, two = name_view(embeddings, centres, given), name_view(embeddings, twice, given)
    assert two.matching == MEAN  # of equal ones the first
    np.testing.assert_allclose(two.probs, one.probs, atol=1e-6)
    assert two.gain == pytest.approx(one.gain, abs=1e-9)


def two_sided(seed=0):
    """Classes of two kinds of rows each; (3, 2, D) the middles of the kinds."""
    rng = np.random.default_rng(seed)
    kinds = unit(rng.normal(size=(6, 24))).reshape(3, 2, 24)
    true, kind = rng.integers(0, 3, 900), rng.integers(0, 2, 900)
    return kinds, unit(kinds[true, kind] + 0.15 * rng.normal(size=(900, 24))), true


def test_where_definitions_are_of_kinds_of_rows_the_nearest_counts():
    kinds, embeddings, true = two_sided()
    view = name_view(embeddings, list(kinds), noisy(true, 0.3))
    assert view.matching == MAX
    assert (view.probs.argmax(axis=1) == true).mean() > 0.95
    one = name_view(embeddings, kinds[:, 0], noisy(true, 0.3))
    assert view.gain > one.gain + 0.1


def test_where_each_definition_errs_alone_all_count(rows):
    centres, embeddings, true = rows
    rng = np.random.default_rng(7)
    near = [unit(each + 0.3 * rng.normal(size=(4, 24))) for each in centres]
    view = name_view(embeddings, near, noisy(true, 0.3))
    assert view.matching == MEAN


def test_as_the_formula_says():
    """The similarity to a class is the mean, or the largest, of those to its definitions."""
    kinds, embeddings, true = two_sided()
    given = noisy(true, 0.3)
    uneven = [kinds[0], kinds[1][:1], np.concatenate([kinds[2], kinds[2][:1]])]
    view = name_view(embeddings, uneven, given)
    together = {MEAN: np.mean, MAX: np.max}
    by_way = {
        way: np.stack([f(embeddings @ each.T, axis=1) for each in uneven], axis=1)
        for way, f in together.items()
    }
    gains = {way: held_out_gain(seen, given) for way, seen in by_way.items()}
    assert view.matching == max(gains, key=gains.get)
    seen = by_way[view.matching]
    scaled = view.slope * (seen - seen.mean(axis=0)) / seen.std(axis=0)
    expected = np.exp(scaled) / np.exp(scaled).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(view.probs, expected, atol=1e-4)


def test_the_held_out_gain_is_that_of_other_rows():
    rng = np.random.default_rng(0)
    given = np.arange(120) % 40  # more classes than can be learned from three rows each
    assert held_out_gain(rng.normal(size=(120, 40)), given) < 0
    told = held_out_gain(np.eye(40)[given] + 0.1 * rng.normal(size=(120, 40)), given)
    assert 0.5 < told <= 1
    assert held_out_gain(np.ones((4, 2)), np.zeros(4, np.int64)) == 0

"""Reasons: what they say is what a person would find in the data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from noisefix.detection.reasons import ReasonInputs, explain
from noisefix.neighbors.search import Neighbors
from noisefix.probing.label_names import NameView
from noisefix.probing.views import Surroundings, Views

NAMES = ("billing", "delivery", "refund", "technical")


def around(n_rows, indices=None, groups=None) -> Surroundings:
    indices = np.full((n_rows, 1), -1) if indices is None else np.array(indices)
    return Surroundings(
        nearest=Neighbors(indices, np.ones(indices.shape, np.float32)),
        duplicate_groups=np.arange(n_rows) if groups is None else np.array(groups),
    )


def views(n_rows, probe=None, words=None) -> Views:
    flat = np.full((n_rows, 4), 1 / 4, np.float32)
    return Views(
        probe=flat if probe is None else np.array(probe, np.float32),
        words=flat if words is None else np.array(words, np.float32),
        neighbors=flat,
        pooled=flat,
    )


def inputs(given, other, **changes) -> ReasonInputs:
    n_rows = len(given)
    flat = np.full((n_rows, 4), 1 / 4)
    plain = ReasonInputs(
        class_names=NAMES,
        verified_names=NAMES,
        given_labels=np.array(given),
        other_label=np.array(other),
        verified_labels=np.full(n_rows, -1),
        is_issue=np.zeros(n_rows, dtype=bool),
        true_label_probs=flat,
        pooled=flat,
        surroundings=around(n_rows),
        views=None,
        names=None,
        n_neighbors=10,
    )
    return replace(plain, **changes)


def said(reasons, start):
    """The reasons of each row that begin like this."""
    return [[r for r in of_row if r.startswith(start)] for of_row in reasons]


def test_models_quote_the_other_label_and_the_given_one():
    probe = [[0.1, 0.856, 0.044], [0.2, 0.3, 0.5]]
    words = [[0.6, 0.1, 0.3], [0.7, 0.2, 0.1]]
    found = explain(inputs([2, -1], [1, 0], views=views(2, probe=probe, words=words)))
    assert found == [
        [
            "a classifier trained on other rows gives delivery 0.86, refund 0.04",
            "the words alone give delivery 0.10, refund 0.30",
        ],
        [
            "a classifier trained on other rows gives billing 0.20",
            "the words alone give billing 0.70",
        ],
    ]


def test_own_probabilities_are_called_so():
    pooled = np.array([[0.25, 0.7, 0.05]])
    assert explain(inputs([0], [1], pooled=pooled)) == [
        ["your probabilities give delivery 0.70, billing 0.25"]
    ]


GIVEN = [2, 1, 1, 1, 2, 0, 0, 0, 3, -1]


@pytest.mark.parametrize(
    ("indices", "sentence"),
    [
        ([1, 2, 3, 4], "3 of 4 nearest rows say delivery, 1 says refund"),
        ([1, 2, 3, -1], "3 of 3 nearest rows say delivery, none says refund"),
        ([1, 4, -1, -1], "1 of 2 nearest rows says delivery, 1 says refund"),
        # Neither the other label nor the given one leads: the third that does is named.
        ([1, 4, 5, 6], "2 of 4 nearest rows say billing, 1 says delivery, 1 says refund"),
        ([5, 6, 7, 8], "3 of 4 nearest rows say billing, none says delivery, none says refund"),
        ([1, 4, 5, 8], "1 of 4 nearest rows says delivery, 1 says refund"),
        ([1, 4, 5, -1], "1 of 3 nearest rows says delivery, 1 says refund"),
        ([4, 0, -1, -1], "none of 2 nearest rows says delivery, 2 say refund"),
    ],
)
def test_neighbours_are_counted(indices, sentence):
    given = np.array(GIVEN)
    rows = np.full((10, 4), -1)
    rows[0] = indices
    found = explain(inputs(given, np.full(10, 1), surroundings=around(10, rows)))
    assert found[0][0] == sentence
    assert not any("nearest rows" in reason for reason in found[1])  # it has none


def test_neighbours_of_an_unlabelled_row_speak_for_the_suggestion():
    rows = np.full((10, 4), -1)
    rows[9] = [1, 2, 5, 4]
    found = explain(inputs(GIVEN, np.full(10, 1), surroundings=around(10, rows)))
    assert found[9][0] == "2 of 4 nearest rows say delivery"


def test_only_as_many_neighbours_as_asked_for_are_quoted():
    rows = np.full((10, 4), -1)
    rows[0] = [1, 4, 4, 4]
    found = explain(inputs(GIVEN, np.full(10, 1), surroundings=around(10, rows), n_neighbors=1))
    assert found[0][0] == "1 of 1 nearest rows says delivery, none says refund"


def test_copies_with_other_labels_are_quoted():
    given = [0, 1, 1, 0, -1, 2, 2, 0]
    groups = [0, 0, 0, 0, 0, 5, 5, 7]
    found = explain(inputs(given, np.ones(8, int), surroundings=around(8, groups=groups)))
    quotes = said(found, "(nearly) the same text")
    assert quotes[0] == [
        "(nearly) the same text is elsewhere labelled delivery (2 x), billing (1 x)"
    ]
    assert quotes[1] == [
        "(nearly) the same text is elsewhere labelled billing (2 x), delivery (1 x)"
    ]
    assert quotes[4] == [
        "(nearly) the same text is elsewhere labelled billing (2 x), delivery (2 x)"
    ]
    assert quotes[5:] == [[], [], []]  # copies that agree, and no copies


def test_a_person_comes_first():
    found = explain(
        inputs(
            [0, 1],
            [1, 0],
            verified_labels=np.array([4, 1]),
            verified_names=(*NAMES, "complaint"),
            surroundings=around(2, [[1], [0]]),
        )
    )
    assert found[0][0] == "a person verified that this is complaint"
    assert found[1][0] == "a person verified that this is delivery"


def test_a_flag_without_a_better_label_is_explained():
    probs = np.array([[0.4, 0.35, 0.25], [0.4, 0.35, 0.25], [0.8, 0.1, 0.1], [0.3, 0.6, 0.1]])
    is_issue = np.array([True, False, True, True])
    found = explain(inputs([0] * 4, [1] * 4, true_label_probs=probs, is_issue=is_issue))
    assert found[0][0] == (
        "does not look like billing, but no other label stands out: delivery comes nearest with "
        "0.35"
    )
    assert found[2][0] == (
        "worth a look, though all in all billing remains the likeliest label with 0.80"
    )
    for row in (1, 3):
        assert len(found[row]) == 1


def test_names_are_quoted_where_they_tell_something():
    probs = np.array([[0.1, 0.8, 0.1], [0.5, 0.4, 0.1], [0.2, 0.7, 0.1]], np.float32)
    given = [0, 0, -1]
    telling = explain(inputs(given, [1, 1, 1], names=NameView(probs, 1.0, 0.05)))
    assert said(telling, "closer in meaning") == [
        ["closer in meaning to the name delivery than to billing"],
        [],
        [],
    ]
    vague = explain(inputs(given, [1, 1, 1], names=NameView(probs, 1.0, 0.049)))
    assert said(vague, "closer in meaning") == [[], [], []]


def test_a_label_that_only_its_being_common_favours():
    pooled = np.full((10, 3), [0.85, 0.05, 0.1])
    pooled[0] = [0.5, 0.4, 0.1]  # billing leads, but for delivery this is eight times the usual
    pooled[1] = [0.3, 0.6, 0.1]  # billing does not even lead
    found = explain(inputs([0] * 10, [1] * 10, pooled=pooled))
    quotes = said(found, "delivery is")
    assert quotes[0] == [
        f"delivery is {0.4 / pooled[:, 1].mean():.1f} x as likely here as in the average row; "
        "billing may be favoured only because it is given more often"
    ]
    assert quotes[1:] == [[]] * 9

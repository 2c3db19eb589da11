"""What judging every label of an embeddings table comes to; the tables are made of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from noisefix.detection.mismatched import Matches
    from noisefix.detection.rejected import RuledOut
    from noisefix.detection.voting import Heard
    from noisefix.probing.error_model import ErrorEstimate
    from noisefix.probing.hidden_chain import Sequences
    from noisefix.probing.judgeable import Scope
    from noisefix.probing.label_names import NameView
    from noisefix.probing.readings import Read
    from noisefix.probing.sequence import Chain
    from noisefix.probing.views import Surroundings, Views
    from noisefix.vectors import Vectors

DECIMALS = 6
"""Estimates are rounded to this, so that verdicts and ranks do not hang on a machine's last bit."""


@dataclass(frozen=True, eq=False)
class Judged:
    """All that the tables are made of; N rows, K classes."""

    class_names: tuple[str, ...]
    verified_names: tuple[str, ...]  # the class names, then verified labels that no row was given
    given_labels: np.ndarray  # (N,) ids, -1 = unlabelled
    verified_labels: np.ndarray  # (N,) ids into verified_names, -1 = not verified
    is_trusted: np.ndarray  # (N,) bool
    pred_probs: np.ndarray  # (N, K)
    surroundings: Surroundings
    views: Views | None  # None: pred_probs are the user's own
    names: NameView | None
    estimate: ErrorEstimate
    readings: Read
    embeddings: Vectors  # (N, D)
    is_issue: np.ndarray  # (N,) bool
    scope: Scope  # which rows and classes can be judged; of these alone are views and names
    labelled_by: str
    p_outside: (
        np.ndarray
    )  # (N,) see probing/outside.py; 0 where a person has verified, NaN: no text
    unverified_class: str | None = None
    ruled_out: RuledOut | None = None
    places: np.ndarray | None = None  # (K,) of classes that have an order, 0 = first
    distance: np.ndarray | None = None  # (N,) expected steps from the truth, NaN = unlabelled
    heard: Heard | None = None  # None: there are no other annotators
    sequences: Sequences | None = None  # None: the rows have no order
    chain: Chain | None = None  # what the rows before and after say
    unnamed: tuple[np.ndarray, ...] = ()  # rows of groups that may be a class of their own
    matches: Matches | None = None  # None: no two columns were named that belong together

    def part(self, first: int, last: int) -> Judged:
        """Return what was judged of the rows first..last-1, numbered from 0.

        Class by class and as a whole nothing changes; neighbours keep their numbers, and the
        embeddings are those of all rows.
        """
        rows = slice(first, last)
        return replace(
            self,
            given_labels=self.given_labels[rows],
            verified_labels=self.verified_labels[rows],
            is_trusted=self.is_trusted[rows],
            pred_probs=self.pred_probs[rows],
            surroundings=self.surroundings.part(rows),
            views=self.views and self.views.part(rows),
            names=self.names and replace(self.names, probs=self.names.probs[rows]),
            estimate=replace(
                self.estimate,
                p_error=self.estimate.p_error[rows],
                true_label_probs=self.estimate.true_label_probs[rows],
            ),
            is_issue=self.is_issue[rows],
            scope=replace(self.scope, rows=self.scope.rows[rows], written=self.scope.written[rows]),
            p_outside=self.p_outside[rows],
            ruled_out=self.ruled_out and self.ruled_out.part(first, last),
            distance=None if self.distance is None else self.distance[rows],
            heard=self.heard and self.heard.part(first, last),
            matches=self.matches and self.matches.part(rows),
            chain=self.chain and replace(self.chain, log_ratio=self.chain.log_ratio[rows]),
            unnamed=tuple(
                group[(group >= first) & (group < last)] - first for group in self.unnamed
            ),
        )

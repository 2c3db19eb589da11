"""Answers in a run that has heard annotators' columns: all of them come to one verdict.

The columns' posterior is what an answer is weighed against (``annotators.weighing``). A label that
the answer contradicts is then changed only where the columns and the answers together, as
annotators of one model (``probing.voted``), come to the answer as well. Measured
(``tests/benchmarks/relabel_voters.py``): weighed alone, answers have made labels worse that the
columns had right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from noisefix.annotators.weighing import RELABEL, REVIEW, Verdicts
from noisefix.detection.annotations import kept_answers
from noisefix.detection.voting import encode_answers, listen, text_probe
from noisefix.labels import UNLABELLED
from noisefix.probing.folds import make_folds, row_keys
from noisefix.probing.voters import Voter
from noisefix.run.arrays import list_matrix
from noisefix.run.parquet import column_names, read_table
from noisefix.run.rows import RunRows
from noisefix.run.schemas import ISSUES, UNHEARD_PROBS, VOUCHED

if TYPE_CHECKING:
    from noisefix.run.folder import RunFolder

CHANGES_AT = 0.7
"""Probability, before calibration, of an answer from which columns and answers confirm it."""

ANSWERS = "[answers]"


@dataclass(frozen=True, eq=False)
class Beside:
    """What a run of N rows has heard of annotators' columns.

    Attributes:
        voters: the annotators.
        unheard: (N, K) P(true label) before they were heard.
        is_vouched: (N,) bool: they vouch for another label than the given one.
        given_by_vote: the given labels are what most of them say.
    """

    voters: tuple[Voter, ...]
    unheard: np.ndarray
    is_vouched: np.ndarray
    given_by_vote: bool


def heard_beside(folder: RunFolder, rows: RunRows) -> Beside | None:
    """Return what the run has heard of annotators; None where it has heard nobody.

    Raises:
        DataError: a table cannot be read.
    """
    if not {VOUCHED, UNHEARD_PROBS} <= set(column_names(folder.issues)):
        return None
    issues, provenance = read_table(folder.issues, ISSUES, ("id", VOUCHED, UNHEARD_PROBS))
    facts = provenance.results.get("annotators")
    tables = kept_answers(folder, provenance.inputs)
    if not facts or not tables:
        return None
    answers = encode_answers(tables["annotations"], rows.ids, rows.class_names)
    return Beside(
        answers.voters,
        list_matrix(issues[UNHEARD_PROBS]),
        issues[VOUCHED].to_numpy(zero_copy_only=False).astype(bool),
        facts["given_by_vote"],
    )


@dataclass(frozen=True, eq=False)
class Together:
    """What columns and answers come to.

    Attributes:
        verdicts: of all rows.
        is_vouched: (N,) bool: the label changes as if nobody had been asked about the row, because
            the columns vouch for another and the answer decides nothing.
        is_unconfirmed: (N,) bool: the answer alone would have changed the label.
        n_columns: annotators' columns that had a say.
    """

    verdicts: Verdicts
    is_vouched: np.ndarray
    is_unconfirmed: np.ndarray
    n_columns: int


def settle_together(
    rows: RunRows,
    beside: Beside,
    labels: np.ndarray,
    verdicts: Verdicts,
    *,
    learned: np.ndarray,
    decides: np.ndarray,
    seed: int = 0,
) -> Together:
    """Let columns and answers decide together.

    Args:
        rows: the run's rows.
        beside: what it has heard of annotators.
        labels: (N,) what was answered, as for ``weigh``.
        verdicts: the answers weighed against what the columns came to.
        learned: (N,) bool: the row was asked itself; its answer is no copy.
        decides: (N,) bool: the answer says something of the label.
        seed: of the folds.
    """
    sharp, n_columns = _together(rows, beside, labels, learned, seed)
    final, actions = verdicts.final_labels.copy(), verdicts.actions.copy()
    given, is_heeded = rows.given_labels, not verdicts.alarm
    unconfirmed = np.zeros(len(rows), dtype=bool)
    if is_heeded and n_columns:
        contradicts = (labels >= 0) & (given != UNLABELLED) & (labels != given) & ~rows.is_trusted
        confirmed = contradicts & (sharp.argmax(axis=1) == labels)
        confirmed &= sharp.max(axis=1) >= CHANGES_AT
        confirmed &= np.nan_to_num(verdicts.log_odds, nan=-1.0) > 0
        unconfirmed = contradicts & ~confirmed & (actions == RELABEL)
        final[confirmed], actions[confirmed] = labels[confirmed], RELABEL
        final[unconfirmed], actions[unconfirmed] = given[unconfirmed], REVIEW
    vouched = beside.is_vouched & rows.is_issue & ~rows.is_trusted & ~(decides & is_heeded)
    likely = rows.true_label_probs.argmax(axis=1)
    vouched &= likely != given
    final[vouched], actions[vouched] = likely[vouched], RELABEL
    settled = replace(verdicts, final_labels=final, actions=actions)
    return Together(settled, vouched, unconfirmed, n_columns)


def _together(
    rows: RunRows, beside: Beside, labels: np.ndarray, learned: np.ndarray, seed: int
) -> tuple[np.ndarray, int]:
    """Return what all come to, (N, K) before calibration, and how many columns are listened to."""
    asked = np.flatnonzero(learned & (labels >= 0))
    voters = (Voter(ANSWERS, asked, labels[asked]), *beside.voters)
    known = np.where(rows.is_trusted, rows.true_label_probs.argmax(axis=1), UNLABELLED)
    n_classes = len(rows.class_names)

    def folds_of(labels: np.ndarray) -> np.ndarray:
        return make_folds(labels, rows.groups, seed=seed, keys=row_keys(rows.texts, seed))

    screened, voted = listen(
        voters,
        beside.unheard,
        rows.given_labels,
        known,
        text_probe(rows.embeddings, rows.written, folds_of, n_classes),
        n_new=n_classes - 1 - int(rows.given_labels.max()),  # the last classes
        given_counts=not beside.given_by_vote,
    )
    return voted.sharp, sum(one.is_used for one in screened[1:])

"""What becomes of every row: keep, flag, relabel, fill or drop; decided here, written elsewhere.

One function turns what is known of the rows into decisions. ``apply`` writes them, ``evaluate``
counts how many are right: both see the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.documents import made_of
from noisefix.errors import UsageError
from noisefix.labels import UNLABELLED, encode_labels
from noisefix.probing.outside import OUTSIDE_FROM
from noisefix.probing.pair_match import MISMATCHED_FROM
from noisefix.run.arrays import list_matrix
from noisefix.run.schemas import P_MISMATCH, VOUCHED

if TYPE_CHECKING:
    import pyarrow as pa

STRATEGIES = ("flag", "drop", "relabel", "weight")
MIN_PROBABILITY = 0.7
"""Least probability of a label that is changed without asking anybody.

A wrong change costs as much as a right one gains, so anything above 0.5 gains on average if the
probabilities are right; the rest leaves room for them not to be (docs/benchmarks.md).
"""

MODEL_ANNOTATOR = "noisefix"
"""Who decided, where no annotator was asked."""

DECISION_COLUMNS = (
    "id",
    "row_number",
    "given_label",
    "suggested_label",
    "p_error",
    "is_issue",
    "reasons",
    "true_label_probs",
    "is_trusted",
    "p_outside",
)
"""The columns of the issues table that a decision rests on."""


@dataclass(frozen=True)
class ApplyParams:
    """Options of ``apply``.

    Attributes:
        strategy: flag (verdicts become columns), drop (flagged rows leave), relabel (rows get
            the label that an annotator's answer led to, or one that is clearly better) or weight
            (how probably each label is right becomes a column, to train with).
        min_probability: where no annotator was asked, relabel and fill only where the suggested
            label is at least this probable, in [0, 1]. None: ``MIN_PROBABILITY``, and relabel only
            where the run has a witness (``decide``).
        min_margin: and only where it is more probable than the given label by at least this.
        fill_unlabelled: give unlabelled rows their suggested label.
        drop_outside: leave out rows that seem to belong to no class, whatever the strategy.
        drop_mismatched: and rows whose two texts do not seem to belong together.
    """

    strategy: str = "flag"
    min_probability: float | None = None
    min_margin: float = 0.3
    fill_unlabelled: bool = False
    drop_outside: bool = False
    drop_mismatched: bool = False

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise UsageError(
                f"strategy {self.strategy!r} is unknown", f"choose one of {', '.join(STRATEGIES)}"
            )
        for name in ("min_probability", "min_margin"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise UsageError(f"{name} is {value}", "it must lie in 0 to 1")


@dataclass(frozen=True)
class Decision:
    """What becomes of one row, and why; rows that stay as they are have none.

    Attributes:
        index: position in the issues table, 0 = first.
        id: row id.
        row_number: position in the input, 1 = first data row.
        action: flag, relabel, fill or drop.
        given_label: label in the input; None = unlabelled.
        new_label: label it gets; None for flag and drop.
        suggested_label: most probable true label, whatever the action.
        reasons: in words a person can check.
        p_error: estimated probability that the given label is wrong; None for unlabelled rows.
        annotator: who decided.
        cost_usd: price of the decision.
    """

    index: int
    id: str
    row_number: int
    action: str
    given_label: str | None
    new_label: str | None
    suggested_label: str
    reasons: tuple[str, ...]
    p_error: float | None
    annotator: str = MODEL_ANNOTATOR
    cost_usd: float = 0.0


def decide(
    issues: pa.Table,
    class_names: tuple[str, ...],
    params: ApplyParams = ApplyParams(),
    *,
    has_witness: bool = True,
) -> list[Decision]:
    """Decide what becomes of the rows, in the order of the table.

    Rows that an annotator was asked about follow its weighed answer. Of the others, a label is
    changed only where another is clearly better, and only in a run with a witness that the noisy
    labels had no part in: without one, the models can agree on what they all learned wrong. In a
    run with annotators' columns these are the witness, row by row (``VOUCHED``).

    Args:
        issues: an issues table with at least ``DECISION_COLUMNS``, ``with_answers`` or without;
            with ``drop_mismatched`` also p_mismatch.
        class_names: (K,) names in the order of ``true_label_probs``.
        params: strategy and thresholds.
        has_witness: the run's label names vouch for the labels, or a person has verified a sample
            ("can_relabel" in the results of the joint stage).
    """
    flagged = _bools(issues, "is_issue") & ~_bools(issues, "is_trusted")
    actions = np.full(issues.num_rows, "", dtype=object)
    answered = _answered(issues)
    better = _is_clearly_better(issues, class_names, params)
    if params.strategy in ("flag", "drop"):
        actions[flagged] = params.strategy
    elif params.strategy == "relabel":
        unasked = answered == ""
        if params.min_probability is None and VOUCHED in issues.column_names:
            actions[flagged & _bools(issues, VOUCHED) & unasked] = "relabel"
        elif has_witness or params.min_probability is not None:
            actions[flagged & better & unasked] = "relabel"
        actions[answered == "relabel"] = "relabel"
        actions[_verified_as_another(issues)] = "relabel"
    if params.fill_unlabelled:
        unlabelled = issues["given_label"].is_null().to_numpy()
        actions[unlabelled & better & (answered == "")] = "fill"
        actions[unlabelled & (answered == "relabel")] = "fill"
    if params.drop_outside:
        actions[_is_outside(issues) & ~np.isin(answered, ("keep", "relabel"))] = "drop"
    if params.drop_mismatched:  # an annotator was asked about the label, not about this
        actions[_is_mismatched(issues)] = "drop"
    rows = np.flatnonzero(actions != "")
    known = (*DECISION_COLUMNS[:7], "annotator", "cost_usd")
    columns = [name for name in known if name in issues.column_names]
    return [
        made_of(
            Decision,
            row,
            index=int(index),
            action=actions[index],
            new_label=row["suggested_label"] if actions[index] in ("relabel", "fill") else None,
            reasons=tuple(row["reasons"]),
            annotator=row.get("annotator") or MODEL_ANNOTATOR,
            cost_usd=row.get("cost_usd") or 0.0,
        )
        for index, row in zip(rows, issues.select(columns).take(rows).to_pylist(), strict=True)
    ]


def _is_outside(issues: pa.Table) -> np.ndarray:
    """Return (N,) bool: seems to belong to no class, and no person has said that it does."""
    outside = issues["p_outside"].to_numpy(zero_copy_only=False).astype(np.float64)
    found: np.ndarray = (np.nan_to_num(outside) >= OUTSIDE_FROM) & ~_bools(issues, "is_trusted")
    return found


def _is_mismatched(issues: pa.Table) -> np.ndarray:
    """Return (N,) bool: the two texts do not seem to belong together; nobody has verified it."""
    probs = issues[P_MISMATCH].to_numpy(zero_copy_only=False).astype(np.float64)
    found: np.ndarray = (np.nan_to_num(probs) >= MISMATCHED_FROM) & ~_bools(issues, "is_trusted")
    return found


def _verified_as_another(issues: pa.Table) -> np.ndarray:
    """Return (N,) bool: a person has verified another label than the given one."""
    suggested = np.array(issues["suggested_label"].to_pylist(), dtype=object)
    given = np.array(issues["given_label"].to_pylist(), dtype=object)
    is_wrong = issues["p_error"].to_numpy() == 1
    verified: np.ndarray = _bools(issues, "is_trusted") & is_wrong & (suggested != given)
    return verified


def _answered(issues: pa.Table) -> np.ndarray:
    """Return (N,) the action that an annotator's answer led to, "" where nobody was asked."""
    if "action" not in issues.column_names:
        return np.full(issues.num_rows, "", dtype=object)
    return np.array([action or "" for action in issues["action"].to_pylist()], dtype=object)


def _is_clearly_better(
    issues: pa.Table, class_names: tuple[str, ...], params: ApplyParams
) -> np.ndarray:
    """Return (N,) bool: the suggested label passes both thresholds."""
    n_rows = issues.num_rows
    probs = list_matrix(issues["true_label_probs"])  # (N, K)
    names = issues["suggested_label"].to_pylist()
    index = {name: k for k, name in enumerate(class_names)}
    # A person may have verified a class that no row was given: it is no estimate.
    suggested = np.array([index.get(name, UNLABELLED) for name in names], dtype=np.int64)
    given = encode_labels(issues["given_label"].to_pylist(), class_names)
    rows = np.arange(n_rows)
    p_suggested = np.where(suggested >= 0, probs[rows, suggested], 0.0)
    # -1 (no given label) picks the last class; the value is masked out.
    p_given = np.where(given >= 0, probs[rows, given], 0.0)
    least = MIN_PROBABILITY if params.min_probability is None else params.min_probability
    is_probable = p_suggested >= least
    is_better = p_suggested - p_given >= params.min_margin
    return np.asarray((suggested != given) & is_probable & is_better)


def verdict_values(issues: pa.Table, prefix: str) -> dict[str, list[Any]]:
    """Return the columns that ``--strategy flag`` adds, one value a row, in the table's order."""
    return {
        f"{prefix}is_issue": _bools(issues, "is_issue").tolist(),
        f"{prefix}suggested_label": issues["suggested_label"].to_pylist(),
        f"{prefix}p_error": issues["p_error"].to_pylist(),
        f"{prefix}reasons": ["; ".join(reasons) for reasons in issues["reasons"].to_pylist()],
    }


def verdict_columns(issues: pa.Table, prefix: str) -> dict[str, list[str]]:
    """Return ``verdict_values`` as texts, as files hold them."""
    return {name: list(map(_written, c)) for name, c in verdict_values(issues, prefix).items()}


def weight_values(issues: pa.Table, prefix: str) -> dict[str, list[Any]]:
    """Return the column that ``--strategy weight`` adds: how probably each label is right.

    Rows without a label weigh nothing; labels that a person has verified weigh 1 or 0.
    """
    weights = [0.0 if p is None else 1 - p for p in issues["p_error"].to_pylist()]
    return {f"{prefix}weight": weights}


def weight_column(issues: pa.Table, prefix: str) -> dict[str, list[str]]:
    """Return ``weight_values`` as texts, as files hold them."""
    return {name: list(map(_written, c)) for name, c in weight_values(issues, prefix).items()}


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.4f}"
    return "" if value is None else str(value)


def _bools(table: pa.Table, column: str) -> np.ndarray:
    values: np.ndarray = table[column].to_numpy().astype(bool)
    return values

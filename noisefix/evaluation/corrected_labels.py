"""A test set's given labels, and what is known of the right ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.cleaning.ledger import read_ledger
from noisefix.errors import DataError, UsageError
from noisefix.labels import class_names, encode_labels
from noisefix.run.answers import ANSWER_COLUMNS, read_verdicts
from noisefix.run.arrays import list_matrix
from noisefix.run.decisions import CLASS, DROP, KEEP
from noisefix.run.rejected import run_rejected
from noisefix.run.settled import run_decisions
from noisefix.wording import plural

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.evaluation.options import EvaluateOptions
    from noisefix.run.folder import RunFolder

NO_LABEL, NO_FIT, OPEN = "no given label", "no label fits", "right label not known"
"""Why a row leaves the comparison."""

_COLUMNS = (
    *("id", "row_number", "text", "given_label", "suggested_label", "p_error", "is_issue"),
    *("reasons", "true_label_probs"),
)


@dataclass(frozen=True, eq=False)
class CorrectedLabels:
    """N rows of a test set, in its order.

    Attributes:
        ids: (N,) row ids.
        class_names: (K,) every label that is given or right.
        given_labels: (N,) class ids; -1 = no label.
        right_labels: (N,) class ids; -1 = not known; None: nobody has corrected anything.
        label_probs: (N, K) the run's posterior, decided rows certain; None: there is no run.
        why_out: (N,) why a row leaves the comparison; "" where it does not.
        source: where the right labels come from, in words.
        noise_rate: 90 % interval of the share of wrong labels, as the run estimated it.
        notes: what a person should know.
    """

    ids: list[str]
    class_names: tuple[str, ...]
    given_labels: np.ndarray
    right_labels: np.ndarray | None
    label_probs: np.ndarray | None
    why_out: np.ndarray
    source: str
    noise_rate: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    @property
    def kept(self) -> np.ndarray:
        """(N,) bool, rows that are compared."""
        kept: np.ndarray = self.why_out == ""
        return kept


def labels_of_run(folder: RunFolder, truth: list[str | None] | None = None) -> CorrectedLabels:
    """Return what a run knows: people's decisions, else answers, else changes that apply wrote.

    Rows that none of these speaks of keep their given label, as in Northcutt et al. 2021. Where
    nothing at all was corrected or confirmed, only the posterior is known.

    Args:
        folder: the run folder.
        truth: (N,) true labels, None where not known; they count instead of all these.

    Raises:
        DataError: a table cannot be read.
    """
    issues, provenance = read_verdicts(folder, _COLUMNS)
    given: list[str | None] = issues["given_label"].to_pylist()
    ids: list[str] = issues["id"].to_pylist()
    results = provenance.results
    ends = tuple(results.get(f"noise_rate_{end}") for end in ("low", "high"))
    if truth is not None:
        right, why, source = truth, _why_unknown(given, truth), "the true labels"
        notes: tuple[str, ...] = ()
    else:
        right, why, source = _corrections(folder, issues, ids, given)
        notes = _unseen(issues, source, right)
    names = provenance.class_names
    more = class_names([*right, *given])
    every = (*names, *(name for name in more if name not in names))
    probs = list_matrix(issues["true_label_probs"]).astype(np.float64)
    probs = np.pad(probs, ((0, 0), (0, len(every) - len(names))))
    decided_on = source != ""
    return CorrectedLabels(
        ids=ids,
        class_names=every,
        given_labels=encode_labels(given, every),
        right_labels=encode_labels(right, every) if decided_on else None,
        label_probs=probs,
        why_out=why,
        source=source or "the posterior of detect",
        noise_rate=None if None in ends else (float(ends[0] or 0), float(ends[1] or 0)),
        notes=notes,
    )


def labels_of_table(data: str | Path, truth: str, options: EvaluateOptions) -> CorrectedLabels:
    """Return given and right labels out of two columns of a table.

    Args:
        data: the table.
        truth: column with the right labels; rows where it is empty leave the comparison.
        options: names of the columns of given labels and ids, if they are not to be guessed.

    Raises:
        DataError: the table cannot be read, or there is no such column.
        UsageError: both columns are one.
    """
    from noisefix.tables.columns import guess_id, guess_label, list_columns, resolve_column
    from noisefix.tables.label_rules import label_rules
    from noisefix.tables.label_values import column_labels
    from noisefix.tables.source import read_source

    source = read_source(data, bad_rows=options.bad_rows)
    right_column = resolve_column(source, truth, "--truth")
    if options.label_column is not None:
        label: str | None = resolve_column(source, options.label_column, "--label-column")
    else:
        label = guess_label(source, {right_column}).column
    if label is None:
        raise DataError(
            f"{source.name}: no column is clearly the label",
            f"name it with --label-column NAME; the columns are: {list_columns(source)}",
        )
    if label == right_column:
        raise UsageError(
            f"--label-column and --truth are both {label}", "name the column of the right labels"
        )
    rules = label_rules(options)
    given = column_labels(source, label, rules=rules)
    right = column_labels(source, right_column, like=label, rules=rules)
    id_column = options.id_column
    if id_column is None:
        id_column = guess_id(source, {label, right_column}).column
    else:
        id_column = resolve_column(source, id_column, "--id-column")
    names = class_names([*given.labels, *right.labels])
    return CorrectedLabels(
        ids=_ids(source, id_column),
        class_names=names,
        given_labels=encode_labels(given.labels, names),
        right_labels=encode_labels(right.labels, names),
        label_probs=None,
        why_out=_why_unknown(given.labels, right.labels),
        source=f"column {right_column}",
        notes=(f"given labels: column {label}", *source.warnings, *given.warnings),
    )


def _ids(source: Any, column: str | None) -> list[str]:
    from noisefix.tables.label_values import read_ids

    if column is None:
        return [str(row) for row in range(1, len(source) + 1)]
    where = f"{source.name}, column {column!r}"
    ids = read_ids(source.table.column(column), source.table.schema.field(column), where)
    if None in ids:
        raise DataError(f"{where}: row {ids.index(None) + 1} has no id", "give every row one")
    doubled, times = Counter(ids).most_common(1)[0] if ids else ("", 0)
    if times > 1:
        raise DataError(f"{where}: id {doubled!r} appears {times} times", "give each row one")
    return [str(key) for key in ids]


def _why_unknown(given: Sequence[str | None], right: Sequence[str | None]) -> np.ndarray:
    why = [
        NO_LABEL if one is None else OPEN if other is None else ""
        for one, other in zip(given, right, strict=True)
    ]
    return np.array(why, dtype=object)


def _corrections(
    folder: RunFolder, issues: pa.Table, ids: list[str], given: list[str | None]
) -> tuple[list[str | None], np.ndarray, str]:
    """Return right labels, why rows leave, and who spoke ("": nobody)."""
    right = list(given)
    why = np.array([NO_LABEL if label is None else "" for label in given], dtype=object)
    place = {key: row for row, key in enumerate(ids)}
    spoken: Counter[str] = Counter()
    for key, label in _written(folder).items():
        if key in place:
            right[place[key]] = label
            spoken["changes that apply wrote"] += 1
    if ANSWER_COLUMNS[0] in issues.column_names:
        finals = issues["suggested_label"].to_pylist()
        for row, action in enumerate(issues[ANSWER_COLUMNS[0]].to_pylist()):
            if action is None:
                continue
            spoken["answers of relabel"] += 1
            right[row] = finals[row] if action == "relabel" else given[row]
            if given[row] is not None:
                why[row] = {"drop": NO_FIT, "review": OPEN}.get(action, "")
    for key, word in run_decisions(folder).items():
        row = place[key]
        if word.decision not in (KEEP, CLASS, DROP):
            continue
        spoken["people's decisions"] += 1
        right[row] = word.label if word.decision == CLASS else given[row]
        if given[row] is not None:
            why[row] = NO_FIT if word.decision == DROP else ""
    for key in run_rejected(folder):  # the given label, or the one that was thought to be right
        row = place[key]
        if given[row] is not None:
            why[row] = OPEN
            spoken["people's decisions"] += 1
    said = [f"{who} ({plural(rows, 'row')})" for who, rows in reversed(list(spoken.items()))]
    return right, why, ", ".join(said)


def _written(folder: RunFolder) -> dict[str, str]:
    """Return the labels that the newest ``apply --strategy relabel`` wrote, if it stands, by id."""
    ledger = read_ledger(folder.ledger)
    writes = [write for write in ledger.writes if write.action in ("relabel", "revert")]
    if not writes or writes[-1].action == "revert":
        return {}
    changes = ledger.changes(writes[-1])
    return {c.id: c.new for c in changes if c.action == "relabel" and c.new is not None}


def _unseen(issues: pa.Table, source: str, right: Sequence[str | None]) -> tuple[str, ...]:
    """Say how many flagged rows count as right only because nobody has looked at them."""
    if not source:
        return ()
    asked = (
        [action is not None for action in issues[ANSWER_COLUMNS[0]].to_pylist()]
        if ANSWER_COLUMNS[0] in issues.column_names
        else [False] * issues.num_rows
    )
    rows = zip(
        issues["is_issue"].to_pylist(), asked, issues["given_label"].to_pylist(), right, strict=True
    )
    unseen = sum(flagged and not was and label == new for flagged, was, label, new in rows)
    if not unseen:
        return ()
    return (
        f"{plural(unseen, 'flagged row')} nobody has looked at: their given labels count as "
        "right; noisefix review, or relabel, settles them",
    )

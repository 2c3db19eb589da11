"""Put an annotator's answers beside the verdicts, so that both are decided on together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError
from noisefix.run.parquet import column_names, read_table, with_columns
from noisefix.run.rejected import NEEDED, run_rejected, without_rejected
from noisefix.run.schemas import ISSUES, RELABELS, VOUCHED
from noisefix.run.settled import run_decisions, settled
from noisefix.tables.atomic import sha256_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

    from noisefix.run.decisions import PersonDecision
    from noisefix.run.folder import RunFolder
    from noisefix.run.provenance import Provenance

ANSWER_COLUMNS = ("action", "annotator", "cost_usd")
"""What ``with_answers`` adds; null where nobody was asked."""

_READ = ("id", "action", "final_label", "p_error", "reasons", "annotator", "cost_usd")


def read_verdicts(
    folder: RunFolder,
    columns: Sequence[str] | None = None,
    more: Iterable[PersonDecision] = (),
) -> tuple[pa.Table, Provenance]:
    """Read a run's issues, with the answers of ``relabel`` and above all people's decisions.

    Args:
        folder: the run folder.
        columns: columns of the issues table, beside ``VOUCHED`` where it is there; None: all.
        more: decisions that are not among the folder's.

    Raises:
        DataError: a table cannot be read, or the answers belong to an earlier issues table.
    """
    if columns is not None and VOUCHED in column_names(folder.issues):
        columns = (*columns, VOUCHED)
    said = tuple(more)
    rejected = run_rejected(folder, said)
    more_columns = [] if columns is None or not rejected else [*NEEDED]
    wanted = None if columns is None else list(dict.fromkeys([*columns, *more_columns]))
    issues, provenance = read_table(folder.issues, ISSUES, wanted)
    decided = run_decisions(folder, said)
    names = provenance.class_names
    several = folder.set_reading() is not None

    def with_words(issues: pa.Table) -> pa.Table:
        words = settled(issues, decided, names, several_labels=several)
        words = without_rejected(words, rejected, names)
        kept = [name for name in words.column_names if name not in more_columns]
        return words if columns is None else words.select([*columns, *_added(kept, columns)])

    if not folder.relabels.exists():
        return with_words(issues), provenance
    relabels, answered = read_table(folder.relabels, RELABELS, _READ)
    if not answered.is_foreign and answered.inputs.get("issues") != sha256_file(folder.issues):
        raise DataError(
            f"{folder.relabels}: its answers were weighed against an earlier issues.parquet",
            "run noisefix relabel again (what was answered is stored and costs nothing), "
            "or delete the file",
        )
    return with_words(with_answers(issues, relabels)), provenance


def _added(names: Sequence[str], columns: Sequence[str]) -> list[str]:
    return [name for name in names if name not in columns]


def with_answers(issues: pa.Table, relabels: pa.Table) -> pa.Table:
    """Let the answers replace what the models alone said of the rows asked.

    Args:
        issues: an issues table with at least id, suggested_label, p_error, is_issue and reasons.
        relabels: rows of a relabels table; ids that are not among the issues are ignored.

    Returns:
        The issues in their order, with the columns ``ANSWER_COLUMNS`` added. Of the rows asked,
        suggested_label is the final label, p_error and reasons have the answer weighed in, and
        is_issue is true unless the action is "keep".
    """
    import pyarrow as pa

    answers = {row["id"]: row for row in relabels.to_pylist()}
    columns: dict[str, list[Any]] = {
        name: issues[name].to_pylist()
        for name in ("suggested_label", "p_error", "is_issue", "reasons")
    }
    added: dict[str, list[Any]] = {name: [None] * issues.num_rows for name in ANSWER_COLUMNS}
    for row, key in enumerate(issues["id"].to_pylist()):
        answer = answers.get(key)
        if answer is None:
            continue
        columns["suggested_label"][row] = answer["final_label"] or columns["suggested_label"][row]
        if answer["p_error"] is not None:
            columns["p_error"][row] = answer["p_error"]
        columns["is_issue"][row] = answer["action"] != "keep"
        columns["reasons"][row] = [*answer["reasons"], *columns["reasons"][row]]
        for name in ANSWER_COLUMNS:
            added[name][row] = answer[name]
    issues = with_columns(issues, columns)
    types = {"action": pa.string(), "annotator": pa.string(), "cost_usd": pa.float64()}
    for name, values in added.items():
        issues = issues.append_column(name, pa.array(values, types[name]))
    return issues

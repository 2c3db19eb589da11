"""The findings of a run folder, read from its tables."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.detection.findings import (
    AnnotatorsSummary,
    AnnotatorSummary,
    ClassSummary,
    DetectResult,
    IssueRow,
    OutsideRow,
    PairSummary,
)
from noisefix.detection.mismatched import read_mismatched
from noisefix.detection.ordinal_facts import read_ordinal
from noisefix.detection.unnamed import EXAMPLE_COLUMNS, read_unnamed
from noisefix.documents import made_of
from noisefix.probing.outside import OUTSIDE_FROM
from noisefix.run.arrays import column_array
from noisefix.run.parquet import read_rows, read_table
from noisefix.run.schemas import ANNOTATORS, CLASSES_TABLE, ISSUES, PAIRS

if TYPE_CHECKING:
    from noisefix.detection.across import AcrossSummary
    from noisefix.run.folder import RunFolder

_TOP_ROWS = 100
_FACTS = (
    "rows",
    "labelled",
    *("noise_rate", "noise_rate_low", "noise_rate_high"),
    *("can_relabel", "relabel_reason"),
    *("duplicate_conflicts", "outside", "order"),
    "verdict",
    "unverified_class",
    "flagged_label",
    "flagged_wrong",
    "flagged_wrong_low",
    "flagged_wrong_high",
    "labelled_by",
    "disputed_rows",
    "overused_label",
    "collapsed_into",
)


def read_detection(
    run: RunFolder,
    *,
    input_name: str,
    encoder: str,
    across: AcrossSummary | None = None,
    notes: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
    seconds: dict[str, float] | None = None,
    skipped: tuple[str, ...] = (),
) -> DetectResult:
    """Read the findings of a run folder.

    Args:
        run: a folder with the tables of the joint stage.
        input_name: the input, as messages call it.
        encoder: what embedded the texts.
        across: what the table has in common with another one.
        notes: what was guessed.
        warnings: what a person should know.
        seconds: wall time of each stage.
        skipped: stages that had nothing to do.

    Raises:
        DataError: a table is missing or broken.
    """
    columns = ["id", "row_number", "text", "given_label", "suggested_label", "p_error", "reasons"]
    more = ["rank", "is_trusted", "p_outside"]
    scores, provenance = read_table(run.issues, ISSUES, more)
    shown = np.flatnonzero(
        (column_array(scores["rank"]) <= _TOP_ROWS)
        | (column_array(scores["p_outside"]) >= OUTSIDE_FROM)
    )
    issues = read_rows(run.issues, ISSUES, [*columns, *more], shown)
    classes, _ = read_table(run.classes, CLASSES_TABLE)
    pairs, _ = read_table(run.pairs, PAIRS)
    facts: dict[str, Any] = provenance.results
    return DetectResult(
        run=run.path,
        input_name=input_name,
        unlabelled=facts["rows"] - facts["labelled"],
        classes=provenance.class_names,
        n_issues=facts["issues"],
        encoder=encoder,
        class_rows=class_rows(classes),
        pairs=tuple(made_of(PairSummary, row) for row in pairs.to_pylist()),
        top=top_rows(issues.select([*columns, "rank", "is_trusted"])),
        second_noise_rate=facts["hoc"]["noise_rate"],
        **{name: facts[name] for name in _FACTS},
        notes=notes,
        warnings=warnings,
        seconds=seconds or {},
        skipped=skipped,
        across=across,
        outside_rows=_outside_rows(issues),
        unnamed_groups=read_unnamed(facts, partial(read_rows, run.issues, ISSUES, EXAMPLE_COLUMNS)),
        mismatched=read_mismatched(run, facts),
        ordinal=read_ordinal(facts),
        annotators=_annotators(run, facts.get("annotators")),
    )


def _annotators(run: RunFolder, facts: dict[str, Any] | None) -> AnnotatorsSummary | None:
    if facts is None:
        return None
    table, _ = read_table(run.annotators, ANNOTATORS)
    annotators = tuple(_annotator(row) for row in table.to_pylist())
    new = tuple(facts["new_classes"])
    return made_of(AnnotatorsSummary, facts, annotators=annotators, new_classes=new)


def _annotator(row: dict[str, Any]) -> AnnotatorSummary:
    """Summarise a row of annotators.parquet."""
    known = [
        (value, other)
        for value, other in zip(row["error_correlations"], row["others"], strict=True)
        if value == value and not other.startswith("[")
    ]
    correlation, other = max(known, default=(None, None))
    return made_of(AnnotatorSummary, row, errs_with=other, error_correlation=correlation)


def _outside_rows(issues: Any) -> tuple[OutsideRow, ...]:
    import pyarrow as pa
    import pyarrow.compute as pc

    outside = issues.filter(
        pc.and_(
            pc.greater_equal(issues["p_outside"], pa.scalar(OUTSIDE_FROM)),
            pc.invert(issues["is_trusted"]),
        )
    )
    ordered = outside.sort_by([("p_outside", "descending"), ("row_number", "ascending")])
    return tuple(
        made_of(OutsideRow, row, text=row["text"] or "")
        for row in ordered.slice(0, _TOP_ROWS).to_pylist()
    )


def class_rows(classes: Any) -> tuple[ClassSummary, ...]:
    """Return the rows of a classes table."""
    return tuple(
        made_of(
            ClassSummary,
            row,
            low=row["noise_rate_low"],
            high=row["noise_rate_high"],
            missing=row.get("missing"),
        )
        for row in classes.to_pylist()
    )


def top_rows(issues: Any) -> tuple[IssueRow, ...]:
    """Return the most suspicious rows of an issues table."""
    import pyarrow.compute as pc

    ranked = issues.filter(
        pc.and_(pc.less_equal(issues["rank"], _TOP_ROWS), pc.invert(issues["is_trusted"]))
    ).sort_by("rank")
    return tuple(
        made_of(IssueRow, row, text=row["text"] or "", reasons=tuple(row["reasons"]))
        for row in ranked.to_pylist()
    )

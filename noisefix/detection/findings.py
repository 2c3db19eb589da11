"""What ``detect`` returns: the findings of a run folder as plain dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.detection.across import AcrossSummary
from noisefix.detection.ordinal_facts import OrdinalSummary, read_ordinal
from noisefix.run.parquet import read_table
from noisefix.run.schemas import CLASSES_TABLE, ISSUES, PAIRS

if TYPE_CHECKING:
    from noisefix.run.folder import RunFolder

_TOP_ROWS = 100
_READING_FACTS = (
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


@dataclass(frozen=True)
class ClassSummary:
    """One class: its size, and its estimated noise with a 90 % interval.

    Where rows have several labels, ``missing`` is how many rows are expected to lack it.
    """

    label: str
    rows: int
    given_share: float
    true_share: float
    issues: int
    noise_rate: float
    low: float
    high: float
    missing: float | None = None


@dataclass(frozen=True)
class PairSummary:
    """Two classes that are confused, with the row that shows it best and its nearest neighbour."""

    given_label: str
    suggested_label: str
    expected_rows: float
    issues: int
    example_id: str | None
    example_text: str | None
    nearest_id: str | None
    nearest_text: str | None
    similarity: float | None


@dataclass(frozen=True)
class SetsSummary:
    """Labels of rows that have several.

    Attributes:
        labels_a_row: labels of a labelled row on average.
        seem_wrong: labels because of which rows are flagged.
        seem_missing: labels that flagged rows seem to lack.
        expected_wrong: estimated number of wrong labels in the data.
        expected_missing: estimated number of labels that rows lack.
        one_sided: what the odds of an error in given labels were divided by; None: by nothing.
    """

    labels_a_row: float
    seem_wrong: int
    seem_missing: int
    expected_wrong: float
    expected_missing: float
    one_sided: float | None


@dataclass(frozen=True)
class IssueRow:
    """One suspicious row."""

    id: str
    row_number: int
    text: str
    given_label: str
    suggested_label: str
    p_error: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class DetectResult:
    """What was found; every row is in ``run / "issues.parquet"``.

    Attributes:
        run: the run folder.
        input_name: the input, as messages call it.
        rows: all rows; ``labelled`` and ``unlabelled`` of them.
        classes: class names in canonical order.
        issues: flagged rows.
        noise_rate: estimated share of wrong labels, with the ends of its 90 % interval.
        verdict: of all labels together: "clean", "some" (look wrong) or "many".
        second_noise_rate: the noise rate as the labels of near rows alone tell it, a cross-check;
            None where they do not.
        flagged_wrong: how many of the flagged rows are wrong, with the ends of a 90 % interval.
        labelled_by: who labelled the data, as far as it was said.
        unverified_class: the class that rows get where nobody looked, if it was said.
        flagged_label: the label that nearly all flagged rows have; None if they have several.
        disputed_rows: rows that only one of the two readings of the noise suspects, in each.
        overused_label: the label that most of them have if the class shares are right as given.
        collapsed_into: the label that most of them have if labels fall into a few classes.
        encoder: what embedded the texts, and where it was found.
        class_rows: every class, in canonical order.
        pairs: most confused first.
        top: most suspicious rows first, up to 100, flagged or not.
        duplicate_conflicts: rows with (nearly) the text of another row but a different label.
        across: what the table has in common with another one; None where none was named.
        several_labels: what seems wrong and missing where rows have several labels; None: one each.
        ordinal: how far labels seem to lie from the truth; None where classes have no order.
        notes: what was guessed.
        warnings: what a person should know.
        seconds: wall time of each stage.
        skipped: stages that had nothing to do.
        can_relabel: something that the noisy labels had no part in vouches for changing labels
            where no annotator is asked.
        relabel_reason: what that is, or why there is nothing.
    """

    run: Path
    input_name: str
    rows: int
    labelled: int
    unlabelled: int
    classes: tuple[str, ...]
    issues: int
    noise_rate: float
    noise_rate_low: float
    noise_rate_high: float
    encoder: str
    class_rows: tuple[ClassSummary, ...]
    pairs: tuple[PairSummary, ...]
    top: tuple[IssueRow, ...]
    duplicate_conflicts: int
    verdict: str = "some"
    second_noise_rate: float | None = None
    flagged_wrong: float = 0.0
    flagged_wrong_low: float = 0.0
    flagged_wrong_high: float = 0.0
    labelled_by: str = "unknown"
    unverified_class: str | None = None
    flagged_label: str | None = None
    disputed_rows: int = 0
    overused_label: str | None = None
    collapsed_into: str | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    can_relabel: bool = False
    relabel_reason: str = ""
    across: AcrossSummary | None = None
    ordinal: OrdinalSummary | None = None
    several_labels: SetsSummary | None = None


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
    issues, provenance = read_table(run.issues, ISSUES, [*columns, "rank", "is_trusted"])
    classes, _ = read_table(run.classes, CLASSES_TABLE)
    pairs, _ = read_table(run.pairs, PAIRS)
    facts: dict[str, Any] = provenance.results
    return DetectResult(
        run=run.path,
        input_name=input_name,
        rows=facts["rows"],
        labelled=facts["labelled"],
        unlabelled=facts["rows"] - facts["labelled"],
        classes=provenance.class_names,
        issues=facts["issues"],
        noise_rate=facts["noise_rate"],
        noise_rate_low=facts["noise_rate_low"],
        noise_rate_high=facts["noise_rate_high"],
        encoder=encoder,
        class_rows=class_rows(classes),
        pairs=tuple(
            PairSummary(**{key: row[key] for key in PairSummary.__dataclass_fields__})
            for row in pairs.to_pylist()
        ),
        top=top_rows(issues.select([*columns, "rank", "is_trusted"])),
        duplicate_conflicts=facts["duplicate_conflicts"],
        second_noise_rate=facts["hoc"]["noise_rate"],
        **{name: facts[name] for name in _READING_FACTS},
        notes=notes,
        warnings=warnings,
        seconds=seconds or {},
        skipped=skipped,
        can_relabel=facts["can_relabel"],
        relabel_reason=facts["relabel_reason"],
        across=across,
        ordinal=read_ordinal(facts),
    )


def class_rows(classes: Any) -> tuple[ClassSummary, ...]:
    """Return the rows of a classes table."""
    return tuple(
        ClassSummary(
            label=row["label"],
            rows=row["rows"],
            given_share=row["given_share"],
            true_share=row["true_share"],
            issues=row["issues"],
            noise_rate=row["noise_rate"],
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
        IssueRow(
            id=row["id"],
            row_number=row["row_number"],
            text=row["text"] or "",
            given_label=row["given_label"],
            suggested_label=row["suggested_label"],
            p_error=row["p_error"],
            reasons=tuple(row["reasons"]),
        )
        for row in ranked.to_pylist()
    )

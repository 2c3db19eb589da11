"""What ``detect`` returns: the findings of a run folder as plain dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.cleaning.clean import clean_table
from noisefix.cleaning.options import DEFAULT_PREFIX, ApplyOptions
from noisefix.detection.across import AcrossSummary
from noisefix.detection.frames import all_rows, all_rows_frame, datalab_frame, issues_frame
from noisefix.detection.mismatched import MismatchedSummary
from noisefix.detection.notebook import detection_html
from noisefix.detection.ordinal_facts import OrdinalSummary
from noisefix.detection.unnamed import UnnamedGroup
from noisefix.wording import interval, percent, plural

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from noisefix.detection.in_memory import TemporaryRun


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
class AnnotatorSummary:
    """One annotator: a column, or a person.

    Attributes:
        column: its name.
        rows: rows of which it says something.
        accuracy: estimated share of right answers, with the ends of its 90 % interval; None
            without answers.
        kappa: agreement with what most of the others say, beyond chance; None: not known.
        is_used: it has a part in the estimate.
        why_not: why it has none.
        decides: share of its rows whose most probable label hangs on it.
        errs_with: the annotator in whose wrong rows it errs most of all, and the correlation.
    """

    column: str
    rows: int
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    kappa: float | None
    is_used: bool
    why_not: str
    decides: float
    errs_with: str | None
    error_correlation: float | None


@dataclass(frozen=True)
class AnnotatorsSummary:
    """All annotators beside the given labels.

    Attributes:
        annotators: in the order in which they were named.
        used: how many have a part in the estimate.
        rows: rows of which one that is used says something.
        vouched: rows whose label they would change unasked.
        new_classes: classes that only annotators give.
        fleiss_kappa: agreement of all, the given label among them, beyond chance; None: not known.
        krippendorff_alpha: the same, as Krippendorff measures it.
        given_by_vote: the given labels are what most of them say.
    """

    annotators: tuple[AnnotatorSummary, ...]
    used: int
    rows: int
    vouched: int
    new_classes: tuple[str, ...]
    fleiss_kappa: float | None
    krippendorff_alpha: float | None
    given_by_vote: bool


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
class OutsideRow:
    """One row that seems to belong to no class."""

    id: str
    row_number: int
    text: str
    given_label: str | None
    p_outside: float


@dataclass(frozen=True, repr=False)
class DetectResult:
    """What was found; every row is in ``run / "issues.parquet"``.

    It stands for its run folder wherever one is asked for: ``train(result, "model")``.

    Attributes:
        run: the run folder.
        input_name: the input, as messages call it.
        rows: all rows; ``labelled`` and ``unlabelled`` of them.
        classes: class names in canonical order.
        n_issues: flagged rows; "issues" in JSON.
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
        outside: rows that seem to belong to no class.
        outside_rows: up to 100 of them, those farthest out first.
        unnamed_groups: groups of rows that may be a class of their own, the largest first.
        mismatched: how two columns go together, and rows where they do not; None where none were
            named.
        order: what the order of the rows tells, and the groups with their noise rates, the most
            wrong ones first; None where no order was named.
        across: what the table has in common with another one; None where none was named.
        several_labels: what seems wrong and missing where rows have several labels; None: one each.
        ordinal: how far labels seem to lie from the truth; None where classes have no order.
        annotators: the other annotators; None where none was named.
        notes: what was guessed.
        warnings: what a person should know.
        seconds: wall time of each stage.
        skipped: stages that had nothing to do.
        can_relabel: something that the noisy labels had no part in vouches for changing labels
            where no annotator is asked.
        relabel_reason: what that is, or why there is nothing.
        index: the index of the pandas DataFrame that was given; None: rows are counted from 0.
        kept: holds the run folder where that is a temporary one; else None.
    """

    run: Path
    input_name: str
    rows: int
    labelled: int
    unlabelled: int
    classes: tuple[str, ...]
    n_issues: int = field(metadata={"json": "issues"})
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
    outside: int = 0
    outside_rows: tuple[OutsideRow, ...] = ()
    unnamed_groups: tuple[UnnamedGroup, ...] = ()
    mismatched: MismatchedSummary | None = None
    order: dict[str, Any] | None = None
    annotators: AnnotatorsSummary | None = None
    ordinal: OrdinalSummary | None = None
    several_labels: SetsSummary | None = None
    index: Any = field(default=None, compare=False, metadata={"json": None})
    kept: TemporaryRun | None = field(default=None, compare=False, metadata={"json": None})

    @property
    def issues(self) -> pd.DataFrame:
        """The flagged rows as a pandas DataFrame, most suspicious first.

        Columns: id, text, given_label, suggested_label, p_error (probability in [0, 1] that the
        given label is wrong) and reasons. The index is that of the DataFrame that was given, else
        the row's place, 0 = first: ``df.loc[result.issues.index]`` are these rows. What people
        have decided, and what ``relabel`` has found out, counts.

        Raises:
            UsageError: pandas is not installed.
            DataError: the run folder is gone.
        """
        return issues_frame(self.run, self.index)

    def to_pandas(self) -> pd.DataFrame:
        """Return all rows in their order, with all columns of issues.parquet; as ``issues``."""
        return all_rows_frame(self.run, self.index)

    def to_arrow(self) -> pa.Table:
        """Return all rows in their order, with all columns of issues.parquet; needs no pandas."""
        return all_rows(self.run)

    def to_datalab(self) -> pd.DataFrame:
        """Return all rows with the columns of ``Datalab.get_issues("label")`` of cleanlab.

        These are is_label_issue, label_score (probability that the given label is right; NaN for
        unlabelled rows), given_label and predicted_label. Index and errors as of ``issues``.
        """
        return datalab_frame(self.run, self.index)

    def clean(
        self,
        data: Any = None,
        *,
        strategy: str = "flag",
        min_probability: float | None = None,
        min_margin: float = 0.3,
        fill_unlabelled: bool = False,
        column_prefix: str = DEFAULT_PREFIX,
    ) -> Any:
        """Return a copy of the table with what was found, as ``apply`` would write it.

        Args:
            data: the table that was judged: a DataFrame of pandas (whose index stays) or polars, an
                Arrow table, a Hugging Face ``Dataset``. None: it is read from the run folder, as a
                pandas DataFrame.
            strategy: "flag" (columns with the verdicts), "drop" (flagged rows are left out),
                "relabel" or "weight"; these, and the rest, as in ``apply``.
            min_probability: least probability of a new label where nobody was asked.
            min_margin: its least lead over the given one.
            fill_unlabelled: give rows without a label the suggested one.
            column_prefix: begins the names of new columns.

        Raises:
            DataError: the table has not the rows that were judged, or the run folder is gone.
            UsageError: it is no table, an option is out of range, or pandas is not installed.
        """
        options = ApplyOptions(
            strategy=strategy,
            min_probability=min_probability,
            min_margin=min_margin,
            fill_unlabelled=fill_unlabelled,
            column_prefix=column_prefix,
        )
        return clean_table(self.run, data, options)

    def __fspath__(self) -> str:
        """Return the path of the run folder."""
        return str(self.run)

    def __repr__(self) -> str:
        """Say in a line what was found."""
        return (
            f"<DetectResult: {plural(self.rows, 'row')}, {self.n_issues:,} flagged, about "
            f"{percent(self.noise_rate)} of the labels wrong "
            f"({interval(self.noise_rate_low, self.noise_rate_high)}), run {str(self.run)!r}>"
        )

    def _repr_html_(self) -> str:
        return detection_html(self)

"""What every Parquet table holds: one ``TableSchema`` per table, and nothing else.

The columns named here are the contract: a table may carry more, never fewer. ``docs/tables.md`` is
generated from this file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

DIMENSION = "D"
CLASSES = "K"


@dataclass(frozen=True)
class Column:
    """One column: its name, its type, and what it means.

    ``type`` is written as pyarrow prints it; ``fixed_size_list<float>[D]`` and ``[K]`` stand for
    lists whose length is the embedding size or the number of classes. An ``optional`` column may be
    absent from tables that others or older versions made: it is read as nulls.
    """

    name: str
    type: str
    meaning: str
    nullable: bool = False
    optional: bool = False


@dataclass(frozen=True)
class TableSchema:
    """A named, versioned set of columns; ``key`` columns together identify a row."""

    name: str
    version: int
    purpose: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = field(default=("id",))

    def optional_columns(self) -> tuple[str, ...]:
        """Return the names of the columns that may be absent."""
        return tuple(column.name for column in self.columns if column.optional)

    def arrow(self, lengths: dict[str, int] | None = None) -> pa.Schema:
        """Return the pyarrow schema.

        Args:
            lengths: the length of each symbolic list size, e.g. ``{"D": 384}``.
        """
        import pyarrow as pa

        return pa.schema(
            [
                pa.field(c.name, _arrow_type(c.type, lengths or {}), nullable=c.nullable)
                for c in self.columns
            ]
        )


def _arrow_type(text: str, lengths: dict[str, int]) -> pa.DataType:
    import pyarrow as pa

    simple: dict[str, Callable[[], pa.DataType]] = {
        "string": pa.string,
        "large_string": pa.large_string,
        "int64": pa.int64,
        "float": pa.float32,
        "double": pa.float64,
        "bool": pa.bool_,
    }
    if text in simple:
        return simple[text]()
    outer, _, rest = text.partition("<")
    inner, _, size = rest.partition(">")
    if outer == "list":
        return pa.list_(simple[inner]())
    return pa.list_(simple[inner](), lengths[size.strip("[]")])


_ID = Column("id", "string", "the input's id column as text, else the row number; the join key")
_ROW = Column("row_number", "int64", "position in the input, 1 = first data row")
_TEXT = Column("text", "large_string", "the text, as read", nullable=True)
_GIVEN = Column(
    "given_label", "string", "label in the input, maybe wrong; null = unlabelled", nullable=True
)
_ROW_COLUMNS = (_ID, _ROW, _TEXT, _GIVEN)
_VECTOR = Column("embedding", "fixed_size_list<float>[D]", "unit-length sentence embedding")
_CLASS = Column("label", "string", "class name")
_CLASS_GIVEN = Column("given_label", "string", "class given")
_REASONS = Column("reasons", "list<string>", "why, in words a person can check")

_ANNOTATOR = Column("annotator", "string", "kind of annotator", True)
_PROBE = Column("is_probe", "bool", "True: asked as part of the random probe")
_COST_COLUMNS = (
    Column("prompt_sha256", "string", "digest of what was asked", True),
    Column("input_tokens", "int64", "tokens sent", True),
    Column("output_tokens", "int64", "tokens received", True),
    Column("cost_usd", "double", "price of this answer in US dollars", True),
    Column("latency_s", "double", "seconds until the answer", True),
    Column("attempts", "int64", "requests made for this answer", True),
    Column("error", "string", "why there is no answer", True),
)

SECOND_EMBEDDING, HAS_TEXT = "second_embedding", "has_text"
"""Columns that an embeddings table may have."""

EMBEDDINGS = TableSchema(
    "embeddings",
    1,
    "One sentence embedding a row, or a vector of your own (`--embeddings`). "
    f"`{SECOND_EMBEDDING}` holds other vectors of the same rows, where there are some; "
    f"`{HAS_TEXT}` is false where rows are no texts: `text` then only names them.",
    (*_ROW_COLUMNS, _VECTOR),
)

LABEL_NAMES = TableSchema(
    "label_names",
    1,
    "What each class name (or its description) means to the encoder; of a class with several "
    "definitions a row each.",
    (
        _CLASS,
        Column("text", "string", "the words that were embedded for it"),
        _VECTOR,
    ),
    key=("label", "text"),
)

ISSUES = TableSchema(
    "issues",
    1,
    "A score, a verdict and the reasons for every row.",
    (
        *_ROW_COLUMNS,
        Column("predicted_label", "string", "argmax of pred_probs: from the text alone"),
        Column(
            "suggested_label",
            "string",
            "most probable true label given the text and the given label",
        ),
        Column("self_confidence", "double", "pred_probs at the given label, in [0, 1]", True),
        Column(
            "normalized_margin",
            "double",
            "(self_confidence - best other + 1) / 2, in [0, 1]; low = suspicious",
            True,
        ),
        Column(
            "p_error",
            "double",
            "estimated probability that the given label is wrong, in [0, 1]; the noise rate where "
            "nothing can be said: no text, or too few rows of the class",
            True,
        ),
        Column("is_issue", "bool", "True: flagged as probably wrong"),
        Column("rank", "int64", "1 = most suspicious; null for unlabelled rows", True),
        _REASONS,
        Column(
            "pred_probs", "fixed_size_list<float>[K]", "out-of-sample probabilities, class order"
        ),
        Column(
            "true_label_probs",
            "fixed_size_list<float>[K]",
            "estimated P(true label | text, given label, everything else known), class order",
        ),
        Column("duplicate_group", "int64", "rows with (nearly) the same text share a number", True),
        Column("is_trusted", "bool", "True: a person vouched for this row's label"),
        Column(
            "p_outside",
            "double",
            "1 - false discovery rate of the rows that lie at least as far from all classes, in "
            "[0, 1]; from 0.8 on the row seems to belong to no class; null: no text",
            nullable=True,
            optional=True,
        ),
    ),
)

UNNAMED = "unnamed_group"
"""One more column of the issues where groups of rows may be a class of their own: which group, 1 =
the largest; null: in none."""

MATCH_RANK, P_MISMATCH = "match_rank", "p_mismatch"
"""Two more columns of the issues of a run with ``--pair-columns``, as in the table ``matches``;
where a person has verified the label, ``p_mismatch`` is 0."""

VOUCHED = "is_vouched"
"""One more column of the issues of a run with annotators: True where they vouch for another label
than the given one, so that ``apply --strategy relabel`` changes it unasked."""

UNHEARD_PROBS = "probs_without_annotators"
"""And what P(true label) was before they were heard: an answer of ``relabel`` is weighed beside
theirs from there."""

LABEL_ISSUES = TableSchema(
    "label_issues",
    1,
    "Of rows with several labels: a verdict on every label that a row has or may lack, the most "
    "suspicious first.",
    (
        _ID,
        _ROW,
        _CLASS,
        Column("given", "bool", "True: the row has the label; False: it may lack it"),
        Column(
            "p_error",
            "double",
            "estimated probability that the label is wrong, or missing, in [0, 1]",
        ),
        Column("suggestion", "string", "keep; remove or add, from a probability of one half on"),
        Column("is_issue", "bool", "True: the label because of which its row is flagged"),
        _REASONS,
    ),
    key=("id", "label"),
)

JOINT = TableSchema(
    "joint",
    1,
    "How given and true labels go together: one row for each pair of classes.",
    (
        _CLASS_GIVEN,
        Column("true_label", "string", "class that is estimated to be true"),
        Column("count", "int64", "confident joint: rows counted for the pair"),
        Column("joint", "double", "estimated P(given, true); all rows sum to 1"),
        Column("noise_rate", "double", "P(given | true): sums to 1 over given_label"),
        Column("inverse", "double", "P(true | given): sums to 1 over true_label"),
    ),
    key=("given_label", "true_label"),
)

CLASSES_TABLE = TableSchema(
    "classes",
    1,
    "One row a class: its size and its estimated noise.",
    (
        _CLASS,
        Column("rows", "int64", "rows given this label"),
        Column("given_share", "double", "share of the labelled rows given this label"),
        Column("true_share", "double", "estimated share of rows whose true label this is"),
        Column("issues", "int64", "flagged rows among those given this label"),
        Column("noise_rate", "double", "estimated P(wrong | given this label)"),
        Column("noise_rate_low", "double", "lower end of the 90 % interval"),
        Column("noise_rate_high", "double", "upper end of the 90 % interval"),
    ),
    key=("label",),
)

PAIRS = TableSchema(
    "pairs",
    1,
    "The class pairs most often confused, worst first, with example rows.",
    (
        _CLASS_GIVEN,
        Column("suggested_label", "string", "class that seems right instead"),
        Column("expected_rows", "double", "expected number of rows with this confusion"),
        Column("issues", "int64", "flagged rows with this confusion"),
        Column(
            "example_id", "string", "a row given the first class that looks like the second", True
        ),
        Column("example_text", "large_string", "its text", True),
        Column("nearest_id", "string", "the most similar row given the second class", True),
        Column("nearest_text", "large_string", "its text", True),
        Column("similarity", "double", "cosine similarity of the two, in [-1, 1]", True),
    ),
    key=("given_label", "suggested_label"),
)

MATCHES = TableSchema(
    "matches",
    1,
    "How well two texts of a row go together (`--pair-columns`), in the order of the rows. Not "
    "there without it. The last two columns are in `issues.parquet` too.",
    (
        _ID,
        Column("first_text", "large_string", "text of the first column"),
        Column("second_text", "large_string", "text of the second"),
        Column(
            MATCH_RANK,
            "double",
            "share of texts of different rows that go together better, in [0, 1]: 0 = none, .5 = "
            "as good as any; null: a text is missing, or too few rows have both",
            True,
        ),
        Column(
            P_MISMATCH,
            "double",
            "estimated probability that the two have no more to do with each other than two put "
            "together at random, in [0, 1]; from 0.8 on the row is listed; null as match_rank, and "
            "where most pairs seem put together at random",
            True,
        ),
    ),
)

DECIDING = TableSchema(
    "deciding",
    1,
    "Rows to verify first: they tell which of two readings of the noise holds.",
    (
        *_ROW_COLUMNS,
        Column("suggested_label", "string", "most probable true label"),
        Column("p_error", "double", "estimated probability that the given label is wrong"),
        Column(
            "suspected_if",
            "string",
            "as_given: the class shares are right as given; collapsed: labels fall into a few "
            "classes",
        ),
    ),
)

DUPLICATES = TableSchema(
    "duplicates",
    1,
    "Rows with (nearly) the same text but different labels.",
    (
        *_ROW_COLUMNS,
        Column("duplicate_group", "int64", "rows of one group have (nearly) the same text"),
        Column(
            "group_labels", "list<string>", "the labels given within the group, most frequent first"
        ),
    ),
)

ANNOTATORS = TableSchema(
    "annotators",
    1,
    "One row for each annotator beside the given label (`--annotator-columns`, `--annotations`): "
    "how good it is, and who errs with whom. Not there without them.",
    (
        Column("column", "string", "the column, or the annotator's name"),
        Column("rows", "int64", "rows of which it says something"),
        Column("other_answers", "int64", "answers of it that are no class, and count as none"),
        Column(
            "accuracy",
            "double",
            "estimated share of right answers, in [0, 1]; null without answers",
            True,
        ),
        Column("accuracy_low", "double", "lower end of its 90 % interval", True),
        Column("accuracy_high", "double", "upper end", True),
        Column(
            "accuracy_by_agreement",
            "double",
            "the same from how often annotators agree alone, as if nobody erred together; null "
            "where fewer than three share rows",
            True,
        ),
        Column("kappa", "double", "agreement with what most others say, beyond chance", True),
        Column(
            "kappa_with_estimate",
            "double",
            "agreement with what text, names and given label come to; below .2 it is not used",
            True,
        ),
        Column("is_used", "bool", "True: it has a part in true_label_probs"),
        Column("why_not", "string", "why it has none; empty where it has"),
        Column("decides", "double", "share of its rows whose likeliest label hangs on it"),
        Column(
            "confusion",
            "list<double>",
            "K x K expected rows, class order: true class by true class, what it says of each",
        ),
        Column(
            "others",
            "list<string>",
            "whom it is compared with: the other annotators, the given label, and the views of "
            "the text (in brackets)",
        ),
        Column("kappas", "list<double>", "Cohen's kappa with each of them; NaN: not known"),
        Column(
            "error_correlations",
            "list<double>",
            "how far both err in the same rows, in [-1, 1]; NaN: not known",
        ),
    ),
    key=("column",),
)

ANNOTATIONS = TableSchema(
    "annotations",
    1,
    "What the annotators of `annotators.parquet` say, so that a run can be judged again.",
    (
        _ID,
        Column("annotator", "string", "the column, or the annotator's name"),
        Column("label", "string", "its answer, as read"),
    ),
    key=("id", "annotator"),
)

ACROSS = TableSchema(
    "across",
    1,
    "Rows of another file (`detect --against`) with (nearly) the text of a row of this one: a line "
    "for each such row and each label that its text has here; conflicts first.",
    (
        Column("other_id", "string", "the row's id in the other file"),
        Column("other_row_number", "int64", "its position there, 1 = first data row"),
        Column("other_text", "large_string", "its text", nullable=True),
        Column("other_label", "string", "its label; null = unlabelled", nullable=True),
        Column("id", "string", "the nearest row of this file that has the label `given_label`"),
        _ROW,
        _TEXT,
        _GIVEN,
        Column("similarity", "float", "cosine of the two texts, in [-1, 1]; 1 = equal"),
        Column("is_equal", "bool", "the texts are equal but for case, spaces, marks and links"),
        Column("rows", "int64", "rows of this file with such a text and the label `given_label`"),
        Column("is_conflict", "bool", "the two labels differ"),
    ),
    key=("other_id", "id"),
)

CANDIDATES = TableSchema(
    "candidates",
    1,
    "The labels that a row's clean neighbours make plausible.",
    (
        _ID,
        _GIVEN,
        Column("candidate_labels", "list<string>", "plausible labels, heaviest first"),
        Column("candidate_weights", "list<double>", "their weights; sum to 1"),
        Column("is_certain", "bool", "True: one label only, by its neighbours"),
        Column("neighbor_ids", "list<string>", "ids of the nearest rows in the clean pool"),
        Column("neighbor_similarities", "list<float>", "their cosine similarities, in [-1, 1]"),
    ),
)

RELABELS = TableSchema(
    "relabels",
    1,
    "What an annotator said of a row, and what follows from it.",
    (
        _ID,
        _GIVEN,
        Column("answer", "string", "a label, or none / ambiguous / refused / invalid", True),
        Column("confidence", "double", "the annotator's own confidence, in [0, 1]", True),
        Column("final_label", "string", "label of the highest posterior given everything", True),
        Column("action", "string", "keep, relabel, review or drop"),
        _REASONS,
        _ANNOTATOR,
        Column("model", "string", "model, path or column asked", True),
        *_COST_COLUMNS,
        Column("raw_answer", "large_string", "the answer as received", True),
        Column("p_error", "double", "P(given label wrong) with the answers weighed in", True),
        _PROBE,
    ),
)

_EDIT_COLUMNS = (
    Column(
        "outcome",
        "string",
        "edited, no edit (the label is right as the text stands), impossible, refused, invalid (no "
        "edit, or more than twice the length) or no answer",
    ),
    Column("edited_text", "large_string", "the text after the smallest edit", True),
    Column(
        "similarity",
        "double",
        "cosine of text and edited text by the run's encoder, in [-1, 1]; the share of words that "
        "stay, in [0, 1], where the vectors were given; 1: no edit",
        True,
    ),
)
_ASKED_COLUMNS = (
    _ANNOTATOR,
    Column("model", "string", "model asked", True),
    *_COST_COLUMNS,
)

REWRITES = TableSchema(
    "rewrites",
    1,
    "Edited texts for which the given labels are right (`relabel --rewrite`).",
    (
        _ID,
        _CLASS_GIVEN,
        Column("text", "large_string", "the text, as read"),
        *_EDIT_COLUMNS,
        Column("change", "double", "1 - similarity: exactly 0 where no edit was needed", True),
        *_ASKED_COLUMNS,
        _PROBE,
    ),
)

CONTRAST_PAIRS = TableSchema(
    "contrast_pairs",
    1,
    "Pairs of texts that tell two classes apart (`augment --pairs`): a text, and the smallest edit "
    "of it that has the other label.",
    (
        _ID,
        Column("text", "large_string", "the text, as read"),
        Column("label", "string", "its most probable true label"),
        Column("label_probability", "double", "P(that label), in [0, 1]"),
        Column("edited_label", "string", "the label that the edited text is to have: the given"),
        *_EDIT_COLUMNS,
        Column("probe_label", "string", "the run's label model on the edited text", True),
        Column("probe_probability", "double", "P(edited_label) by it, in [0, 1]", True),
        Column(
            "second_vote",
            "string",
            "the annotator's label of the edited text; null: the label model was enough",
            True,
        ),
        Column("is_accepted", "bool", "True: fit for training and for measuring"),
        Column("why_not", "string", "why it is not; empty where it is"),
        *_ASKED_COLUMNS,
    ),
    key=("id", "edited_label"),
)

LEDGER = TableSchema(
    "ledger",
    1,
    "Every change made to a cell, append-only; `apply --revert` undoes from it.",
    (
        Column("id", "string", "row id in the input"),
        Column("row_number", "int64", "position in the input, 1 = first data row"),
        Column("column", "string", "column changed; empty when the row was dropped"),
        Column("old", "string", "value before, with the blanks around it", True),
        Column("new", "string", "value after; null when the row was dropped", True),
        Column("action", "string", "relabel, fill, drop, flag, weight, rewrite or revert"),
        Column("reasons", "list<string>", "why"),
        Column("p_error", "double", "at the time of the decision", True),
        Column("annotator", "string", "who decided", True),
        Column("cost_usd", "double", "price of the decision in US dollars", True),
        Column("decided_at", "string", "UTC time, ISO 8601"),
        Column("output", "string", "file the change was written to; - was standard output"),
        Column("old_cell", "string", "the cell as it stood in the file, quotes and all", True),
    ),
    key=("id", "column", "decided_at", "output"),
)

DIVISION = TableSchema(
    "division",
    1,
    "NoiseAL's subsets, epoch by epoch: how a row moved (in the model folder).",
    (
        Column("id", "string", "row id"),
        Column("epoch", "int64", "1, 2, .."),
        Column("subset", "string", "R (clean), H (hard), P (to be purified) or - (unlabelled)"),
        Column("predicted_label", "string", "what both models together hold most probable"),
        Column("confidence", "double", "running average of their probability of it, in [0, 1]"),
        Column("is_consistent", "bool", "True: both models predict the same class"),
        Column(
            "threshold",
            "double",
            "what the confidence is held against: that of the consistent rows, or of the others",
        ),
        Column(
            "is_asked", "bool", "True: the annotator was asked about the row in an epoch before"
        ),
        Column("answer", "string", "the label that it gave; null: none", nullable=True),
    ),
    key=("id", "epoch"),
)

PREDICTIONS = TableSchema(
    "predictions",
    1,
    "What a model says of each row; with --proba also a column `p: CLASS` for every class.",
    (
        Column("id", "string", "row id in the input"),
        Column("label", "string", "most probable class"),
        Column("confidence", "double", "its probability, in [0, 1]"),
    ),
)

ALL_SCHEMAS = (
    EMBEDDINGS,
    LABEL_NAMES,
    ISSUES,
    LABEL_ISSUES,
    JOINT,
    CLASSES_TABLE,
    PAIRS,
    MATCHES,
    DUPLICATES,
    DECIDING,
    ANNOTATORS,
    ANNOTATIONS,
    ACROSS,
    CANDIDATES,
    RELABELS,
    REWRITES,
    CONTRAST_PAIRS,
    LEDGER,
    DIVISION,
    PREDICTIONS,
)

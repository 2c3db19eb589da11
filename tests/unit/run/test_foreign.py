"""Tables that somebody else made: accepted when every column is as documented."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisefix.errors import DataError
from noisefix.run.foreign import accept
from noisefix.run.provenance import Provenance
from noisefix.run.schemas import CANDIDATES, EMBEDDINGS, ISSUES, RELABELS

CLASSES = ("a", "b", "c")


@pytest.fixture
def issues(make_issues, verdict):
    rows = [verdict("a", "a", 0.9), verdict("b", "a", 0.8, is_issue=True), verdict(None, "c", 0.7)]
    return make_issues(rows, CLASSES)


def embeddings(vectors) -> pa.Table:
    n = len(vectors)
    return pa.table(
        {
            "id": [f"r{i}" for i in range(n)],
            "row_number": range(1, n + 1),
            "text": ["text"] * n,
            "given_label": (["10", "9"] * n)[:n],
            "embedding": [list(map(float, vector)) for vector in vectors],
        }
    )


def changed(table: pa.Table, column: str, values) -> pa.Table:
    place = table.schema.get_field_index(column)
    return table.set_column(place, column, pa.array(values, table.schema.field(column).type))


def changed_type(table: pa.Table, column: str, values) -> pa.Table:
    return table.set_column(table.schema.get_field_index(column), column, [values])


def test_columns_come_in_the_schemas_types_and_order():
    table = embeddings([[1, 0], [0, 1]])
    shuffled = table.select(sorted(table.column_names)).append_column("more", [[1, 2]])
    ready, made = accept(shuffled, EMBEDDINGS, "e.parquet", None)
    assert ready.column_names == [*(c.name for c in EMBEDDINGS.columns), "more"]
    assert ready.schema.field("embedding").type.list_size == 2
    assert ready.schema.field("embedding").type.value_type == pa.float32()
    assert made.is_foreign
    assert made.class_names == ("9", "10")


def test_whole_numbers_serve_as_ids():
    table = changed_type(embeddings([[1, 0], [0, 1]]), "id", [7, 8])
    ready, _ = accept(table, EMBEDDINGS, "e.parquet", None)
    assert ready["id"].to_pylist() == ["7", "8"]
    with pytest.raises(DataError, match="column 'id': type double, expected string"):
        accept(changed_type(table, "id", [7.5, 8.0]), EMBEDDINGS, "e.parquet", None)


def test_the_facts_are_those_that_p_error_tells(issues):
    named = Provenance("issues", ISSUES.version, "", class_names=CLASSES)
    _, made = accept(issues, ISSUES, "i.parquet", named)
    p = np.array([0.1, 0.9])
    spread = 1.645 * np.sqrt((p * (1 - p)).sum()) / 2
    assert made.class_names == CLASSES
    assert made.results["noise_rate"] == pytest.approx(0.5)
    assert made.results["noise_rate_low"] == pytest.approx(0.5 - spread)
    assert made.results["noise_rate_high"] == pytest.approx(0.5 + spread)
    assert (made.results["labelled"], made.results["issues"]) == (2, 1)
    assert made.results["can_relabel"] is False


def test_classes_without_rows_must_be_named(issues):
    with pytest.raises(DataError, match="3 probabilities a row, but 2 classes") as caught:
        accept(issues, ISSUES, "i.parquet", None)
    assert "class_names" in caught.value.hint


@given(length=st.floats(0.0, 4.0), row=st.integers(0, 4))
@settings(max_examples=40)
def test_vectors_of_another_length_than_one_are_refused(length, row):
    vectors = np.tile([0.6, 0.8], (5, 1))
    vectors[row] *= length
    is_fine = length == 0 or abs(length - 1) < 5e-4
    if not is_fine and abs(length - 1) > 2e-3 and length > 1e-30:
        with pytest.raises(DataError, match=f"row {row + 1}: a vector of another length"):
            accept(embeddings(vectors), EMBEDDINGS, "e.parquet", None)
    elif is_fine:
        accept(embeddings(vectors), EMBEDDINGS, "e.parquet", None)


def test_numbers_that_are_none_are_refused():
    with pytest.raises(DataError, match="row 2: NaN or infinity"):
        accept(embeddings([[1, 0], [np.nan, 1]]), EMBEDDINGS, "e.parquet", None)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("p_error", [0.1, -0.2, None], "'p_error', row 2: outside 0 to 1"),
        ("p_error", [0.1, np.nan, None], "'p_error', row 2: outside 0 to 1"),
        ("p_error", [0.1, 0.2, 0.3], "'p_error', row 3: not null, but given_label is"),
        ("rank", [1, None, None], "'rank', row 2: null"),
        ("given_label", ["a", "z", None], "'given_label', row 2: 'z' is no class"),
        ("id", ["1", "1", "3"], "rows 1 and 2"),
    ],
)
def test_issues_out_of_range_are_refused(issues, column, values, message):
    named = Provenance("issues", ISSUES.version, "", class_names=CLASSES)
    with pytest.raises(DataError, match=message) as caught:
        accept(changed(issues, column, values), ISSUES, "i.parquet", named)
    assert caught.value.message.startswith("i.parquet: issues table")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("weights", "message"),
    [([[0.5, 0.4], [1.0]], "row 1: they must sum to 1"), ([[1.0], [1.0]], "row 1: not one weight")],
)
def test_candidates_need_a_weight_each(weights, message):
    table = pa.table(
        {
            "id": ["1", "2"],
            "given_label": ["a", "b"],
            "candidate_labels": [["a", "b"], ["b"]],
            "candidate_weights": weights,
            "is_certain": [False, True],
            "neighbor_ids": [["2"], ["1"]],
            "neighbor_similarities": pa.array([[0.5], [0.5]], pa.list_(pa.float32())),
        }
    )
    with pytest.raises(DataError, match=message):
        accept(table, CANDIDATES, "c.parquet", None)


@pytest.mark.parametrize(
    ("action", "final", "message"),
    [("change", "a", "none of keep, relabel"), ("relabel", None, "null, though the action")],
)
def test_actions_are_known(action, final, message):
    row = {column.name: None for column in RELABELS.columns}
    row |= {"id": "1", "action": action, "final_label": final, "reasons": [], "is_probe": False}
    table = pa.Table.from_pylist([row], schema=RELABELS.arrow())
    with pytest.raises(DataError, match=message):
        accept(table, RELABELS, "r.parquet", None)

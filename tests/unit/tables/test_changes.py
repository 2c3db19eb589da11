from __future__ import annotations

import io

import pytest

from noisefix.errors import DataError
from noisefix.tables.changes import Changes, cannot_hold
from noisefix.tables.source import Source, read_source


@pytest.fixture
def source() -> Source:
    return read_source("-", io.BytesIO(b"text,label\na,x\nb,y\nc,x\n"))


def test_edits_are_grouped_and_those_of_dropped_rows_fall_away(source: Source) -> None:
    changes = Changes.checked(
        source, {(1, "label"): "z", (1, "text"): "t", (2, "label"): "q"}, [2], {}
    )
    assert changes.edits == {1: {"label": "z", "text": "t"}}
    assert changes.dropped == {2}
    assert not changes.is_empty
    assert Changes.checked(source, {}, [], {}).is_empty


@pytest.mark.parametrize(
    ("edits", "dropped", "added", "message"),
    [
        ({(1, "lable"): "z"}, [], {}, "no column 'lable'"),
        ({(0, "label"): "z"}, [], {}, "no row 0; it has 3 rows"),
        ({(4, "label"): "z"}, [], {}, "no row 4"),
        ({}, [9], {}, "no row 9"),
        ({}, [], {"label": ["a"] * 3}, "there is a column 'label' already"),
        ({}, [], {"new": ["a"]}, "1 values for the new column 'new', but 3 rows"),
    ],
)
def test_what_does_not_fit_the_source_is_refused(
    source: Source,
    edits: dict[tuple[int, str], str],
    dropped: list[int],
    added: dict[str, list[str]],
    message: str,
) -> None:
    with pytest.raises(DataError, match=f"<stdin>: .*{message}"):
        Changes.checked(source, edits, dropped, added)


def test_cannot_hold_names_the_place(source: Source) -> None:
    error = cannot_hold(source, 2, "label", "x", "it is a number")
    assert error.message == (
        "<stdin>: row 2, column 'label': 'x' cannot be written: it is a number"
    )
    assert error.hint

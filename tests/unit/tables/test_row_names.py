"""What rows without a text are shown by."""

from __future__ import annotations

import pytest

from noisefix.tables.dataset import load_dataset
from noisefix.tables.source import read_source


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("label,n\na,1\nb,2\n", ["row 1", "row 2"]),
        ("id,label\nk,a\n-,b\n", ["id k", "id -"]),
        ("#id,label\n..,a\n-,b\n", ["#id ..", "#id -"]),
        (
            "id,File Name,label\n1,x/1.png,a\n2,x/2.png,b\n",
            ["File Name x/1.png", "File Name x/2.png"],
        ),
        ("id,url,label\n1,u,a\n2,u,b\n", ["id 1", "id 2"]),  # the same url: no name
        ("id,url,label\n1,u,a\n2,,b\n", ["id 1", "id 2"]),
    ],
)
def test_the_best_column_that_tells_rows_apart(tmp_path, content, names):
    path = tmp_path / "d.csv"
    path.write_text(content)
    found = load_dataset(
        read_source(path), label_column="label", needs_labels=False, needs_text=False
    )
    assert found.texts == names
    assert found.text_column is None
    assert any("rows are shown by their" in note for note in found.notes)
    assert found.warnings == ()


def test_a_text_column_is_taken_by_its_name_not_by_its_content(tmp_path):
    path = tmp_path / "d.csv"
    long = "cats and dogs in a very long path of a picture"
    path.write_text(f"where,label\n{long}/1,a\n{long}/2,b\n")
    source = read_source(path)
    assert load_dataset(source, label_column="label", needs_labels=False).text_column == "where"
    found = load_dataset(source, label_column="label", needs_labels=False, needs_text=False)
    assert found.text_column is None
    path.write_text(f"text,label\n{long}/1,a\n{long}/2,b\n")
    found = load_dataset(read_source(path), needs_labels=False, needs_text=False)
    assert found.text_column == "text"

"""Labels go into and out of cells in the cells' own writing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisefix.cleaning.decide import MODEL_ANNOTATOR, Decision
from noisefix.cleaning.rewrite import rewrite_source
from noisefix.cleaning.set_edits import set_edits
from noisefix.errors import DataError
from noisefix.labels import ordered_set, set_text
from noisefix.run.folder import RunFolder
from noisefix.tables.dataset import load_dataset
from noisefix.tables.label_rules import NO_RULES, LabelRules
from noisefix.tables.label_sets import LISTS, SetReading
from noisefix.tables.source import read_source


@dataclass
class Wanted:
    """What a row gains and loses."""

    row: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    annotator: str

    def decision(self, given: Sequence[str]) -> Decision:
        labels = (set(given) - set(self.removed)) | set(self.added)
        return Decision(
            index=self.row - 1,
            id=str(self.row),
            row_number=self.row,
            action="relabel",
            given_label=set_text(given),
            new_label=ordered_set(labels, sorted(labels)),
            suggested_label="",
            reasons=(),
            p_error=0.9,
            annotator=self.annotator,
        )


def change(
    row: int,
    *,
    added: tuple[str, ...] = (),
    removed: tuple[str, ...] = (),
    annotator: str = MODEL_ANNOTATOR,
) -> Wanted:
    return Wanted(row, added, removed, annotator)


@pytest.fixture
def edited(tmp_path):
    """Return a function that writes a file, changes labels in it, and returns it as it is then."""

    def edit(name, content, reading, changes, rules=NO_RULES):
        path = tmp_path / name
        if isinstance(content, str):
            path.write_bytes(content.encode())
        else:
            pq.write_table(content, path)
        source = read_source(path)
        data = load_dataset(source, text_column="text", sets=reading, rules=rules)
        run = RunFolder.create(tmp_path / "run", source)
        run.set_input(
            source,
            text_column="text",
            label_column=data.label_column,
            id_column=None,
            rules=rules,
            sets=reading,
        )
        names, rows = data.sets.names, data.sets.given
        given = [[names[k] for k in np.flatnonzero(rows[c.row - 1])] for c in changes]
        decisions = [c.decision(had) for c, had in zip(changes, given, strict=True)]
        edits = set_edits(run, source, decisions, reading)
        written = {(e.decision.row_number, e.column): e.value for e in edits}
        rewrite_source(path, source, tmp_path / f"new_{name}", edits=written)
        return tmp_path / f"new_{name}"

    return edit


@pytest.mark.parametrize(
    ("cells", "separator", "how", "want"),
    [
        (["a|b", "b"], "|", {"added": ("b",), "removed": ("a",)}, "b"),
        (["a | b", "b"], "|", {"removed": ("b",)}, "a"),
        (["a | c", "b"], "|", {"added": ("b",)}, "a | c | b"),
        (["a", "b; c", "b; c;a"], ";", {"added": ("b", "c")}, "a; b; c"),
        (["c,  a", "b"], ",", {"added": ("b",)}, "c,  a,  b"),
        (["a", "b"], "|", {"removed": ("a",)}, ""),
        ([" a|b ", "b"], "|", {"removed": ("a",)}, " b "),
        (["a and b", "b"], " and ", {"removed": ("a",)}, "b"),
        (["a", "b and a"], " and ", {"added": ("b",)}, "a and b"),
    ],
)
def test_cells_keep_their_separator_blanks_and_order(edited, cells, separator, how, want):
    content = "text,label\n" + "".join(f'x y,"{cell}"\n' for cell in cells)
    if how.get("added") == ("b",) and "b" in cells[0].split(separator):
        how = {"removed": how["removed"]}
    path = edited("d.csv", content, SetReading(separator), [change(1, **how)])
    assert path.read_text() == content.replace(f'"{cells[0]}"', f'"{want}"', 1)


def test_labels_keep_their_spelling_and_new_ones_get_the_usual(edited):
    rules = LabelRules(names={"0": "refund", "rfnd": "refund", "1": "parcel", "9": "other"})
    content = "text,label\nx,rfnd|1\ny,0\nz,1\nw,0|1\n"
    changes = [change(2, added=("parcel", "other")), change(3, added=("refund",))]
    path = edited("d.csv", content, SetReading("|"), changes, rules)
    assert path.read_text() == "text,label\nx,rfnd|1\ny,0|9|1\nz,1|0\nw,0|1\n"
    path = edited("e.csv", content, SetReading("|"), [change(1, removed=("refund",))], rules)
    assert path.read_text() == content.replace("rfnd|1", "1")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('["a", "c"]', '["c", "b"]'),
        ('["a","c"]', '["c","b"]'),
        ('["c", "\\u00fc", "a"]', '["c", "\\u00fc", "b"]'),
    ],
)
def test_lists_in_json_keep_their_style(edited, old, new):
    line = '{"text": "x", "label": %s, "n": 1.50}\n'
    gap = "," if ", " not in old else ", "
    line = line.replace(", ", gap).replace(": ", ":" if gap == "," else ": ")
    content = line % old + line % f'["b"{gap}"a"]'
    path = edited("d.jsonl", content, SetReading(LISTS), [change(1, added=("b",), removed=("a",))])
    assert path.read_text() == content.replace(old, new, 1)


def test_numbers_in_lists_stay_numbers(edited):
    cells = ("[1, 2]", "[3]", "null")
    content = "".join(f'{{"text": "x", "label": {cell}}}\n' for cell in cells)
    path = edited(
        "d.jsonl", content, SetReading(LISTS), [change(1, removed=("1",)), change(3, added=("3",))]
    )
    assert [json.loads(line)["label"] for line in path.read_text().splitlines()] == [[2], [3], [3]]


def test_lists_in_python_s_writing_stay_so(edited):
    content = "text,label\nx,\"['a', 'b']\"\ny,\"['b']\"\n"
    path = edited("d.csv", content, SetReading(LISTS), [change(2, added=("a",))])
    assert path.read_text() == content.replace("['b']", "['b', 'a']")


@pytest.mark.parametrize("kind", [pa.string(), pa.int64()])
def test_lists_in_parquet_keep_their_type(edited, kind):
    table = pa.table({"text": ["x", "y"], "label": pa.array([[1, 2], [2]]).cast(pa.list_(kind))})
    path = edited("d.parquet", table, SetReading(LISTS), [change(1, removed=("1",))])
    after = pq.read_table(path)
    assert after.schema.field("label").type == pa.list_(kind)
    assert [[str(x) for x in cell] for cell in after["label"].to_pylist()] == [["2"], ["2"]]


def test_a_column_a_class_keeps_its_words(edited):
    content = "text,a,b,c\nx,yes,0,x\ny,no,0,\nz,yes,0,-\n"
    content = content.replace("y,no,0,\n", "y,no,0,x\n")
    reading = SetReading(columns=("a", "b", "c"))
    changes = [change(1, added=("b",), removed=("a", "c")), change(3, added=("c",))]
    path = edited("d.csv", content, reading, changes)
    assert path.read_text().splitlines()[1] == "x,no,1,-"
    assert path.read_text().splitlines()[2:] == ["y,no,0,x", "z,yes,0,x"]


def test_a_label_that_holds_the_separator_is_refused(edited):
    rules = LabelRules(names={"a": "x|y", "b": "b"})
    content = "text,label\nx,b\ny,b|a\n"
    path = edited("d.csv", content, SetReading("|"), [change(1, added=("x|y",))], rules)
    assert path.read_text() == "text,label\nx,b|a\ny,b|a\n"
    odd = LabelRules(names={"a|": "z"})
    with pytest.raises(DataError, match="holds the separator"):
        edited("e.csv", content, SetReading("|"), [change(1, added=("z",))], odd)

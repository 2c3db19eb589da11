"""``relabel --rewrite`` from Python: an editor of your own, vectors of your own, long texts."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from noisefix import apply, detect, relabel
from noisefix.annotators.column import ColumnAnnotator
from noisefix.annotators.edits import NO_EDIT
from noisefix.annotators.protocol import Answer
from noisefix.cleaning.clean import clean_table
from noisefix.cleaning.options import ApplyOptions
from noisefix.errors import DataError, UsageError
from noisefix.relabelling.augment import augment
from noisefix.run.folder import RunFolder

CLASSES = ("account", "refund", "shipping")


def write(path, long_row=None):
    lines = ["text,label"]
    for i in range(60):
        text = f"{CLASSES[i % 3]} words of case {i}" + " again" * (2000 if i == long_row else 0)
        lines.append(f"{text},{CLASSES[(i + 1) % 3] if i % 10 == 4 else CLASSES[i % 3]}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(0)
    centres = np.eye(8)[:3]
    return centres[np.arange(60) % 3] + 0.1 * rng.normal(size=(60, 8))


class AppendsTheLabel:
    """Puts the label in front of a text that does not begin with it."""

    def __init__(self):
        self.asked = []

    def annotate(self, questions):
        for question in questions:
            self.asked.append(question)
            label = question.label_pool[0]
            if question.text.startswith(label):
                yield Answer(question.id, NO_EDIT)
            else:
                edited = f"{label} {question.text}"
                yield Answer(question.id, edited, is_label=True, raw_answer=edited)


def table(run):
    return {row["id"]: row for row in pq.read_table(run / "rewrites.parquet").to_pylist()}


def test_words_count_where_the_vectors_were_given(tmp_path, vectors):
    detect(write(tmp_path / "d.csv"), tmp_path / "run", embeddings=vectors, text_column="text")
    editor = AppendsTheLabel()
    result = relabel(tmp_path / "run", annotator=editor, rewrite=True, probe=10)
    assert result.rewrites.measure == "words"
    assert result.report is None
    edited = {key: row for key, row in table(tmp_path / "run").items() if row["edited_text"]}
    assert edited
    for row in edited.values():
        n_words = len(row["edited_text"].split())
        assert row["similarity"] == pytest.approx(1 - 1 / n_words)
        assert row["change"] == pytest.approx(1 / n_words)
    untouched = [row for key, row in table(tmp_path / "run").items() if key not in edited]
    assert {row["change"] for row in untouched} == {0}
    n_asked = len(editor.asked)
    relabel(tmp_path / "run", annotator=editor, rewrite=True, probe=10)
    assert len(editor.asked) == n_asked
    with pytest.raises(UsageError, match="compares texts by the run's encoder"):
        augment(tmp_path / "run", annotator=editor, pairs=True)


def test_larger_edits_are_less_like_the_text(tmp_path):
    """The more of a text is another class's words, the less alike both are."""

    class Replaces:
        def annotate(self, questions):
            for n, question in enumerate(questions):
                own = question.text.split()
                others = [name for name in CLASSES if name not in own]
                edited = [*others[: n % 3], *own[min(n % 3, 1) :]]
                answer = " ".join(edited) if n % 3 else NO_EDIT
                yield Answer(question.id, answer, is_label=bool(n % 3))

    run = tmp_path / "run"
    detect(write(tmp_path / "d.csv"), run, encoder="tfidf", text_column="text")
    relabel(run, annotator=Replaces(), rewrite=True, max_rows=30, probe=0)
    by_size = {0: [], 1: [], 2: []}
    for row in table(run).values():
        text = row["edited_text"] or ""
        by_size[sum(name in text for name in CLASSES)].append(row["similarity"])
    means = [np.mean(by_size[size]) for size in by_size]
    assert means[0] == 1
    assert means[0] > means[1] > 0
    assert means[0] > means[2] > 0


def test_nothing_else_changes(tmp_path):
    run = tmp_path / "run"
    data = write(tmp_path / "d.csv", long_row=4)
    detect(data, run, encoder="tfidf", text_column="text")
    issues = RunFolder(run).issues.read_bytes()
    before = apply(run, dry_run=True)
    editor = AppendsTheLabel()
    relabel(run, annotator=editor, rewrite=True)
    assert all(len(question.text) <= 8000 for question in editor.asked)
    assert "5" not in table(run)  # the row of 12,000 characters
    assert RunFolder(run).issues.read_bytes() == issues
    after = apply(run, dry_run=True)
    assert (after.changes, after.flagged) == (before.changes, before.flagged)
    with pytest.raises(UsageError, match="written to files only"):
        clean_table(run, None, ApplyOptions(rewrites="add"))


def test_who_and_what_is_refused(tmp_path, vectors):
    run = tmp_path / "run"
    detect(write(tmp_path / "d.csv"), run, encoder="tfidf", text_column="text")
    column = ColumnAnnotator("second", {}, CLASSES)
    with pytest.raises(UsageError, match="writes no texts"):
        relabel(run, annotator=column, rewrite=True)
    labels = tmp_path / "labels.csv"
    labels.write_text("label\n" + "".join(f"{CLASSES[i % 3]}\n" for i in range(60)))
    detect(labels, tmp_path / "without", embeddings=vectors)
    for ask in (relabel, augment):
        flag = {"rewrite": True} if ask is relabel else {"pairs": True}
        with pytest.raises(UsageError, match="edits texts, and the rows"):
            ask(tmp_path / "without", annotator=AppendsTheLabel(), **flag)
    with pytest.raises(DataError, match="no edited texts"):
        apply(run, dry_run=True, rewrites="add")

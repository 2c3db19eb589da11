"""Several labels a row in several files, databases, tables in memory, beside own vectors."""

import json
import sqlite3

import numpy as np
import pandas as pd
import pytest

from noisefix import detect
from noisefix.run.decisions import KEEP, NOT, PersonDecision, import_decisions
from noisefix.tables.source import read_source

from .test_several_labels import FAST, LACKING, NAMES, RELABEL, SUBJECTS, TOP, WRONG, rows, write


def _changed(before, after):
    return {k + 1 for k, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]}


def test_of_several_files_each_is_written_again(cli, tmp_path):
    path, how = write(tmp_path, "cells")
    head, *lines = path.read_text().splitlines(keepends=True)
    parts, run, cleaned = tmp_path / "parts", tmp_path / "run", tmp_path / "cleaned"
    parts.mkdir()
    for name, some in (("a.csv", lines[:50]), ("b.csv", lines[50:])):
        (parts / name).write_text(head + "".join(some), newline="")
    assert cli("detect", parts, "-o", run, *how, *FAST, *TOP).code == 0
    assert cli("apply", run, "-o", cleaned, *RELABEL).code == 0
    after = [
        line
        for name in ("a.csv", "b.csv")
        for line in (cleaned / name).read_text().splitlines(keepends=True)[1:]
    ]
    assert set(LACKING) <= _changed(lines, after) <= WRONG


def test_of_a_json_document_only_the_lists_change_and_come_back(cli, tmp_path):
    path, run, cleaned = tmp_path / "d.json", tmp_path / "run", tmp_path / "c.json"
    made = [{"text": text, "label": labels} for text, labels in rows()]
    path.write_text(json.dumps({"data": made}, indent=1))
    assert cli("detect", path, "-o", run, "--multi-label", "list", *FAST, *TOP).code == 0
    assert cli("apply", run, "-o", cleaned, *RELABEL).code == 0
    after = json.loads(cleaned.read_text())["data"]
    assert set(LACKING) <= _changed(made, after) <= WRONG
    assert cli("apply", run, "-o", cleaned, "--revert").code == 0
    assert cleaned.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("kind", ["cells", "columns"])
def test_a_table_of_a_database_becomes_a_new_one(cli, tmp_path, kind):
    database, run = tmp_path / "d.db", tmp_path / "run"
    made = rows()
    with sqlite3.connect(database) as connection:
        if kind == "cells":
            connection.execute("create table d (text text, label text)")
            cells = [(text, "|".join(labels)) for text, labels in made]
            connection.executemany("insert into d values (?, ?)", cells)
            how = ("--multi-label", "|")
        else:
            connection.execute(f"create table d (text text, {', '.join(NAMES)})")
            cells = [(text, *(int(name in labels) for name in NAMES)) for text, labels in made]
            connection.executemany("insert into d values (?, ?, ?, ?)", cells)
            how = ("--label-columns", ",".join(NAMES))
    connection.close()
    address = f"sqlite:///{database}::"
    assert cli("detect", f"{address}d", "-o", run, *how, *FAST, *TOP).code == 0
    assert cli("apply", run, "-o", f"{address}repaired", *RELABEL).code == 0
    before, after = (read_source(address + name).table.to_pylist() for name in ("d", "repaired"))
    assert set(LACKING) <= _changed(before, after) <= WRONG


def test_a_table_in_memory_has_lists(tmp_path):
    texts, labels = zip(*rows(), strict=True)
    frame = pd.DataFrame({"text": texts, "label": labels}, index=range(500, 500 + len(texts)))
    found = detect(frame, multi_label="list", encoder="tfidf", flag_top=len(WRONG))
    assert set(found.issues.index) == {499 + row for row in WRONG}
    assert found.n_issues == found.to_arrow()["is_issue"].to_pylist().count(True) == len(WRONG)
    assert found.several_labels is not None
    assert f"{len(WRONG)} flagged" in repr(found)
    assert found.clean(frame)["noisefix_is_issue"].sum() == len(WRONG)


def test_own_vectors_take_the_place_of_an_encoder(cli, tmp_path):
    path, how = write(tmp_path, "cells")
    rng = np.random.default_rng(0)
    about = np.array([[any(w in text for w in SUBJECTS[n]) for n in NAMES] for text, _ in rows()])
    vectors = tmp_path / "v.npy"
    np.save(vectors, about + rng.normal(scale=0.1, size=about.shape))
    run = tmp_path / "run"
    outcome = cli("detect", path, "-o", run, *how, "--embeddings", vectors, "--quiet", "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out)["several_labels"]["labels_a_row"] > 1
    outcome = cli("detect", path, "-o", run, *how, *["--embeddings", vectors] * 2)
    assert (outcome.code, "two kinds of vectors" in outcome.err) == (2, True)


@pytest.mark.parametrize(
    "option",
    [
        *(("--annotator-columns", "note"), ("--annotations", "answers.csv")),
        *(("--not-column", "note"), ("--order-column", "note"), ("--group-column", "note")),
        *(("--against", "d.csv"), ("--pred-probs", "p.csv")),
    ],
)
def test_options_of_one_label_a_row_are_refused_by_both_names(cli, tmp_path, option):
    path, how = write(tmp_path, "cells")
    outcome = cli("detect", path, "-o", tmp_path / "run", *how, *FAST, *option)
    assert outcome.code == 2
    assert f"{option[0]} is for tables with one label a row, and --multi-label" in outcome.err
    assert not (tmp_path / "run").exists()


def test_decisions_about_one_label_are_no_decisions_about_several(cli, tmp_path):
    path, how = write(tmp_path, "cells")
    run, one = tmp_path / "run", tmp_path / "one"
    assert cli("detect", path, "-o", run, *how, *FAST).code == 0
    outcome = cli("apply", run, "-o", tmp_path / "x.csv", "--drop-outside")
    assert (outcome.code, "--drop-outside is for runs with one label" in outcome.err) == (2, True)
    word = PersonDecision("0" * 64, "1", KEEP)
    said = tmp_path / "said.jsonl"
    import_decisions(said, [word, PersonDecision("1" * 64, "row-8", NOT)])
    for command in (
        ("check", run, "--max-issues", 1),
        ("apply", run, "-o", tmp_path / "x.csv"),
        ("report", run, "-o", tmp_path / "x.html"),
        ("detect", path, "-o", run, *how, *FAST),
    ):
        outcome = cli(*command, "--decisions", said)
        assert (outcome.code, "decision on row-8 is 'not'" in outcome.err) == (2, True), command
    assert not (run / "decisions.jsonl").exists()
    assert not (tmp_path / "x.csv").exists()
    plain = tmp_path / "plain.csv"
    plain.write_text(path.read_text().replace(" / ", "-"))
    assert cli("detect", plain, "-o", one, *FAST).code == 0
    import_decisions(one / "decisions.jsonl", [word])
    import_decisions(run / "decisions.jsonl", [word])
    outcome = cli("detect", plain, "-o", one, *FAST, "--multi-label", "-")
    assert (outcome.code, "people have decided on rows with one label" in outcome.err) == (2, True)
    outcome = cli("detect", plain, "-o", run, *FAST, "--force")
    assert (outcome.code, "rows with several labels each, and now" in outcome.err) == (2, True)

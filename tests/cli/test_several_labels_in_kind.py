"""Several labels a row in Hugging Face features and tables in memory: written back in kind."""

from __future__ import annotations

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import noisefix
from noisefix.labels import set_labels
from noisefix.run.decisions import CLASS, PersonDecision, decision_key, import_decisions

from .test_several_labels import EXTRA, LACKING, NAMES, WRONG, rows

HOSTILE = {"account": "=cmd|' /C calc'!A0", "billing": "a|b\\", "delivery": "ü\u202e{{DATA}}"}
CODES = [HOSTILE["delivery"], "never used", HOSTILE["account"], HOSTILE["billing"]]
"""In an order of their own, with a class that no row has."""

SURE = {"strategy": "relabel", "min_probability": 0.5, "min_margin": 0}


def slow(value):
    return pytest.param(value, marks=pytest.mark.slow)


def made() -> tuple[list[str], list[list[int] | None]]:
    texts, labels = zip(*rows(), strict=True)
    codes: list[list[int] | None] = [[CODES.index(HOSTILE[x]) for x in some] for some in labels]
    codes[1], codes[2] = None, [-1]  # -1: no label, as datasets has it
    return list(texts), codes


def hugging_face(feature=datasets.List) -> datasets.Dataset:
    texts, codes = made()
    features = datasets.Features(
        {"text": datasets.Value("string"), "tags": feature(datasets.ClassLabel(names=CODES))}
    )
    return datasets.Dataset.from_dict({"text": texts, "tags": codes}, features)


def check(before, after):
    """Only wrong rows change, by codes of the same classes, as they should."""
    changed = [
        k + 1 for k, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]
    ]
    assert set(LACKING) <= set(changed) <= WRONG
    assert {code for cell in after for code in cell or ()} <= {-1, 0, 2, 3}
    lacking = LACKING[0] - 1
    assert set(after[lacking]) > set(before[lacking])


@pytest.mark.parametrize(
    "feature", [datasets.List, slow(datasets.Sequence), slow(datasets.LargeList)]
)
def test_codes_of_a_parquet_file_have_names_and_come_back_as_codes(cli, tmp_path, feature):
    path, run, cleaned = (tmp_path / name for name in ("d.parquet", "run", "c.parquet"))
    hugging_face(feature).to_parquet(path)
    args = ("--multi-label", "list", "--label-column", "tags", "--encoder", "tfidf")
    outcome = cli("detect", path, "-o", run, *args, "--flag-top", len(WRONG))
    assert outcome.code == 0
    assert "label names: from the file's metadata (0 = ü" in outcome.err
    issues = pq.read_table(run / "issues.parquet").to_pylist()
    given = {label for row in issues for label in set_labels(row["given_label"] or "")}
    assert given == set(HOSTILE.values())
    assert [issues[row]["given_label"] for row in (1, 2)] == [None, None]
    options = ("--strategy", "relabel", "--min-probability", 0.5, "--min-margin", 0)
    assert cli("apply", run, "-o", cleaned, *options).code == 0
    assert pq.read_schema(cleaned) == pq.read_schema(path)
    described = [pq.read_schema(file).metadata[b"huggingface"] for file in (path, cleaned)]
    assert described[0] == described[1]
    check(*(pq.read_table(file)["tags"].to_pylist() for file in (path, cleaned)))
    back = datasets.Dataset.from_parquet(str(cleaned), cache_dir=str(tmp_path / "cache"))
    assert back.features["tags"].feature.names == CODES


@pytest.mark.slow
def test_a_class_that_no_row_has_is_written_by_its_code(cli, tmp_path):
    path, run, cleaned = (tmp_path / name for name in ("d.parquet", "run", "c.parquet"))
    hugging_face().to_parquet(path)
    texts, codes = made()
    words = [
        PersonDecision(decision_key(texts[1], None), "2", CLASS, "never used"),
        PersonDecision(decision_key(texts[2], None), "3", CLASS, ""),
    ]
    import_decisions(tmp_path / "said.jsonl", words)
    args = ("--multi-label", "list", "--label-column", "tags", "--encoder", "tfidf")
    said = ("--decisions", tmp_path / "said.jsonl")
    assert cli("detect", path, "-o", run, *args, *said, "--quiet").code == 0
    assert cli("apply", run, "-o", cleaned).code == 0
    after = pq.read_table(cleaned)["tags"].to_pylist()
    assert after[1:3] == [[1], [-1]]
    assert after[3:] == codes[3:]


def test_a_hugging_face_data_set_keeps_its_features():
    data = hugging_face()
    found = noisefix.detect(
        data, multi_label="list", label_column="tags", encoder="tfidf", flag_top=5
    )
    assert found.classes == tuple(sorted(HOSTILE.values()))
    cleaned = found.clean(data, **SURE)
    assert cleaned.features == data.features
    check(data["tags"][:], cleaned["tags"][:])
    assert data["tags"][:] == made()[1]


@pytest.mark.slow
@pytest.mark.parametrize("cell", [list, slow(tuple), slow(np.array)])
def test_cells_of_a_data_frame_keep_their_kind(cell):
    texts, labels = zip(*rows(), strict=True)
    frame = pd.DataFrame({"text": texts, "label": [cell(some) for some in labels]})
    frame.index = range(500, 500 + len(texts))
    found = noisefix.detect(frame, multi_label="list", encoder="tfidf", flag_top=len(WRONG))
    cleaned = found.clean(frame, **SURE)
    assert {type(x) for x in cleaned["label"]} == {type(cell(["a"]))}
    assert cleaned.index.equals(frame.index)
    before, after = ([list(x) for x in table["label"]] for table in (frame, cleaned))
    changed = {
        k + 1 for k, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]
    }
    assert set(LACKING) <= changed <= WRONG


@pytest.mark.parametrize("make", [pl.DataFrame, slow(pa.table), slow(pd.DataFrame)])
@pytest.mark.parametrize("kind", [bool, slow(int)])
def test_a_column_a_class_keeps_its_type(make, kind):
    texts, labels = zip(*rows(), strict=True)
    columns = {name: [kind(name in some) for some in labels] for name in NAMES}
    data = make({"text": list(texts), **columns})
    names = ",".join(NAMES)
    found = noisefix.detect(data, label_columns=names, encoder="tfidf", flag_top=len(WRONG))
    cleaned = found.clean(data, **SURE)
    assert str(cleaned[NAMES[0]].type if make is pa.table else cleaned[NAMES[0]].dtype) == str(
        data[NAMES[0]].type if make is pa.table else data[NAMES[0]].dtype
    )
    before, after = (
        list(
            zip(
                *(list(table[n].to_pylist() if make is pa.table else table[n]) for n in NAMES),
                strict=True,
            )
        )
        for table in (data, cleaned)
    )
    changed = {
        k + 1 for k, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]
    }
    assert set(LACKING) <= changed <= WRONG
    flagged = found.clean(data)
    assert len(flagged.columns) == len(data.columns) + 4


@pytest.mark.slow
def test_a_person_s_word_reaches_the_table_in_memory(tmp_path):
    texts, labels = zip(*rows(), strict=True)
    data = pa.table({"text": list(texts), "label": [list(some) for some in labels]})
    run = tmp_path / "run"
    found = noisefix.detect(data, run, multi_label="list", encoder="tfidf")
    key = decision_key(texts[EXTRA[0] - 1], "|".join(sorted(labels[EXTRA[0] - 1])))
    word = PersonDecision(key, str(EXTRA[0]), CLASS, "delivery")
    import_decisions(run / "decisions.jsonl", [word])
    cleaned = found.clean(data)
    assert cleaned["label"][EXTRA[0] - 1].as_py() == ["delivery"]
    assert cleaned["noisefix_suggested_label"][EXTRA[0] - 1].as_py() == "delivery"

"""A class that the label set lacks: said by detect, in the tables, on the page; no label moves."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from noisefix.reporting.data import read_tables
from noisefix.reporting.extra import section_data
from noisefix.reporting.unnamed import unnamed_section
from noisefix.run.folder import RunFolder

N_CLASSES, PER_CLASS = 7, 30


@pytest.fixture
def data(tmp_path):
    """Seven classes, and the rows of an eighth with labels of these at random."""
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(N_CLASSES + 1), PER_CLASS)
    points = np.eye(N_CLASSES + 1, 16)[truth] + 0.1 * rng.normal(size=(len(truth), 16))
    labels = np.where(truth == N_CLASSES, rng.integers(0, N_CLASSES, len(truth)), truth)
    np.save(tmp_path / "vectors.npy", points.astype(np.float32))
    lines = [f"{row},picture {row},kind_{k}" for row, k in enumerate(labels.tolist())]
    (tmp_path / "data.csv").write_text("\n".join(["id,text,label", *lines]) + "\n")
    return tmp_path


def test_the_group_is_said_and_its_rows_are_named(cli, data):
    detect = ("detect", data / "data.csv", "--embeddings", data / "vectors.npy", "-o", data / "run")
    outcome = cli(*detect)
    assert outcome.code == 0, outcome.err
    assert "1 group of rows may be a class of their own" in outcome.out
    (group,) = json.loads(cli(*detect, "--json").out)["unnamed_groups"]
    assert 20 <= group["rows"] <= PER_CLASS
    assert group["classes"] == N_CLASSES
    first = N_CLASSES * PER_CLASS
    assert all(int(row["id"]) >= first for row in group["examples"])

    run = RunFolder(data / "run")
    issues = pq.read_table(run.issues)
    members = np.flatnonzero(issues["unnamed_group"].is_valid())
    assert len(members) == group["rows"]
    assert members.min() >= first
    reasons = issues["reasons"].to_pylist()
    assert all("may be a class of their own" in " ".join(reasons[row]) for row in members)
    others = np.setdiff1d(np.arange(len(reasons)), members)
    assert not any("class of their own" in " ".join(reasons[row]) for row in others)

    ids = read_tables(run).issues["id"].to_pylist()
    section = section_data(unnamed_section(run, {key: row for row, key in enumerate(ids)}))
    assert [row[0] for row in section["tables"][0]["rows"]] == [
        ids.index(row["id"]) for row in group["examples"]
    ]
    outcome = cli("report", run.path, "-o", data / "page.html")
    assert outcome.code == 0, outcome.err


def test_what_a_person_has_verified_is_in_no_group(cli, data):
    lines = (data / "data.csv").read_text().splitlines()
    first = N_CLASSES * PER_CLASS
    checked = [line.rsplit(",", 1)[1] if row >= first else "" for row, line in enumerate(lines[1:])]
    lines = [
        "id,text,label,checked",
        *(f"{a},{b}" for a, b in zip(lines[1:], checked, strict=True)),
    ]
    (data / "data.csv").write_text("\n".join(lines) + "\n")
    outcome = cli(
        *("detect", data / "data.csv", "--embeddings", data / "vectors.npy", "-o", data / "run"),
        *("--trusted-column", "checked"),
    )
    assert outcome.code == 0, outcome.err
    assert "class of their own" not in outcome.out
    assert "unnamed_group" not in pq.read_schema(RunFolder(data / "run").issues).names

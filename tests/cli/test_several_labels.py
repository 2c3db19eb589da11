"""Rows with several labels: from detect to apply and check, whatever the way they are written."""

from __future__ import annotations

import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

SUBJECTS = {
    "account": ("password", "login", "username", "profile"),
    "billing": ("invoice", "card", "charged", "payment"),
    "delivery": ("parcel", "courier", "tracking", "late"),
}
NAMES = sorted(SUBJECTS)
FAST = ("--encoder", "tfidf", "--quiet")
EXTRA, LACKING = (5, 35, 65, 95), (8,)  # rows given a label too many, and one too few; 1 = first
WRONG = {*EXTRA, *LACKING}
TOP = ("--flag-top", len(WRONG))
RELABEL = ("--strategy", "relabel", "--min-probability", 0.5, "--min-margin", 0)


def rows(n: int = 120) -> list[tuple[str, list[str]]]:
    """Texts about one or two subjects with their labels; five of them are wrong."""
    rng = random.Random(1)
    made = []
    for i in range(1, n + 1):
        about = rng.sample(NAMES, 1 if i in EXTRA else 2 if i in LACKING else rng.choice([1, 2]))
        text = " and ".join(f"{rng.choice(SUBJECTS[s])} {rng.choice(SUBJECTS[s])}" for s in about)
        given = list(about)
        if i in EXTRA:
            given.insert(0, next(name for name in NAMES if name not in about))
        if i in LACKING:
            given.pop()
        made.append((f"{text} case {i * 37 % 101}", given))
    return made


def write(tmp_path, kind: str):
    """Write the rows in one of the ways there are; return the file and the options to read it."""
    made = rows()
    if kind == "cells":
        lines = [f'"{text}",{" / ".join(labels)},' for text, labels in made]
        path = tmp_path / "d.csv"
        path.write_text("\r\n".join(["text,label,note", *lines]) + "\r\n", newline="")
        return path, ("--multi-label", "/")
    if kind == "json":
        path = tmp_path / "d.jsonl"
        lines = [json.dumps({"text": t, "label": s}, separators=(",", ":")) for t, s in made]
        path.write_text("\n".join(lines) + "\n")
        return path, ("--multi-label", "list")
    if kind == "python":
        path = tmp_path / "d.csv"
        path.write_text("text,label\n" + "".join(f'{t},"{s}"\n' for t, s in made))
        return path, ("--multi-label", "list")
    if kind == "parquet":
        path = tmp_path / "d.parquet"
        pq.write_table(
            pa.table({"text": [t for t, _ in made], "label": [s for _, s in made]}), path
        )
        return path, ("--multi-label", "list")
    path = tmp_path / "d.csv"
    lines = [f"{t},{','.join('yes' if n in s else 'no' for n in NAMES)}" for t, s in made]
    path.write_text("\n".join([f"text,{','.join(NAMES)}", *lines]) + "\n")
    return path, ("--label-columns", ",".join(NAMES))


def sets_of(path, kind):
    """Read the labels of a written file again, as sets."""
    if kind == "parquet":
        return [set(labels) for labels in pq.read_table(path)["label"].to_pylist()]
    lines = path.read_text().splitlines()
    if kind == "json":
        return [set(json.loads(line)["label"]) for line in lines]
    if kind == "python":
        return [{n for n in NAMES if f"'{n}'" in line} for line in lines[1:]]
    if kind == "cells":
        return [set(line.split(",")[1].split(" / ")) for line in lines[1:]]
    return [
        {n for n, w in zip(NAMES, x.split(",")[1:], strict=True) if w == "yes"} for x in lines[1:]
    ]


@pytest.mark.parametrize("kind", ["cells", "json", "python", "parquet", "columns"])
def test_from_detect_to_apply_and_back(cli, tmp_path, kind):
    path, how = write(tmp_path, kind)
    before, run = sets_of(path, kind), tmp_path / "run"
    outcome = cli("detect", path, "-o", run, *how, *FAST, *TOP, "--json")
    assert outcome.code == 0
    found = json.loads(outcome.out)
    assert found["classes"] == NAMES
    assert found["several_labels"]["seem_wrong"] >= 1
    issues = {r["row_number"]: r for r in pq.read_table(run / "issues.parquet").to_pylist()}
    assert {n for n, row in issues.items() if row["is_issue"]} == WRONG
    given = "|".join(sorted(before[EXTRA[0] - 1]))
    assert (issues[EXTRA[0]]["given_label"], issues[EXTRA[0]]["rank"] <= 5) == (given, True)
    wrong = [r for r in pq.read_table(run / "label_issues.parquet").to_pylist() if r["is_issue"]]
    assert {(r["row_number"], r["given"]) for r in wrong} == {(n, n in EXTRA) for n in WRONG}
    assert not {"joint.parquet", "candidates.parquet"} & {file.name for file in run.iterdir()}

    cleaned = tmp_path / f"cleaned{path.suffix}"
    assert cli("apply", run, "-o", cleaned, *RELABEL).code == 0
    after = sets_of(cleaned, kind)
    changed = [
        i + 1 for i, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]
    ]
    assert set(LACKING) <= set(changed) <= WRONG
    assert after[LACKING[0] - 1] > before[LACKING[0] - 1]
    if kind != "parquet":
        lines = zip(path.read_bytes().split(b"\n"), cleaned.read_bytes().split(b"\n"), strict=True)
        head = kind not in ("json",)
        assert [i + 1 - head for i, (a, b) in enumerate(lines) if a != b] == changed
    edited = tmp_path / f"edited{path.suffix}"
    edited.write_bytes(cleaned.read_bytes())
    assert cli("apply", run, "-o", cleaned, "--revert").code == 0
    assert cleaned.read_bytes() == path.read_bytes()


def test_cells_of_a_file_edited_since_are_taken_back(cli, tmp_path):
    path, how = write(tmp_path, "cells")
    run, cleaned = tmp_path / "run", tmp_path / "cleaned.csv"
    assert cli("detect", path, "-o", run, *how, *FAST, *TOP).code == 0
    assert cli("apply", run, "-o", cleaned, *RELABEL).code == 0
    cleaned.write_bytes(cleaned.read_bytes().replace(b"case 37", b"case xx"))
    assert cli("apply", run, "-o", cleaned, "--revert").code == 0
    assert cleaned.read_bytes() == path.read_bytes().replace(b"case 37", b"case xx")


def test_flags_rows_and_weights_go_by_row(cli, tmp_path):
    path, how = write(tmp_path, "cells")
    run = tmp_path / "run"
    assert cli("detect", path, "-o", run, *how, *FAST, *TOP).code == 0
    flagged, kept, weighed = (tmp_path / f"{name}.csv" for name in ("flag", "drop", "weight"))
    assert cli("apply", run, "-o", flagged).code == 0
    assert flagged.read_text().count(",true,") == 5
    assert cli("apply", run, "-o", kept, "--strategy", "drop").code == 0
    assert len(kept.read_text().splitlines()) == 116
    assert cli("apply", run, "-o", weighed, "--strategy", "weight").code == 0
    assert "noisefix_weight" in weighed.read_text().splitlines()[0]
    outcome = cli("apply", run, "--strategy", "relabel", "--dry-run", "--json")
    assert json.loads(outcome.out)["relabelled"] == 0  # nobody vouches for a change
    for option in (("--format", "xlsx"), ("--drop-outside",)):
        outcome = cli("apply", run, "-o", tmp_path / "x.csv", *option)
        assert (outcome.code, "one label a row" in outcome.err) == (2, True)


def test_rows_without_labels_can_be_filled(cli, tmp_path):
    path, how = write(tmp_path, "cells")
    lines = path.read_text().splitlines()
    text = lines[20].split(",")[0]
    lines[20] = f"{text},,"
    path.write_text("\n".join(lines) + "\n")
    run, filled = tmp_path / "run", tmp_path / "filled.csv"
    outcome = cli("detect", path, "-o", run, *how, *FAST, "--json")
    assert json.loads(outcome.out)["unlabelled"] == 1
    fill = ("--fill-unlabelled", "--min-probability", 0.6)
    assert cli("apply", run, "-o", filled, "--strategy", "relabel", *fill).code == 0
    got = filled.read_text().splitlines()[20].split(",")[1].split(" / ")
    assert set(got) == set(rows()[19][1])


def test_the_gate_counts_rows(cli, tmp_path):
    path, how = write(tmp_path, "columns")
    gate = (*TOP, "--max-issues", 1)
    outcome = cli("check", path, *how, *FAST, *gate, "--json")
    assert (outcome.code, json.loads(outcome.out)["issues"]) == (1, 5)
    base = tmp_path / "base.txt"
    assert cli("check", path, *how, *FAST, "--write-baseline", base).code == 0
    again = ("--baseline", base, "--max-new-issues", 0)
    assert cli("check", path, *how, *FAST, *again).code == 0
    run = tmp_path / "run"
    assert cli("detect", path, "-o", run, *how, *FAST, *TOP).code == 0
    assert cli("check", run, "--max-issues", 1).code == 1
    outcome = cli("check", run, "--max-issues", 1, *how)
    assert (outcome.code, "give the option to noisefix detect" in outcome.err) == (2, True)


def test_commands_for_one_label_a_row_refuse(cli, tmp_path):
    path, how = write(tmp_path, "cells")
    run = tmp_path / "run"
    assert cli("detect", path, "-o", run, *how, *FAST).code == 0
    x = tmp_path / "x"
    for command in (
        ("train", run, "-o", x),
        ("relabel", run, "--dry-run"),
        ("report", run, "-o", tmp_path / "x.html", "--predictions", path),
        ("audit", run),
        ("joint", run),
        ("candidates", run),
        ("evaluate", run, "--truth", "note"),
        ("joint", run / "embeddings.parquet", "-o", x),
        ("candidates", run / "embeddings.parquet", run / "issues.parquet", "-o", f"{x}.parquet"),
    ):
        outcome = cli(*command)
        assert (outcome.code, "several labels" in outcome.err) == (2, True), command
    assert not x.exists()
    for option in (("--ordinal", "a,b"), ("--trusted-column", "note"), ("--class-shares", "a=1")):
        outcome = cli("detect", path, "-o", run, *how, *FAST, *option)
        assert (outcome.code, "one label a row" in outcome.err) == (2, True)
    outcome = cli("train", path, "-o", x)
    assert (outcome.code, '--multi-label "/"' in outcome.err) == (3, True)


def test_one_label_and_several_take_turns_in_a_run_folder(cli, tmp_path):
    path = tmp_path / "d.csv"
    made = [(text, labels[0]) for text, labels in rows()]
    path.write_text("text,label\n" + "".join(f"{t},{x}\n" for t, x in made))
    run, several = tmp_path / "run", ("--multi-label", "|")
    assert cli("detect", path, "-o", run, *FAST).code == 0
    assert cli("detect", path, "-o", run, *FAST, *several).code == 0
    assert not (run / "joint.parquet").exists()
    assert cli("detect", path, "-o", run, *FAST).code == 0
    assert not (run / "label_issues.parquet").exists()
    assert cli("report", run, "-o", tmp_path / "r.html").code == 0


def test_given_labels_are_trusted_where_nobody_looked_for_more(cli, tmp_path):
    path, how = write(tmp_path, "cells")
    run = tmp_path / "run"
    args = (*how, *FAST, "--flag-top", 1)
    assert cli("detect", path, "-o", run, *args, "--one-sided", 100).code == 0
    wrong = [r for r in pq.read_table(run / "label_issues.parquet").to_pylist() if r["is_issue"]]
    assert [(r["row_number"], r["given"]) for r in wrong] == [(LACKING[0], False)]
    outcome = cli("detect", path, "-o", run, *args, "--one-sided", 0.5)
    assert (outcome.code, "--one-sided is 0.5" in outcome.err) == (2, True)


def test_hostile_names_stay_data(cli, tmp_path):
    made = rows()
    names = {
        "account": "=cmd|' /C calc'!A0",
        "billing": "::stop-commands::x",
        "delivery": "ü\u202e",
    }
    lines = [json.dumps({"text": t, "label": [names[x] for x in s]}) for t, s in made]
    path, run = tmp_path / "d.jsonl", tmp_path / "run"
    path.write_text("\n".join(lines) + "\n")
    outcome = cli("detect", path, "-o", run, *FAST, "--multi-label", "list", *TOP)
    assert outcome.code == 0
    assert "\n::stop-commands" not in outcome.out
    assert "\u202e" not in outcome.out
    cleaned = tmp_path / "c.jsonl"
    assert cli("apply", run, "-o", cleaned, *RELABEL).code == 0
    after = [json.loads(line)["label"] for line in cleaned.read_text().splitlines()]
    assert set().union(*after) <= set(names.values())
    assert len(after[LACKING[0] - 1]) == 2


def test_the_summary_says_what_seems_wrong_and_missing(cli, tmp_path):
    path, how = write(tmp_path, "cells")
    outcome = cli("detect", path, "-o", tmp_path / "run", *how, *FAST, *TOP)
    said = " ".join(outcome.out.split())
    assert "labels on average. Of all labels about" in said
    assert "label_issues.parquet" in said
    assert "noisefix report" in said
    assert "rows look wrongly labelled: about" in said
    assert "noisefix relabel" not in said

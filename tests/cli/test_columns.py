"""Texts in two columns, codes with names, variants of one class: from detect to apply and train."""

from __future__ import annotations

import json

import pytest

SUBJECTS = {
    "account": ("password", "login", "username", "profile"),
    "billing": ("invoice", "card", "charged", "payment"),
    "delivery": ("parcel", "courier", "tracking", "late"),
}
NAMES = sorted(SUBJECTS)
FAST = ("--encoder", "tfidf", "--quiet")
CODES = {"account": "0", "billing": "1", "delivery": "2"}
WRONG = 7


def rows(n: int = 66) -> list[tuple[str, str, str]]:
    """Title, body and label of three subjects; the label of one row is wrong."""
    made = []
    for i in range(n):
        words = SUBJECTS[NAMES[i % 3]]
        name = NAMES[(i + 1) % 3] if i == WRONG - 1 else NAMES[i % 3]
        made.append((f"{words[i % 4]} {i * 37 % 101}", f"about {words[(i // 4) % 4]}", name))
    return made


def write(path, made, label=lambda i, name: name):
    lines = [f'{i + 1},"{t}","{b}",{label(i, name)}' for i, (t, b, name) in enumerate(made)]
    path.write_text("\n".join(["id,title,body,kind", *lines]) + "\n")
    return path


TWO = ("--text-column", "title,body", "--label-column", "kind")


def test_two_columns_are_one_text_everywhere(cli, tmp_path):
    path, run, model = write(tmp_path / "d.csv", rows()), tmp_path / "run", tmp_path / "model"
    assert cli("detect", path, "-o", run, *TWO, *FAST).code == 0
    about = json.loads((run / "run.json").read_text())["input"]["columns"]
    assert about == {"text": "title,body", "label": "kind", "id": "id"}
    flagged = tmp_path / "flagged.csv"
    assert cli("apply", run, "-o", flagged).code == 0
    assert flagged.read_text().splitlines()[1].startswith('1,"password 0","about password",account')
    assert cli("check", path, *TWO, *FAST, "--max-issues", 60).code == 0
    assert cli("train", run, "-o", model, "--method", "ce", "--epochs", 2, "--quiet").code == 0
    assert json.loads((model / "model.json").read_text())["reading"]["text_column"] == "title,body"

    found = tmp_path / "p.csv"
    outcome = cli("predict", model, path, "-o", found, "--json")
    assert (outcome.code, json.loads(outcome.out)["rows"]) == (0, 66)
    named = tmp_path / "q.csv"
    assert cli("predict", model, path, "-o", named, "--text-column", "title,body").code == 0
    assert named.read_text() == found.read_text()
    outcome = cli("evaluate", model, "--data", path, "--truth", "kind", "--json")
    assert json.loads(outcome.out)["scored"] == 66

    less = tmp_path / "less.csv"
    less.write_text("title,kind\npassword,account\n")
    outcome = cli("predict", model, less, "-o", tmp_path / "r.csv")
    assert (outcome.code, "there is no column 'body'" in outcome.err) == (3, True)
    assert cli("predict", model, less, "-o", tmp_path / "r.csv", "--text-column", "title").code == 0


def test_verified_rows_cannot_be_marked_in_a_text_column(cli, tmp_path):
    path = write(tmp_path / "d.csv", rows())
    outcome = cli("detect", path, *TWO, *FAST, "--trusted-column", "body")
    assert (outcome.code, "this is the text column itself" in outcome.err) == (2, True)


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_codes_have_names_and_changes_are_written_in_codes(cli, tmp_path, ending):
    def label(i, name):
        variant = name == "billing" and i % 5 == 0
        return "billng" if variant else f" {CODES[name]}" if i == 2 else CODES[name]

    path = write(tmp_path / f"d.{ending}", rows(), label)
    if ending == "jsonl":
        lines = []
        for i, (title, body, name) in enumerate(rows()):
            cell = label(i, name)
            value = int(cell) if cell.strip().isdecimal() else cell
            lines.append(json.dumps({"id": i, "title": title, "body": body, "kind": value}))
        path.write_text("\n".join(lines) + "\n")
    names = tmp_path / "m.csv"
    names.write_text("raw,name\n0,account\n1,billing\n2,delivery\nbillng,billing\n")
    run = tmp_path / "run"
    outcome = cli("detect", path, "-o", run, *TWO, *FAST, "--label-map", names, "--json")
    assert (outcome.code, json.loads(outcome.out)["classes"]) == (0, NAMES)
    said = tmp_path / "decisions.csv"
    key = WRONG if ending == "csv" else WRONG - 1
    said.write_text(f"id,decision\n{key},account\n")
    cleaned = tmp_path / f"clean.{ending}"
    apply = ("apply", run, "-o", cleaned, "--strategy", "relabel", "--min-probability", 1)
    assert cli(*apply, "--review", said).code == 0
    before, after = path.read_text().splitlines(), cleaned.read_text().splitlines()
    changed = [i for i, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
    assert changed == [WRONG if ending == "csv" else WRONG - 1]
    assert after[changed[0]].endswith(",0" if ending == "csv" else ' "kind": 0}')
    ledger = cli("apply", run, "-o", cleaned, "--revert", "--json")
    assert ledger.code == 0
    assert cleaned.read_bytes() == path.read_bytes()


def test_a_cell_written_by_code_is_taken_back_in_a_file_edited_since(cli, tmp_path):
    path, run = write(tmp_path / "d.csv", rows(), lambda i, name: CODES[name]), tmp_path / "run"
    names = tmp_path / "m.json"
    names.write_text(json.dumps({code: name for name, code in CODES.items()}))
    assert cli("detect", path, "-o", run, *TWO, *FAST, "--label-map", names).code == 0
    said = tmp_path / "decisions.csv"
    said.write_text(f"id,decision\n{WRONG},account\n")
    cleaned = tmp_path / "clean.csv"
    relabel = ("apply", run, "-o", cleaned, "--strategy", "relabel", "--min-probability", 1)
    assert cli(*relabel, "--review", said).code == 0
    edited = cleaned.read_text().replace("about password", "about a password")
    cleaned.write_text(edited)
    assert cli("apply", run, "-o", cleaned, "--revert").code == 0
    back = path.read_text().replace("about password", "about a password")
    assert cleaned.read_text() == back


def test_variants_of_a_class_are_one(cli, tmp_path):
    path = write(tmp_path / "d.csv", rows(), lambda i, n: n.title() if i % 7 == 0 else n)
    outcome = cli("detect", path, "-o", tmp_path / "run", *TWO, *FAST, "--json")
    assert len(json.loads(outcome.out)["classes"]) == 6
    assert "--merge-case" in outcome.err or "--merge-case" in outcome.out
    merge = (*TWO, *FAST, "--merge-case")
    outcome = cli("detect", path, "-o", tmp_path / "run", *merge, "--json")
    assert json.loads(outcome.out)["classes"] == NAMES
    upper = write(tmp_path / "t.csv", rows(), lambda i, n: n.upper())
    model = tmp_path / "model"
    train = ("train", tmp_path / "run", "-o", model, "--method", "ce", "--epochs", 2, "--quiet")
    assert cli(*train).code == 0
    outcome = cli("evaluate", model, "--data", upper, "--truth", "kind", "--json")
    assert json.loads(outcome.out)["unknown_labels"] == {}


def test_a_run_keeps_its_way_of_reading_labels(cli, tmp_path):
    path, run = write(tmp_path / "d.csv", rows()), tmp_path / "run"
    assert cli("detect", path, "-o", run, *TWO, *FAST).code == 0
    names = tmp_path / "m.csv"
    names.write_text("raw,name\na,b\n")
    for option in (("--label-map", names), ("--merge-case",)):
        for command in (("check", run, "--max-issues", 9), ("train", run, "-o", tmp_path / "m")):
            outcome = cli(*command, *option)
            assert (outcome.code, "give the option to noisefix detect" in outcome.err) == (2, True)


def test_init_writes_the_reading_down(cli, tmp_path):
    path = write(tmp_path / "d.csv", rows(), lambda i, name: CODES[name])
    names = tmp_path / "m.json"
    names.write_text(json.dumps({code: name for name, code in CODES.items()}))
    assert cli("init", path, *TWO, *FAST, "--label-map", names, "--merge-case").code == 0
    text = (tmp_path / "noisefix.toml").read_text()
    assert 'text_column = "title,body"' in text
    assert f'label_map = "{names}"' in text
    assert "merge_case = true" in text
    assert '"billing" = ""' in (tmp_path / "labels.toml").read_text()


def test_calibrate_reads_both_columns_by_the_map(cli, tmp_path):
    path = tmp_path / "d.csv"
    lines = [f"{CODES[name]},{name.upper()}" for _, _, name in rows()]
    path.write_text("\n".join(["label,gold", *lines]) + "\n")
    names = tmp_path / "m.json"
    names.write_text(json.dumps({code: name for name, code in CODES.items()}))
    outcome = cli("calibrate", path, "--label-map", names, "--merge-case", "--json")
    assert json.loads(outcome.out)["accuracy"]["value"] == 1


def test_noise_is_written_in_codes(cli, tmp_path):
    path = write(tmp_path / "d.csv", rows(), lambda i, name: CODES[name])
    names = tmp_path / "m.json"
    names.write_text(json.dumps({code: name for name, code in CODES.items()}))
    noisy = tmp_path / "noisy.csv"
    outcome = cli("noise", path, "-o", noisy, *TWO, "--label-map", names)
    assert outcome.code == 0
    cells = [line.split(",") for line in noisy.read_text().splitlines()[1:]]
    assert {cell[3] for cell in cells} == set(CODES.values())
    assert {cell[4] for cell in cells} == set(NAMES)

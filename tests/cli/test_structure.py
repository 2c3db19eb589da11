"""Tables that are not what they seem: a word on the terminal, and nothing false in the tables."""

from __future__ import annotations

import json
from pathlib import Path

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


def rows(n: int = 66) -> list[tuple[str, str]]:
    """Texts of three subjects with their labels, all right."""
    made = []
    for i in range(n):
        name = NAMES[i % 3]
        words = SUBJECTS[name]
        made.append((f"{words[i % 4]} and {words[(i // 4) % 4]} case {i * 37 % 101}", name))
    return made


def write(path: Path, made: list[tuple[str, str]]) -> Path:
    path.write_text("text,label\n" + "".join(f'"{text}",{label}\n' for text, label in made))
    return path


def issues(run: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = pq.read_table(run / "issues.parquet").to_pylist()
    return found


def test_lone_classes_and_empty_texts_get_a_word_and_no_verdict(cli, tmp_path):
    made = [*rows(), ("press photo of the roastery", "press"), *[("", n) for n in NAMES * 4]]
    path = write(tmp_path / "d.csv", made)
    run = tmp_path / "run"
    outcome = cli("detect", path, "-o", run, "--encoder", "tfidf", "--json")
    assert outcome.code == 0
    found = json.loads(outcome.out)
    assert "12 rows have no text (68, 69, 70, 71, 72, ...)" in outcome.err
    assert any("1 class has only one or two rows" in w for w in found["warnings"])
    silent = issues(run)[66:]
    assert not any(row["is_issue"] for row in silent)
    assert {row["p_error"] for row in silent} == {round(found["noise_rate"], 6)}
    assert silent[0]["reasons"][0] == "the only row labelled press: too little to compare it with"
    assert silent[1]["reasons"] == ["there is no text to judge a label by"]
    assert found["duplicate_conflicts"] == 0
    candidates = pq.read_table(run / "candidates.parquet").to_pylist()
    empty = {str(n) for n in range(68, 80)}
    assert not any(empty & set(row["neighbor_ids"]) for row in candidates)

    clean = tmp_path / "clean.csv"
    assert cli("apply", run, "-o", clean, "--strategy", "drop").code == 0
    kept = clean.read_text().splitlines()
    assert sum(line.endswith(",press") for line in kept) == 1
    assert sum(line.startswith('"",') for line in kept) == 12


def test_joint_says_it_too(cli, tmp_path):
    path = write(tmp_path / "d.csv", [*rows(), ("press photo", "press"), ("", "billing")])
    embeddings = tmp_path / "embeddings.parquet"
    assert cli("embed", path, "-o", embeddings, *FAST).code == 0
    outcome = cli("joint", embeddings, "-o", tmp_path / "out", "--json")
    assert outcome.code == 0
    warnings = json.loads(outcome.out)["warnings"]
    assert ["1 row has no text" in warnings[0], "('press')" in warnings[1]] == [True, True]


def test_words_for_no_label_become_unlabelled_when_asked(cli, tmp_path):
    made = [(text, "N/A" if i % 8 == 0 else label) for i, (text, label) in enumerate(rows())]
    path, run = write(tmp_path / "d.csv", made), tmp_path / "run"
    outcome = cli("detect", path, "-o", run, "--encoder", "tfidf", "--json")
    assert '--missing-labels "N/A"' in outcome.err
    assert json.loads(outcome.out)["classes"] == ["N/A", *NAMES]

    outcome = cli(
        "detect", path, "-o", run, "--encoder", "tfidf", "--missing-labels", "N/A", "--json"
    )
    assert "N/A" not in outcome.err
    found = json.loads(outcome.out)
    assert (found["classes"], found["unlabelled"]) == (NAMES, 9)
    assert json.loads((run / "run.json").read_text())["input"]["missing_labels"] == ["N/A"]

    flagged = tmp_path / "flagged.csv"
    assert cli("apply", run, "-o", flagged).code == 0
    assert flagged.read_text().count(",N/A,") == 9  # the cells stay as they are
    outcome = cli(*("check", path, "--max-issues", 60, *FAST, "--missing-labels", "N/A", "--json"))
    assert (outcome.code, json.loads(outcome.out)["warnings"][0][:4]) == (0, "only")
    noisy = tmp_path / "noisy.csv"
    outcome = cli("noise", path, "-o", noisy, "--missing-labels", "N/A", "--json")
    assert json.loads(outcome.out)["rows"] == 57
    for command in (("check", run, "--max-issues", 60), ("train", run, "-o", tmp_path / "model")):
        outcome = cli(*command, "--missing-labels", "N/A")
        assert (outcome.code, "give the option to noisefix detect" in outcome.err) == (2, True)


def test_embed_takes_the_option_too(cli, tmp_path):
    made = [(text, "?" if i % 8 == 0 else label) for i, (text, label) in enumerate(rows())]
    path, embeddings = write(tmp_path / "d.csv", made), tmp_path / "embeddings.parquet"
    assert cli("embed", path, "-o", embeddings, *FAST, "--missing-labels", "?").code == 0
    assert set(pq.read_table(embeddings)["given_label"].to_pylist()) == {None, *NAMES}
    outcome = cli("embed", path, "-o", embeddings, "--encoder", "tfidf", "--missing-labels", "x")
    assert "--missing-labels: no row has the label 'x'" in outcome.err


@pytest.fixture
def parquet(tmp_path):
    """A Hugging Face file: the labels are numbers, two of them wrong, the names in its metadata."""
    made = rows()
    numbers = [NAMES.index(label) for _, label in made]
    numbers[0], numbers[4] = 1, 2
    table = pa.table({"text": [text for text, _ in made], "label": pa.array(numbers, pa.int64())})
    feature = {"label": {"names": NAMES, "_type": "ClassLabel"}}
    path = tmp_path / "d.parquet"
    metadata = {"huggingface": json.dumps({"info": {"features": feature}})}
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return path


def test_class_label_names_are_shown_and_numbers_are_written(cli, parquet, tmp_path):
    run, clean = tmp_path / "run", tmp_path / "clean.parquet"
    outcome = cli("detect", parquet, "-o", run, "--encoder", "tfidf", "--json")
    assert "note: label names: from the file's metadata (0 = account, 1 = billing" in outcome.err
    assert json.loads(outcome.out)["classes"] == NAMES
    relabel = ("--strategy", "relabel", "--min-probability", 0.5, "--min-margin", 0)
    assert cli("apply", run, "-o", clean, *relabel).code == 0
    before, after = pq.read_table(parquet), pq.read_table(clean)
    assert after.schema.equals(before.schema, check_metadata=True)
    pairs = zip(before["label"].to_pylist(), after["label"].to_pylist(), strict=True)
    changed = [(row, old, new) for row, (old, new) in enumerate(pairs) if old != new]
    assert changed == [(0, 1, 0), (4, 2, 1)]
    flagged = tmp_path / "flagged.parquet"
    assert cli("apply", run, "-o", flagged).code == 0
    verdicts = pq.read_table(flagged)
    assert verdicts["label"].equals(before["label"])
    assert verdicts["noisefix_suggested_label"][0].as_py() == "account"
    outcome = cli("noise", parquet, "-o", tmp_path / "noisy.parquet", "--rate", 0.3)
    assert outcome.code == 0
    noisy = pq.read_table(tmp_path / "noisy.parquet")
    assert noisy["label"].type == pa.int64()
    assert noisy["true_label"].to_pylist() == [NAMES[k] for k in before["label"].to_pylist()]


@pytest.mark.parametrize(
    "made", [[("same text", n) for n in NAMES * 9], [(" ? ", n) for n in NAMES * 9]]
)
def test_nothing_to_compare_is_said_before_the_work(cli, tmp_path, made):
    outcome = cli("detect", write(tmp_path / "d.csv", made), *FAST)
    assert outcome.code == 3
    assert "there is nothing to compare" in outcome.err
    assert not (tmp_path / "d.noisefix").exists()


def test_what_cannot_be_read_as_one_label_a_row_is_refused(cli, tmp_path):
    made = [(t, f"{n}|{NAMES[i % 2]}" if i % 4 == 0 else n) for i, (t, n) in enumerate(rows())]
    outcome = cli("detect", write(tmp_path / "d.csv", made), *FAST)
    assert outcome.code == 3
    assert "several labels in one cell" in outcome.err
    assert not (tmp_path / "d.noisefix").exists()


@pytest.mark.parametrize("command", ["detect", "embed", "check", "noise"])
def test_no_row_is_lost_as_a_header(cli, tmp_path, command):
    path = tmp_path / "d.csv"
    path.write_text("".join(f"{label},{text}\n" for text, label in rows()))
    options = {
        "check": ("--max-issues", 1),
        "detect": (),
        "embed": ("-o", tmp_path / "o.parquet"),
        "noise": ("-o", tmp_path / "o.csv"),
    }[command]
    outcome = cli(command, path, *options)
    assert outcome.code == 3
    assert "the first line looks like data" in outcome.err
    assert "hint: put a line with names in front, such as 'label,text'" in outcome.err


def test_a_copy_of_the_labels_is_told(cli, tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("text,label,checked\n" + "".join(f"{t},{n},{n}\n" for t, n in rows()))
    outcome = cli(
        "check", path, "--max-issues", 0, "--encoder", "tfidf", "--trusted-column", "checked"
    )
    assert outcome.code == 0
    assert "all 66 labelled rows are verified as they are" in outcome.err
    assert "is it a copy of the labels?" in outcome.err


@pytest.mark.parametrize("column", ["label", "text"])
def test_the_gate_is_not_disarmed_by_the_labels_themselves(cli, tmp_path, column):
    path = write(tmp_path / "d.csv", rows())
    outcome = cli("check", path, "--max-issues", 0, *FAST, "--trusted-column", column)
    assert outcome.code == 2
    assert f"this is the {column} column itself" in outcome.err
    run = tmp_path / "run"
    assert cli("detect", path, "-o", run, *FAST).code == 0
    outcome = cli(
        *("joint", run / "embeddings.parquet", "-o", tmp_path / "j", "--trusted-column", column)
    )
    assert outcome.code == 2

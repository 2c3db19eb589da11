"""``detect`` and ``joint`` with annotators' columns, end to end."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

WORDS = {
    "billing": ["invoice", "charge", "refund", "payment", "card"],
    "login": ["password", "account", "sign", "reset", "email"],
    "shipping": ["parcel", "courier", "delivery", "late", "box"],
}
OPTION = ("--annotator-columns", "gpt,rules,coin")


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """A table of 150 rows: a fourth of the labels wrong, two annotators that know, one that not."""
    rng = random.Random(0)
    names = list(WORDS)

    def said(true: str, accuracy: float) -> str:
        others = [name for name in names if name != true]
        return true if rng.random() < accuracy else rng.choice(others)

    path = tmp_path / "crowd.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label", "gpt", "rules", "coin", "gold"])
        for row in range(150):
            true = rng.choice(names)
            words = [*rng.sample(WORDS[true], 2), rng.choice(["please", "help", "my", "now"])]
            gpt = said(true, 0.85) if row % 10 else ["", "=1+1", "\x1b[31mno\nidea"][row % 3]
            answers = [said(true, 0.75), gpt, said(true, 0.85), said(true, 0.33)]
            writer.writerow([f"r{row}", f"{' '.join(words)} {row}", *answers, true])
    return path


@pytest.fixture
def detect(cli, crowd):
    def run(*arguments, data=crowd, code=0):
        outcome = cli("detect", data, "--encoder", "tfidf", *arguments)
        assert outcome.code == code, outcome.err
        return outcome

    return run


def table(path: Path, name: str):
    return pq.read_table(path.with_name(f"{path.stem}.noisefix") / f"{name}.parquet")


def test_the_summary_shows_the_annotators(detect, crowd):
    outcome = detect(*OPTION)
    assert "2 of 3 annotators used; Fleiss' kappa" in outcome.out
    assert "not used: hardly agrees beyond chance" in outcome.out
    assert "of 2 annotators say" in outcome.out
    assert "\x1b" not in outcome.out
    rows = {row["column"]: row for row in table(crowd, "annotators").to_pylist()}
    assert rows["gpt"]["other_answers"] == 10
    assert rows["gpt"]["rows"] == 135


def test_json_and_another_set_of_columns(detect, crowd):
    first = json.loads(detect(*OPTION, "--json").out)
    assert [one["is_used"] for one in first["annotators"]["annotators"]] == [True, True, False]
    again = json.loads(detect(*OPTION, "--json").out)
    assert again["skipped"] == ["embed", "joint", "candidates"]
    other = json.loads(detect("--annotator-columns", "gpt", "--json").out)
    assert other["skipped"] == ["embed"]
    assert len(other["annotators"]["annotators"]) == 1
    without = json.loads(detect("--json").out)
    assert without["annotators"] is None


def test_apply_changes_what_they_vouch_for(detect, cli, crowd, tmp_path):
    detect(*OPTION)
    run, out = crowd.with_name("crowd.noisefix"), tmp_path / "clean.csv"
    assert cli("apply", run, "--strategy", "relabel", "-o", out).code == 0
    with crowd.open(newline="") as one, out.open(newline="") as other:
        before, after = list(csv.DictReader(one)), list(csv.DictReader(other))
    changed = [a for b, a in zip(before, after, strict=True) if a["label"] != b["label"]]
    assert len(changed) > 10
    assert sum(row["label"] == row["gold"] for row in changed) > 0.85 * len(changed)
    vouched = sum(
        row["is_vouched"] and row["is_issue"] for row in table(crowd, "issues").to_pylist()
    )
    assert len(changed) == vouched


def test_a_list_of_answers_is_the_same(detect, crowd, tmp_path):
    detect(*OPTION)
    as_columns = table(crowd, "issues")
    path = tmp_path / "answers.csv"
    with crowd.open(newline="") as file, path.open("w", newline="") as to:
        writer = csv.writer(to)
        writer.writerow(["id", "annotator", "label"])
        for row in csv.DictReader(file):
            writer.writerows([row["id"], name, row[name]] for name in ("rules", "coin", "gpt"))
    detect("--annotations", path)
    assert table(crowd, "issues")["p_error"] == as_columns["p_error"]


def test_joint_reads_them_from_the_runs_input(detect, cli, crowd):
    detect(*OPTION)
    in_one_go = table(crowd, "issues")
    run = crowd.with_name("crowd.noisefix")
    detect()
    assert cli("joint", run, *OPTION).code == 0
    assert table(crowd, "issues") == in_one_go


def test_a_decision_is_final_and_judging_again_keeps_the_annotators(detect, cli, crowd, tmp_path):
    from noisefix.detection.rejudge import rejudge
    from noisefix.run.folder import RunFolder

    detect(*OPTION)
    run = crowd.with_name("crowd.noisefix")
    issues = table(crowd, "issues").to_pylist()
    row = next(row for row in issues if row["is_vouched"])
    review = tmp_path / "review.csv"
    assert cli("apply", run, "--review-csv", review).code == 0
    with review.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    for one in rows:
        if one["id"] == row["id"]:
            one["decision"] = "keep"
    with review.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    assert cli("apply", run, "--review", review, "-o", tmp_path / "c.csv").code == 0
    rejudge(RunFolder.open(run))
    judged = {one["id"]: one for one in table(crowd, "issues").to_pylist()}
    assert judged[row["id"]]["p_error"] == 0
    assert not judged[row["id"]]["is_vouched"]
    assert any(one["is_vouched"] for one in judged.values())


def test_without_a_label_column_the_vote_is_the_given_label(cli, crowd, tmp_path):
    path = tmp_path / "votes.csv"
    with crowd.open(newline="") as file, path.open("w", newline="") as to:
        writer = csv.writer(to)
        for row in csv.reader(file):
            writer.writerow([*row[:2], *row[3:6]])
    outcome = cli("detect", path, "--encoder", "tfidf", *OPTION, "--json")
    assert outcome.code == 0, outcome.err
    assert "what most annotators say is the given label" in outcome.err
    found = json.loads(outcome.out)
    assert found["annotators"]["given_by_vote"]
    assert found["classes"] == list(WORDS)


@pytest.fixture
def voted(cli, crowd, tmp_path):
    """The run of a table without a label column, three annotators of which know."""
    rng = random.Random(1)
    path = tmp_path / "votes.csv"
    with crowd.open(newline="") as file, path.open("w", newline="") as to:
        writer = csv.writer(to)
        writer.writerow(["id", "text", "gpt", "rules", "ann", "gold"])
        for row in csv.DictReader(file):
            said = [row["rules"], row["gpt"] if row["gpt"] in WORDS else "", row["gold"]]
            said[2] = rng.choice([*WORDS, said[2], said[2]])
            writer.writerow([row["id"], row["text"], *said, row["gold"]])
        writer.writerow(["last", "parcel late courier", "", "", "", "shipping"])
    columns = ("--annotator-columns", "gpt,rules,ann")
    assert cli("detect", path, "--encoder", "tfidf", *columns).code == 0
    return path.with_name("votes.noisefix")


def consensus(path):
    with path.open(newline="") as file:
        return {row["id"]: row["noisefix_label"] for row in csv.DictReader(file)}


def test_apply_writes_the_consensus_into_a_column_of_its_own(cli, voted, tmp_path):
    clean, flagged = tmp_path / "clean.csv", tmp_path / "flagged.csv"
    applied = cli("apply", voted, "--strategy", "relabel", "-o", clean)
    assert applied.code == 0, applied.err
    assert "all labels are in new column noisefix_label" in applied.out
    assert cli("apply", voted, "-o", flagged).code == 0
    issues = {row["id"]: row for row in pq.read_table(voted / "issues.parquet").to_pylist()}
    vote = {key: row["given_label"] or "" for key, row in issues.items()}
    assert consensus(flagged) == vote
    assert vote["last"] == ""
    changed = {key for key, label in consensus(clean).items() if label != vote[key]}
    assert changed == {k for k, row in issues.items() if row["is_vouched"] and row["is_issue"]}
    assert all(consensus(clean)[key] == issues[key]["suggested_label"] for key in changed)
    assert cli("apply", voted, "--revert", "-o", clean).code == 0
    assert clean.read_bytes() == (tmp_path / "votes.csv").read_bytes()


@pytest.mark.slow
def test_a_persons_word_and_an_answer_go_into_that_column_too(cli, voted, tmp_path):
    review, clean = tmp_path / "review.csv", tmp_path / "clean.csv"
    assert cli("apply", voted, "--review-csv", review).code == 0
    with review.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    other = next(name for name in WORDS if name != rows[0]["given_label"])
    rows[0]["decision"] = other
    with review.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    assert cli("relabel", voted, "--annotator", "column:gold").code == 0
    outcome = cli(
        *("apply", voted, "--strategy", "relabel", "--review", review, "-o", clean),
        *("--fill-unlabelled", "--diff"),
    )
    assert outcome.code == 0, outcome.err
    assert consensus(clean)[rows[0]["id"]] == other
    answers = pq.read_table(voted / "relabels.parquet").to_pylist()
    answered = {row["id"]: row for row in answers if row["action"] == "relabel"}
    assert answered
    for key, row in answered.items():
        assert key == rows[0]["id"] or consensus(clean)[key] == row["final_label"]


@pytest.mark.slow
def test_the_same_in_memory(voted, tmp_path):
    import pandas as pd

    from noisefix import detect

    frame = pd.read_csv(tmp_path / "votes.csv", dtype=str, keep_default_na=False)
    found = detect(frame, encoder="tfidf", annotator_columns="gpt,rules,ann")
    clean = found.clean(strategy="relabel")
    assert set(clean.columns) - set(frame.columns) == {"noisefix_label"}
    assert clean["noisefix_label"].isin([*WORDS, None]).all()


@pytest.mark.parametrize(
    ("columns", "code", "message"),
    [
        ("gpt,nobody", 3, "there is no column 'nobody'"),
        ("gpt,gpt", 2, "names 'gpt' twice"),
        ("text", 2, "this is the text column itself"),
        (" , ", 2, "names no column"),
    ],
)
def test_columns_that_cannot_be_used(detect, columns, code, message):
    outcome = detect("--annotator-columns", columns, code=code)
    assert message in outcome.err
    assert "hint:" in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("named", [(), ("--label-column", "label")])
def test_the_given_label_is_no_annotator(detect, named):
    outcome = detect(*named, "--annotator-columns", "gpt,label", code=2)
    assert "this is the label column itself" in outcome.err
    assert "say so with --label-column" in outcome.err
    other = ("--label-column", "gold", "--annotator-columns", "gpt,label")
    if not named:
        assert detect(*other, "--json").code == 0


def test_one_annotator_alone_is_nobody_to_compare_with(cli, crowd, tmp_path):
    path = tmp_path / "one.csv"
    with crowd.open(newline="") as file, path.open("w", newline="") as to:
        writer = csv.writer(to)
        for row in csv.reader(file):
            writer.writerow([*row[:2], row[4]])
    outcome = cli("detect", path, "--encoder", "tfidf", "--annotator-columns", "rules")
    assert outcome.code == 2
    assert "one annotator, 'rules', and no label column" in outcome.err
    assert not path.with_name("one.noisefix").exists()


def test_check_takes_annotators(cli, crowd, tmp_path):
    gate = ("--encoder", "tfidf", "--max-noise-rate", 0.9, "--json")
    plain = json.loads(cli("check", crowd, *gate).out)
    outcome = cli("check", crowd, *gate, *OPTION)
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert found["noise_rate"] != plain["noise_rate"]
    answers = tmp_path / "answers.csv"
    with crowd.open(newline="") as file, answers.open("w", newline="") as to:
        writer = csv.writer(to)
        writer.writerow(["id", "annotator", "label"])
        for row in csv.DictReader(file):
            writer.writerows([row["id"], name, row[name]] for name in ("rules", "coin", "gpt"))
    listed = json.loads(cli("check", crowd, *gate, "--annotations", answers).out)
    assert listed["noise_rate"] == found["noise_rate"]
    refused = cli("check", crowd, *gate, "--annotations", answers, "--junit", answers)
    assert (refused.code, answers.read_text()[:3]) == (2, "id,")


@pytest.mark.slow
def test_check_of_a_run_knows_whether_it_has_heard_them(detect, cli, crowd):
    detect("--annotator-columns", "gpt,rules")
    run = crowd.with_name("crowd.noisefix")
    gate = ("--max-noise-rate", 0.9)
    assert cli("check", run, *gate, "--annotator-columns", "GPT").code == 0
    refused = cli("check", run, *gate, *OPTION)
    assert (refused.code, "coin: " in refused.err) == (2, True)
    assert "was judged without" in refused.err
    detect()
    assert cli("check", run, *gate, "--annotator-columns", "gpt").code == 2


def test_joint_without_a_run_needs_the_table(cli, crowd, tmp_path):
    assert cli("embed", crowd, "--encoder", "tfidf", "-o", tmp_path / "e.parquet").code == 0
    outcome = cli("joint", tmp_path / "e.parquet", "-o", tmp_path / "out", *OPTION)
    assert outcome.code == 2
    assert "name the table that holds it with --data" in outcome.err
    given = ("--data", crowd, *OPTION)
    assert cli("joint", tmp_path / "e.parquet", "-o", tmp_path / "out", *given).code == 0


@pytest.fixture
def asked(detect, cli, crowd, plain, tmp_path):
    """Return a function: the labels after apply, by id, once an annotator was asked or nobody."""
    rng = random.Random(2)
    with_column(
        crowd, "llm", (r["gold"] if rng.random() < 0.9 else rng.choice([*WORDS]) for r in plain)
    )
    detect("--annotator-columns", "gpt,rules")
    run = crowd.with_name("crowd.noisefix")

    def labels(*ask: str) -> dict[str, str]:
        if ask:
            outcome = cli("relabel", run, *ask, "--data", crowd)
            assert outcome.code == 0, outcome.err
        out = tmp_path / "clean.csv"
        assert cli("apply", run, "--strategy", "relabel", "-o", out).code == 0
        with out.open(newline="") as file:
            return {row["id"]: row["label"] for row in csv.DictReader(file)}

    return labels


def test_asking_an_annotator_that_is_not_heeded_takes_nothing_back(asked):
    before = asked()
    assert asked("--annotator", "column:coin") == before


def test_asking_one_that_knows_adds_to_what_the_columns_say(asked, crowd):
    before = asked()
    after = asked("--annotator", "column:llm")
    with crowd.open(newline="") as file:
        rows = list(csv.DictReader(file))
    wrong = [sum(one[row["id"]] != row["gold"] for row in rows) for one in (before, after)]
    assert wrong[1] < wrong[0] - 3


def test_a_column_that_was_heard_is_not_asked_again(detect, cli, crowd):
    detect("--annotator-columns", "gpt,rules")
    refused = cli("relabel", crowd.with_name("crowd.noisefix"), "--annotator", "column:GPT")
    assert (refused.code, "is weighed in already" in refused.err) == (2, True)


def with_column(path: Path, name: str, cells) -> None:
    lines = path.read_text().splitlines()
    added = [name, *cells]
    path.write_text("".join(f"{a},{b}\n" for a, b in zip(lines, added, strict=True)))


@pytest.fixture
def plain(crowd):
    """The same rows without the cells that break lines."""
    with crowd.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with crowd.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(row | {"gpt": row["gpt"] if row["gpt"] in WORDS else ""})
    return rows


def test_verified_rows_and_annotators(detect, crowd, plain):
    with_column(crowd, "checked", (r["gold"] if k % 4 == 0 else "" for k, r in enumerate(plain)))
    detect("--annotator-columns", "gpt,rules", "--trusted-column", "checked")
    issues = table(crowd, "issues").to_pylist()
    for row, known in zip(issues[::4], plain[::4], strict=True):
        assert row["p_error"] == float(row["given_label"] != known["gold"])
        assert (row["suggested_label"], row["is_vouched"]) == (known["gold"], False)
    assert any(row["is_vouched"] for row in issues)


@pytest.mark.slow
def test_what_rows_are_not_and_annotators(detect, crowd, plain):
    right = [k for k, row in enumerate(plain) if row["label"] == row["gold"] == row["rules"]][:5]
    with_column(crowd, "no", (r["label"] if k in right else "" for k, r in enumerate(plain)))
    detect("--annotator-columns", "gpt,rules")
    before = table(crowd, "issues").to_pylist()
    detect("--annotator-columns", "gpt,rules", "--not-column", "no")
    after = table(crowd, "issues").to_pylist()
    assert all(after[k]["p_error"] > before[k]["p_error"] for k in right)
    assert all(after[k]["not_labels"] == [after[k]["given_label"]] for k in right)
    assert any(row["is_vouched"] for row in after)


def test_an_order_of_classes_and_annotators(detect, crowd, plain):
    ordinal = ("--ordinal", ",".join(WORDS), "--json")
    found = json.loads(detect("--annotator-columns", "gpt,rules", *ordinal).out)
    assert found["ordinal"] is not None
    assert found["annotators"]["used"] == 2
    issues = table(crowd, "issues").to_pylist()
    ranked = sorted((row for row in issues if row["rank"]), key=lambda row: row["rank"])
    distances = [row["expected_distance"] for row in ranked]
    assert distances == sorted(distances, reverse=True)
    assert any(row["is_vouched"] for row in issues)


@pytest.mark.slow
def test_an_order_of_rows_and_annotators(cli, tmp_path):
    rng = random.Random(3)
    names = list(WORDS)
    lines = ["id,text,label,a,b,talk,turn"]
    true = []
    for row in range(600):
        here = names[row % 3]  # one class follows the other
        true.append(here)

        def said(accuracy, here=here):
            return here if rng.random() < accuracy else rng.choice(names)

        words = " ".join(rng.sample(WORDS[said(0.6)], 2))
        lines.append(
            f"{row},{words} {row},{said(0.75)},{said(0.8)},{said(0.8)},{row // 30},{row % 30}"
        )
    path = tmp_path / "talks.csv"
    path.write_text("\n".join(lines) + "\n")
    detect = ("detect", path, "--encoder", "tfidf", "--json")
    order = ("--order-column", "turn", "--group-column", "talk")
    voters = ("--annotator-columns", "a,b")
    wrong = {}
    for name, options in (("order", order), ("voters", voters), ("both", (*order, *voters))):
        outcome = cli(*detect, *options)
        assert outcome.code == 0, outcome.err
        found = json.loads(outcome.out)
        rows = table(path, "issues").to_pylist()
        wrong[name] = sum(r["suggested_label"] != t for r, t in zip(rows, true, strict=True))
    assert found["order"]["is_used"]
    assert found["annotators"]["used"] == 2
    assert wrong["both"] < min(wrong["order"], wrong["voters"])

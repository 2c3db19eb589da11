"""``recipe``: all steps in one go, taken up again where it stopped, and the same as its script."""

import csv
import json
import shlex
from pathlib import Path

import pytest

QUICK = ("--set", "detect.encoder=tfidf", "--set", "train.epochs=2")


def steps_of(outcome):
    return {step["name"]: step for step in json.loads(outcome.out)["steps"]}


def truth(tickets):
    """Let the model be scored on a table of two rows that it cannot get wrong."""
    path = tickets.parent / "test.csv"
    rows = [("parcel and delivery, tracking", "shipping"), ("password and login", "account")]
    path.write_text("text,gold\n" + "".join(f'"{text}",{gold}\n' for text, gold in rows))
    return ("--set", "evaluate.truth=gold", "--set", f"evaluate.data={path}")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "all"


def test_all_is_written_and_a_second_time_nothing_is_done_again(cli, tickets, folder):
    outcome = cli("recipe", tickets, "-o", folder, *QUICK)
    assert outcome.code == 0, outcome.err
    for name in ("run/issues.parquet", "cleaned.csv", "model/model.safetensors", "report.html"):
        assert (folder / name).exists(), name
    assert "noisefix review" in outcome.out
    written = [folder / name for name in ("cleaned.csv", "report.html", "model/model.safetensors")]
    before = [file.stat().st_mtime_ns for file in written]
    again = steps_of(cli("recipe", tickets, "-o", folder, *QUICK, "--json"))
    assert [step["skipped"] for step in again.values()] == [False, True, True, True]
    assert again["detect"]["facts"]["rows"] == 60
    assert [file.stat().st_mtime_ns for file in written] == before


def test_what_has_changed_is_done_again_and_only_that(cli, tickets, folder):
    cli("recipe", tickets, "-o", folder, *QUICK)
    changed = cli("recipe", tickets, "-o", folder, *QUICK, "--set", "train.seed=4", "--json")
    assert [name for name, s in steps_of(changed).items() if not s["skipped"]] == [
        "detect",
        "train",
    ]
    (folder / "report.html").unlink()
    third = cli("recipe", tickets, "-o", folder, *QUICK, "--set", "train.seed=4", "--json")
    assert steps_of(third)["report"]["skipped"] is False
    assert (folder / "report.html").exists()


def test_a_persons_decision_reaches_every_step(cli, tickets, folder):
    cli("recipe", tickets, "-o", folder, *QUICK)
    with tickets.open(newline="") as file:
        row = next(csv.DictReader(file))
    other = "refund" if row["label"] != "refund" else "shipping"
    review = folder.parent / "review.csv"
    cells = f'{row["id"]},"{row["text"]}",{row["label"]},{other}'
    review.write_text(f"id,text,given_label,decision\n{cells}\n")
    again = cli(
        "recipe", tickets, "-o", folder, *QUICK, "--set", f"apply.review={review}", "--json"
    )
    assert again.code == 0, again.err
    assert not any(step["skipped"] for step in list(steps_of(again).values())[:2])
    assert (folder / "cleaned.csv").read_text().splitlines()[1].endswith(other)


@pytest.mark.slow
def test_the_script_does_the_same(cli, tickets, folder, tmp_path, monkeypatch):
    explained = cli("recipe", tickets, "-o", folder, *QUICK, "--explain")
    assert explained.code == 0
    assert not folder.exists()
    commands = [line for line in explained.out.splitlines() if line.startswith("noisefix ")]
    cli("recipe", tickets, "-o", folder, *QUICK)
    by_recipe = (folder / "cleaned.csv").read_bytes()
    issues = (folder / "run/issues.parquet").read_bytes()
    for file in ("cleaned.csv", "run/issues.parquet"):
        (folder / file).unlink()
    for command in commands:
        outcome = cli(*shlex.split(command)[1:])
        assert outcome.code == 0, outcome.err
    assert (folder / "cleaned.csv").read_bytes() == by_recipe
    assert (folder / "run/issues.parquet").read_bytes() == issues


def test_a_step_that_fails_ends_it_and_the_next_time_goes_on(cli, tickets, folder):
    wrong = (*QUICK, "--set", "evaluate.truth=nowhere")
    failed = cli("recipe", tickets, "-o", folder, *wrong)
    assert failed.code == 3
    assert "nowhere" in failed.err
    assert (folder / "model").is_dir()
    assert not (folder / "report.html").exists()
    mended = cli("recipe", tickets, "-o", folder, *QUICK, *truth(tickets), "--json")
    assert mended.code == 0, mended.err
    found = steps_of(mended)
    assert [found[name]["skipped"] for name in ("apply", "train", "evaluate", "report")] == [
        *(True, True, False, False)
    ]
    assert found["evaluate"]["facts"]["accuracy"] == 1.0


def test_a_changed_input_is_read_again(cli, tickets, folder):
    words = ("recipe", tickets, "-o", folder, *QUICK, "--steps", "detect,apply", "--json")
    cli(*words)
    tickets.write_text(tickets.read_text().replace("t2,", "t9992,"))
    found = steps_of(cli(*words))
    assert [step["skipped"] for step in found.values()] == [False, False]
    assert (folder / "cleaned.csv").read_text().splitlines()[2].startswith("t9992,")


@pytest.mark.slow
def test_with_force_all_is_done_again(cli, tickets, folder):
    words = ("recipe", tickets, "-o", folder, *QUICK, "--steps", "detect,apply", "--json")
    cli(*words)
    again = steps_of(cli(*words, "--force"))
    assert [step["skipped"] for step in again.values()] == [False, False]


def test_a_folder_of_something_else_is_left_alone(cli, tickets, folder):
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    refused = cli("recipe", tickets, "-o", folder, *QUICK)
    assert refused.code == 3
    assert "holds other files" in refused.err
    assert [file.name for file in folder.iterdir()] == ["thesis.txt"]


@pytest.mark.slow
def test_a_budget_that_is_reached_ends_with_5_and_the_rest_is_done(
    cli, tickets, folder, monkeypatch
):
    from noisefix.errors import ServiceError
    from noisefix.recipes import work

    asked = []

    def relabel(step, watch, stdin):
        asked.append(step.options.max_rows)
        facts = {"asked": 3, "answered": 2, "relabelled": 0, "review": 0, "cost_usd": 0.5}
        failure = ServiceError("the budget is spent") if len(asked) == 1 else None
        return work.Outcome(facts, failure=failure)

    monkeypatch.setitem(work._WORK, "relabel", relabel)
    words = ("recipe", tickets, "-o", folder, *QUICK, "--set", "relabel.max_rows=3")
    first = cli(*words)
    assert first.code == 5
    assert "the budget is spent" in first.err
    assert (folder / "report.html").exists()
    assert cli(*words).code == 0  # asked again, for it was not done
    assert cli(*words).code == 0
    assert asked == [3, 3]


def test_a_broken_record_is_said(cli, tickets, folder):
    folder.mkdir()
    (folder / "recipe.json").write_text("{")
    broken = cli("recipe", tickets, "-o", folder, *QUICK)
    assert broken.code == 3
    assert "not the record of a recipe" in broken.err


@pytest.mark.slow
def test_the_example_runs_to_its_end(cli, folder):
    examples = Path(__file__).parents[2] / "examples"
    words = ("--recipe", examples / "recipe.toml", "--set", "detect.encoder=tfidf", "--json")
    outcome = cli("recipe", examples / "support_tickets.csv", "-o", folder, *words)
    assert outcome.code == 0, outcome.err
    found = steps_of(outcome)
    assert list(found) == ["detect", "relabel", "apply", "train", "evaluate", "report"]
    scores = found["evaluate"]["facts"]
    assert scores["right_after"] > scores["right_before"]

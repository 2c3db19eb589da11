"""``noisefix evaluate --rank-stability``: where right labels come from, files, and refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest

from noisefix.run.decisions import CLASS, DROP, PersonDecision, append_decisions, decision_key

N_ROWS = 40
GIVEN = ["bill" if row % 2 else "ship" for row in range(N_ROWS)]
TRUE = ["other" if row < 3 else "bill" if row == 4 else label for row, label in enumerate(GIVEN)]
CSV = "id,text,label,truth\n" + "".join(
    f"t{row},text {row},{given},{true}\n"
    for row, (given, true) in enumerate(zip(GIVEN, TRUE, strict=True))
)


@pytest.fixture
def run(make_run, verdict):
    rows = [
        verdict(given, true, 0.7 if given == true else 0.9, is_issue=given != true)
        for given, true in zip(GIVEN, TRUE, strict=True)
    ]
    return make_run(CSV, rows, id_column="id", noise_rate=(0.3, 0.2, 0.4))


@pytest.fixture
def parrot(tmp_path):
    """A model that says what is given, but for two rows."""
    return written(
        tmp_path / "parrot.csv", ["ship" if 9 < row < 13 else g for row, g in rows_of(GIVEN)]
    )


@pytest.fixture
def sage(tmp_path):
    """A model that says what is right, but for four rows."""
    return written(
        tmp_path / "sage.csv", ["ship" if 19 < row < 28 else t for row, t in rows_of(TRUE)]
    )


def rows_of(labels):
    return list(enumerate(labels))


def written(path, labels, ids=None):
    ids = ids or [f"t{row}" for row in range(len(labels))]
    lines = [f"{key},{label}" for key, label in zip(ids, labels, strict=True)]
    path.write_text("\n".join(["id,label", *reversed(lines)]) + "\n")
    return path


def ranked(cli, *arguments):
    outcome = cli("evaluate", *arguments, "--rank-stability", "--json")
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


def decide(run, row, kind, label=None):
    key = decision_key(f"text {row}", GIVEN[row])
    append_decisions(run.decisions, [PersonDecision(key, f"t{row}", kind, label, "ann")])


def test_true_labels_of_the_input(cli, run, parrot, sage):
    found = ranked(cli, run.path, parrot, sage, "--truth", "truth")
    assert (found["rows"], found["wrong"], found["is_posterior"]) == (40, 4, False)
    one, other = found["models"]
    assert (one["name"], one["given_rank"], one["corrected_rank"]) == ("parrot", 1, 2)
    assert one["given"]["value"] == pytest.approx(39 / 40)
    assert one["corrected"]["value"] == pytest.approx(35 / 40)
    assert one["memorised"]["value"] == 1
    assert other["given"]["value"] == pytest.approx(32 / 40)
    assert other["corrected"]["value"] == pytest.approx(36 / 40)
    assert (found["best_given"], found["best_corrected"]) == (["parrot"], ["sage"])
    assert (found["tau"], found["pairs"][0]["one"]) == (-1, "parrot")
    # On right rows 35 and 32 of 36, on wrong ones 0 and 4 of 4.
    assert found["pairs"][0]["crosses_at"]["value"] == pytest.approx((3 / 36) / (3 / 36 + 1))
    assert found["pairs"][0]["crosses_removed"] is None  # below the error share that there is
    assert found["sweep"][0]["error_share"] == pytest.approx(0.1)
    assert found["sweep"][-1]["accuracies"][0]["value"] == pytest.approx(35 / 36 / 2)


def test_a_table_instead_of_a_run(cli, run, parrot, sage, tmp_path):
    of_run = ranked(cli, run.path, parrot, sage, "--truth", "truth")
    of_table = ranked(cli, tmp_path / "data.csv", parrot, sage, "--truth", "truth")
    assert of_table["pairs"] == of_run["pairs"]
    assert [model["expected"] for model in of_table["models"]] == [None, None]


def test_without_corrections_the_posterior_counts(cli, run, parrot, sage):
    found = ranked(cli, run.path, parrot, sage)
    assert found["is_posterior"]
    assert found["models"][0]["expected"] == found["models"][0]["corrected"]
    assert found["models"][0]["corrected"]["value"] == pytest.approx(
        (35 * 0.7 + 0.15 + 4 * 0.05) / 40
    )
    assert "nobody has corrected a label" in found["warnings"][0]


def test_decisions_correct_and_leave_rows_out(cli, run, parrot, sage):
    decide(run, 4, CLASS, "bill")
    decide(run, 5, CLASS, "quite new")
    decide(run, 6, DROP)
    found = ranked(cli, run.path, parrot, sage)
    assert (found["rows"], found["wrong"]) == (39, 2)
    assert found["left_out"] == {"no label fits": 1}
    assert found["source"] == "people's decisions (3 rows)"
    assert found["notes"][0].startswith("3 flagged rows nobody has looked at")
    assert found["models"][0]["memorised"]["value"] == 1
    assert found["models"][1]["on_wrong"]["value"] == 0.5


def test_changes_that_apply_wrote(cli, run, parrot, sage, tmp_path):
    output = tmp_path / "cleaned.csv"
    assert cli("apply", run.path, "-o", output, "--strategy", "relabel").code == 0
    found = ranked(cli, run.path, parrot, sage)
    assert found["source"].startswith("changes that apply wrote")
    assert found["wrong"] == 4
    assert cli("apply", run.path, "--revert", "-o", output).code == 0
    assert ranked(cli, run.path, parrot, sage)["is_posterior"]


def test_one_model_alone(cli, run, sage):
    found = ranked(cli, run.path, sage, "--truth", "truth")
    assert (found["pairs"], found["tau"], found["p_winner_changes"]) == ([], None, 0)
    assert "One model alone" in cli("evaluate", run.path, sage, "--rank-stability").out


def test_table_for_people(cli, run, parrot, sage):
    outcome = cli("evaluate", "--rank-stability", run.path, parrot, sage, "--truth", "truth")
    assert outcome.code == 0
    for line in (
        "2 models on 40 rows; right labels: the true labels",
        "parrot: best by given labels; sage: best by corrected ones; the best model changes with",
        "Wrong given labels: 4 (10.0 %). Kendall's tau of the two rankings: -1.00.",
    ):
        assert line in outcome.out
    assert "only 4 rows with a corrected label" in outcome.err


def test_arrays_in_the_order_of_the_rows(cli, run, parrot, sage, tmp_path):
    names = ["bill", "other", "ship"]
    labels = ["ship" if 19 < row < 28 else true for row, true in rows_of(TRUE)]
    files = [tmp_path / f"{kind}.npy" for kind in ("names", "ids", "probs")]
    ids = np.array([names.index(label) for label in labels])
    for file, array in zip(files, (np.array(labels), ids, np.eye(3)[ids] * 0.5), strict=True):
        np.save(file, array)
    found = ranked(cli, run.path, sage, *files, "--truth", "truth")
    assert len({model["corrected"]["value"] for model in found["models"]}) == 1


def test_hostile_names_and_classes(cli, run, tmp_path, sage):
    odd = written(
        tmp_path / "::error::\x1b[31m=cmd|' .csv",
        [f"=cmd|'{label}" for label in TRUE[:39]] + ["ship"],
    )
    outcome = cli("evaluate", run.path, odd, sage, "--rank-stability")
    assert outcome.code == 0
    assert "\x1b" not in outcome.out + outcome.err
    assert not any(line.lstrip().startswith("::error::") for line in outcome.out.splitlines())
    assert "39 rows predicted as a class that no row of the test set has" in outcome.err
    same = tmp_path / "b"
    same.mkdir()
    again = written(same / "sage.csv", TRUE)
    names = [m["name"] for m in ranked(cli, run.path, sage, again, again)["models"]]
    assert names == [f"{tmp_path.name}/sage", "b/sage (2)", "b/sage (3)"]


def refusal(outcome, code, *parts):
    assert (outcome.code, outcome.out) == (code, "")
    for part in ("error: ", "hint: ", *parts):
        assert str(part) in outcome.err


def test_refusals(cli, run, parrot, tmp_path):
    def refused(code, *parts, file=parrot, more=("--rank-stability",)):
        refusal(cli("evaluate", run.path, file, *more), code, *parts)

    refused(2, "--rank-stability only", more=())
    refusal(cli("evaluate", run.path), 2, "--truth is missing")
    refusal(cli("evaluate", run.path, "--rank-stability"), 2, "no predictions")
    refusal(cli("evaluate", tmp_path / "data.csv", parrot, "--rank-stability"), 2, "--truth")
    short = written(tmp_path / "short.csv", GIVEN[:38])
    refused(3, "short.csv", "no prediction for 2 of 40 rows", "t38, t39", file=short)
    twice = written(tmp_path / "twice.csv", GIVEN[:2], ["t1", "t1"])
    refused(3, "'t1' appears more than once", file=twice)
    hollow = written(tmp_path / "hollow.csv", ["", *GIVEN[1:]])
    refused(3, "1 of 40 rows have no label", "row 1", file=hollow)
    foreign = written(tmp_path / "foreign.csv", ["x"] * 40)
    refused(3, "no label is a class of the test set", file=foreign)
    np.save(tmp_path / "few.npy", np.zeros(3, int))
    refused(3, "3 predictions for 40 rows", file=tmp_path / "few.npy")
    np.save(tmp_path / "far.npy", np.full(40, 7))
    refused(3, "row 1 holds class 7", file=tmp_path / "far.npy")
    np.save(tmp_path / "odd.npy", np.zeros((40, 9)))
    refused(3, "9 columns of probabilities for 3 classes", file=tmp_path / "odd.npy")
    np.save(tmp_path / "cube.npy", np.zeros((40, 3, 2)))
    refused(3, "shape (40, 3, 2)", file=tmp_path / "cube.npy")
    (tmp_path / "nameless.csv").write_text("id,a,b\nt1,x,y\n")
    refused(3, "no column is called label", file=tmp_path / "nameless.csv")
    refused(3, "no such file", file=tmp_path / "absent.csv")

"""--order-column from the shell: used where it explains labels, said, and the same either way."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

WORDS = {
    "ask": ["where is", "how far", "which way", "can you see"],
    "answer": ["to the left", "about two inches", "straight down", "yes I can"],
    "other": ["okay", "right", "mmhmm", "well then"],
}
TFIDF = ("--encoder", "tfidf")
ORDER = ("--order-column", "turn", "--group-column", "talk")


def content(n_talks: int = 24, length: int = 24, *, is_ordered: bool = True) -> str:
    """Talks in which an answer follows every question; every fifth label is wrong."""
    rng = np.random.default_rng(0)
    lines = ["id,text,label,talk,turn"]
    for talk in range(n_talks):
        before = "other"
        for turn in range(length):
            if is_ordered:
                here = {"ask": "answer", "answer": "other", "other": "ask"}[before]
            else:
                here = str(rng.choice(list(WORDS)))
            before = here
            said = here if rng.random() < 0.7 else str(rng.choice(list(WORDS)))
            words = " and ".join(rng.choice(WORDS[said], 2))
            text = f"{words} the landmark {rng.integers(10**4)}"
            label = here if rng.random() > 0.2 else str(rng.choice(list(WORDS)))
            lines.append(f"{talk}-{turn},{text},{label},talk {talk},{turn + 1}")
    order = np.random.default_rng(1).permutation(len(lines) - 1)
    return "\n".join([lines[0], *(lines[1 + k] for k in order)]) + "\n"


def done(outcome):
    assert outcome.code == 0, outcome.err
    return outcome


@pytest.fixture
def talks(tmp_path):
    path = tmp_path / "talks.csv"
    path.write_text(content())
    return path


def test_it_is_used_and_said_and_gives_reasons(cli, talks, tmp_path):
    found = json.loads(done(cli("detect", talks, *TFIDF, *ORDER, "--json")).out)
    assert found["order"]["is_used"] is True
    assert found["order"]["explains"] > 0.1
    assert len(found["order"]["groups"]) == 24
    issues = pq.read_table(tmp_path / "talks.noisefix" / "issues.parquet")
    said = [reason for row in issues["reasons"].to_pylist() for reason in row]
    assert any(reason.startswith("the rows before and after suggest ") for reason in said)
    out = done(cli("detect", talks, *TFIDF, *ORDER)).out
    assert "The rows before and after explain" in out
    assert "The groups with the most wrong labels:" in out


def test_rows_in_no_order_are_judged_as_without(cli, tmp_path):
    path = tmp_path / "talks.csv"
    path.write_text(content(is_ordered=False))
    plain, ordered = tmp_path / "plain", tmp_path / "ordered"
    done(cli("detect", path, "-o", plain, *TFIDF))
    found = json.loads(done(cli("detect", path, "-o", ordered, *TFIDF, *ORDER, "--json")).out)
    assert found["order"]["is_used"] is False
    one, two = (pq.read_table(folder / "issues.parquet") for folder in (plain, ordered))
    assert one.equals(two)
    assert (
        "do not explain the labels" in done(cli("detect", path, "-o", ordered, *TFIDF, *ORDER)).out
    )


def test_the_stages_read_the_same_order(cli, talks, tmp_path):
    whole, run, parts = tmp_path / "whole", tmp_path / "run", tmp_path / "parts"
    done(cli("detect", talks, "-o", whole, *TFIDF, *ORDER))
    done(cli("embed", talks, "-o", run, *TFIDF))
    outcome = done(cli("joint", run, *ORDER))
    assert "explain" in outcome.err
    expected = (whole / "issues.parquet").read_bytes()
    assert (run / "issues.parquet").read_bytes() == expected
    turned = tmp_path / "turned.csv"
    lines = talks.read_text().splitlines()
    turned.write_text("\n".join([lines[0], *lines[:0:-1]]) + "\n")
    done(cli("joint", run / "embeddings.parquet", "-o", parts, *ORDER, "--data", turned))
    one, two = (pq.read_table(folder / "issues.parquet") for folder in (whole, parts))
    assert one["p_error"].to_pylist() == pytest.approx(two["p_error"].to_pylist())


def test_rows_without_a_place_are_counted(cli, tmp_path):
    path = tmp_path / "talks.csv"
    lines = content().splitlines()
    lines[5] = lines[5].rsplit(",", 1)[0] + ","
    lines[9] = ",".join([*lines[9].split(",")[:3], "", "4"])
    path.write_text("\n".join(lines) + "\n")
    outcome = done(cli("detect", path, *TFIDF, *ORDER))
    assert "2 rows have no order or no group" in outcome.err


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--group-column", "talk"), 2, "--order-column"),
        (("--order-column", "label"), 2, "label column itself"),
        (("--order-column", "turns"), 3, "did you mean 'turn'"),
        (("--order-column", "turn", "--group-column", "turn"), 2, "two purposes"),
    ],
)
def test_what_cannot_be_is_refused_before_the_work(cli, talks, tmp_path, options, code, said):
    outcome = cli("detect", talks, *TFIDF, *options)
    assert (outcome.code, outcome.out) == (code, "")
    assert said in outcome.err
    assert not (tmp_path / "talks.noisefix").exists()


def test_a_bad_order_is_told_with_its_row(cli, tmp_path):
    path = tmp_path / "talks.csv"
    lines = content().splitlines()
    lines[7] = lines[7].rsplit(",", 1)[0] + ",last"
    path.write_text("\n".join(lines) + "\n")
    outcome = cli("detect", path, *TFIDF, *ORDER)
    assert outcome.code == 3
    assert "column 'turn', row 7: 'last' is not a number" in outcome.err


def test_a_run_with_an_order_is_not_judged_anew_without_it(cli, talks, tmp_path):
    run = tmp_path / "run"
    done(cli("detect", talks, "-o", run, *TFIDF, *ORDER))
    outcome = cli("audit", run, "--csv", tmp_path / "sample.csv")
    assert outcome.code in (0, 2), outcome.err
    if outcome.code == 2:
        assert "an order column" in outcome.err

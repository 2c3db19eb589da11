"""``noisefix relabel`` from the shell, with a column, a scripted server, a batch, and nobody."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from noisefix.cli.app import main

KEY = "sk-secret-0123456789abcdef"
CLASSES = ("account", "refund", "shipping")


def true_label(case: int) -> str:
    return CLASSES[case % 3]


@pytest.fixture(scope="module")
def made(detected, tmp_path_factory):
    """A run on ``tickets`` with a second annotator's column that is right but for three rows."""
    folder = tmp_path_factory.mktemp("relabel")
    lines = (detected.parent / "tickets.csv").read_text().splitlines()
    with_second = [lines[0] + ",second,true_label"]
    for case, line in enumerate(lines[1:]):
        says = CLASSES[(case + 2) % 3] if case in (11, 30, 50) else true_label(case)
        with_second.append(f"{line},{says},{true_label(case)}")
    data = folder / "tickets.csv"
    data.write_text("\n".join(with_second) + "\n")
    columns = ("--text-column", "text", "--label-column", "label", "--id-column", "id")
    assert main(["detect", str(data), "--encoder", "tfidf", "--quiet", *columns]) == 0
    return folder / "tickets.noisefix"


@pytest.fixture
def run(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "run"))


def asked_case(messages) -> int:
    """Return which ticket a prompt is about: the last text in it."""
    prompt = next(m["content"] for m in messages if m["role"] == "user")
    return int(re.findall(r"case (\d+) about", prompt)[-1])


@pytest.fixture
def server(faults, monkeypatch):
    """A server that answers every ticket rightly, and needs a key."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def respond(request):
        return faults.says(true_label(asked_case(request.body["messages"])))

    with faults.FaultServer(respond) as running:
        yield running


def at(server, *more):
    options = ("--model", "tiny", "--base-url", server.url, "--pool", "all", "--concurrency", 2)
    return (*options, *more)


def relabels(run: Path) -> list[dict]:
    return pq.read_table(run / "relabels.parquet").to_pylist()


def test_a_column_repairs_the_labels(cli, run, tmp_path):
    outcome = cli("relabel", run, "--annotator", "column:second")
    assert outcome.code == 0
    assert "asked got a label" in outcome.out
    assert f"noisefix apply {run} --strategy relabel" in outcome.out
    asked = relabels(run)
    assert 0 < len(asked) < 60
    assert {row["annotator"] for row in asked} == {"column"}
    assert not list(run.glob("annotations.sqlite"))

    output = tmp_path / "clean.csv"
    assert cli("apply", run, "--strategy", "relabel", "-o", output).code == 0
    (ledger_annotators,) = (
        {row["annotator"] for row in pq.read_table(run / "ledger.parquet").to_pylist()},
    )
    assert ledger_annotators == {"column"}
    rows = [line.rsplit(",", 3) for line in output.read_text().splitlines()[1:]]
    right = sum(label == true for _, label, _, true in rows)
    assert right > 54  # 54 of 60 were right before
    scored = cli("evaluate", run, "--truth", "true_label", "--json")
    assert scored.code == 0
    assert json.loads(scored.out)


def test_dry_run_shows_three_prompts_and_asks_nobody(cli, run, server):
    prices = ("--price-in", 2, "--price-out", 8)
    outcome = cli("relabel", run, *at(server), *prices, "--dry-run")
    assert outcome.code == 0
    assert outcome.out.count("The text to label:") == 3
    assert [f"Prompt {n} of" in outcome.out for n in (1, 2, 3, 4)] == [True, True, True, False]
    assert "tokens in" in outcome.out
    assert re.search(r"cost: about \$\d", outcome.out)
    assert server.requests == []
    assert not (run / "relabels.parquet").exists()

    shown = json.loads(cli("relabel", run, *at(server), *prices, "--dry-run", "--json").out)
    assert len(shown["prompts"]) == 3
    assert shown["requests"] == shown["rows"]
    tokens = (shown["tokens_in"] * 2 + shown["tokens_out"] * 8) / 1e6
    assert shown["cost_usd"] == pytest.approx(tokens)


@pytest.mark.parametrize(
    ("options", "code", "parts"),
    [
        (("--annotator", "oracle"), 2, ("oracle", "column:NAME", "human")),
        (("--annotator", "column:"), 2, ("column:",)),
        (("--annotator", "column:nowhere"), 3, ("nowhere", "second")),
        (("--annotator", "column:label"), 2, ("label", "judged")),
        ((), 2, ("no model", "--model")),
        (("--annotator", "human"), 2, ("terminal",)),
        (("--annotator", "column:second", "--price-in", 1), 2, ("--price-out",)),
        (("--model", "m", "--max-cost-usd", 1), 2, ("price",)),
        (("--annotator", "column:second", "--import-batch", "none.jsonl"), 2, ("batch",)),
        (("--annotator", "column:second", "--labels", "none.toml"), 3, ("none.toml",)),
        (("--annotator", "local:none", "--device", "cpu"), 4, ("none",)),
    ],
)
def test_what_cannot_be_asked(cli, run, monkeypatch, options, code, parts):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    outcome = cli("relabel", run, *options)
    assert (outcome.code, outcome.out) == (code, ""), outcome.err
    assert "Traceback" not in outcome.err
    for part in parts:
        assert part in outcome.err
    assert not (run / "relabels.parquet").exists()


def test_a_missing_key_is_named(cli, run, monkeypatch):
    monkeypatch.delenv("OTHER_KEY", raising=False)
    outcome = cli("relabel", run, "--model", "m", "--api-key-env", "OTHER_KEY")
    assert outcome.code in (2, 5)
    assert "OTHER_KEY" in outcome.err


def test_a_refused_key_loses_nothing(cli, run, faults, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    refuses = True

    def respond(request):
        if refuses and request.number >= 6:
            return faults.error(401, f"Incorrect API key provided: {KEY}")
        return faults.says(true_label(asked_case(request.body["messages"])))

    with faults.FaultServer(respond) as server:
        outcome = cli("relabel", run, *at(server, "--json"))
        assert outcome.code == 5
        assert "hint: " in outcome.err
        result = json.loads(outcome.out)
        assert isinstance(result["failure"], str)
        assert "401" in result["failure"] or "key" in result["failure"]
        stored = result["report"]["asked"]
        assert 5 <= stored <= 6
        assert len(relabels(run)) == stored + result["report"]["copied"]
        assert KEY not in outcome.out + outcome.err

        refuses = False
        before = len(server.requests)
        again = json.loads(cli("relabel", run, *at(server, "--json")).out)
        assert again["failure"] is None
        assert len(server.requests) - before == again["report"]["asked"] - stored


@pytest.mark.parametrize(
    "limit",
    [
        ("--max-tokens-total", 1200),
        ("--max-cost-usd", 0.0012, "--price-in", 1, "--price-out", 1),
    ],
)
def test_a_budget_is_kept_and_the_next_run_goes_on(cli, run, server, limit):
    outcome = cli("relabel", run, *at(server, *limit, "--json"))
    assert outcome.code == 5
    first = json.loads(outcome.out)["report"]
    assert 0 < len(server.requests) <= 10 + 2  # 110 tokens each, two at a time
    assert first["asked"] == len(server.requests)
    assert len(relabels(run)) == first["asked"] + first["copied"]

    second = json.loads(cli("relabel", run, *at(server, "--json")).out)["report"]
    assert second["asked"] > first["asked"]
    assert len(server.requests) == second["asked"]
    asked = Counter(asked_case(request.body["messages"]) for request in server.requests)
    assert set(asked.values()) == {1}


def test_a_second_run_asks_nothing_anew_and_no_key_is_kept(cli, run, server):
    first = cli("relabel", run, *at(server))
    assert first.code == 0
    table = relabels(run)
    n_requests = len(server.requests)
    assert n_requests > 20
    assert all(KEY in request.headers["authorization"] for request in server.requests)
    second = cli("relabel", run, *at(server))
    assert second.code == 0
    assert len(server.requests) == n_requests
    assert relabels(run) == table
    assert second.out == first.out
    for outcome in (first, second):
        assert KEY not in outcome.out + outcome.err
    for file in run.rglob("*"):
        if file.is_file():
            assert KEY.encode() not in file.read_bytes(), file


def test_right_answers_win(cli, run, server):
    report = json.loads(cli("relabel", run, *at(server, "--json")).out)["report"]
    assert report["alarm"] == ""
    assert report["accuracy"]["low"] > 0.6
    wrong = [
        row
        for row in relabels(run)
        if row["action"] == "relabel" and row["final_label"] != true_label(int(row["id"][1:]) - 1)
    ]
    assert report["relabelled"] > 0
    assert wrong == []


def test_votes(cli, run, server):
    options = at(server, "--votes", 3, "--max-rows", 6, "--probe", 0, "--json")
    report = json.loads(cli("relabel", run, *options).out)["report"]
    assert report["asked"] == 6
    asked = Counter(asked_case(request.body["messages"]) for request in server.requests)
    assert set(asked.values()) == {3}
    assert len({json.dumps(request.body["messages"]) for request in server.requests}) == 18
    assert report["input_tokens"] == 1800


def test_batch_round_trip(cli, run, server, faults, tmp_path):
    requests, responses = tmp_path / "requests.jsonl", tmp_path / "responses.jsonl"
    outcome = cli("relabel", run, *at(server, "--export-batch", requests))
    assert outcome.code == 0
    lines = [json.loads(line) for line in requests.read_text().splitlines()]
    assert f"{len(lines)} requests written to {requests}" in outcome.out.replace("\n", "")
    answers = [
        {
            "custom_id": line["custom_id"],
            "response": {
                "status_code": 200,
                "body": faults.completion(
                    json.dumps({"answer": true_label(asked_case(line["body"]["messages"]))})
                ),
            },
            "error": None,
        }
        for line in lines
    ]
    answers.reverse()
    responses.write_text("".join(json.dumps(answer) + "\n" for answer in answers[4:]))
    read = cli("relabel", run, *at(server, "--import-batch", responses))
    assert read.code == 0
    assert f"{len(lines) - 4} new answers" in read.err
    assert len({row["id"] for row in relabels(run) if row["attempts"]}) >= len(lines) - 4

    assert "4 requests still lie in a batch" in read.err

    more = ("--export-batch", tmp_path / "more.jsonl")
    none = cli("relabel", run, *at(server, *more))
    assert "Nothing to ask, and no file written" in none.out
    assert f"4 requests left out: they lie in a batch already ({requests})" in none.out
    asked = cli("relabel", run, *at(server))
    assert asked.code == 2
    assert "4 requests to" in asked.err
    assert "--batch-lost" in asked.err
    again = cli("relabel", run, *at(server, "--export-batch", requests, "--batch-lost"))
    assert (again.code, "is there already" in again.err) == (2, True)
    assert len(requests.read_text().splitlines()) == len(lines)
    rest = json.loads(cli("relabel", run, *at(server, *more, "--batch-lost", "--json")).out)
    assert (rest["requests"], rest["reused"]) == (4, len(lines) - 4)
    assert server.requests == []
    assert cli("relabel", run, *at(server, "--batch-lost")).code == 0
    assert len(server.requests) >= 4
    assert KEY not in requests.read_text()


def test_json_is_one_object(cli, run):
    outcome = cli("relabel", run, "--annotator", "column:second", "--json")
    result = json.loads(outcome.out)
    assert {"run", "report", "failure"} <= set(result)
    assert all(result[name] is None for name in ("estimate", "exported", "imported"))
    assert result["failure"] is None
    assert result["report"]["asked"] == result["report"]["answered"]
    assert len(result["report"]["agreement"]) == 4


def test_share_and_most_rows_are_kept_to(cli, run):
    for options, most in ((("--max-rows", 7), 7), (("--share", 0.2), 12)):
        outcome = cli("relabel", run, "--annotator", "column:second", *options, "--json")
        assert outcome.code == 0
        assert json.loads(outcome.out)["report"]["asked"] == most
    outcome = cli("relabel", run, "--annotator", "column:second", "--max-rows", 0, "--json")
    assert (outcome.code, json.loads(outcome.out)["report"]) == (0, None)


def offered(request) -> list[str]:
    """Return the labels that a request offers, in the order shown."""
    prompt = next(m["content"] for m in request.body["messages"] if m["role"] == "user")
    return re.findall(rf'^- "?({"|".join(CLASSES)})"?$', prompt, flags=re.MULTILINE)


@pytest.mark.parametrize("kind", ["random", "first", "last", "constant"])
def test_an_annotator_that_knows_nothing_changes_nothing(cli, run, faults, monkeypatch, kind):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def respond(request):
        labels = offered(request)
        draw = int(sha256(str(request.body["messages"]).encode()).hexdigest(), 16) % len(labels)
        place = {"random": draw, "first": 0, "last": -1}
        return faults.says("refund" if kind == "constant" else labels[place[kind]])

    flagged = cli("apply", run, "--dry-run", "--json")
    with faults.FaultServer(respond) as guessing:
        options = ("--model", "tiny", "--base-url", guessing.url, "--max-rows", 40)
        outcome = cli("relabel", run, *options)
    assert outcome.code == 0
    assert "Nothing is changed" in outcome.out
    assert "seems right" not in outcome.out
    assert "--strategy relabel" not in outcome.out
    assert all(row["final_label"] == row["given_label"] for row in relabels(run))
    after = cli("apply", run, "--dry-run", "--json")
    assert json.loads(after.out)["flagged"] == json.loads(flagged.out)["flagged"]


def test_a_dead_server_leaves_the_run_as_it_was(cli, run, tmp_path):
    review = tmp_path / "review.csv"
    before = json.loads(cli("apply", run, "--review-csv", review, "--json").out)["to_review"]
    dead = ("--model", "tiny", "--base-url", "http://127.0.0.1:9/v1", "--max-rows", 5)
    outcome = cli("relabel", run, *dead)
    assert outcome.code == 5
    assert not (run / "relabels.parquet").exists()
    again = json.loads(cli("apply", run, "--review-csv", review, "--json").out)["to_review"]
    assert again == before > 0


def test_a_model_may_rule_labels_out(cli, run, faults, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def respond(request):
        case = asked_case(request.body["messages"])
        wrong = CLASSES[(case + 1) % 3]
        says = f"not {wrong}" if case % 10 == 4 else true_label(case)
        return faults.says(says)

    with faults.FaultServer(respond) as server:
        outcome = cli("relabel", run, *at(server, "--allow-not", "--json"))
        assert outcome.code == 0, outcome.err
        told = json.loads(outcome.out)
        assert '"not refund"' in json.dumps(server.requests[-1].body).replace("\\", "")
        n_asked = len(server.requests)
        assert cli("relabel", run, *at(server, "--allow-not")).code == 0
        assert len(server.requests) == n_asked  # paid once
        rows = {row["id"]: row for row in relabels(run)}
        ruled_out = {key: row for key, row in rows.items() if row["answer"].startswith("not ")}
        assert ruled_out
        assert told["report"]["other_answers"] == {"not this one": len(ruled_out)}
        for row in ruled_out.values():
            assert row["answer"] == f"not {row['given_label']}"
            assert row["action"] in ("relabel", "review")
            assert row["p_error"] > 0.5
    refused = cli("relabel", run, "--annotator", "column:second", "--allow-not")
    assert refused.code == 2
    assert "--not-column" in refused.err

"""``noisefix relabel`` with services as they are, and with those that cannot be used at all."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

N_ROWS = 6


@pytest.fixture
def run(detected, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789abcdef")
    return Path(shutil.copytree(detected, tmp_path / "run"))


def options(url, *more):
    where = ("--model", "tiny", "--base-url", url, "--concurrency", 2)
    return (*where, "--max-rows", N_ROWS, "--probe", 0, "--pool", "all", *more)


@pytest.mark.parametrize(
    "name",
    [
        "log-probabilities refused with 403",
        "small context, computed",
        "event stream",
    ],
)
def test_every_row_gets_its_answer(cli, run, faults, services, name):
    with faults.FaultServer(services.SERVICES[name]) as server:
        outcome = cli("relabel", run, *options(server.url, "--json"))
    assert outcome.code == 0, outcome.err
    report = json.loads(outcome.out)["report"]
    assert report["answered"] == report["asked"] == N_ROWS
    answers = pq.read_table(run / "relabels.parquet").column("answer").to_pylist()
    assert set(answers) <= {"account", "refund", "shipping"}


def test_options_for_the_service_are_sent(cli, run, faults, services):
    with faults.FaultServer(services.SERVICES["no system role"]) as server:
        more = ("--max-output-tokens", 99, "--system-role", "user", "--logprobs", "off")
        assert cli("relabel", run, *options(server.url, *more)).code == 0
    body = server.requests[0].body
    assert (body["max_tokens"], "logprobs" in body, len(body["messages"])) == (99, False, 1)
    assert len(server.requests) == N_ROWS


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5"])
def test_a_length_that_is_none(cli, run, value):
    outcome = cli("relabel", run, "--model", "m", "--max-output-tokens", value)
    assert outcome.code == 2
    assert "neither auto nor a number" in outcome.err


def test_nothing_but_cut_off_answers_is_an_error_with_the_remedy(cli, run, faults):
    said = "<think>\nSo the answer is refund.\nWait, but"
    body = faults.completion(said, finish_reason="length")
    with faults.FaultServer(lambda request: [faults.http(200, body)]) as server:
        outcome = cli("relabel", run, *options(server.url))
    assert outcome.code == 5
    assert f"none of {N_ROWS} answers can be used ({N_ROWS} cut off)" in outcome.err
    assert "So the answer is refund. Wait, but" in outcome.err
    assert "--max-output-tokens" in outcome.err
    assert "--max-output-tokens" in " ".join(cli("relabel", "--help").out.split())


def test_a_few_cut_off_answers_are_said(cli, run, faults, services):
    def respond(request):
        if services.label(request) == "refund":
            body = faults.completion("Let me think", finish_reason="length")
            return [faults.http(200, body)]
        return services.ok(request)

    with faults.FaultServer(respond) as server:
        outcome = cli("relabel", run, *options(server.url))
    assert outcome.code == 0, outcome.err
    assert "answers were cut off before they came to a label: raise --max-output-tokens" in (
        outcome.err
    )


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, [{"error": {"message": "API key not valid."}}], "OPENAI_API_KEY"),
        (404, {"error": {"message": "The model 'tiny' does not exist"}}, "check --model"),
        (404, "404 page not found", "--base-url"),
    ],
)
def test_what_is_wrong_is_told_within_two_seconds(cli, run, faults, status, body, words):
    def respond(request):
        return [faults.http(status if request.body else 404, body)]

    with faults.FaultServer(respond) as server:
        began = time.monotonic()
        outcome = cli("relabel", run, *options(server.url))
    assert time.monotonic() - began < 2 + 3  # with all that is not asking, on a busy machine
    assert outcome.code == 5
    assert words in outcome.err
    assert len([request for request in server.requests if request.body is not None]) == 1


def test_nobody_there_is_told_at_once(cli, run):
    began = time.monotonic()
    outcome = cli("relabel", run, *options("http://127.0.0.1:9/v1"))
    assert time.monotonic() - began < 2 + 3
    assert outcome.code == 5
    assert "nobody is there" in outcome.err
    assert "--base-url" in outcome.err


def test_the_handbook_is_shown_and_named_as_a_reason(cli, run, faults, services, tmp_path):
    path = tmp_path / "handbook.md"
    path.write_text("# Parcels\n\nA parcel that arrived late is shipping.\n\nPasswords: account.\n")
    with faults.FaultServer(services.SERVICES["event stream"]) as server:
        more = ("--knowledge", path)
        assert cli("relabel", run, *options(server.url, *more)).code == 0
        asked = len(server.requests)
        body = json.dumps(server.requests[0].body)
        assert "A parcel that arrived late is shipping." in body
        # The same handbook: nothing is asked again; a changed one is another question.
        assert cli("relabel", run, *options(server.url, *more)).code == 0
        assert len(server.requests) == asked
        path.write_text("# Parcels\n\nA parcel that never came is shipping.\n")
        assert cli("relabel", run, *options(server.url, *more)).code == 0
        assert len(server.requests) == 2 * asked
    reasons = pq.read_table(run / "relabels.parquet").column("reasons").to_pylist()
    assert any("was shown of handbook.md: Parcels, line 3" in line for line in reasons[0])


def listed(request):
    """Return the labels of a question in the order shown."""
    return re.findall(r'^- "(account|refund|shipping)"', request.text, re.MULTILINE)


def test_an_annotator_that_takes_what_stands_first_is_exposed(cli, run, faults):
    def first(request):
        return [faults.http(200, faults.completion(json.dumps({"answer": listed(request)[0]})))]

    with faults.FaultServer(first) as server:
        outcome = cli("relabel", run, *options(server.url, "--paraphrase", 2, "--json"))
        assert outcome.code == 0, outcome.err
        asked = len(server.requests)
        flips = json.loads(outcome.out)["flips"]
        assert [f["wording"] for f in flips] == ["labels in another order"]
        # Another label stands first each time, so that every row in dispute is answered otherwise.
        assert flips[0]["compared"] == flips[0]["changed"] == asked - N_ROWS > 0
        shown = cli("relabel", run, *options(server.url, "--paraphrase", 2))
        assert "it gives another answer in" in shown.out
        assert len(server.requests) == asked  # all of it was stored


def test_an_annotator_that_reads_is_asked_once_where_it_agrees(cli, run, faults):
    def reads(request):
        known = "account" if "password" in request.text else "refund"
        return [faults.http(200, faults.completion(json.dumps({"answer": known})))]

    with faults.FaultServer(reads) as server:
        more = ("--no-demonstrations", "--paraphrase", 3)
        outcome = cli("relabel", run, *options(server.url, *more, "--json"))
        found = json.loads(outcome.out)["flips"]
        assert len(server.requests) == N_ROWS + sum(f["compared"] for f in found)
        assert len(server.requests) < 3 * N_ROWS
        assert [f["changed"] for f in found] == [0, 0]


def test_other_words_are_for_those_who_read(cli, run):
    outcome = cli("relabel", run, "--annotator", "column:x", "--paraphrase", 3)
    assert outcome.code == 2
    assert "reads no prompt" in outcome.err
    outcome = cli("relabel", run, "--model", "m", "--paraphrase", 3, "--votes", 2)
    assert outcome.code == 2
    assert "--votes" in outcome.err

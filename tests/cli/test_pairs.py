"""``augment --pairs``, ``evaluate --pairs`` and ``train --pairs``, from end to end."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from noisefix.cli.app import main

KEY = "sk-secret-0123456789abcdef"
OBJECTS = ("the blue chair", "my oak table", "that lamp", "the carpet", "a kettle")
SAYS = {
    "refund": "please refund the money for {}, order {} was charged twice",
    "shipping": "please track the parcel with {}, order {} was sent late",
    "account": "please reset the password for {}, order {} needs a login",
}
WORDS = {
    "refund": ["refund", "money", "charged twice"],
    "shipping": ["track", "parcel", "sent late"],
    "account": ["reset", "password", "needs a login"],
}
CLASSES = tuple(sorted(SAYS))


def true_label(case: int) -> str:
    return CLASSES[case % 3]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of 90 texts; one in ten is given the next class."""
    folder = tmp_path_factory.mktemp("pairs")
    lines = ["id,text,label"]
    for case in range(90):
        text = SAYS[true_label(case)].format(OBJECTS[case % 5], case)
        label = CLASSES[(case + 1) % 3] if case % 10 == 4 else true_label(case)
        lines.append(f't{case},"{text}",{label}')
    data = folder / "tickets.csv"
    data.write_text("\n".join(lines) + "\n")
    assert main(["detect", str(data), "-q", "--labelled-by", "rules"]) == 0
    return folder / "tickets.noisefix"


@pytest.fixture
def run(made, copy_of):
    return copy_of(made)


@pytest.fixture
def server(edit_server):
    with edit_server(WORDS) as running:
        yield running


def at(server, *more):
    return ("--pairs", "--model", "tiny", "--base-url", server.url, "--concurrency", 2, *more)


def pairs(run: Path) -> list[dict]:
    return pq.read_table(run / "contrast_pairs.parquet").to_pylist()


def test_from_pairs_to_a_model(cli, run, server, tmp_path):
    done = cli("augment", run, *at(server))
    assert done.code == 0, done.err
    found = pairs(run)
    assert len(found) > 3
    for row in found:
        case = int(row["id"][1:])
        assert (row["label"], row["edited_label"]) == (true_label(case), CLASSES[(case + 1) % 3])
        assert row["outcome"] == "edited"
        assert all(word in row["edited_text"] for word in WORDS[row["edited_label"]])
    accepted = [row for row in found if row["is_accepted"]]
    assert f"{len(accepted)} of {len(found)} edits accepted" in done.out
    assert len(accepted) > 1
    for row in found:
        is_like = row["similarity"] >= 0.6
        has_label = row["edited_label"] in (row["probe_label"], row["second_vote"])
        assert row["is_accepted"] == (is_like and has_label) == (row["why_not"] == "")
    n_asked = len(server.requests)
    assert cli("augment", run, *at(server)).code == 0
    assert len(server.requests) == n_asked  # paid once
    assert pairs(run) == found

    plain, more = tmp_path / "plain", tmp_path / "more"
    assert cli("train", run, "-o", plain, "-q").code == 0
    trained = cli("train", run, "-o", more, "--pairs", run, "--json")
    assert trained.code == 0, trained.err
    told = json.loads(trained.out)
    assert told["rows"] == 90 + len(accepted)
    assert any("at half weight" in note for note in told["notes"])
    scored = cli("evaluate", plain, "--pairs", run, "--json")
    assert scored.code == 0, scored.err
    result = json.loads(scored.out)
    assert result["scores"]["pairs"] == len(accepted)
    assert result["accuracy"] == result["scores"]["both_right"] / len(accepted)
    assert result["warnings"] == []
    shown = cli("evaluate", more, "--pairs", run / "contrast_pairs.parquet")
    assert "both right (contrast accuracy)" in shown.out
    assert "trained on these very pairs" in shown.err


def test_a_second_vote_counts_where_the_label_model_is_not_sure(cli, run, faults, monkeypatch,
                                                                editing):  # fmt: skip
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    votes = Counter()

    def respond(request):
        label, text = editing.said(request)
        if label:  # a change that no label model sees
            return [faults.http(200, faults.completion(editing.edited(f"{text} indeed")))]
        votes[text] += 1
        return faults.says("account")

    with faults.FaultServer(respond) as server:
        done = cli("augment", run, *at(server, "--pool", "all", "--json"))
        assert done.code == 0, done.err
        found = pairs(run)
        assert json.loads(done.out)["report"]["input_tokens"] == 100 * len(server.requests)
        assert sum(votes.values()) == len(found) == len(votes)
        n_asked = len(server.requests)
        assert cli("augment", run, *at(server, "--pool", "all")).code == 0
        assert len(server.requests) == n_asked
    assert {row["second_vote"] for row in found} == {"account"}
    for row in found:
        assert row["is_accepted"] == (row["edited_label"] == "account")
        assert row["probe_label"] == row["label"]
    assert any(row["is_accepted"] for row in found)


def test_what_is_not_accepted(cli, run, faults, editing, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    replies = [
        lambda text: editing.plain("no edit"),
        lambda text: editing.edited("zebra quartz"),
        lambda text: editing.edited(text),
        lambda text: editing.edited(text * 3),
    ]
    order = {}

    def respond(request):
        _, text = editing.said(request)
        place = order.setdefault(text, len(order))
        return [faults.http(200, faults.completion(replies[place % 4](text)))]

    with faults.FaultServer(respond) as server:
        done = cli("augment", run, *at(server, "--json", "--concurrency", 1))
        assert done.code == 0, done.err
        assert all(editing.said(request)[0] for request in server.requests)  # no second votes
    assert json.loads(done.out)["report"]["accepted"] == 0
    reasons = {row["text"]: row["why_not"] for row in pairs(run)}
    wanted = ("no edit", "similarity below 0.6", "no edit", "invalid")
    assert [reasons[text] for text, place in order.items()] == [
        wanted[place % 4] for place in order.values()
    ]
    none = cli("evaluate", run, "--pairs", run)
    assert none.code == 4
    assert "not a model folder" in none.err
    trained = cli("train", run, "--pairs", run, "-o", run.parent / "model")
    assert trained.code == 3
    assert "none of its" in trained.err


def test_dry_run_budget_and_batch(cli, run, server, faults, editing, tmp_path):
    looked = cli("augment", run, *at(server, "--dry-run"))
    assert looked.code == 0
    assert "The label that the text seems to have" in looked.out
    assert "second vote" in looked.err
    assert server.requests == []
    short = cli("augment", run, *at(server, "--max-tokens-total", 700))
    assert short.code == 5
    n_first = len(server.requests)
    assert 0 < n_first <= 6
    assert len(pairs(run)) == n_first
    requests, responses = tmp_path / "requests.jsonl", tmp_path / "responses.jsonl"
    assert cli("augment", run, *at(server, "--export-batch", requests)).code == 0
    lines = [json.loads(line) for line in requests.read_text().splitlines()]
    body = faults.completion(editing.plain("impossible"))
    answers = [
        {"custom_id": line["custom_id"], "response": {"status_code": 200, "body": body}}
        for line in lines
    ]
    responses.write_text("".join(json.dumps(line) + "\n" for line in answers))
    refused = cli("augment", run, *at(server))
    assert refused.code == 2
    assert "lie in a batch" in refused.err
    read = cli("augment", run, *at(server, "--import-batch", responses))
    assert read.code == 0, read.err
    assert Counter(row["outcome"] for row in pairs(run)) == {
        "edited": n_first,
        "impossible": len(lines),
    }
    assert len(server.requests) == n_first
    limited = cli("augment", run, *at(server, "--max-rows", 2, "--json"))
    assert json.loads(limited.out)["report"]["asked"] == 2


def test_second_votes_go_by_a_batch_of_their_own(cli, run, server, faults, editing, tmp_path):
    def answered(name, reply):
        """Export what is open, answer it, and read it back; return how many it was."""
        requests, responses = tmp_path / f"{name}.jsonl", tmp_path / f"{name}-back.jsonl"
        assert cli("augment", run, *everything, "--export-batch", requests).code == 0
        if not requests.exists():
            return 0
        lines = [json.loads(line) for line in requests.read_text().splitlines()]
        responses.write_text(
            "".join(
                json.dumps(
                    {
                        "custom_id": line["custom_id"],
                        "response": {"status_code": 200, "body": faults.completion(reply(line))},
                    }
                )
                + "\n"
                for line in lines
            )
        )
        read = cli("augment", run, *everything, "--import-batch", responses)
        assert read.code == 0, read.err
        return len(lines)

    def edit(line):
        prompt = "\n".join(message["content"] for message in line["body"]["messages"])
        return editing.edited(f"{editing.said(SimpleNamespace(text=prompt))[1]} indeed")

    everything = at(server, "--pool", "all")
    n_edits = answered("edits", edit)
    assert {row["second_vote"] for row in pairs(run)} == {None}
    assert answered("votes", lambda line: '{"answer": "account"}') == n_edits == len(pairs(run))
    assert {row["second_vote"] for row in pairs(run)} == {"account"}
    assert any(row["is_accepted"] for row in pairs(run))
    assert answered("none", edit) == 0
    assert server.requests == []


@pytest.mark.parametrize(
    ("line", "code", "part"),
    [
        (("augment", "RUN", "--model", "m"), 2, "--pairs"),
        (("augment", "RUN", "--pairs", "--annotator", "human"), 2, "writes no texts"),
        (("augment", "RUN", "--pairs", "--model", "m", "--votes", 2), 2, "--votes"),
        (("train", "RUN", "--pairs", "RUN", "-o", "OUT", "--method", "sidyp"), 2, "no weights"),
        (("train", "RUN", "--pairs", "RUN", "-o", "OUT"), 3, "there are no pairs"),
        (("train", "RUN", "--pairs", "RUN", "--compare", "ce"), 2, "--pairs"),
        (("evaluate", "RUN", "--pairs", "RUN", "--truth", "label"), 2, "--truth"),
    ],
)
def test_refusals(cli, run, tmp_path, monkeypatch, line, code, part):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    named = {"RUN": run, "OUT": tmp_path / "out"}
    done = cli(*(named.get(word, word) for word in line))
    assert (done.code, done.out) == (code, "")
    assert part in done.err
    assert not (tmp_path / "out").exists()
    assert not (run / "contrast_pairs.parquet").exists()


def test_edited_texts_test_nothing(cli, run, tmp_path):
    model, table = tmp_path / "model", tmp_path / "test.csv"
    assert cli("train", run, "-o", model, "-q").code == 0
    lines = ["text,label,noisefix_source"]
    lines += [f'"{SAYS[k].format("a mug", n)}",{k},input' for n, k in enumerate(CLASSES)]
    lines += ['"please track the parcel",refund,rewrite'] * 7
    table.write_text("\n".join(lines) + "\n")
    scored = cli("evaluate", model, "--data", table, "--truth", "label", "--json")
    assert scored.code == 0, scored.err
    assert json.loads(scored.out)["scored"] == 3
    assert "7 edited texts left out" in scored.err
    compared = cli("train", run, "--compare", "ce", "--test", table, "--seeds", 1)
    assert compared.code == 0, compared.err
    assert "7 edited texts left out" in compared.err

"""``relabel --rewrite`` and ``apply --rewrites``: edits towards the given labels."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from noisefix.cli.app import main

KEY = "sk-secret-0123456789abcdef"
WORDS = {
    "account": ["password", "login", "email address", "profile", "locked out"],
    "refund": ["refund", "money back", "charged twice", "reimburse", "overcharged"],
    "shipping": ["parcel", "delivery", "tracking", "courier", "arrived late"],
}
WRONG = tuple(f"w{i}" for i in range(4))


def texts_of(label: str, n: int) -> list[str]:
    words = WORDS[label]
    return [f"{words[i % 5]} and {words[(i // 3) % 5]}, case {i} about {words[(i // 5) % 5]}"
            for i in range(n)]  # fmt: skip


def rows() -> list[dict[str, str]]:
    """Return two classes of 36 rows, and a rare one of 12, four of whose texts are of refunds."""
    found = []
    for label, n in (("refund", 36), ("shipping", 36), ("account", 8)):
        found += [(f"{label[0]}{i}", text, label) for i, text in enumerate(texts_of(label, n))]
    wrong = texts_of("refund", 60)[-4:]
    found += [(key, text, "account") for key, text in zip(WRONG, wrong, strict=True)]
    return [
        {"id": key, "text": text, "label": label, "who": "ann", "split": "train"}
        for key, text, label in found
    ]


def write_csv(path: Path, lines: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, lines[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


COLUMNS = ("--text-column", "text", "--label-column", "label", "--id-column", "id")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rewrite")
    data = write_csv(folder / "tickets.csv", rows())
    assert main(["detect", str(data), "--encoder", "tfidf", "-q", *COLUMNS]) == 0
    return folder / "tickets.noisefix"


@pytest.fixture
def run(made, copy_of):
    return copy_of(made)


@pytest.fixture
def server(edit_server):
    with edit_server(WORDS) as running:
        yield running


def at(server, *more):
    return ("--rewrite", "--model", "tiny", "--base-url", server.url, "--concurrency", 2, *more)


def table(run: Path) -> dict[str, dict]:
    return {row["id"]: row for row in pq.read_table(run / "rewrites.parquet").to_pylist()}


def wrong(run: Path) -> list[str]:
    """Return the mislabelled rows of the rare class that detect holds for wrong."""
    issues = pq.read_table(run / "issues.parquet", columns=["id", "p_error"]).to_pylist()
    found = [row["id"] for row in issues if row["id"] in WRONG and row["p_error"] > 0.5]
    assert len(found) > 1
    return found


def test_edits_towards_the_given_labels(cli, run, server):
    done = cli("relabel", run, *at(server, "--probe", 10))
    assert done.code == 0, done.err
    found = table(run)
    assert set(WRONG) <= set(found)
    for row in found.values():
        assert (row["similarity"], row["change"]) == (1.0, 0.0) or row["outcome"] == "edited"
    for key in WRONG:
        assert found[key]["outcome"] == "edited"
        assert found[key]["similarity"] < 0.9
        assert found[key]["change"] == 1 - found[key]["similarity"]
        assert any(word in found[key]["edited_text"] for word in WORDS["account"])
    assert sum(row["is_probe"] for row in found.values()) > 0
    assert "need no edit" in done.out
    assert not (run / "relabels.parquet").exists()
    assert all("logprobs" not in request.body for request in server.requests)

    n_asked, before = len(server.requests), found
    assert cli("relabel", run, *at(server, "--probe", 10)).code == 0
    assert len(server.requests) == n_asked  # paid once
    assert table(run) == before
    for file in run.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes()
    for text in (row["edited_text"] for row in found.values() if row["edited_text"]):
        assert text not in done.out + done.err
        assert text not in (run / "run.json").read_text()


def test_a_dry_run_counts_texts_as_answers(cli, run, server):
    prices = ("--price-in", 1, "--price-out", 10)
    shown = json.loads(cli("relabel", run, *at(server, *prices, "--dry-run", "--json")).out)
    assert shown["tokens_out"] > 20 * shown["requests"]
    assert shown["cost_usd"] == pytest.approx((shown["tokens_in"] + shown["tokens_out"] * 10) / 1e6)
    assert "smallest change" in shown["prompts"][0]
    assert server.requests == []
    assert not (run / "rewrites.parquet").exists()


def test_a_budget_is_kept_and_the_next_run_goes_on(cli, run, server):
    first = cli("relabel", run, *at(server, "--max-tokens-total", 800, "--json"))
    assert first.code == 5
    n_first = len(server.requests)
    assert 0 < n_first <= 9
    assert len(table(run)) == n_first
    assert cli("relabel", run, *at(server)).code == 0
    asked = Counter(json.dumps(request.body["messages"]) for request in server.requests)
    assert set(asked.values()) == {1}
    assert len(table(run)) > n_first


def test_a_batch(cli, run, server, faults, tmp_path):
    requests, responses = tmp_path / "requests.jsonl", tmp_path / "responses.jsonl"
    assert cli("relabel", run, *at(server, "--export-batch", requests)).code == 0
    lines = [json.loads(line) for line in requests.read_text().splitlines()]
    assert lines[0]["body"]["response_format"]["json_schema"]["schema"]["required"] == [
        "answer",
        "text",
    ]
    assert cli("relabel", run, *at(server)).code == 2  # they lie in a batch
    answer = json.dumps({"answer": "no edit", "text": ""})
    answers = [
        {
            "custom_id": line["custom_id"],
            "response": {"status_code": 200, "body": faults.completion(answer)},
        }
        for line in lines
    ]
    responses.write_text("".join(json.dumps(line) + "\n" for line in answers))
    read = cli("relabel", run, *at(server, "--import-batch", responses))
    assert read.code == 0, read.err
    assert {row["outcome"] for row in table(run).values()} == {"no edit"}
    assert server.requests == []


def test_killed_it_pays_for_nothing_twice(run, faults, editing):
    answer = editing.editor(faults, WORDS)
    state = {}

    def respond(request):
        if len(server.requests) == 12 and "killed" not in state:
            state["killed"] = True
            os.kill(state["process"].pid, signal.SIGKILL)
        return [0.01, *answer(request)]

    environment = {**os.environ, "OPENAI_API_KEY": KEY}
    with faults.FaultServer(respond) as server:
        line = [sys.executable, "-m", "noisefix", "relabel", str(run), *map(str, at(server))]
        state["process"] = subprocess.Popen(line, env=environment, stderr=subprocess.DEVNULL)
        assert state["process"].wait(60) == -signal.SIGKILL
        done = subprocess.run(line, env=environment, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        asked = Counter(json.dumps(request.body["messages"]) for request in server.requests)
    assert sum(count - 1 for count in asked.values()) <= 2  # those in flight
    assert len(table(run)) == len(asked)


def test_bad_replies_are_no_edits(cli, run, faults, editing, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    replies = {
        "w0": lambda text: editing.edited(text * 3),
        "w1": lambda text: "Sure! Here you are: " + text,
        "w2": lambda text: editing.edited(f"  {text}\n"),
        "w3": lambda text: editing.plain("impossible"),
    }
    texts = {row["text"]: row["id"] for row in rows()}
    good = editing.editor(faults, WORDS)

    def respond(request):
        _, text = editing.said(request)
        reply = replies.get(texts[text])
        if reply is None:
            return good(request)
        return [faults.http(200, faults.completion(reply(text)))]

    with faults.FaultServer(respond) as server:
        done = cli("relabel", run, *at(server, "--max-rows", 12, "--probe", 2))
        assert done.code == 0, done.err
        found = table(run)
        asked = Counter(texts[editing.said(request)[1]] for request in server.requests)
    outcomes = [(found[key]["outcome"], found[key]["similarity"]) for key in WRONG]
    assert outcomes == [
        ("invalid", None),
        ("invalid", None),
        ("no edit", 1.0),
        ("impossible", None),
    ]
    assert [asked[key] for key in WRONG] == [2, 2, 1, 1]  # what cannot be used is asked for again
    assert all(found[key]["edited_text"] is None for key in WRONG)


def test_nothing_usable_leaves_no_trace_and_shows_no_text(cli, run, faults, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with faults.FaultServer(lambda request: faults.says("refund")) as server:
        done = cli("relabel", run, *at(server))
    assert (done.code, done.out) == (5, "")
    assert "characters, not shown" in done.err
    assert not (run / "rewrites.parquet").exists()


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--annotator", "column:who"), "column:who writes no texts"),
        (("--annotator", "human"), "human writes no texts"),
        (("--model", "m", "--votes", 3), "does not go with --votes"),
        (("--model", "m", "--pool", "all"), "does not go with --pool"),
        (("--model", "m", "--allow-not"), "does not go with --allow-not"),
        (("--model", "m", "--paraphrase", 2), "does not go with --paraphrase"),
    ],
)
def test_what_does_not_go_with_it(cli, run, options, part):
    done = cli("relabel", run, "--rewrite", *options)
    assert (done.code, done.out) == (2, "")
    assert part in done.err
    assert "hint: " in done.err


def test_add_never_overwrites(cli, run, server, tmp_path):
    data = (tmp_path / "tickets.csv").read_bytes()
    assert cli("relabel", run, *at(server)).code == 0
    looked = cli("apply", run, "--rewrites", "add", "--strategy", "relabel", "--dry-run")
    assert looked.code == 0, looked.err
    assert f"{len(wrong(run))} edited texts would be added as new rows" in looked.out
    out = tmp_path / "more.csv"
    done = cli("apply", run, "--rewrites", "add", "--strategy", "relabel", "-o", out)
    assert done.code == 0, done.err
    lines, before = read_csv(out), rows()
    assert [{name: line[name] for name in before[0]} for line in lines[: len(before)]] == before
    assert {line["noisefix_source"] for line in lines[: len(before)]} == {"input"}
    found = table(run)
    new = lines[len(before) :]
    assert [line["id"] for line in new] == [f"{key}-rewrite" for key in wrong(run)]
    for key, line in zip(wrong(run), new, strict=True):
        assert line["text"] == found[key]["edited_text"]
        assert (line["label"], line["split"], line["who"]) == ("account", "train", "")
        assert (line["noisefix_source"], line["noisefix_rewrite_of"]) == ("rewrite", key)
    ledger = pq.read_table(run / "ledger.parquet").to_pylist()
    assert {(row["id"], row["action"]) for row in ledger} == {
        (f"{key}-rewrite", "rewrite") for key in wrong(run)
    }
    assert cli("apply", run, "--revert", "-o", out).code == 0
    assert out.read_bytes() == data


def test_added_rows_were_never_said_and_have_no_place_in_an_order(
    cli, faults, editing, tmp_path, monkeypatch
):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    lines = [row | {"turn": str(37 * i % len(rows()))} for i, row in enumerate(rows())]
    data = write_csv(tmp_path / "t.csv", lines)
    plain = ("--encoder", "tfidf", *COLUMNS)
    assert cli("detect", data, *plain).code == 0
    run, out = tmp_path / "t.noisefix", tmp_path / "more.csv"
    with faults.FaultServer(editing.editor(faults, WORDS)) as server:
        assert cli("relabel", run, *at(server)).code == 0
    assert cli("apply", run, "--rewrites", "add", "-o", out).code == 0
    new = [line for line in read_csv(out) if line["noisefix_source"] == "rewrite"]
    assert len(new) == len(wrong(run))
    assert {line["turn"] for line in new} == {""}
    again = cli("detect", out, *plain, "--order-column", "turn")
    assert again.code == 0, again.err
    assert f"{len(new)} rows have no order" in again.err


def test_verdicts_of_added_rows(cli, run, server, tmp_path):
    assert cli("relabel", run, *at(server)).code == 0
    for strategy, wanted in (
        ("flag", {"is_issue": "false", "suggested_label": "account", "p_error": ""}),
        ("weight", {"weight": "0.5000"}),
    ):
        out = tmp_path / f"{strategy}.csv"
        assert cli("apply", run, "--rewrites", "add", "--strategy", strategy, "-o", out).code == 0
        new = [line for line in read_csv(out) if line["noisefix_source"] == "rewrite"]
        assert len(new) == len(wrong(run))
        for line in new:
            assert {name: line[f"noisefix_{name}"] for name in wanted} == wanted


def test_replace_is_for_those_rows_only(cli, run, server, tmp_path):
    assert cli("relabel", run, *at(server)).code == 0
    out = tmp_path / "new.csv"
    done = cli("apply", run, "--rewrites", "replace", "--strategy", "drop", "-o", out)
    assert done.code == 0, done.err
    lines, found = {line["id"]: line for line in read_csv(out)}, table(run)
    for row in rows():
        line = lines.get(row["id"])
        if row["id"] in wrong(run):
            assert line is not None  # its label is right now
            assert line["text"] == found[row["id"]]["edited_text"]
            assert line["noisefix_source"] == "rewrite"
        elif line is not None:
            assert {name: line[name] for name in row} == row


def test_test_splits_stay_as_they_are(cli, faults, editing, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    lines = [row | {"split": "test" if row["id"] in ("w0", "w1") else "train"} for row in rows()]
    data = write_csv(tmp_path / "t.csv", lines)
    assert cli("detect", data, "--encoder", "tfidf", "-q", *COLUMNS).code == 0
    run = tmp_path / "t.noisefix"
    with faults.FaultServer(editing.editor(faults, WORDS)) as server:
        assert cli("relabel", run, *at(server)).code == 0
    result = json.loads(cli("apply", run, "--rewrites", "add", "--dry-run", "--json").out)
    chosen = [row["id"] for row in result["rewrites"]["chosen"]]
    assert chosen == [key for key in wrong(run) if key not in ("w0", "w1")] != []
    assert result["rewrites"]["held_out"] == 2


@pytest.mark.parametrize("ending", ["jsonl", "json", "parquet", "arrow"])
def test_rows_are_added_in_kind(cli, faults, editing, tmp_path, monkeypatch, ending):
    import pyarrow as pa

    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    lines = [row | {"n": place} for place, row in enumerate(rows(), 1)]
    data = tmp_path / f"t.{ending}"
    if ending == "jsonl":
        data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    elif ending == "json":
        data.write_text(json.dumps(lines, indent=1))
    else:
        names = pa.table({"label": [row["label"] for row in lines]})["label"].dictionary_encode()
        whole = pa.Table.from_pylist(lines)
        whole = whole.set_column(whole.column_names.index("label"), "label", names)
        if ending == "parquet":
            pq.write_table(whole, data)
        else:
            with pa.ipc.new_file(data, whole.schema) as writer:
                writer.write_table(whole)
    columns = ("--text-column", "text", "--label-column", "label", "--id-column", "n")
    assert cli("detect", data, "--encoder", "tfidf", "-q", *columns).code == 0
    run, out = tmp_path / "t.noisefix", tmp_path / f"out.{ending}"
    with faults.FaultServer(editing.editor(faults, WORDS)) as server:
        assert cli("relabel", run, *at(server)).code == 0
    done = cli("apply", run, "--rewrites", "add", "--strategy", "relabel", "-o", out)
    assert done.code == 0, done.err
    if ending == "jsonl":
        found = [json.loads(line) for line in out.read_text().splitlines()]
        assert out.read_text().endswith("\n")
    elif ending == "json":
        found = json.loads(out.read_text())
    elif ending == "parquet":
        found = pq.read_table(out).to_pylist()
    else:
        found = pa.ipc.open_file(out).read_all().to_pylist()
    assert [{name: row[name] for name in lines[0]} for row in found[: len(lines)]] == lines
    new = found[len(lines) :]
    of = [int(row["noisefix_rewrite_of"]) for row in new]
    assert len(of) > 1
    assert {lines[n - 1]["id"] for n in of} <= set(WRONG)
    assert [row["n"] for row in new] == [len(lines) + 1 + place for place in range(len(of))]
    assert {row["label"] for row in new} == {"account"}
    assert {row.get("who") for row in new} == {None}


def test_what_apply_refuses(cli, run, server, tmp_path):
    none = cli("apply", run, "--rewrites", "add", "--dry-run")
    assert none.code == 3
    assert "noisefix relabel" in none.err
    assert cli("relabel", run, *at(server)).code == 0
    handed = cli("apply", run, "--rewrites", "add", "--format", "xlsx", "-o", tmp_path / "o.xlsx")
    assert handed.code == 2
    assert "--format" in handed.err
    assert cli("detect", tmp_path / "tickets.csv", "--encoder", "tfidf", "-q", "--force",
               "--labelled-by", "people", *COLUMNS).code == 0  # fmt: skip
    stale = cli("apply", run, "--rewrites", "add", "--dry-run")
    assert stale.code == 3
    assert "earlier issues.parquet" in stale.err

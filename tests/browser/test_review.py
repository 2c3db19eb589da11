"""The page of ``review`` in a real browser: what one person decides, another sees."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

import noisefix
from noisefix.auditing.measured import counts_said, gain_said, shares_said
from noisefix.run.decisions import read_decisions
from noisefix.run.folder import RunFolder

pytestmark = pytest.mark.browser
KEYS = """(n) => {
  for (let i = 0; i < n; i++)
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "k", bubbles: true }));
}"""
pytest.importorskip("uvicorn", reason="the extra review is not installed")


@pytest.fixture
def run(tmp_path):
    """A run that detect has made."""
    lines = ["text,label"]
    for k in range(90):
        word = ("refund", "parcel", "password")[k % 3]
        wrong = k % 10 == 4
        label = ("money", "shipping", "account")[(k + wrong) % 3]
        lines.append(f"my {word} case {k} and the {word} again,{label}")
    data = tmp_path / "data.csv"
    data.write_text("\n".join(lines) + "\n")
    return RunFolder(noisefix.detect(data, encoder="tfidf").run)


@pytest.fixture
def serve(run, tmp_path):
    """Return a function that serves the run: the address, and the process."""
    processes = []

    def start():
        address, process = start_server(run, tmp_path / "log")
        processes.append(process)
        return address, process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def start_server(run, log):
    command = [sys.executable, "-m", "noisefix", "review", str(run.path), "--name", "ann"]
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file)
    deadline = time.monotonic() + 60
    while len(log.read_text().splitlines()) < 2:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return log.read_text().splitlines()[0], process


@pytest.mark.slow
def test_decisions_are_stored_shared_undone_and_judged_anew(browser, expect, run, serve):
    address, process = serve()
    errors: list[str] = []
    pages = []
    for _ in range(2):
        page = browser.new_context().new_page()
        page.on("pageerror", lambda e: errors.append(str(e)))
        page.on("console", lambda m: m.type == "error" and errors.append(m.text))
        page.on("request", lambda r: r.url.startswith(address[:20]) or errors.append(r.url))
        page.goto(address)
        page.wait_for_selector("html[data-ready]")
        pages.append(page)
    first, second = pages
    second.fill("#who", "bob")
    second.locator("#who").blur()
    first.click("[data-show=all]")
    first.keyboard.press("k")
    expect(second.locator("#progress")).to_have_text("1 decided", timeout=20_000)
    first.keyboard.press("s")
    first.keyboard.press("k")
    expect(first.locator("#progress")).to_have_text("3 decided")
    first.keyboard.press("z")
    expect(second.locator("#progress")).to_have_text("2 decided", timeout=20_000)
    for _ in range(12):
        first.keyboard.press("k")
    expect(second.locator("#progress")).to_have_text("14 decided", timeout=20_000)
    kept = read_decisions(run.decisions)
    assert [line.decision for line in kept][:4] == [
        "keep",
        *(w.decision for w in kept[1:3]),
        "undo",
    ]
    assert {line.who for line in kept} == {"ann"}
    shown = first.locator("#verdict-h").inner_text()
    before = run.issues.read_bytes()
    os.kill(process.pid, signal.SIGINT)
    out = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 0, out
    assert "14 rows of" in out
    assert run.issues.read_bytes() != before
    assert shown
    for page in pages:
        page.context.close()
    assert [e for e in errors if "ERR_CONNECTION" not in e] == []


@pytest.mark.slow
def test_the_audit_is_the_commands_sample_and_says_what_it_says(browser, expect, run, serve):
    address, _ = serve()
    page = browser.new_context().new_page()
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    page.click("#audit")
    for _ in range(30):
        page.keyboard.press("1")
    card = page.locator("#card")
    expect(card).to_contain_text("A sample of 30 rows: 30 marked.", timeout=20_000)
    said = card.locator("li").all_inner_texts()
    rows = noisefix.audit_rows(run.path)
    assert all(row.is_marked for row in rows)
    told = noisefix.audit(run.path)
    assert said == [*counts_said(told), *shares_said(told), gain_said(told)]
    assert page.locator("#trust").inner_text().count(said[1]) == 1
    page.context.close()


def decide_until(page, n_decisions, acknowledged):
    """Press keys; note what the server has acknowledged, until so many were pressed."""

    def note(answer):
        if answer.url.endswith("/api/decide") and answer.status == 200:
            acknowledged.append(json.loads(answer.request.post_data))

    page.on("response", note)
    page.wait_for_selector("html[data-ready]")
    page.click("[data-show=all]")
    for _ in range(n_decisions):
        page.keyboard.press("k")


@pytest.mark.slow
def test_killed_browsers_and_servers_lose_and_double_nothing(mortal_browser, run, serve):
    acknowledged = []
    address, process = serve()
    for life in range(3):
        chromium = mortal_browser()
        page = chromium.browser.new_context().new_page()
        page.goto(address)
        decide_until(page, 20 if life < 2 else 0, acknowledged)
        if life == 2:  # the last one decides the rest, and waits for the server
            left = 90 - int(page.locator("#progress").inner_text().split()[0])
            page.evaluate(KEYS, left)
            page.wait_for_function("() => !document.documentElement.noisefix.waiting()")
        chromium.kill()  # in the middle of deciding
        if life == 1:
            process.kill()
            process.wait()
            address, process = serve()
    lines = read_decisions(run.decisions)
    written = Counter((line.id, line.when) for line in lines)
    assert max(written.values()) == 1
    assert len(acknowledged) >= 30
    assert {(word["id"], word["when"]) for word in acknowledged} <= set(written)
    assert sorted(Counter(line.id for line in lines).values()) == [1] * 90


@pytest.mark.slow
def test_where_all_flagged_rows_are_decided_the_page_opens_at_one_that_is_not(browser, run, serve):
    address, _ = serve()
    decided = 0
    for _ in range(2):
        page = browser.new_context().new_page()
        page.goto(address)
        page.wait_for_selector("html[data-ready]")
        keys = page.evaluate(
            "() => { const p = document.documentElement.noisefix; "
            "return p.view.rows.filter((i) => !p.rows.decision.has(i)).length; }"
        )
        page.evaluate(KEYS, keys if not decided else 1)
        page.wait_for_function("() => !document.documentElement.noisefix.waiting()")
        page.context.close()
        decided += keys if not decided else 1
    lines = read_decisions(run.decisions)
    assert len(lines) == len({line.id for line in lines}) == decided

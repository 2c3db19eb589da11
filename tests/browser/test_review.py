"""The page of ``review`` in a real browser: what one person decides, another sees."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

import noisefix
from noisefix.run.decisions import read_decisions
from noisefix.run.folder import RunFolder

pytestmark = pytest.mark.browser
pytest.importorskip("uvicorn", reason="the extra review is not installed")


@pytest.fixture
def served(tmp_path):
    """A run that detect has made, the address of its review, and the process that serves it."""
    lines = ["text,label"]
    for k in range(90):
        word = ("refund", "parcel", "password")[k % 3]
        wrong = k % 10 == 4
        label = ("money", "shipping", "account")[(k + wrong) % 3]
        lines.append(f"my {word} case {k} and the {word} again,{label}")
    data = tmp_path / "data.csv"
    data.write_text("\n".join(lines) + "\n")
    run = RunFolder(noisefix.detect(data, encoder="tfidf").run)
    command = [sys.executable, "-m", "noisefix", "review", str(run.path), "--name", "ann"]
    log = tmp_path / "log"
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file)
    deadline = time.monotonic() + 60
    while len(log.read_text().splitlines()) < 2:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield run, log.read_text().splitlines()[0], process
    process.kill()
    process.communicate()


def test_decisions_are_stored_shared_undone_and_judged_anew(browser, expect, served):
    run, address, process = served
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

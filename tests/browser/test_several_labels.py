"""The page of rows with several labels in a real browser: sets are shown, decided and exported."""

from __future__ import annotations

import json
import random
import signal
import time

import pytest

import noisefix
from noisefix.run.decisions import read_decisions
from noisefix.run.folder import RunFolder

from .test_review import start_server

pytestmark = pytest.mark.browser
WORDS = {"<b>bold</b>": "bold strong thick", "a|b": "pipe bar line", "plain": "simple flat even"}
WRONG = 7


@pytest.fixture
def run(tmp_path):
    """A run that detect has made, with labels that are markup, or hold what separates them."""
    draw = random.Random(2)
    lines = []
    for k in range(90):
        about = ["a|b"] if k == WRONG else draw.sample(sorted(WORDS), draw.choice([1, 1, 2]))
        text = " ".join(word for name in about for word in draw.sample(WORDS[name].split(), 2))
        if k == WRONG:
            about = ["plain", *about]
        lines.append(json.dumps({"text": f"{text} case {k * 37 % 101}", "label": about}))
    data = tmp_path / "data.jsonl"
    data.write_text("\n".join(lines) + "\n")
    return RunFolder(noisefix.detect(data, encoder="tfidf", multi_label="list", flag_top=6).run)


def test_sets_are_shown_marked_decided_and_exported(opened, expect, exported, run, tmp_path):
    page = opened(run)
    assert page.locator("b", has_text="bold").count() == 0
    heads = page.locator("#classes thead th").all_inner_texts()
    assert heads[4:6] == ["Seem wrong", "Seem missing"]
    assert page.locator("#confusions").count() == 0
    row = page.locator(f"#row-{WRONG}")
    given = row.locator(".c-given .chip")
    expect(given).not_to_have_count(0)
    row.click()
    doubted = page.locator(".doubted li").first
    expect(doubted).to_contain_text("wrongly there")
    extra = doubted.locator(".chip").inner_text()
    marked = page.locator('#card [aria-pressed="true"]')
    before = [chip.inner_text() for chip in marked.locator(".chip").all()]
    assert (extra, before) == ("plain", ["a|b", "plain"])

    marked.filter(has_text=extra).click()
    expect(marked).to_have_count(len(before) - 1)
    page.keyboard.press("t")
    page.keyboard.press("z")  # undone: all the labels again
    expect(marked).to_have_count(len(before))
    page.keyboard.press(str(1 + sorted(WORDS).index(extra)))
    page.keyboard.press("t")
    page.keyboard.press("k")
    page.keyboard.press("u")
    for _ in range(3):  # a row of which all marks go
        for button in page.locator('#card .nine [aria-pressed="true"]').all()[:1]:
            button.click()
    page.keyboard.press("t")
    said = exported(page)
    assert [word["decision"] for word in said] == ["class", "keep", "unsure", "class"]
    assert (said[0]["label"], said[3]["label"]) == ("a\\|b", "")

    decisions = tmp_path / "said.jsonl"
    decisions.write_text("".join(json.dumps(word) + "\n" for word in said))
    cleaned = tmp_path / "c.jsonl"
    noisefix.apply(run.path, cleaned, strategy="relabel", decisions=decisions)
    after = [json.loads(line)["label"] for line in cleaned.read_text().splitlines()]
    assert after[WRONG] == ["a|b"]
    assert after[int(said[3]["id"]) - 1] == []
    assert len(read_decisions(run.decisions)) == 4  # known to the run by their keys

    again = opened(run)
    again.click('[data-show="decided"]')
    again.locator(f"#row-{WRONG}").click()
    expect(again.locator("#card .decided")).to_contain_text("now")
    expect(again.locator('#card [aria-pressed="true"]')).to_have_count(len(before) - 1)


@pytest.mark.slow
def test_a_label_is_searched_filtered_and_marked(opened, expect, run):
    page = opened(run, width=400, height=800)
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    page.select_option('select[name="given"]', label="plain")
    page.click('[data-show="all"]')
    for cell in page.locator(".body .line").all()[:5]:
        cell.click()
        expect(page.locator("#card .labels .set, #card .labels .chip").first).to_contain_text(
            "plain"
        )
    mark = page.locator('#card .nine [data-class="1"]')
    was = mark.get_attribute("aria-pressed")
    page.keyboard.press("/")
    page.keyboard.type("a|b")
    page.keyboard.press("Enter")
    expect(mark).to_have_attribute("aria-pressed", "false" if was == "true" else "true")
    page.keyboard.press("?")
    expect(page.locator("dialog")).to_contain_text("These labels")
    assert "Not this" not in page.locator("dialog").inner_text()


@pytest.mark.slow
def test_a_server_judges_sets_anew_and_shows_them(browser, expect, run, tmp_path):
    pytest.importorskip("uvicorn", reason="the extra review is not installed")
    address, process = start_server(run, tmp_path / "log")
    errors: list[str] = []
    try:
        page = browser.new_context().new_page()
        page.on("pageerror", lambda e: errors.append(str(e)))
        page.on("console", lambda m: m.type == "error" and errors.append(m.text))
        page.goto(address)
        page.wait_for_selector("html[data-ready]")
        page.click('[data-show="all"]')
        for _ in range(10):
            for name in ("1", "2", "3"):
                mark = page.locator(f'#card .nine [aria-keyshortcuts="{name}"]')
                if mark.get_attribute("aria-pressed") == "false":
                    page.keyboard.press(name)
            page.keyboard.press("t")
        expect(page.locator("#verdict .lead")).not_to_be_empty()
        deadline = time.monotonic() + 60
        while not page.evaluate("document.documentElement.noisefix.rows.trusted.some((x) => x)"):
            assert time.monotonic() < deadline
            page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.noisefix.waiting()") == 0
    finally:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert errors == []
    lines = read_decisions(run.decisions)
    assert len(lines) == 10
    assert {line.label for line in lines} <= {"<b>bold</b>|a\\|b|plain", None}
    assert b"10 decisions in this review" in out

"""Make the pictures of the page: ``python docs/pictures/make.py RUN``; needs chromium.

RUN is the run of examples/support_tickets.csv (``--labelled-by people``).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

import noisefix

HERE = Path(__file__).parent
SHOTS = (("light", 1280, 860, "light"), ("dark", 1280, 860, "dark"), ("narrow", 400, 800, "light"))


def open_page(browser: Any, address: str, width: int, height: int, scheme: str) -> Any:
    """Return the page once it is drawn."""
    size = {"width": width, "height": height}
    page = browser.new_context(viewport=size, color_scheme=scheme).new_page()
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    page.wait_for_timeout(600)
    return page


def make_small(path: Path) -> None:
    """Give a picture 128 colours, the rare ones too: a third of the bytes."""
    Image.open(path).convert("RGB").quantize(128, Image.Quantize.MAXCOVERAGE).save(
        path, optimize=True
    )


def take_review(browser: Any, run: Path, folder: Path) -> None:
    """Take a picture of a row that is being decided, in a copy of the run."""
    shutil.copytree(run, folder / "run")
    command = [sys.executable, "-m", "noisefix", "review", str(folder / "run"), "--name", "ann"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
    while len((folder / "log").read_text().splitlines()) < 2:
        time.sleep(0.1)
    page = open_page(browser, (folder / "log").read_text().splitlines()[0], 1280, 760, "light")
    page.locator("#rows").scroll_into_view_if_needed()
    for key in ("s", "k", "s"):
        page.keyboard.press(key)
    page.wait_for_timeout(4500)
    page.evaluate("document.getElementById('rows').scrollIntoView({behavior: 'instant'})")
    page.wait_for_timeout(300)
    page.screenshot(path=HERE / "review.png")
    process.kill()
    process.wait()


def main(run: Path) -> None:
    """Make all pictures."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--enable-unsafe-swiftshader"],
        )
        file = Path(folder) / "report.html"
        noisefix.report(run, file)
        for name, width, height, scheme in SHOTS:
            page = open_page(browser, file.as_uri(), width, height, scheme)
            page.screenshot(path=HERE / f"report-{name}.png", full_page=name != "narrow")
        take_review(browser, run, Path(folder))
        browser.close()
    for path in HERE.glob("*.png"):
        make_small(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

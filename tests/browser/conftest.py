"""A real browser, and pages opened in it: no request may leave them, and no error may be logged."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from noisefix.reporting.report import report
from noisefix.run.folder import RunFolder

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--enable-unsafe-swiftshader"]


@pytest.fixture(scope="module")
def playwright() -> Iterator[Any]:
    """What drives a browser; skips where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with api.sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Any) -> Iterator[Any]:
    """Debian's chromium, without a window."""
    started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    yield started
    started.close()


class Chromium:
    """The same in a process group of its own, which can be killed as a whole."""

    def __init__(self, playwright: Any, folder: Path) -> None:
        command = [str(CHROMIUM), *ARGUMENTS, "--headless=new", "--remote-debugging-port=0"]
        command += ["--no-first-run", "--disable-background-networking", "about:blank"]
        self.process = subprocess.Popen(
            [*command, f"--user-data-dir={folder}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        port = folder / "DevToolsActivePort"
        deadline = time.monotonic() + 60
        while not (port.is_file() and port.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        address = f"http://127.0.0.1:{port.read_text().split()[0]}"
        self.browser = playwright.chromium.connect_over_cdp(address)

    def kill(self) -> None:
        """Send SIGKILL to all of its processes."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def mortal_browser(playwright: Any, tmp_path: Path) -> Iterator[Callable[[], Chromium]]:
    """Return a function that starts a browser that can be killed."""
    started: list[Chromium] = []

    def start() -> Chromium:
        started.append(Chromium(playwright, tmp_path / f"profile{len(started)}"))
        return started[-1]

    yield start
    for chromium in started:
        chromium.kill()


@pytest.fixture
def expect() -> Any:
    return pytest.importorskip("playwright.sync_api").expect


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Return a function that opens a run's page, and afterwards look at what it did."""
    seen: dict[str, list[str]] = {"requests": [], "errors": []}
    contexts = []

    def start(
        run: RunFolder,
        width: int = 1440,
        height: int = 900,
        init: str = "",
        has_touch: bool = False,
        **options: Any,
    ) -> Any:
        file = tmp_path / "page.html"
        report(run.path, file, **options)
        size = {"width": width, "height": height}
        context = browser.new_context(viewport=size, accept_downloads=True, has_touch=has_touch)
        contexts.append(context)
        page = context.new_page()
        watch(page, seen)
        if init:
            page.add_init_script(init)
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-ready]", timeout=60_000)
        return page

    yield start
    for context in contexts:
        context.close()
    assert seen == {"requests": [], "errors": []}


def watch(page: Any, seen: dict[str, list[str]]) -> None:
    own = ("file:", "data:", "blob:")
    page.on("request", lambda r: r.url.startswith(own) or seen["requests"].append(r.url))
    page.on("console", lambda m: m.type == "error" and seen["errors"].append(m.text))
    page.on("pageerror", lambda e: seen["errors"].append(str(e)))
    page.on("dialog", lambda d: seen["errors"].append(f"dialog {d.message}"))


@pytest.fixture
def exported() -> Callable[[Any], list[dict[str, Any]]]:
    """Return a function that exports a page's decisions."""

    def export(page: Any) -> list[dict[str, Any]]:
        with page.expect_download() as download:
            page.click("#export")
        lines = Path(download.value.path()).read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]

    return export

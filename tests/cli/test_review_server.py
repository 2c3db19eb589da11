"""A review with several people at once, whose server is killed now and then."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from noisefix.run.decisions import read_decisions

pytest.importorskip("uvicorn", reason="the extra review is not installed")

PEOPLE = 5


class Server:
    """``noisefix review`` in a process of its own, always at the same port."""

    def __init__(self, run: Path, log: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.run, self.log = run, log
        self.address = ""
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "noisefix", "review", self.run, "--port", self.port]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(map(str, command), stdout=subprocess.PIPE, stderr=log)
        for _ in range(1200):
            lines = self.log.read_text().splitlines()
            if len(lines) >= 2:
                self.address = lines[0]
                return
            assert self.process.poll() is None, lines
            time.sleep(0.05)
        raise AssertionError("the server does not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def ask(self, path: str, body: dict[str, object] | None = None) -> dict[str, object]:
        base, _, token = self.address.rpartition("/")
        request = urllib.request.Request(
            f"{base}{path}",
            None if body is None else json.dumps(body).encode(),
            {"X-Noisefix-Token": token},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, object] = json.load(answer)
            return found


@pytest.fixture
def serve(tmp_path):
    """Return a function that serves a run; whatever happens, the server ends with the test."""
    servers = []

    def start(run: Path) -> Server:
        servers.append(Server(run, tmp_path / "log"))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


def decide_all(server: Server, person: int, n_decisions: int, n_rows: int) -> int:
    """Decide again and again, each until it is acknowledged; return how often it was."""
    for k in range(n_decisions):
        when = f"2026-01-01T00:{k // 60:02}:{k % 60:02}.{person:03}+00:00"
        word = {
            "row": (k * 7 + person) % n_rows,
            **{"decision": "keep", "label": None, "who": f"p{person}", "when": when, "note": ""},
        }
        while True:
            try:
                server.ask("/api/decide", word)
                break
            except (http.client.HTTPException, OSError, ValueError):
                time.sleep(0.05)
    return n_decisions


def review_under_fire(serve, run, n_decisions: int, n_kills: int) -> None:
    server = serve(run.path)
    draw = random.Random(0)
    is_over = threading.Event()

    def kill_now_and_then() -> None:
        for _ in range(n_kills):
            if is_over.wait(draw.uniform(0.2, 1.5)):
                return
            server.kill()
            server.start()

    killer = threading.Thread(target=kill_now_and_then)
    killer.start()
    with ThreadPoolExecutor(PEOPLE) as pool:
        done = [pool.submit(decide_all, server, p, n_decisions, 200) for p in range(PEOPLE)]
        acknowledged = sum(one.result() for one in done)
    is_over.set()
    killer.join()
    lines = read_decisions(run.decisions)
    assert acknowledged == PEOPLE * n_decisions
    assert Counter(line.who for line in lines) == {f"p{k}": n_decisions for k in range(PEOPLE)}
    assert len(set(lines)) == len(lines)


@pytest.mark.slow
def test_what_is_acknowledged_is_neither_lost_nor_doubled(serve, tmp_path, write_page_run):
    review_under_fire(serve, write_page_run(tmp_path, 200), 100, 2)


@pytest.mark.slow
def test_a_thousand_decisions_each(serve, tmp_path, write_page_run):
    review_under_fire(serve, write_page_run(tmp_path, 200), 1000, 8)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_review_with_what_it_came_to(ending, serve, tmp_path, write_page_run):
    run = write_page_run(tmp_path, 60)
    server = serve(run.path)
    word = {"row": 2, "label": None, "note": "private", "when": "2026-01-01T00:00:00.000+00:00"}
    server.ask("/api/decide", word | {"decision": "keep", "who": "ann"})
    server.ask("/api/decide", word | {"decision": "drop", "who": "bob"})
    os.kill(server.process.pid, ending)
    out = server.process.communicate(timeout=60)[0].decode()
    assert server.process.returncode == 0
    assert "1 row of" in out
    assert "2 decisions in this review" in out
    assert "ann and bob agree on 0 % of 1 row" in out
    assert "3: ann: keep; bob: drop" in out
    log = (tmp_path / "log").read_text()
    assert "private" not in log
    assert len(log.splitlines()) == 2


def test_a_port_that_is_taken_is_told(cli, tmp_path, write_page_run):
    run = write_page_run(tmp_path, 60)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = cli("review", run.path, "--port", taken.getsockname()[1])
    assert done.code == 2
    assert "--port" in done.err

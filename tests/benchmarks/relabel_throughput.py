"""How near asking comes to what its concurrency allows, and what memory and resuming take.

``python tests/benchmarks/relabel_throughput.py [--rows N] [--stored N]`` prints one JSON object.
The server is a process of its own, on the loopback, and answers each request after 50 ms; nothing
can be faster than ``concurrency / 0.05`` requests a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from report import Headline, Table, number, percent

if TYPE_CHECKING:
    from noisefix.annotators.progress import AskProgress

DELAY_S = 0.05
MANY = 512
"""Requests in flight of a whole ``relabel``."""
WORDS = "some words of a usual text "


class Answering(asyncio.Protocol):
    """Reads requests with a Content-Length and answers each one after the delay."""

    tokens = ('{"', "answer", '":"', "pos", '"}')
    body = json.dumps(
        {
            "object": "chat.completion",
            "choices": [
                {
                    "message": {"role": "assistant", "content": '{"answer":"pos"}'},
                    "finish_reason": "stop",
                    "logprobs": {
                        "content": [
                            {"token": t, "logprob": -0.1, "top_logprobs": []} for t in tokens
                        ]
                    },
                }
            ],
            "usage": {"prompt_tokens": 300, "completion_tokens": 6},
        }
    ).encode()
    response = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
    response += f"{len(body)}\r\n\r\n".encode() + body

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.data = transport, b""

    def data_received(self, data: bytes) -> None:
        self.data += data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            head = self.data[:end].lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            if len(self.data) < end + 4 + length:
                return
            self.data = self.data[end + 4 + length :]
            asyncio.get_running_loop().call_later(DELAY_S, self.transport.write, self.response)


async def serve() -> None:
    """Serve until the process is ended; print the port."""
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def server() -> Iterator[str]:
    """Run the server in a process; give its address."""
    process = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.terminate()
        process.wait()


def ask_rows(url: str, rows: int, stored: int, concurrency: int) -> dict[str, float]:
    """Ask for rows, after some that are in the store already; return what it took."""
    from noisefix.annotators.engine import ask
    from noisefix.annotators.openai_client import OpenAIAnnotator
    from noisefix.annotators.protocol import Answer, Message, Question, key_maker
    from noisefix.annotators.store import STORE_NAME, AnswerStore

    def questions(n: int) -> Iterator[Question]:
        system = Message("system", WORDS * 15)
        for row in range(n):
            yield Question(
                f"{row}", ("pos", "neg"), (system, Message("user", f"{WORDS * 25} {row}"))
            )

    os.environ.setdefault("OPENAI_API_KEY", "not-needed")
    annotator = OpenAIAnnotator("m", base_url=url, concurrency=concurrency)
    make_key = key_maker(annotator.identity)
    answer = Answer("", "pos", True, 0.9, {"pos": 0.9, "neg": 0.1}, "openai", "m")
    with tempfile.TemporaryDirectory() as folder, AnswerStore(Path(folder, STORE_NAME)) as store:
        store.put_many((make_key(question), answer) for question in questions(stored))
        began, cpu_began, first_s, n = time.perf_counter(), time.process_time(), 0.0, 0
        for got in ask(annotator, questions(stored + rows), store=store):
            n += 1
            if not got.reused and not first_s:
                first_s = time.perf_counter() - began
        total_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
        assert n == stored + rows
    return {
        "requests_per_s": rows / total_s,
        "first_answer_s": first_s,
        "cpu_ms_per_request": 1000 * cpu_s / rows,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }


def relabel_run(url: str, rows: int, concurrency: int) -> dict[str, float]:
    """Let ``relabel`` ask about every row of a run; return what memory did meanwhile."""
    import numpy as np

    from noisefix import detect, relabel

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, rows)
    vectors = rng.normal(size=(rows, 32)) + 3 * np.eye(32)[labels]
    names = np.where(rng.random(rows) < 0.1, 1 - labels, labels)
    resident: dict[int, float] = {}
    asked = [0, 0]  # rows of the rounds that are through, and of the one that goes on

    def look(step: AskProgress) -> None:
        if step.done < asked[1]:
            asked[0] += asked[1]
        asked[1] = step.done
        resident[asked[0] + step.done] = resident_mb()

    with tempfile.TemporaryDirectory() as folder:
        data, file, run = Path(folder, "d.csv"), Path(folder, "v.npy"), Path(folder, "run")
        lines = (f"{WORDS * 25} {row},{('pos', 'neg')[name]}" for row, name in enumerate(names))
        data.write_text("\n".join(["text,label", *lines]) + "\n")
        np.save(file, vectors.astype(np.float32))
        detect(data, run, embeddings=str(file))
        before, began, cpu_began = resident_mb(), time.perf_counter(), time.process_time()
        options = {"base_url": url, "model": "m", "concurrency": concurrency}
        found = relabel(run, **options, max_rows=rows, progress=look)
        seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
    assert found.report is not None
    assert found.report.asked == rows
    counts = sorted(resident)
    first = next(count for count in counts if count >= rows / 10)
    return {
        "requests_per_s": rows / seconds,
        "cpu_ms_per_request": 1000 * cpu_s / rows,
        "before_mb": before,
        "after_a_tenth_mb": resident[first],
        "after_all_mb": resident[counts[-1]],
        "kb_per_row": 1000 * (resident[counts[-1]] - resident[first]) / (counts[-1] - first),
    }


def resident_mb() -> float:
    """Return the memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def in_subprocess(url: str, rows: int, stored: int, concurrency: int) -> dict[str, float]:
    """Run ``ask_rows`` in a process of its own, for a peak of memory of its own."""
    return _in_subprocess("--ask", url, rows, stored, concurrency)


def _in_subprocess(what: str, url: str, *numbers: int) -> dict[str, float]:
    command = [sys.executable, __file__, what, url, *map(str, numbers)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    outcome: dict[str, float] = json.loads(done.stdout)
    return outcome


def run(rows: int = 5_000, concurrency: int = 64, stored: int = 100_000) -> dict[str, object]:
    """Measure throughput, memory, and the start of a resumed run."""
    allowed = concurrency / DELAY_S
    with server() as url:
        plain = in_subprocess(url, rows, 0, concurrency)
        longer = in_subprocess(url, 4 * rows, 0, concurrency)
        resumed = in_subprocess(url, 64, stored, concurrency)
        relabelled = _in_subprocess("--relabel", url, 2 * rows, MANY)
    return {
        "rows": rows,
        "concurrency": concurrency,
        "requests_per_s": plain["requests_per_s"],
        "share_of_allowed": plain["requests_per_s"] / allowed,
        "cpu_ms_per_request": plain["cpu_ms_per_request"],
        "peak_memory_mb": plain["peak_memory_mb"],
        "peak_memory_mb_four_times_the_rows": longer["peak_memory_mb"],
        "stored_answers": stored,
        "first_new_answer_after_resuming_s": resumed["first_answer_s"],
        "relabel": relabelled,
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Return throughput, memory and the start of a resumed run."""
    r = result
    return [
        Table(
            f"Asking a server that answers after 50 ms, {r['concurrency']} requests in flight",
            ("", "measured"),
            (
                ("requests a second", f"{r['requests_per_s']:,.0f}"),
                ("share of what the concurrency allows", percent(r["share_of_allowed"])),
                ("processor time of a request, ms", number(r["cpu_ms_per_request"], 2)),
                (f"peak memory, {r['rows']:,} rows, MB", f"{r['peak_memory_mb']:,.0f}"),
                (
                    f"peak memory, {4 * r['rows']:,} rows, MB",
                    f"{r['peak_memory_mb_four_times_the_rows']:,.0f}",
                ),
                (
                    f"first new answer after resuming with {r['stored_answers']:,} stored, s",
                    number(r["first_new_answer_after_resuming_s"], 2),
                ),
                *_relabel_lines(r.get("relabel"), 2 * r["rows"]),
            ),
        )
    ]


def _relabel_lines(found: dict[str, float] | None, rows: int) -> list[tuple[str, str]]:
    if found is None:  # measured by an earlier version
        return []
    first, last = found["after_a_tenth_mb"], found["after_all_mb"]
    return [
        (
            f"`relabel` of {rows:,} rows, {MANY} requests in flight: memory after a tenth → after "
            "all of them, MB",
            f"{first:,.0f} → {last:,.0f}",
        ),
        ("the same, for each further row, KB", number(found["kb_per_row"], 2)),
    ]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return throughput and resuming."""
    share, first = result["share_of_allowed"], result["first_new_answer_after_resuming_s"]
    return [
        Headline(
            f"asking {result['rows']:,} rows, share of what the concurrency allows",
            percent(share),
            "at least 90 %",
            share >= 0.9,
        ),
        Headline(
            f"resuming with {result['stored_answers']:,} stored answers, s to the first new one",
            number(first, 2),
            "under 2",
            first < 2,
        ),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--stored", type=int, default=100_000)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--ask", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--relabel", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
    elif options.ask:
        print(json.dumps(ask_rows(options.ask[0], *map(int, options.ask[1:]))))
    elif options.relabel:
        print(json.dumps(relabel_run(options.relabel[0], *map(int, options.relabel[1:]))))
    else:
        print(json.dumps(run(options.rows, options.concurrency, options.stored), indent=2))

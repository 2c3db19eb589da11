"""A chat completion server on the loopback that does exactly what a test says, faults included.

``FaultServer(respond)`` calls ``respond(request)`` for each request; it returns the steps to take:
bytes are sent, a number is a pause in seconds, ``CLOSE`` and ``RESET`` end the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CERTIFICATE = Path(__file__).with_name("localhost.pem")
CLOSE = "close"
RESET = "reset"
Step = bytes | float | str


@dataclass(frozen=True)
class Request:
    """One request as the server saw it; ``number`` counts from 0, ``at_once`` includes itself."""

    number: int
    path: str
    headers: dict[str, str]
    body: Any
    at: float
    at_once: int

    @property
    def text(self) -> str:
        """The last message of the first user turn: what the row asks."""
        users = [m["content"] for m in self.body["messages"] if m["role"] == "user"]
        return users[0]

    @property
    def row(self) -> str:
        """The row id that the tests write into their prompts."""
        found = re.search(r"row (\S+)", self.text)
        assert found is not None
        return found[1]


def http(status: int, body: Any = "", **headers: str) -> bytes:
    """Return a complete HTTP response; header names are given with ``_`` for ``-``."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(content)}", "", ""]
    return "\r\n".join(lines).encode() + content


def completion(
    text: str | None,
    *,
    tokens: Sequence[tuple[str, float, dict[str, float]]] | None = None,
    refusal: str | None = None,
    finish_reason: str = "stop",
    usage: tuple[int, int] | None = (100, 10),
) -> dict[str, Any]:
    """Return the body of a chat completion; ``tokens`` are (text, logprob, alternatives)."""
    logprobs = None
    if tokens is not None:
        logprobs = {
            "content": [
                {
                    "token": token,
                    "logprob": logprob,
                    "top_logprobs": [{"token": t, "logprob": p} for t, p in others.items()],
                }
                for token, logprob, others in tokens
            ]
        }
    message = {"role": "assistant", "content": text, "refusal": refusal}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": logprobs}
    body: dict[str, Any] = {"id": "x", "object": "chat.completion", "choices": [choice]}
    if usage is not None:
        body["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    return body


def says(label: str, **options: Any) -> list[Step]:
    """Answer with a label, as JSON."""
    return [http(200, completion(json.dumps({"answer": label}), **options))]


def error(
    status: int, message: str, *, headers: dict[str, str] | None = None, **fields: Any
) -> list[Step]:
    """Answer with an error body as OpenAI writes it."""
    return [http(status, {"error": {"message": message, **fields}}, **(headers or {}))]


class FaultServer:
    """Runs in a thread from ``__enter__`` to ``__exit__``; keeps every request it got.

    With ``tls`` it speaks TLS, with the certificate in ``CERTIFICATE``.
    """

    def __init__(self, respond: Callable[[Request], Sequence[Step]], *, tls: bool = False) -> None:
        self.respond = respond
        self._tls: ssl.SSLContext | None = None
        if tls:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(CERTIFICATE)
        self.requests: list[Request] = []
        self.connections = 0
        self.most_at_once = 0
        self._at_once = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()

    @property
    def url(self) -> str:
        return f"{'https://localhost' if self._tls else 'http://127.0.0.1'}:{self.port}/v1"

    @property
    def rows(self) -> list[str]:
        """The rows asked for, in the order of the requests."""
        return [request.row for request in self.requests if request.body is not None]

    def __enter__(self) -> FaultServer:
        self._thread = threading.Thread(target=asyncio.run, args=(self._main(),), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        body = json.loads(content) if content else None
        self._at_once += 1
        number, path = len(self.requests), head[0].split()[1]
        request = Request(number, path, headers, body, self._loop.time(), self._at_once)
        self.requests.append(request)
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            for step in self.respond(request):
                if isinstance(step, bytes):
                    writer.write(step)
                    await writer.drain()
                elif isinstance(step, str):
                    if step == RESET:
                        linger = struct.pack("ii", 1, 0)
                        raw = writer.get_extra_info("socket")
                        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    return False
                else:
                    await asyncio.sleep(step)
        finally:
            self._at_once -= 1
        return True

"""``vllm:PATH``: a model folder behind a vLLM server of our own, gone when nobody needs it.

vLLM keeps keys and values in pages, puts whatever arrives into the batch at work, and can spread a
model over several cards. It is asked as any OpenAI-compatible server is. What is passed to it is in
its documentation: ``vllm serve``, "Usage Stats Collection", "Reasoning Outputs" (docs.vllm.ai).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from noisefix.annotators.exchange import Reply
from noisefix.annotators.local_model import check_model_folder, folder_digest
from noisefix.annotators.openai_client import OpenAIAnnotator, OpenAISession
from noisefix.annotators.openai_connection import Connection
from noisefix.annotators.openai_exchange import OpenAIExchange
from noisefix.annotators.protocol import Question
from noisefix.annotators.retry import RetryableError
from noisefix.annotators.secrets import Redactor, Secret
from noisefix.errors import DataError, ModelError, ServiceError
from noisefix.tables.extras import missing_package
from noisefix.tables.leftovers import make_scratch_folder

_POLL_S = 0.2
_PATIENCE_S = 3600.0
"""The largest models take half an hour from a slow disk."""

_LOG = "log"
_ERROR = re.compile(r"\w*(?:Error|Exception): .*")
_NO_THINKING = {"chat_template_kwargs": {"enable_thinking": False}}
"""As for a ``local:`` model; templates that do not ask are not given it."""


class VllmAnnotator(OpenAIAnnotator):
    """Starts ``vllm serve`` with the first question and ends it with this object, or this process.

    The server is reached from this machine alone, with a key made for it; nothing is downloaded,
    weights are safetensors, and no code of the folder runs unless the configuration has it run.

    Args:
        path: a folder as ``save_pretrained`` writes it.
        config: vLLM's own options, the YAML file of its ``--config``; None: its defaults.
        options: as for ``OpenAIAnnotator``.

    Raises:
        UsageError: vLLM is not installed.
        ModelError: there is no such folder, or no safetensors in it.
        DataError: the configuration cannot be read.
    """

    def __init__(self, path: str | Path, *, config: str | Path | None = None, **options: Any):
        folder = check_model_folder(path, "vllm:PATH").resolve()
        key = Secret(secrets.token_hex(16))
        self._server = VllmServer(folder, config, key)
        super().__init__(folder.name, base_url=self._server.url, extra_body=_NO_THINKING, **options)
        self._key, self.redactor = key, Redactor(key)
        self.request_timeout_s = self.policy.timeout_s
        self.policy = replace(self.policy, timeout_s=_PATIENCE_S + self.request_timeout_s)
        sampling = {**self.identity.sampling, "files_sha256": folder_digest(folder)}
        if config is not None:
            sampling["config_sha256"] = _digest(Path(config))
        self.identity = replace(self.identity, annotator="vllm", sampling=sampling)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[OpenAISession]:
        """Open the connections."""
        server = Connection(self._server.url, self._key, self.redactor, self.concurrency)
        async with server as connection:
            yield _Session(self, connection, self._server)

    def close(self) -> None:
        """End the server."""
        self._server.stop()


class _Session(OpenAISession):
    """Has the server running when there is something to ask: all answers may be stored already."""

    def __init__(
        self, annotator: VllmAnnotator, connection: Connection, server: VllmServer
    ) -> None:
        super().__init__(annotator, connection)
        self.server, self.timeout_s = server, annotator.request_timeout_s

    def exchange(self, question: Question) -> OpenAIExchange:
        """Begin with a question."""
        return _Exchange(self, question)


class _Exchange(OpenAIExchange):
    """Waits for the model to be loaded, which does not count as waiting for an answer."""

    def __init__(self, session: _Session, question: Question) -> None:
        super().__init__(session, question)
        self._server, self._timeout_s = session.server, session.timeout_s

    async def send(self) -> Reply | None:
        """Send one request; errors as for any server, and those of ``VllmServer.ready``."""
        await self._server.ready()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await super().send()
        except TimeoutError:
            raise RetryableError(
                f"no complete answer within {self._timeout_s:g} s",
                "raise --timeout, or lower --concurrency",
            ) from None


class VllmServer:
    """A process that serves one model.

    Attributes:
        url: of its API.
    """

    def __init__(self, folder: Path, config: str | Path | None, key: Secret) -> None:
        """Choose its port; ``start`` starts it."""
        beside = Path(sys.executable).parent
        self._program = shutil.which("vllm", path=str(beside)) or shutil.which("vllm")
        if self._program is None:
            raise missing_package(
                "vllm",
                "--annotator vllm: needs",
                extra="",
                instead=f"take --annotator local:{folder}, or a server that runs elsewhere: "
                "--base-url URL --model NAME",
            )
        self._folder, self._config, self._key = folder, config, key
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}/v1"
        self._process: subprocess.Popen[bytes] | None = None
        self._home = Path()
        self._end: weakref.finalize[..., Any] | None = None
        self._is_ready = False

    async def ready(self) -> None:
        """Start it if need be, and wait until it serves the model.

        Raises:
            ModelError: it ended instead.
            ServiceError: it takes too long, or has ended since.
        """
        process = self._process or self._start()
        until = time.monotonic() + _PATIENCE_S
        while not self._is_ready and process.poll() is None:
            self._is_ready = self._serves()
            if not self._is_ready and time.monotonic() > until:
                self.stop()
                raise ServiceError(
                    f"{self._folder}: vLLM does not serve the model after {_PATIENCE_S / 60:g} min",
                    "start it yourself with vllm serve, and name it: --base-url URL --model NAME",
                )
            await asyncio.sleep(0 if self._is_ready else _POLL_S)
        if process.poll() is None:
            return
        if self._is_ready:
            raise ServiceError(  # without its words: some versions repeat what they are asked
                f"{self._folder}: vLLM ended while it was asked (code {process.returncode})",
                "run again: only what is not answered is asked; give it less memory, or fewer "
                "requests at a time, by --vllm-config FILE and --concurrency",
            )
        raise ModelError(
            f"{self._folder}: vLLM ended before it served the model: "
            f"{_complaints(self._home / _LOG, Redactor(self._key))}",
            "its own options (memory, length of the context, cards) go into a file: "
            "--vllm-config FILE",
        )

    def _start(self) -> subprocess.Popen[bytes]:
        self._home = make_scratch_folder()
        with (self._home / _LOG).open("wb") as output:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                start_new_session=True,  # so that its own processes end with it
            )
        self._end = weakref.finalize(self, _end, self._process, self._home)
        return self._process

    def stop(self) -> None:
        """End it, and all processes that it started."""
        if self._end is not None:
            self._end()
        self._process = self._end = None
        self._is_ready = False

    def _command(self) -> list[str]:
        chosen = {
            "host": "127.0.0.1",
            "port": str(self._port),
            "served-model-name": self._folder.name,
            "load-format": "safetensors",
            "generation-config": "vllm",  # no penalties that the model's folder asks for
        }
        if self._config is not None:
            chosen["config"] = str(self._config)
        words = [word for name, value in chosen.items() for word in (f"--{name}", value)]
        return [str(self._program), "serve", str(self._folder), *words]

    def _environment(self) -> dict[str, str]:
        return os.environ | {
            "VLLM_API_KEY": self._key.reveal(),
            "VLLM_NO_USAGE_STATS": "1",
            "HF_HUB_OFFLINE": "1",
        }

    def _serves(self) -> bool:
        headers = {"Authorization": f"Bearer {self._key.reveal()}"}
        request = urllib.request.Request(f"{self.url}/models", headers=headers)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=1):
                return True
        except OSError:
            return False


def _end(process: subprocess.Popen[bytes], home: Path) -> None:
    for how, seconds in ((signal.SIGTERM, 20), (signal.SIGKILL, 5)):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    shutil.rmtree(home, ignore_errors=True)


def _digest(config: Path) -> str:
    try:
        return hashlib.sha256(config.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"{config}: cannot be read: {error.strerror or error}") from error


def _complaints(log: Path, redactor: Redactor) -> str:
    """Return the first and the last error in a log: the cause and what became of it."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    errors = [hit[0] for hit in map(_ERROR.search, lines) if hit]
    chosen = [errors[0], errors[-1]] if errors else [line for line in lines if line][-1:]
    return redactor.clean(" / ".join(dict.fromkeys(chosen))) or "it said nothing"

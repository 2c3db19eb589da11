"""HTTP to an OpenAI-compatible server: quick, and with no secret in any message.

The ``openai`` client gives the address, the headers and the authentication. The requests go
straight through an HTTP library (``openai_transport``): that leaves out the client's retries (the
engine has its own) and the building of request and response objects, which takes more time than
everything else.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

from noisefix.annotators.openai_complaint import complaint_of
from noisefix.annotators.openai_network import connection_trouble
from noisefix.annotators.openai_stream import completion_of_stream, is_event_stream
from noisefix.annotators.openai_transport import (
    AioHttpTransport,
    HttpxTransport,
    Transport,
    httpx_of_openai,
    proxy_of,
)
from noisefix.annotators.retry import RejectedError, RetryableError
from noisefix.annotators.secrets import Redactor, Secret, display_url, without_credentials
from noisefix.annotators.turnstile import Turnstile
from noisefix.errors import ServiceError

LARGEST_BODY = 16 * 2**20
"""Bytes; no answer to a question about labels is longer."""

_TELEMETRY = "x-stainless-"
_ENDPOINT = "/chat/completions"
_MODELS_WITHIN_S = 1.5
_LONGEST_PAGE = 20_000
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class HttpReply:
    """A complete HTTP response.

    ``body`` is decoded JSON, or the completion that an event stream stands for; other text is
    itself; None when it is cut off.
    """

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def complaint(self) -> str:
        """What an error body says; empty when it says nothing."""
        return complaint_of(self.body)


class Connection:
    """Open connections to one server; an async context manager.

    Args:
        base_url: where the API is, usually ending in ``/v1``; what follows a ``?`` is put behind
            the path of every request.
        api_key: sent as a bearer token.
        redactor: knows the secrets.
        concurrency: number of lanes.
    """

    def __init__(
        self, base_url: str, api_key: Secret, redactor: Redactor, concurrency: int
    ) -> None:
        self._concurrency = concurrency
        self._base_url = base_url
        self._api_key = api_key
        self._redactor = redactor
        self._turnstile = Turnstile()
        self._was_there = False

    async def __aenter__(self) -> Self:
        import openai

        httpx = httpx_of_openai()
        bare_url, basic = without_credentials(self._base_url)
        parts = urlsplit(bare_url)
        client = openai.AsyncOpenAI(
            api_key=self._api_key.reveal(),
            base_url=urlunsplit(parts._replace(query="", fragment="")),
            max_retries=0,
            # Nothing is sent through this client, and to make ready for it would take long.
            http_client=httpx.AsyncClient(transport=httpx.AsyncBaseTransport(), trust_env=False),
        )
        api = parts.path.rstrip("/").removesuffix(_ENDPOINT)
        self._completions, self._models = (
            urlunsplit(parts._replace(path=api + end, fragment=""))
            for end in (_ENDPOINT, "/models")
        )
        headers = {
            name: value
            for name, value in {**client.default_headers, **client.auth_headers}.items()
            if isinstance(value, str) and not name.lower().startswith(_TELEMETRY)
        }
        if basic:  # a password in the address goes before a key
            headers["Authorization"] = basic.reveal()
        if _is_azure(bare_url):
            headers["api-key"] = self._api_key.reveal()
        verify = _trusted_certificates(self._base_url, httpx)
        self._transport: Transport
        if find_spec("aiohttp") is None:
            self._transport = HttpxTransport(httpx, headers, verify)
        else:
            self._transport = AioHttpTransport(bare_url, headers, verify, self._concurrency)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._transport.close()

    async def post(self, lane: int, body: bytes) -> HttpReply:
        """Send a chat completion request and read the whole response.

        Raises:
            RetryableError: no connection, or it broke.
            ServiceError: there will be no connection.
            RejectedError: the response is too large to be an answer.
        """
        return await self._request(lane, "POST", self._completions, body)

    async def models(self) -> list[str]:
        """Return the names of the models there; empty when the server does not tell."""
        try:
            async with asyncio.timeout(_MODELS_WITHIN_S):
                reply = await self._request(0, "GET", self._models, None)
        except (RetryableError, RejectedError, ServiceError, TimeoutError):
            return []
        data = reply.body.get("data") if isinstance(reply.body, Mapping) else None
        items = data if isinstance(data, list) else []
        return [str(item["id"]) for item in items if isinstance(item, Mapping) and "id" in item]

    async def _request(self, lane: int, method: str, url: str, body: bytes | None) -> HttpReply:
        try:
            status, headers, content = await self._transport.send(
                lane, method, url, body, LARGEST_BODY
            )
            await self._turnstile.pass_through()
        except self._transport.broken as error:
            proxy = proxy_of(url)
            raise connection_trouble(
                error,
                display_url(self._base_url),
                None if proxy is None else display_url(proxy),
                self._redactor.clean,
                was_there=self._was_there,
            ) from None
        except Exception as error:
            if self._redactor.hides(error):
                text = self._redactor.clean(f"{type(error).__name__}: {error}")
                raise RuntimeError(text) from None
            raise
        self._was_there = True
        return HttpReply(status, headers, _decoded(content))


def _trusted_certificates(url: str, httpx: Any) -> ssl.SSLContext:
    """Return what certificates are held against: none are trusted where none is needed.

    All root certificates are read for it, which takes as long as a request to a near server.
    """
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context: ssl.SSLContext = httpx.create_ssl_context()
    return context


def _is_azure(url: str) -> bool:
    """Tell whether an address is one of Azure's, whose keys go into a header of their own."""
    parts = urlsplit(url)
    return (
        ".azure." in f".{parts.hostname}."
        or "/openai/deployments/" in parts.path
        or "api-version=" in parts.query
    )


def _decoded(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        pass
    text = content.decode("utf-8", "replace").strip()
    if text[:1] in ("{", "["):
        try:
            return json.loads(content.decode("latin-1"))
        except (ValueError, RecursionError):
            return None
    return completion_of_stream(text) if is_event_stream(text) else text[:_LONGEST_PAGE]

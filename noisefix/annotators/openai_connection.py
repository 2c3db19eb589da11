"""HTTP to an OpenAI-compatible server through aiohttp, with no secret in any message.

Redirects are not followed: texts go to the server that the user has named, and to no other.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

from noisefix.annotators.openai_complaint import complaint_of
from noisefix.annotators.openai_network import connection_trouble, proxy_of, trusted_certificates
from noisefix.annotators.openai_stream import completion_of_stream, is_event_stream
from noisefix.annotators.retry import RejectedError, RetryableError
from noisefix.annotators.secrets import Redactor, Secret, display_url, without_credentials
from noisefix.errors import ServiceError

LARGEST_BODY = 16 * 2**20
"""Bytes; no answer to a question about labels is longer."""

_ENDPOINT = "/chat/completions"
_MODELS_WITHIN_S = 1.5
_LONGEST_PAGE = 20_000
_KEEP_ALIVE_S = 5.0
_ACCOUNT = {"OpenAI-Organization": "OPENAI_ORG_ID", "OpenAI-Project": "OPENAI_PROJECT_ID"}
"""Headers that say who pays, and the environment variables with their values."""


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
        concurrency: most connections.
    """

    def __init__(
        self, base_url: str, api_key: Secret, redactor: Redactor, concurrency: int
    ) -> None:
        self._concurrency = concurrency
        self._base_url = base_url
        self._api_key = api_key
        self._redactor = redactor
        self._was_there = False

    async def __aenter__(self) -> Self:
        import aiohttp

        bare_url, basic = without_credentials(self._base_url)
        parts = urlsplit(bare_url)
        api = parts.path.rstrip("/").removesuffix(_ENDPOINT)
        self._completions, self._models = (
            urlunsplit(parts._replace(path=api + end, fragment=""))
            for end in (_ENDPOINT, "/models")
        )
        self._proxy = proxy_of(bare_url)
        self._broken = (aiohttp.ClientError, OSError)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._concurrency,
                ssl=trusted_certificates(self._base_url),
                keepalive_timeout=_KEEP_ALIVE_S,
            ),
            headers=self._headers(bare_url, basic),
            timeout=aiohttp.ClientTimeout(),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    def _headers(self, bare_url: str, basic: Secret | None) -> dict[str, str]:
        key = self._api_key.reveal()
        headers = {
            name: os.environ.get(variable, "").strip() for name, variable in _ACCOUNT.items()
        }
        headers |= {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": "noisefix",
            # A password in the address goes before a key.
            "Authorization": basic.reveal() if basic else f"Bearer {key}",
            "api-key": key if _is_azure(bare_url) else "",
        }
        return {name: value for name, value in headers.items() if value}

    async def post(self, body: bytes) -> HttpReply:
        """Send a chat completion request and read the whole response.

        Raises:
            RetryableError: no connection, or it broke.
            ServiceError: there will be no connection.
            RejectedError: the response is too large to be an answer.
        """
        return await self._request("POST", self._completions, body)

    async def models(self) -> list[str]:
        """Return the names of the models there; empty when the server does not tell."""
        try:
            async with asyncio.timeout(_MODELS_WITHIN_S):
                reply = await self._request("GET", self._models, None)
        except (RetryableError, RejectedError, ServiceError, TimeoutError):
            return []
        data = reply.body.get("data") if isinstance(reply.body, Mapping) else None
        items = data if isinstance(data, list) else []
        return [str(item["id"]) for item in items if isinstance(item, Mapping) and "id" in item]

    async def _request(self, method: str, url: str, body: bytes | None) -> HttpReply:
        try:
            async with self._session.request(
                method, url, data=body, proxy=self._proxy, allow_redirects=False
            ) as response:
                content = await _read(response.content.iter_any())
        except self._broken as error:
            raise connection_trouble(
                error,
                display_url(self._base_url),
                None if self._proxy is None else display_url(self._proxy),
                self._redactor.clean,
                was_there=self._was_there,
            ) from None
        except Exception as error:
            if self._redactor.hides(error):
                text = self._redactor.clean(f"{type(error).__name__}: {error}")
                raise RuntimeError(text) from None
            raise
        self._was_there = True
        return HttpReply(response.status, response.headers, _decoded(content))


async def _read(parts: AsyncIterator[bytes]) -> bytes:
    read = bytearray()
    async for part in parts:
        read += part
        if len(read) > LARGEST_BODY:
            raise RejectedError(f"the response is longer than {LARGEST_BODY // 2**20} MiB")
    return bytes(read)


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

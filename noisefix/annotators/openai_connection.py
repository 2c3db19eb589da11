"""HTTP to an OpenAI-compatible server through aiohttp, with no secret in any message.

Redirects are not followed: texts go to the server that the user has named, and to no other.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

from noisefix.annotators.openai_complaint import HttpReply
from noisefix.annotators.openai_trouble import connection_trouble
from noisefix.annotators.retry import RejectedError, RetryableError
from noisefix.annotators.secrets import Redactor, Secret, display_url, without_credentials
from noisefix.errors import ServiceError

LARGEST_BODY = 16 * 2**20
"""Bytes; no answer to a question about labels is longer."""

_ENDPOINT = "/chat/completions"
_MODELS_WITHIN_S = 1.5
_LONGEST_PAGE = 20_000
_KEEP_ALIVE_S = 5.0
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
ACCOUNT = {"OpenAI-Organization": "OPENAI_ORG_ID", "OpenAI-Project": "OPENAI_PROJECT_ID"}
"""Headers that say who pays, and the environment variables with their values."""


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
        headers = {name: os.environ.get(variable, "").strip() for name, variable in ACCOUNT.items()}
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


def proxy_of(url: str) -> str | None:
    """Return the proxy that the environment names for an address; None where it names none."""
    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def trusted_certificates(url: str) -> ssl.SSLContext:
    """Return what certificates are held against: none are trusted where none is needed.

    All root certificates are read for it, which takes as long as a request to a near server.
    """
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return ssl.create_default_context()


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


_BEGINNINGS = ("data:", "event:", "id:", ":")
_TEXTS = ("content", "reasoning_content", "reasoning", "refusal", "text")


def is_event_stream(text: str) -> bool:
    """Tell whether a body that is no JSON is an event stream."""
    return text.lstrip().startswith(_BEGINNINGS) and "data:" in text


def completion_of_stream(text: str) -> Any:
    """Return the body of the completion that an event stream spells out.

    None when the stream has no end: what was to follow may be another answer. An error in the
    stream is returned as it stands.
    """
    message: dict[str, Any] = {}
    choice: dict[str, Any] = {"message": message, "finish_reason": None}
    body: dict[str, Any] = {"choices": [choice]}
    is_over, tokens = False, []
    for data in _events(text):
        if data == "[DONE]":
            is_over = True
            continue
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            return None
        if not isinstance(event, Mapping):
            return None
        if event.get("error") is not None:
            return dict(event)
        if isinstance(event.get("usage"), Mapping):
            body["usage"] = event["usage"]
        parts = event.get("choices")
        part = parts[0] if isinstance(parts, list) and parts else None
        if not isinstance(part, Mapping):
            continue
        if isinstance(part.get("message"), Mapping):  # the whole of it in one event
            return {"usage": body.get("usage"), **event}
        _append(message, part.get("delta") if "delta" in part else {"content": part.get("text")})
        if part.get("finish_reason"):
            choice["finish_reason"], is_over = part["finish_reason"], True
        logprobs = part.get("logprobs")
        if isinstance(logprobs, Mapping) and isinstance(logprobs.get("content"), list):
            tokens += logprobs["content"]
    if tokens:
        choice["logprobs"] = {"content": tokens}
    return body if is_over else None


def _events(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.startswith("data:"):
            yield line.removeprefix("data:").strip()


def _append(message: dict[str, Any], delta: Any) -> None:
    if not isinstance(delta, Mapping):
        return
    for name in _TEXTS:
        if isinstance(delta.get(name), str):
            message[name] = message.get(name, "") + delta[name]
    calls = delta.get("tool_calls")
    call = calls[0] if isinstance(calls, list) and calls else None
    function = call.get("function") if isinstance(call, Mapping) else None
    arguments = function.get("arguments") if isinstance(function, Mapping) else None
    if isinstance(arguments, str):
        known = message.setdefault("tool_calls", [{"function": {"arguments": ""}}])
        known[0]["function"]["arguments"] += arguments

"""What is sent and what comes back."""

import asyncio
import json

import pytest

from noisefix.annotators import openai_connection
from noisefix.annotators.openai_connection import Connection
from noisefix.annotators.retry import RejectedError, RetryableError
from noisefix.annotators.secrets import Redactor, Secret
from noisefix.errors import ServiceError

KEY = "sk-test-0123456789"
BODY = json.dumps({"messages": [{"role": "user", "content": "row 0"}]}).encode()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def post(faults):
    """Return ``post(respond, n)``, which sends n requests; it returns outcomes and server."""

    def run(respond, n=1, *, concurrency=1):
        async def requests(url):
            async with Connection(
                url, Secret(KEY), Redactor(Secret(KEY)), concurrency
            ) as connection:
                return [await one(connection) for number in range(n)]

        async def one(connection):
            try:
                async with asyncio.timeout(0.5):
                    return await connection.post(BODY)
            except (RetryableError, RejectedError, TimeoutError) as error:
                return error

        with faults.FaultServer(respond) as server:
            return asyncio.run(requests(server.url)), server

    return run


def test_a_reply(post, faults):
    (reply,), server = post(lambda request: [faults.http(200, {"a": 1}, Retry_After="7")])
    assert (reply.status, reply.body) == (200, {"a": 1})
    assert reply.headers.get("retry-after") == "7"
    headers = server.requests[0].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == "noisefix"
    assert "openai-project" not in headers


def test_who_pays_is_told_where_the_environment_says_so(post, faults, monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-2\n")
    _, server = post(lambda request: faults.says("pos"))
    headers = server.requests[0].headers
    assert (headers["openai-organization"], headers["openai-project"]) == ("org-1", "proj-2")


def test_connections_are_used_again(post, faults):
    _, server = post(lambda request: faults.says("pos"), 10, concurrency=2)
    assert server.connections <= 2


def test_an_error_status_is_a_reply_like_any_other(post, faults):
    (reply,), _ = post(lambda request: faults.error(418, "teapot"))
    assert (reply.status, reply.complaint) == (418, "teapot")


@pytest.mark.parametrize(
    "fault",
    [
        ["reset"],
        ["close"],
        [b"HTTP/1.1 200 OK\r\nContent-Le", 0.02, "reset"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{", 0.02, "close"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{", 0.02, "reset"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", 0.02, "close"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 0.02, "close"],
        [b"this is not HTTP at all\r\n\r\n", "close"],
    ],
)
def test_a_broken_connection_can_be_retried(post, faults, fault):
    def respond(request):
        return fault if request.number == 0 else faults.says("pos")

    (error, reply), server = post(respond, 2)
    assert isinstance(error, RetryableError)
    assert server.url.removesuffix("/v1") in error.message
    assert reply.status == 200


@pytest.mark.parametrize("where", ["before", "inside"])
def test_a_request_that_takes_too_long_can_be_dropped(post, faults, where):
    start = [] if where == "before" else [b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"]

    def respond(request):
        return [*start, 30.0] if request.number == 0 else faults.says("pos")

    (error, reply), _ = post(respond, 2)
    assert isinstance(error, TimeoutError)
    assert reply.status == 200


def test_reading_ends_at_the_limit(post, faults, monkeypatch):
    monkeypatch.setattr(openai_connection, "LARGEST_BODY", 50_000)
    whole = faults.http(200, b"x" * 5_000_000)

    def respond(request):
        return [whole] if request.number == 0 else faults.says("pos")

    (error, reply), _ = post(respond, 2)
    assert isinstance(error, RejectedError)
    assert reply.status == 200


def test_nobody_there_names_the_address():
    async def run():
        connection = Connection("http://127.0.0.1:9/v1", Secret(KEY), Redactor(), 1)
        async with connection:
            await connection.post(BODY)

    with pytest.raises(ServiceError, match=r"http://127\.0\.0\.1:9/v1"):
        asyncio.run(run())


def test_a_proxy_of_the_environment_is_used(faults, monkeypatch):
    async def run():
        async with Connection("http://llm.invalid/v1", Secret(KEY), Redactor(), 1) as connection:
            return await connection.post(BODY)

    with faults.FaultServer(lambda request: faults.says("pos")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        assert asyncio.run(run()).status == 200
    assert [request.path for request in proxy.requests] == [
        "http://llm.invalid/v1/chat/completions"
    ]


def test_a_redirect_is_not_followed(post, faults):
    with faults.FaultServer(lambda request: faults.says("pos")) as other:
        target = f"{other.url}/chat/completions".replace("127.0.0.1", "localhost")
        (reply,), _ = post(lambda request: [faults.http(307, {}, Location=target)])
        assert reply.status == 307
        assert not other.requests

"""Which proxy; and why there is no connection, told at once and with the remedy."""

import asyncio
import json
import socket
import threading
import time

import pytest

from noisefix.annotators.openai_connection import Connection, proxy_of
from noisefix.annotators.openai_trouble import connection_trouble
from noisefix.annotators.retry import RetryableError
from noisefix.annotators.secrets import Redactor, Secret
from noisefix.errors import ServiceError

BODY = json.dumps({"messages": [{"role": "user", "content": "row 0"}]}).encode()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def post(url, n=1):
    """Return the outcomes of so many requests, and the seconds they took."""

    async def run():
        outcomes = []
        async with Connection(url, Secret("sk-none"), Redactor(), 1) as connection:
            began = time.monotonic()
            for _ in range(n):
                try:
                    outcomes.append(await connection.post(BODY))
                except (ServiceError, RetryableError) as error:
                    outcomes.append(error)
            return outcomes, time.monotonic() - began

    return asyncio.run(run())


def test_a_certificate_that_nobody_signed(faults, monkeypatch):
    with faults.FaultServer(lambda request: faults.says("pos"), tls=True) as server:
        (error,), seconds = post(server.url)
        assert isinstance(error, ServiceError)
        assert "certificate of https://localhost" in error.message
        assert "self-signed" in error.message.replace("self signed", "self-signed")
        assert "SSL_CERT_FILE" in error.hint
        assert seconds < 2
        assert server.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(faults.CERTIFICATE))
        (reply,), _ = post(server.url)  # what the hint says helps
        assert reply.status == 200


def test_a_certificate_for_another_name(faults, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(faults.CERTIFICATE))
    with faults.FaultServer(lambda request: faults.says("pos"), tls=True) as server:
        (error,), _ = post(server.url.replace("localhost", "127.0.0.1"))
    assert isinstance(error, ServiceError)
    assert "name that the certificate is made out to" in error.hint


def test_tls_where_there_is_none():
    with socket.create_server(("127.0.0.1", 0)) as plain:
        port = plain.getsockname()[1]

        def answer():
            caller = plain.accept()[0]
            caller.recv(1000)
            caller.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            caller.close()

        thread = threading.Thread(target=answer)
        thread.start()
        (error,), _ = post(f"https://127.0.0.1:{port}/v1")
        thread.join()
    assert isinstance(error, ServiceError)
    assert "http://" in error.hint


def proxy_407(faults):
    headers = {"Proxy_Authenticate": "Basic realm=x"}
    return faults.FaultServer(lambda request: [faults.http(407, b"", **headers)])


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_a_password(faults, monkeypatch, scheme):
    with proxy_407(faults) as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", proxy.url.removesuffix("/v1"))
        (outcome,), _ = post(f"{scheme}://llm.invalid/v1")
    if scheme == "http":  # it answers in the server's place
        assert outcome.status == 407
    else:
        assert isinstance(outcome, ServiceError)
        assert "wants to know who asks (407)" in outcome.message
        assert "https_proxy" in outcome.hint


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there(monkeypatch, scheme):
    monkeypatch.setenv(f"{scheme}_proxy", "http://me:hunter22@127.0.0.1:9")
    (error,), _ = post(f"{scheme}://llm.invalid/v1")
    assert isinstance(error, ServiceError)
    assert "hunter22" not in f"{error.message} {error.hint}"
    assert "the proxy http://127.0.0.1:9 cannot be used" in error.message
    assert "no_proxy" in error.hint


def test_nobody_there():
    (error,), seconds = post("http://127.0.0.1:9/v1")
    assert isinstance(error, ServiceError)
    assert "nobody is there" in error.message
    assert "ssl" not in error.message.lower()
    assert seconds < 2


def test_somebody_who_was_there_may_come_back(faults):
    server = faults.FaultServer(lambda request: [*faults.says("pos"), "close"])

    async def run():
        with server:
            url = server.url
            connection = Connection(url, Secret("sk-none"), Redactor(), 1)
            await connection.__aenter__()
            await connection.post(BODY)
        try:
            await connection.post(BODY)
        finally:
            await connection.__aexit__(None, None, None)

    with pytest.raises(RetryableError, match="or it broke"):
        asyncio.run(run())


def test_a_name_that_nobody_knows():
    error = connection_trouble(
        socket.gaierror(-2, "Name or service not known"),
        "http://llm.invalid/v1",
        None,
        str,
        was_there=False,
    )
    assert isinstance(error, ServiceError)
    assert "its name is not known" in error.message


@pytest.mark.parametrize(
    ("set_to", "url", "proxy"),
    [
        ({}, "http://a.example/v1", None),
        ({"http_proxy": "http://p:1"}, "http://a.example/v1", "http://p:1"),
        ({"http_proxy": "http://p:1"}, "https://a.example/v1", None),
        ({"https_proxy": "p:1"}, "https://a.example/v1", "http://p:1"),
        ({"ALL_PROXY": "http://p:1"}, "https://a.example/v1", "http://p:1"),
        ({"http_proxy": "http://p:1", "no_proxy": "a.example"}, "http://a.example/v1", None),
        ({"http_proxy": "http://p:1", "no_proxy": "a.example"}, "http://u:w@a.example/", None),
        ({"http_proxy": "http://p:1", "no_proxy": "b.example"}, "http://a.example", "http://p:1"),
        ({"http_proxy": "http://p:1", "no_proxy": "localhost"}, "http://localhost:8000/v1", None),
        ({"http_proxy": "http://p:1", "no_proxy": "*"}, "http://a.example/v1", None),
    ],
)
def test_proxy_of_an_address(monkeypatch, set_to, url, proxy):
    for name, value in set_to.items():
        monkeypatch.setenv(name, value)
    assert proxy_of(url) == proxy

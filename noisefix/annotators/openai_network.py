"""Proxy and certificates of a connection; and why there is none, in words that help."""

from __future__ import annotations

import socket
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from noisefix.annotators.retry import RetryableError
from noisefix.errors import ServiceError

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_RUN_IT = "check that the server runs and that --base-url is right"


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


def connection_trouble(
    error: BaseException,
    url: str,
    proxy: str | None,
    clean: Callable[[str], str],
    *,
    was_there: bool,
) -> RetryableError | ServiceError:
    """Return the error of a request that got no response.

    What will not pass by itself is a ``ServiceError``: a certificate, a proxy that wants a
    password; and as long as the server has not been there at all, that nobody is.

    Args:
        error: what the HTTP library raised.
        url: the server's address, fit to be shown.
        proxy: the proxy in between, fit to be shown; None when there is none.
        clean: takes secrets out of a text.
        was_there: the server has answered something before.
    """
    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, ssl.SSLCertVerificationError) and hasattr(cause, "verify_message"):
            return _certificate(clean(cause.verify_message), url)
    kinds = {type(one).__name__ for one in chain}
    is_proxy = bool(kinds & {"ClientProxyConnectionError", "ClientHttpProxyError", "ProxyError"})
    reason = clean(str(_reason(chain))) or type(error).__name__
    if is_proxy and proxy is not None:
        is_407 = any(getattr(one, "status", 0) == 407 or "407" in str(one) for one in chain)
        if is_407:
            return ServiceError(
                f"the proxy {proxy} wants to know who asks (407) and lets nothing through to {url}",
                "put user and password of the proxy into http_proxy or https_proxy "
                "(http://USER:PASSWORD@HOST:PORT), or name the server in no_proxy",
            )
        message = f"no connection to {url}: the proxy {proxy} cannot be used: {reason}"
        hint = "check http_proxy and https_proxy, or name the server in no_proxy"
        return RetryableError(message, hint) if was_there else ServiceError(message, hint)
    for cause in chain:
        if isinstance(cause, ssl.SSLError) and _speaks_no_tls(cause):
            return ServiceError(
                f"no TLS at {url}: {reason}",
                "if the server speaks plain HTTP, give --base-url as http://...",
            )
    if not was_there and any(isinstance(one, socket.gaierror) for one in chain):
        return ServiceError(
            f"no connection to {url}: its name is not known: {reason}",
            "check the name in --base-url, and that there is a network",
        )
    message = f"no connection to {url}, or it broke: {reason}"
    if not was_there and any(isinstance(one, ConnectionRefusedError) for one in chain):
        return ServiceError(f"no connection to {url}: nobody is there: {reason}", _RUN_IT)
    return RetryableError(message, _RUN_IT)


def _certificate(said: str, url: str) -> ServiceError:
    hint = (
        "if it is signed by yourself or your company, name the file with the signer's certificate: "
        "SSL_CERT_FILE=ca.pem"
    )
    if "hostname" in said.lower() or "ip address mismatch" in said.lower():
        hint = "give --base-url with the name that the certificate is made out to"
    elif "expired" in said.lower() or "not yet valid" in said.lower():
        hint = "the server needs a new certificate; check this machine's clock, too"
    return ServiceError(f"the certificate of {url} cannot be verified: {said}", hint)


def _speaks_no_tls(error: ssl.SSLError) -> bool:
    words = str(error).lower().replace("_", " ")
    return any(
        w in words
        for w in ("wrong version number", "record layer", "http request", "packet length")
    )


def _reason(chain: list[BaseException]) -> BaseException:
    """Return the error that says it best: aiohttp's own words speak of TLS where there is none."""
    return getattr(chain[0], "os_error", chain[0])


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and everything it came from."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        one = pending.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        pending += (
            getattr(one, "os_error", None),
            getattr(one, "certificate_error", None),
            one.__cause__,
            one.__context__,
        )

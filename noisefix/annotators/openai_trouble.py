"""From a status that is no success, or no connection at all, to an error that says what to do."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from noisefix.annotators.openai_complaint import HttpReply, is_about_key, is_about_model
from noisefix.annotators.retry import (
    RejectedError,
    RetryableError,
    is_per_minute,
    is_retryable,
    told_wait_s,
)
from noisefix.annotators.secrets import causes, display_url
from noisefix.errors import ServiceError

_OUT_OF_MONEY = re.compile(
    r"insufficient[_ ](?:quota|balance|funds|credit)|billing_hard_limit_reached|credit balance is"
    r"|out of credits|exceeded_current_quota_error"
)
_HTTPS_PORT = re.compile(r"plain http request was sent to https|http request to an? https")
_NOT_STORED_TWICE = "run again afterwards: what is stored will not be asked again"


@dataclass(frozen=True)
class Troubles:
    """Knows who is asked, and makes errors that name it.

    Attributes:
        url: the server's address, fit to be shown.
        model: the model asked for.
        api_key_env: the variable that the key comes from.
        clean: takes secrets out of a text of the server's.
        models: returns the names of the models there.
    """

    url: str
    model: str
    api_key_env: str
    clean: Callable[[str], str]
    models: Callable[[], Awaitable[list[str]]]

    async def of(self, http: HttpReply) -> RetryableError | RejectedError | ServiceError:
        """Return the error that a response stands for."""
        said, words = self.clean(http.complaint), http.complaint.lower()
        what = f"{self.url} answers {http.status}" + (f" ({said})" if said else "")
        if 300 <= http.status < 400:
            return self._redirected(what, http.headers.get("location"))
        if http.status == 407:
            return ServiceError(
                f"the proxy wants to know who asks: {what}",
                "put user and password of the proxy into http_proxy or https_proxy "
                "(http://USER:PASSWORD@HOST:PORT), or name the server in no_proxy",
            )
        if http.status == 402 or _OUT_OF_MONEY.search(words):
            return ServiceError(
                f"no quota left: {what}",
                f"add credit or raise the limit with the provider; {_NOT_STORED_TWICE}",
            )
        if http.status == 401 or (http.status < 500 and is_about_key(words)):
            return ServiceError(
                f"the API key was not accepted: {what}",
                f"put a valid key for this server in {self.api_key_env}, or name another"
                " variable with --api-key-env",
            )
        if http.status == 404 or http.status == 405 or self.is_about_model(http):
            return await self._not_found(what)
        if is_retryable(http.status):
            return self._retryable(http, what)
        if http.status == 403:
            return ServiceError(
                f"access was denied: {what}",
                f"the key in {self.api_key_env} may not use model {self.model!r} there",
            )
        if _HTTPS_PORT.search(words):
            return ServiceError(what, "the server speaks TLS there: give --base-url as https://...")
        return RejectedError(what, "check --model and the options against what the server says")

    def is_about_model(self, http: HttpReply) -> bool:
        """Tell whether a response says that the model is not there."""
        return http.status < 500 and http.status != 429 and is_about_model(http.complaint.lower())

    def _retryable(self, http: HttpReply, what: str) -> RetryableError:
        is_429 = http.status == 429
        return RetryableError(
            what,
            "lower --concurrency, or run again later"
            if is_429
            else "the server itself fails: look at its log, or run again later",
            retry_after=told_wait_s(http.headers, http.complaint if is_429 else ""),
            slow_down=is_429,
            per_minute=is_429 and is_per_minute(http.complaint),
        )

    def _redirected(self, what: str, location: str | None) -> ServiceError:
        """Return the error of a server that sends requests on to another address."""
        there = "elsewhere"
        if location:
            there = self.clean(display_url(location.partition("?")[0]))
        base_url = there.removesuffix("/chat/completions")
        return ServiceError(
            f"{what} and sends the request on to {there}, which was not asked",
            "texts go to no server that was not named: if it is the right one, give its address, "
            f"for instance --base-url {base_url}"
            if location
            else "check --base-url",
        )

    async def _not_found(self, what: str) -> ServiceError:
        names = await self.models()
        hint = "check --model, and that --base-url is right (it usually ends in /v1)"
        if names:
            listed = ", ".join(self.clean(name) for name in names[:10])
            hint = f"models there: {listed}{', ...' if len(names) > 10 else ''}"
        return ServiceError(f"model {self.model!r} was not found: {what}", hint)


_RUN_IT = "check that the server runs and that --base-url is right"


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
    chain = list(causes(error))
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

"""From a status that is no success to an error that says what to do."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from noisefix.annotators.openai_complaint import is_about_key, is_about_model
from noisefix.annotators.openai_connection import HttpReply
from noisefix.annotators.rate_limits import is_per_minute, told_wait_s
from noisefix.annotators.retry import RejectedError, RetryableError, is_retryable
from noisefix.annotators.secrets import display_url
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

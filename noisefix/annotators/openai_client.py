"""Any OpenAI-compatible server as an annotator: OpenAI, vLLM, Ollama, llama.cpp and the like."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from noisefix.annotators.budget import NO_USAGE, Usage
from noisefix.annotators.exchange import Reply
from noisefix.annotators.fencing import clean_text
from noisefix.annotators.openai_connection import Connection, HttpReply
from noisefix.annotators.openai_features import Features
from noisefix.annotators.openai_reply import Completion, read_completion, reply_of
from noisefix.annotators.prompts import label_literal
from noisefix.annotators.protocol import INVALID, REFUSED, Answer, Identity, Message, Question
from noisefix.annotators.retry import (
    RejectedError,
    RetryableError,
    RetryPolicy,
    is_retryable,
    retry_after_s,
)
from noisefix.annotators.secrets import Redactor, Secret, display_url, is_web_address, passwords_in
from noisefix.errors import ServiceError, UsageError
from noisefix.redaction import looks_like_key, shown_variable

OPENAI_URL = "https://api.openai.com/v1"
DEFAULT_KEY_ENV = "OPENAI_API_KEY"

_OUT_OF_MONEY = ("insufficient_quota", "billing_hard_limit_reached", "insufficient_balance")
_CONTENT_FILTER = ("content_filter", "content_policy_violation")
_TOO_LONG = ("context_length_exceeded", "maximum context length", "context size", "too long")
_NOT_STORED_TWICE = "run again afterwards: what is stored will not be asked again"


class OpenAIAnnotator:
    """Asks a chat model behind the OpenAI API.

    The answer is held to the pool by a JSON schema where the server supports that, and by strict
    parsing everywhere; its probability comes from the log-probabilities of its tokens where the
    server gives them. Which optional parameters the server knows is found out with the first
    request. The key is read from the environment when the annotator is made; it is neither stored
    nor shown.

    Args:
        model: the model's name.
        base_url: where the API is; ``OPENAI_BASE_URL`` or OpenAI itself when None.
        api_key_env: name of the environment variable with the key. A server on another address
            than OpenAI's may do without one.
        concurrency: most requests in flight; fewer after a 429.
        temperature: None leaves it to the server.
        seed: for servers that take one; further votes on a row add their number to it.
        max_output_tokens: longest answer, reasoning included; None leaves it to the server.
        policy: patience.
        without: optional parameters not to send from the start ("response_format", "logprobs",
            "seed", "max_tokens", "temperature"). Needed for batches only, where nothing can be
            found out on the way.
        extra_body: further fields of the request, for what only some servers know.

    Raises:
        UsageError: no key in the named variable, or a value that cannot be.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key_env: str = DEFAULT_KEY_ENV,
        concurrency: int = 16,
        temperature: float | None = 0.0,
        seed: int | None = 0,
        max_output_tokens: int | None = 2048,
        policy: RetryPolicy | None = None,
        without: Collection[str] = (),
        extra_body: Mapping[str, Any] | None = None,
    ) -> None:
        if concurrency < 1:
            raise UsageError(f"concurrency is {concurrency}; it must be at least 1")
        if looks_like_key(model):
            raise UsageError(
                "what was given as --model looks like a key, not like the name of a model",
                "name the model with --model; the key is read from the variable of --api-key-env",
            )
        self.model = model
        self.concurrency = concurrency
        self.policy = policy or RetryPolicy()
        self.extra_body = dict(extra_body or {})
        self.api_key_env = api_key_env
        self._base_url = base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL
        if not is_web_address(self._base_url):
            raise UsageError(
                f"base URL {display_url(self._base_url)!r} is no web address",
                "it looks like http://localhost:8000/v1; in a password, write / as %2F",
            )
        self._without = tuple(without)
        self._settings = (max_output_tokens, temperature, seed)
        self._key = _key_from(api_key_env, self._base_url)
        self.redactor = Redactor(self._key, *passwords_in(self._base_url))
        sampling = {"temperature": temperature, "seed": seed, "max_tokens": max_output_tokens}
        self.identity = Identity("openai", model, {**sampling, **self.extra_body})

    @property
    def url(self) -> str:
        """The server's address, fit to be shown."""
        return display_url(self._base_url)

    def annotate(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """Yield the answers as they arrive; see ``engine.ask`` for a store, budget and errors."""
        from noisefix.annotators.engine import ask

        return ask(self, questions)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[OpenAISession]:
        """Open the connections."""
        server = Connection(self._base_url, self._key, self.redactor, self.concurrency)
        async with server as connection:
            yield OpenAISession(self, connection)

    def reply(self, completion: Completion, question: Question) -> Reply:
        """Return what a completion answers; no key is kept, even if the server says it."""
        reply = reply_of(completion, question)
        raw = reply.raw_answer
        return replace(reply, raw_answer=None if raw is None else self.redactor.redact(raw))

    def features(self) -> Features:
        """Return the optional parameters to begin with."""
        return Features(*self._settings, without=self._without)

    def request_body(
        self, question: Question, features: Features, messages: Iterable[Message] = ()
    ) -> dict[str, Any]:
        """Return the JSON body of a request.

        Args:
            question: what to ask.
            features: which optional parameters to send.
            messages: in the place of the question's own prompt.
        """
        shown = [{"role": m.role, "content": m.content} for m in messages or question.prompt]
        return {
            "model": self.model,
            "messages": shown,
            **features.parameters(question),
            **self.extra_body,
        }


class OpenAISession:
    """Open connections to one server, and what has been learned about it."""

    def __init__(self, annotator: OpenAIAnnotator, connection: Connection) -> None:
        self.annotator = annotator
        self.connection = connection
        self.features = annotator.features()

    def exchange(self, question: Question, lane: int) -> OpenAIExchange:
        """Begin with a question."""
        return OpenAIExchange(self, question, lane)

    def clean(self, text: str) -> str:
        """Return a text of the server's without secrets, fit to be kept."""
        return self.annotator.redactor.clean(text)

    async def trouble(self, http: HttpReply) -> RetryableError | RejectedError | ServiceError:
        """Return the error that an HTTP status stands for."""
        annotator, said = self.annotator, self.clean(http.complaint)
        what = f"{annotator.url} answers {http.status}" + (f" ({said})" if said else "")
        if 300 <= http.status < 400:
            return self._redirected(what, http.headers.get("location"))
        if http.status == 402 or any(code in http.complaint for code in _OUT_OF_MONEY):
            return ServiceError(
                f"no quota left: {what}",
                f"add credit or raise the limit with the provider; {_NOT_STORED_TWICE}",
            )
        if is_retryable(http.status):
            wait_s = retry_after_s(http.headers)
            hint = "the server itself fails: look at its log, or run again later"
            if http.status == 429:
                hint = "lower --concurrency, or run again later"
            return RetryableError(what, hint, retry_after=wait_s, slow_down=http.status == 429)
        if http.status == 401:
            return ServiceError(
                f"the API key was not accepted: {what}",
                f"put a valid key for this server in {annotator.api_key_env}, or name another"
                " variable with --api-key-env",
            )
        if http.status == 403:
            return ServiceError(
                f"access was denied: {what}",
                f"the key in {annotator.api_key_env} may not use model {annotator.model!r} there",
            )
        if http.status == 404:
            return await self._not_found(what)
        return RejectedError(what, "check --model and the options against what the server says")

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
        names = await self.connection.models()
        hint = "check --model, and that --base-url is right (it usually ends in /v1)"
        if names:
            listed = ", ".join(self.clean(name) for name in names[:10])
            hint = f"models there: {listed}{', ...' if len(names) > 10 else ''}"
        return ServiceError(f"model {self.annotator.model!r} was not found: {what}", hint)


class OpenAIExchange:
    """One question under way: the request, and a second one when the answer is off the list."""

    def __init__(self, session: OpenAISession, question: Question, lane: int) -> None:
        self.usage: Usage = NO_USAGE
        self._session = session
        self._question = question
        self._lane = lane
        self._off_list: Reply | None = None
        self._was_unreadable = False

    async def send(self) -> Reply | None:
        """Send one request; None when another one is needed."""
        session, features = self._session, self._session.features
        used = features.active
        body = session.annotator.request_body(self._question, features, self._messages())
        http = await session.connection.post(self._lane, json.dumps(body).encode())
        if http.status >= 300:
            return await self._refused(http, used)
        completion = read_completion(http.body)
        if completion is None:
            await self._unreadable(http)
            return None
        features.is_proven = True
        self.usage += completion.usage
        reply = session.annotator.reply(completion, self._question)
        if reply.is_label or reply.answer != INVALID or self._off_list is not None:
            return reply
        self._off_list = reply
        return None

    def fallback(self) -> Reply | None:
        """Return the off-list answer, which was paid for, when asking again did not work out."""
        return self._off_list

    def _messages(self) -> tuple[Message, ...]:
        if self._off_list is None:
            return self._question.prompt
        said = clean_text((self._off_list.raw_answer or "")[:500])
        allowed = ", ".join(map(label_literal, self._question.allowed))
        again = Message(
            "user",
            "That is not one of the allowed answers. Reply with exactly one of these, in the form"
            f" asked for, and with nothing else: {allowed}",
        )
        if not said.strip():
            return (*self._question.prompt, again)
        return (*self._question.prompt, Message("assistant", said), again)

    async def _refused(self, http: HttpReply, used: tuple[str, ...]) -> Reply | None:
        """Handle a status that is no success; None when it is worth sending again at once."""
        complaint = http.complaint.lower()
        if http.status in (400, 403, 422) and any(w in complaint for w in _CONTENT_FILTER):
            return Reply(REFUSED, raw_answer=self._session.clean(http.complaint))
        if http.status in (400, 422):
            is_too_long = any(words in complaint for words in _TOO_LONG)
            mentions_limit = "max_tokens" in complaint and "max_tokens" in used
            if (not is_too_long or mentions_limit) and self._session.features.adapt(
                used, complaint
            ):
                return None
        raise await self._session.trouble(http)

    async def _unreadable(self, http: HttpReply) -> None:
        """Handle a response that is no chat completion: ask again once, then give up."""
        if http.complaint and isinstance(http.body, dict) and "choices" not in http.body:
            code = http.body.get("error")
            status = code.get("code") if isinstance(code, dict) else None
            if isinstance(status, int) and 400 <= status <= 599:  # an error in a 200, as proxies do
                raise await self._session.trouble(HttpReply(status, http.headers, http.body))
        if self._was_unreadable:
            raise RejectedError(
                f"{self._session.annotator.url} sent something that is no chat completion, twice"
                " (cut off, or not from this API)",
                "check that --base-url is the address of an OpenAI-compatible API",
            )
        self._was_unreadable = True


def _key_from(variable: str, base_url: str) -> Secret:
    if variable not in os.environ and shown_variable(variable) != variable:
        raise UsageError(
            "what was given as --api-key-env is no name of an environment variable, and not set:"
            f" {shown_variable(variable)}",
            "put the key into a variable (export OPENAI_API_KEY=...), and give the variable's name;"
            " if a key was typed here, the shell's history has it: delete it there",
        )
    key = Secret(os.environ.get(variable, "").strip())
    if key and not key.is_sendable:
        raise UsageError(
            f"the key in {variable} has blanks or other characters that no key has",
            "copy it again; it is not shown here on purpose",
        )
    if key:
        return key
    is_openai = urlsplit(base_url).hostname == urlsplit(OPENAI_URL).hostname
    if is_openai or variable != DEFAULT_KEY_ENV:
        raise UsageError(
            f"no API key: the environment variable {variable} is not set",
            f"set {variable}, name another variable with --api-key-env, or give the address of a"
            " server of your own with --base-url",
        )
    return Secret("not-needed")

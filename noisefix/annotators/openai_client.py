"""Any OpenAI-compatible server as an annotator: OpenAI, vLLM, Ollama, llama.cpp and the like."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import urlsplit

from noisefix.annotators.edits import EditQuestion
from noisefix.annotators.exchange import Reply
from noisefix.annotators.openai_complaint import HttpReply
from noisefix.annotators.openai_connection import Connection
from noisefix.annotators.openai_exchange import OpenAIExchange
from noisefix.annotators.openai_features import DEFAULT_ROOM, SYSTEM, Features, Room
from noisefix.annotators.openai_reply import Completion, reply_of
from noisefix.annotators.openai_trouble import Troubles
from noisefix.annotators.protocol import Answer, Identity, Message, Question
from noisefix.annotators.retry import RetryPolicy
from noisefix.annotators.secrets import Redactor, Secret, display_url, is_web_address, passwords_in
from noisefix.errors import UsageError
from noisefix.redaction import looks_like_key, shown_variable

OPENAI_URL = "https://api.openai.com/v1"
DEFAULT_KEY_ENV = "OPENAI_API_KEY"


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
        max_output_tokens: longest answer, reasoning included; "auto" begins with 2,048 and asks
            again with more where an answer was cut off; None leaves it to the server. Less is
            asked for where the model's context has no room for so much.
        system_role: "auto", or "user" for a model without a system role: what the system says
            then stands before the user's words. Found out by itself where the server complains.
        logprobs: "auto", or "off" not to ask for log-probabilities.
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
        max_output_tokens: int | Literal["auto"] | None = "auto",
        system_role: Literal["auto", "user"] = "auto",
        logprobs: Literal["auto", "off"] = "auto",
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
        self._without = {*without}
        if system_role == "user":
            self._without.add(SYSTEM)
        if logprobs == "off":
            self._without.add("logprobs")
        self._may_grow = max_output_tokens == "auto"
        most = DEFAULT_ROOM if max_output_tokens == "auto" else max_output_tokens
        if most is not None and most < 1:
            raise UsageError(f"max output tokens is {most}; it must be at least 1")
        self._settings = (most, temperature, seed)
        self._key = _key_from(api_key_env, self._base_url)
        self.redactor = Redactor(self._key, *passwords_in(self._base_url))
        sampling = {"temperature": temperature, "seed": seed, "max_tokens": most}
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
        raw, answer = reply.raw_answer, reply.answer
        if isinstance(question, EditQuestion):
            answer = self.redactor.redact(answer)
        return replace(
            reply, answer=answer, raw_answer=None if raw is None else self.redactor.redact(raw)
        )

    def features(self) -> Features:
        """Return the optional parameters to begin with."""
        most, temperature, seed = self._settings
        room = Room(most, may_grow=self._may_grow)
        return Features(room, temperature, seed, without=self._without)

    def request_body(
        self,
        question: Question,
        features: Features,
        messages: Sequence[Message] = (),
        *,
        most: int | None = None,
    ) -> dict[str, Any]:
        """Return the JSON body of a request.

        Args:
            question: what to ask.
            features: which optional parameters to send.
            messages: in the place of the question's own prompt.
            most: longest answer in tokens; None not to say.
        """
        return {
            "model": self.model,
            "messages": features.messages(messages or question.prompt),
            **features.parameters(question, most),
            **self.extra_body,
        }


class OpenAISession:
    """Open connections to one server, and what has been learned about it."""

    def __init__(self, annotator: OpenAIAnnotator, connection: Connection) -> None:
        self.annotator = annotator
        self.connection = connection
        self.features = annotator.features()
        self.troubles = Troubles(
            annotator.url,
            annotator.model,
            annotator.api_key_env,
            annotator.redactor.clean,
            connection.models,
        )

    def exchange(self, question: Question) -> OpenAIExchange:
        """Begin with a question."""
        return OpenAIExchange(self, question)

    async def post(
        self, question: Question, messages: Sequence[Message], most: int | None
    ) -> HttpReply:
        """Send a question; see ``OpenAIAnnotator.request_body`` for the arguments."""
        body = self.annotator.request_body(question, self.features, messages, most=most)
        return await self.connection.post(json.dumps(body).encode())

    def reply(self, completion: Completion, question: Question) -> Reply:
        """Return what a completion answers, without any key."""
        return self.annotator.reply(completion, question)

    def clean(self, text: str) -> str:
        """Return a text of the server's without secrets, fit to be kept."""
        return self.annotator.redactor.clean(text)


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

"""What a server says when it will not: its own words in any shape, and what they are about."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_LONGEST = 2_000
_DEEPEST = 5
_SAID = ("message", "msg", "detail", "error_description", "description", "title", "reason")
_INSIDE = ("error", "errors", "detail", "metadata", "raw", "innererror", "details")
_NUMBERS = ("n_prompt_tokens", "n_ctx")
_WAITS = ("retryDelay", "retry_after", "retryAfter")


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


def complaint_of(body: Any) -> str:
    """Return what an error body says, without what it quotes of the request.

    Knows the forms of OpenAI (``error.message``), FastAPI (``detail``, a text or a list of places
    and messages), lists of errors, ``errors``, an error of the server behind a proxy
    (``metadata.raw``), plain text and HTML. Fields that are none of these are not looked at: they
    may hold the texts that were sent.
    """
    return "; ".join(dict.fromkeys(_said(body, 0)))[:_LONGEST]


def parameter_of(body: Any) -> str:
    """Return the parameter that an error body names in a field of its own; empty when none."""
    error = body[0] if isinstance(body, list) and body else body
    error = error.get("error", error) if isinstance(error, Mapping) else None
    name = error.get("param") if isinstance(error, Mapping) else None
    return name if isinstance(name, str) else ""


def _said(body: Any, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(body, str):
        yield from _text(body, depth)
    elif isinstance(body, list):
        for item in body[:10]:
            yield from _said(item, depth + 1)
    elif isinstance(body, Mapping):
        place = body.get("loc")
        if isinstance(place, list | tuple) and isinstance(body.get("msg"), str):
            yield f"{'.'.join(map(str, place))}: {body['msg']}"
            return
        for name in _SAID:
            if isinstance(body.get(name), str):
                yield from _text(body[name], depth)
        for name in ("param", "code"):
            if body.get(name) and isinstance(body[name], str | int):
                yield str(body[name])
        yield from (f"{name} {body[name]}" for name in _NUMBERS if isinstance(body.get(name), int))
        for name in _WAITS:
            if isinstance(body.get(name), str | int | float):
                yield f"retry after {str(body[name]).removesuffix('s')} s"
        for name in _INSIDE:
            value = body.get(name)
            if isinstance(value, Mapping | list) or (
                name in ("error", "raw") and isinstance(value, str)
            ):
                yield from _said(value, depth + 1)


def _text(text: str, depth: int) -> Iterator[str]:
    text = text.strip()[: 4 * _LONGEST]
    if text[:1] in ("{", "["):  # an error written into an error
        try:
            inner = list(_said(json.loads(text), depth + 1))
        except (ValueError, RecursionError):
            inner = []
        if inner:
            yield from inner
            return
    if text[:1] == "<" and text[-1:] == ">":
        text = re.sub(r"(?is)<(script|style|head)\b.*?</\1\s*>", " ", _titled(text))
        text = html.unescape(re.sub(r"<[^<>]{0,2000}>", " ", text))
    text = " ".join(text.split())
    if text:
        yield text


def _titled(page: str) -> str:
    """Keep the title of a page when its head goes."""
    title = re.search(r"(?is)<title[^>]{0,200}>(.{0,200}?)</title>", page)
    return page + (f" {title[1]}" if title else "")


_ACCOUNT = re.compile(
    r"\b(?:account|organi[sz]ation|api[ _-]?key|project|ip(?: address)?|country|region|territory|"
    r"subscription)\b"
)
_MODERATION = re.compile(
    r"content[ _-]?(?:filter|polic|management polic|moderation|safety)|moderation|responsibleai"
    r"|data[ _]?inspection|inappropriate content|prohibited[ _]content|\bunsafe\b"
    r"|sensitive (?:content|words?|information)|safety (?:system|filter|polic|setting|reason)"
    r"|\b(?:input|prompt|content|text|message|output|response)s?\b[^.]{0,60}"
    r"\b(?:flagged|blocked|filtered|prohibited|violat)|flagged (?:by|as|for)"
    r"|violat\w{0,5} [^.]{0,40}\b(?:polic|guideline|terms)"
)
_KEY = re.compile(
    r"(?:api|subscription|access)[ _-]?(?:key|token)s?\b[^.]{0,40}\b(?:not valid|invalid|incorrect"
    r"|missing|required|expired|not found|wrong|revoked|disabled|not provided)"
    r"|(?:invalid|incorrect|missing|no|wrong|expired|bad|unknown|provide an?(?: valid)?) "
    r"(?:\w{1,12} )?(?:api|subscription|access)[ _-]?(?:key|token)"
    r"|api_key_invalid|invalid_api_key|invalid authentication|authentication (?:fail|error|requ)"
    r"|authentication_error|invalid (?:bearer|auth\w{0,12}) |unauthenticated"
)
_MODEL = re.compile(
    r"model_not_found|no such model|unknown model|invalid model|not a valid model"
    r"|model not (?:found|exist)|model\b[^.;]{0,100}\b(?:do(?:es)? not exist|doesn['’]t exist"
    r"|not found|is not available|not be found|is unknown|not loaded|is not deployed)"
    r"|deploymentnotfound|no endpoints found for|deployment for this resource does not exist"
)
_SYSTEM = re.compile(
    r"system[ _-]?(?:role|message|prompt|instruction)|developer instruction|roles? (?:must|should) "
    r"(?:alternate|be)|(?:role|roles)\b[^.]{0,60}\bsystem\b"
    r"|\bsystem\b[^.]{0,40}\b(?:not supported|unsupported|not allowed|invalid|unexpected)"
    r"|only user|(?:unsupported|unexpected|invalid|unknown) (?:message )?role|\.role\b"
    r"|first message[^.]{0,40}\buser\b"
)
_PARAMETERS = re.compile(
    r"parameter|argument|unsupported|not support|unrecogni[sz]ed|unexpected|unknown (?:field|name"
    r"|key)|extra (?:input|field)|not permitted|not allowed"
)


def is_moderation(words: str) -> bool:
    """Tell whether the text that was sent is what the server will not take.

    Like all of these, it looks at a complaint in lower case.
    """
    is_about_account = bool(_ACCOUNT.search(words)) and "input" not in words
    return bool(_MODERATION.search(words)) and not is_about_account


def is_about_key(words: str) -> bool:
    """Tell whether the key is wrong or missing."""
    return bool(_KEY.search(words))


def is_about_model(words: str) -> bool:
    """Tell whether the model is not there."""
    return bool(_MODEL.search(words))


def is_about_system(words: str) -> bool:
    """Tell whether a message with the role "system" is what the server will not take."""
    return bool(_SYSTEM.search(words))


def is_about_parameters(words: str) -> bool:
    """Tell whether some parameter, perhaps not named, is what the server will not take."""
    return bool(_PARAMETERS.search(words))

"""One question under way: the request, and a second one when the answer cannot be used."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from noisefix.annotators.budget import NO_USAGE, Usage
from noisefix.annotators.exchange import Reply
from noisefix.annotators.openai_complaint import (
    HttpReply,
    is_about_key,
    is_about_parameters,
    is_moderation,
    parameter_of,
)
from noisefix.annotators.openai_features import is_about_room, names_the_answer, read_limits
from noisefix.annotators.openai_reply import read_completion
from noisefix.annotators.prompts import label_literal
from noisefix.annotators.protocol import CUT_MARK, INVALID, REFUSED, Message, Question
from noisefix.annotators.quoting import clean_text
from noisefix.annotators.retry import RejectedError
from noisefix.errors import ServiceError

if TYPE_CHECKING:
    from noisefix.annotators.openai_client import OpenAISession

_NOT_ABOUT_PARAMETERS = {401, 402, 405, 407, 408, 409, 429, 502, 503, 504, 529}
_NOT_ABOUT_TEXTS = {401, 402, 404, 405, 407, 408, 409, 429}
_UNPROMPTED_GUESSES = {400, 422}
_MOST_SHORTENINGS = 12
_HALVINGS = 3


class OpenAIExchange:
    """One question under way.

    An answer outside of what was offered is asked for once more, saying what is allowed; one that
    was cut off is, with more room, where there is more.
    """

    def __init__(self, session: OpenAISession, question: Question) -> None:
        self.usage: Usage = NO_USAGE
        self._session = session
        self._question = question
        self._messages = question.prompt
        self._characters = sum(len(message.content) for message in question.prompt)
        self._useless: Reply | None = None
        self._was_unreadable = False
        self._has_own_room = False
        self._own_room: int | None = None
        self._remembers_room = False
        self._shortenings = self._halvings = 0

    async def send(self) -> Reply | None:
        """Send one request; None when another one is needed."""
        features = self._session.features
        used, most = features.active, self._most()
        http = await self._session.post(self._question, self._messages, most)
        if http.status >= 300:
            return await self._refused(http, used, most)
        completion = read_completion(http.body)
        if completion is None:
            status = _status_inside(http.body)
            if status is not None:  # an error in a 200, as proxies do
                return await self._refused(HttpReply(status, http.headers, http.body), used, most)
            self._unreadable(http)
            return None
        self.usage += completion.usage
        reply = self._session.reply(completion, self._question)
        if self._has_own_room and self._remembers_room and not reply.is_cut:
            features.room.settle(self._own_room)
        features.is_proven = True
        if reply.is_label or reply.answer != INVALID or self._useless is not None:
            return reply
        self._useless = reply
        larger = features.room.more(most, self._characters) if reply.is_cut else None
        if larger is None:
            self._messages = _asked_again(self._question, reply)
        else:
            self._has_own_room, self._own_room, self._remembers_room = True, larger, True
        return None

    def fallback(self) -> Reply | None:
        """Return the useless answer, which was paid for, when asking again did not work out."""
        return self._useless

    def _most(self) -> int | None:
        if self._has_own_room:
            return self._own_room
        return self._session.features.room.left(self._characters)

    async def _refused(
        self, http: HttpReply, used: tuple[str, ...], most: int | None
    ) -> Reply | None:
        """Handle a status that is no success; None when it is worth sending again at once."""
        words = http.complaint.lower()
        troubles, status = self._session.troubles, http.status
        if status < 400 or is_about_key(words) or troubles.is_about_model(http):
            raise await troubles.of(http)
        if status not in _NOT_ABOUT_TEXTS and status < 500 and is_moderation(words):
            return Reply(REFUSED, raw_answer=self._session.clean(http.complaint))
        is_too_much = status == 429 and "too large" in words  # one request alone passes the limit
        if status in _NOT_ABOUT_PARAMETERS and not is_too_much:
            raise await troubles.of(http)
        # A model may be called like a parameter.
        words = re.sub(rf"(?<!\w){re.escape(troubles.model.lower())}(?!\w)", " ", words)
        if is_about_room(words):
            if self._shorten(words, most):
                return None
            if status < 500:
                raise RejectedError(
                    (await troubles.of(http)).message,
                    "this text is too long for the model: take one with a larger context",
                )
        if is_too_much:
            raise await troubles.of(http)
        # A server that fails for another reason, at first, must not cost the run its parameters.
        may_guess = status in _UNPROMPTED_GUESSES or (status < 500 and is_about_parameters(words))
        named = parameter_of(http.body)
        if self._session.features.adapt(used, words, named, may_guess=may_guess):
            return None
        raise await troubles.of(http)

    def _shorten(self, words: str, sent: int | None) -> bool:
        """Make the answer shorter, as the server's complaint tells; False when that cannot help."""
        room = self._session.features.room
        self._shortenings += 1
        if sent is None or self._shortenings > _MOST_SHORTENINGS:
            return False
        if not self._has_own_room and room.left(self._characters) != sent:
            return True  # another request has found something out meanwhile
        limits = read_limits(words)
        has_room = room.learn(limits, sent, self._characters)
        left = room.left(self._characters)
        if self._useless is not None and left is not None:  # it was cut off with this much
            larger = room.more(left, self._characters)
            if larger == sent:  # nothing was told
                larger = sent // 2
            self._has_own_room, self._own_room = True, larger
            return larger is not None and left < larger < sent
        if has_room and left is not None and left < sent:
            self._has_own_room = False
            return True
        if limits.context is not None and not has_room:
            return False  # there is no room for the prompt itself
        # Nothing can be computed. A length that works is remembered, if it was to blame.
        self._remembers_room = names_the_answer(words) or not self._session.features.is_proven
        self._has_own_room, self._halvings = True, self._halvings + 1
        self._own_room = sent // 2 if self._halvings <= _HALVINGS and sent >= 32 else None
        return True

    def _unreadable(self, http: HttpReply) -> None:
        """Handle a response that is no chat completion: ask again once, then give up."""
        troubles = self._session.troubles
        if not self._was_unreadable:
            self._was_unreadable = True
            return
        said = self._session.clean(http.complaint)[:200]
        what = f"{troubles.url} sent something that is no chat completion, twice" + (
            f" ({said})" if said else " (cut off, or not from this API)"
        )
        hint = (
            "check that --base-url is the address of an OpenAI-compatible API (it usually ends in "
            "/v1)"
        )
        if said and not self._session.features.is_proven:
            raise ServiceError(what, hint)
        raise RejectedError(what, hint)


def _asked_again(question: Question, useless: Reply) -> tuple[Message, ...]:
    """Return the prompt with a word on what was wrong with the answer."""
    allowed = ", ".join(map(label_literal, question.allowed))
    words = question.reminder or (
        "That is not one of the allowed answers. Reply with exactly one of these, in the form"
        f" asked for, and with nothing else: {allowed}"
    )
    said = clean_text((useless.raw_answer or "").removesuffix(CUT_MARK)[:500])
    if said.strip():
        return (*question.prompt, Message("assistant", said), Message("user", words))
    *before, last = question.prompt  # roles have to take turns
    return (*before, Message(last.role, f"{last.content}\n\n{words}"))


def _status_inside(body: Any) -> int | None:
    """Return the status that a response without an answer names for itself."""
    if not isinstance(body, Mapping):
        return None
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    for place in (body, first):
        error = place.get("error") if isinstance(place, Mapping) else None
        status = error.get("code", error.get("status")) if isinstance(error, Mapping) else None
        if isinstance(status, int) and 400 <= status <= 599:
            return status
    return None

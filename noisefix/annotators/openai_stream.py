"""An event stream that nobody asked for, put together to the completion it stands for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

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

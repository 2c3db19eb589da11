"""Services with ways of their own, each a function for ``FaultServer``.

Every one of them gives each text its right label, as soon as it is asked in the way it wants. The
right label of a ticket follows from its number ("case 7 about"); that of any other text is ``pos``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from noisefix_fault_server import Request, Step, completion, error, http

CONTEXT, PROMPT = 2048, 700
TICKETS = ("account", "refund", "shipping")


def label(request: Request) -> str:
    """Return the right answer to a prompt."""
    cases = re.findall(r"case (\d+) about", request.text)
    return TICKETS[int(cases[-1]) % 3] if cases else "pos"


def said(request: Request) -> str:
    return json.dumps({"answer": label(request)})


def ok(request: Request, **options: Any) -> list[Step]:
    return [http(200, completion(said(request), **options))]


def refuses(status: int, parameter: str, complaint: Any) -> Callable[[Request], Sequence[Step]]:
    """Return a service that does not know a parameter and says so in its own way."""

    def respond(request: Request) -> Sequence[Step]:
        return [http(status, complaint)] if parameter in request.body else ok(request)

    return respond


def without_system(status: int, complaint: Any) -> Callable[[Request], Sequence[Step]]:
    """Return a service whose model has no system role."""

    def respond(request: Request) -> Sequence[Step]:
        if any(m["role"] == "system" for m in request.body["messages"]):
            return [http(status, complaint)]
        assert "Label the text" in request.text or "You label texts" in request.text
        return ok(request)

    return respond


def small_context(complaint: str, status: int = 400) -> Callable[[Request], Sequence[Step]]:
    """Return a service with room for the prompt, but not for 2,048 tokens more.

    Args:
        complaint: with ``{sent}``, ``{total}``, ``{prompt}`` and ``{context}`` to be filled in.
        status: of the complaint.
    """

    def respond(request: Request) -> Sequence[Step]:
        sent = request.body.get("max_tokens", request.body.get("max_completion_tokens"))
        if sent is not None and sent + PROMPT > CONTEXT:
            words = complaint.format(sent=sent, total=sent + PROMPT, prompt=PROMPT, context=CONTEXT)
            return error(status, words)
        return ok(request)

    return respond


def message(**fields: Any) -> Callable[[Request], Sequence[Step]]:
    """Return a service whose message is made of these fields; ``{said}`` becomes the answer."""

    def respond(request: Request) -> Sequence[Step]:
        inner = json.dumps(said(request))[1:-1]
        filled = json.loads(json.dumps(fields).replace("{said}", inner))
        body = completion(None)
        body["choices"][0]["message"] = {"role": "assistant", **filled}
        return [http(200, body)]

    return respond


def event_stream(request: Request) -> Sequence[Step]:
    whole = said(request)
    parts = [{"role": "assistant"}, {"content": whole[:5]}, {"content": whole[5:]}]
    events = [{"choices": [{"index": 0, "delta": part}]} for part in parts]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    return [http(200, "".join([": hello\n\n", *lines, "data: [DONE]\n\n"]).encode())]


def legacy_text(request: Request) -> Sequence[Step]:
    return [http(200, {"choices": [{"text": said(request), "finish_reason": "stop"}]})]


def azure(request: Request) -> Sequence[Step]:
    path, _, query = request.path.partition("?")
    if (path, query) != ("/openai/deployments/d/chat/completions", "api-version=2024-10-21"):
        return [http(404, {"error": {"code": "404", "message": "Resource not found"}})]
    if "api-key" not in request.headers:
        return error(401, "Access denied due to missing subscription key.")
    return ok(request)


SERVICES: dict[str, Callable[[Request], Sequence[Step]]] = {
    "log-probabilities refused with 403": refuses(
        403, "logprobs", {"error": {"message": "Requesting log probs is not allowed here."}}
    ),
    "seed unknown, in a list": refuses(
        400, "seed", [{"error": {"code": 400, "message": 'Unknown name "seed": no such field.'}}]
    ),
    "schema refused with 500": refuses(
        500, "response_format", {"message": "NotImplementedError: response_format"}
    ),
    "temperature refused with 404, as text": refuses(
        404, "temperature", b"no endpoint supports the parameter temperature"
    ),
    "seed refused inside a 200": refuses(
        200, "seed", {"error": {"code": 400, "message": "seed: extra inputs are not permitted"}}
    ),
    "a complaint within a complaint": refuses(
        400,
        "logprobs",
        {
            "error": {
                "message": "Provider returned error",
                "metadata": {"raw": '{"error": {"message": "logprobs: unsupported"}}'},
            }
        },
    ),
    "no system role": without_system(400, {"message": "System role not supported"}),
    "no system role, of a template": without_system(
        500, {"error": "Conversation roles must alternate user/assistant/user/assistant/..."}
    ),
    "no system role, of a schema": without_system(
        422, {"detail": [{"loc": ["messages", 0, "role"], "msg": "Input should be 'user'"}]}
    ),
    "small context, computed": small_context(
        "This model's maximum context length is {context} tokens. However, you requested {total} "
        "tokens ({prompt} in the messages, {sent} in the completion)."
    ),
    "small context, newer": small_context(
        "'max_tokens' or 'max_completion_tokens' is too large: {sent}. This model's maximum context"
        " length is {context} tokens and your request has {prompt} input tokens."
    ),
    "small context, not told": small_context("The context window is exceeded.", 422),
    "answer in reasoning_content": message(content=None, reasoning_content="{said}"),
    "answer at the end of reasoning": message(content="", reasoning="About pos or neg?\n{said}"),
    "answer in a tool call": message(
        content=None, tool_calls=[{"function": {"name": "label", "arguments": "{said}"}}]
    ),
    "content in parts": message(
        content=[{"type": "thinking", "thinking": "pos?"}, {"type": "text", "text": "{said}"}]
    ),
    "token of the template left": message(content="{said}<|im_end|>"),
    "event stream": event_stream,
    "legacy text": legacy_text,
}
"""Name -> a service that gives every text its right label, if it is asked in its own way."""

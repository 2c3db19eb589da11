"""The page of a run over HTTP, for browsers on this machine that know the address."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from noisefix.errors import NoisefixError
from noisefix.reporting.page import build_page

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from noisefix.reviewing.board import Board
    from noisefix.reviewing.live import Live

HOST = "127.0.0.1"
TOKEN_HEADER = "X-Noisefix-Token"
_MOST_BYTES = 64_000
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def make_app(
    data: dict[str, Any],
    texts: Sequence[str | None],
    board: Board,
    live: Live | None,
    *,
    token: str,
    port: int,
    name: str = "",
    audit: Callable[[], list[str]] = list,
) -> Starlette:
    """Return the application.

    Every request must name this machine and port as its host, come from no other page, and know
    the token.

    Args:
        data: of the page, see ``page_data``.
        texts: (N,) texts, whole.
        board: where decisions go.
        live: what judges anew; None: nothing does.
        token: what the address holds.
        port: where the server listens.
        name: who decides, where the page is not told another name.
        audit: returns what the audit's sample says by now, in sentences.
    """
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.middleware import Middleware
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
    from starlette.routing import Route

    block = {"transport": "server", "token": token, "run": {"name": data["run"]["name"]}}
    page = build_page({**block, "who": name})
    hosts = {f"{HOST}:{port}", f"localhost:{port}"}
    origins = {f"http://{host}" for host in hosts}

    def is_welcome(request: Request, given: str) -> bool:
        origin = request.headers.get("origin")
        return (
            request.headers.get("host") in hosts
            and (origin is None or origin in origins)
            and hmac.compare_digest(given.encode(), token.encode())
        )

    def judged() -> int:
        return 0 if live is None else live.judged

    def news(since: int) -> dict[str, Any]:
        return board.news(since) | {"judged": judged()}

    async def show(request: Request) -> Response:
        if not is_welcome(request, request.path_params["token"]):
            return PlainTextResponse("open the address that noisefix review shows", 403, _HEADERS)
        return HTMLResponse(page, headers=_HEADERS)

    def state(request: Request, body: dict[str, Any]) -> dict[str, Any]:
        told = news(0)
        standing = [{**d["record"], "row": d["row"]} for d in told["decisions"] if d["record"]]
        now = live.now if live is not None else {}
        rows = data["rows"] | {key: now[key] for key in data["rows"] if key in now}
        upper = {key: value for key, value in now.items() if key in data}
        numbers = {"lines": told["lines"], "judged": now.get("judged", 0)}
        return data | upper | {"rows": rows, "decisions": standing} | numbers

    def lease(request: Request, body: dict[str, Any]) -> dict[str, Any]:
        taken = board.lease(_row(request, texts), request.query_params.get("who", "")[:80])
        return {} if taken is None else {"taken": taken}

    def decide(request: Request, body: dict[str, Any]) -> dict[str, Any]:
        board.decide(body.get("row", -1), body)
        since = body.get("since")
        return news(since if isinstance(since, int) else 1 << 60)

    def undo(request: Request, body: dict[str, Any]) -> dict[str, Any]:
        row = board.undo(str(body.get("who", "")))
        told = news(1 << 60)
        if row is None:
            return told
        ids = data["rows"]["id"]
        return told | {"undone": {"row": row, "id": str(row + 1) if ids is None else ids[row]}}

    def summary(request: Request, body: dict[str, Any]) -> dict[str, Any]:
        since = request.query_params.get("since", "")
        return news(int(since) if since.isdecimal() else 0)

    def verdicts(request: Request, body: dict[str, Any]) -> dict[str, Any]:
        return {} if live is None else live.now

    def whole_text(request: Request, body: dict[str, Any]) -> dict[str, Any]:
        return {"text": texts[_row(request, texts)] or ""}

    def audited(request: Request, body: dict[str, Any]) -> dict[str, Any]:
        return {"said": audit()}

    Action = Callable[["Request", dict[str, Any]], dict[str, Any]]

    def answering(action: Action) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            if not is_welcome(request, request.headers.get(TOKEN_HEADER, "")):
                return JSONResponse({"error": "not allowed"}, 403, _HEADERS)
            try:
                body = await _body(request) if request.method == "POST" else {}
                told = await run_in_threadpool(action, request, body)
            except (NoisefixError, ValueError) as error:
                message = error.message if isinstance(error, NoisefixError) else "not understood"
                return JSONResponse({"error": message}, 400, _HEADERS)
            return JSONResponse(told, headers=_HEADERS)

        return answer

    routes = [Route("/{token}", show)]
    for path, action in (
        ("state", state),
        ("next", lease),
        ("summary", summary),
        ("judged", verdicts),
        ("text", whole_text),
        ("audit", audited),
    ):
        routes.append(Route(f"/api/{path}", answering(action), methods=["GET"]))
    for path, action in (("decide", decide), ("undo", undo)):
        routes.append(Route(f"/api/{path}", answering(action), methods=["POST"]))
    return Starlette(routes=routes, middleware=[Middleware(GZipMiddleware, compresslevel=6)])


async def _body(request: Request) -> dict[str, Any]:
    raw = b""
    async for part in request.stream():
        raw += part
        if len(raw) > _MOST_BYTES:
            raise ValueError("too large")
    found = json.loads(raw)
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def _row(request: Request, texts: Sequence[str | None]) -> int:
    row = request.query_params.get("row", "")
    if not row.isdecimal() or int(row) >= len(texts):
        raise ValueError("no such row")
    return int(row)

"""The page of a run over HTTP, for browsers on this machine that know the address."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


Told = dict[str, Any]
_NO_NEWS = 1 << 60
"""More lines than any file of decisions has."""


@dataclass(frozen=True, eq=False)
class RunPage:
    """What the page asks for, and what it says.

    Attributes:
        data: of the page, see ``page_data``.
        texts: (N,) texts, whole.
        board: where decisions go.
        live: what judges anew; None: nothing does.
        audit: returns what the audit's sample says by now, in sentences.
    """

    data: Told
    texts: Sequence[str | None]
    board: Board
    live: Live | None
    audit: Callable[[], list[str]] = list

    def state(self, request: Request, body: Told) -> Told:
        """Return the whole page's data as they are now."""
        told, data = self._news(0), self.data
        standing = [{**d["record"], "row": d["row"]} for d in told["decisions"] if d["record"]]
        now = self.verdicts(request, body)
        rows = data["rows"] | {key: now[key] for key in data["rows"] if key in now}
        upper = {key: value for key, value in now.items() if key in data}
        numbers = {"lines": told["lines"], "judged": now.get("judged", 0)}
        return data | upper | {"rows": rows, "decisions": standing} | numbers

    def lease(self, request: Request, body: Told) -> Told:
        """Take a row for a while; say who has it, where somebody else does."""
        taken = self.board.lease(self._row(request), request.query_params.get("who", "")[:80])
        return {} if taken is None else {"taken": taken}

    def decide(self, request: Request, body: Told) -> Told:
        """Write a decision."""
        self.board.decide(body.get("row", -1), body)
        since = body.get("since")
        return self._news(since if isinstance(since, int) else _NO_NEWS)

    def undo(self, request: Request, body: Told) -> Told:
        """Take a person's last decision back."""
        row = self.board.undo(str(body.get("who", "")))
        told = self._news(_NO_NEWS)
        if row is None:
            return told
        ids = self.data["rows"]["id"]
        return told | {"undone": {"row": row, "id": str(row + 1) if ids is None else ids[row]}}

    def summary(self, request: Request, body: Told) -> Told:
        """Return what is new since a line."""
        since = request.query_params.get("since", "")
        return self._news(int(since) if since.isdecimal() else 0)

    def verdicts(self, request: Request, body: Told) -> Told:
        """Return the verdicts as judged anew."""
        return {} if self.live is None else self.live.now

    def whole_text(self, request: Request, body: Told) -> Told:
        """Return a row's text."""
        return {"text": self.texts[self._row(request)] or ""}

    def audited(self, request: Request, body: Told) -> Told:
        """Return what the audit says."""
        return {"said": self.audit()}

    def _news(self, since: int) -> Told:
        told = self.board.news(since)
        return told | {"judged": 0 if self.live is None else self.live.judged}

    def _row(self, request: Request) -> int:
        row = request.query_params.get("row", "")
        if not row.isdecimal() or int(row) >= len(self.texts):
            raise ValueError("no such row")
        return int(row)


def make_app(run: RunPage, *, token: str, port: int, name: str = "") -> Starlette:
    """Return the application.

    Every request must name this machine and port as its host, come from no other page, and know
    the token.

    Args:
        run: answers the page.
        token: what the address holds.
        port: where the server listens.
        name: who decides, where the page is not told another name.
    """
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.middleware import Middleware
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
    from starlette.routing import Route

    block = {"transport": "server", "token": token, "run": {"name": run.data["run"]["name"]}}
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

    async def show(request: Request) -> Response:
        if not is_welcome(request, request.path_params["token"]):
            return PlainTextResponse("open the address that noisefix review shows", 403, _HEADERS)
        return HTMLResponse(page, headers=_HEADERS)

    def route(path: str, method: str, action: Callable[[Request, Told], Told]) -> Route:
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

        return Route(f"/api/{path}", answer, methods=[method])

    routes = [
        Route("/{token}", show),
        route("state", "GET", run.state),
        route("next", "GET", run.lease),
        route("summary", "GET", run.summary),
        route("judged", "GET", run.verdicts),
        route("text", "GET", run.whole_text),
        route("audit", "GET", run.audited),
        route("decide", "POST", run.decide),
        route("undo", "POST", run.undo),
    ]
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

"""``review``: people decide in the page of a run, which a server on this machine gives them."""

from __future__ import annotations

import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.detection.decided import take_in
from noisefix.errors import UsageError
from noisefix.options import takes
from noisefix.reviewing.options import ReviewOptions
from noisefix.run.folder import RunFolder

if TYPE_CHECKING:
    from noisefix.run.standing import Conflict

_SHUTDOWN_S = 2


@dataclass(frozen=True)
class Agreement:
    """How far two people agree on the rows that both have decided on.

    Attributes:
        people: their names.
        rows: rows of both.
        share: on how many of them they agree, in [0, 1].
        kappa: Cohen's kappa; None where it says nothing.
    """

    people: tuple[str, str]
    rows: int
    share: float
    kappa: float | None


@dataclass(frozen=True)
class ReviewResult:
    """What a review came to.

    Attributes:
        run: the run folder.
        decided: rows on which people have decided, in this review and before.
        written: lines written in this review.
        issues_before, issues: flagged rows before and after.
        noise_rate_before, noise_rate: estimated share of wrong labels before and after.
        agreements: of each two people who have rows in common.
        conflicts: rows on which people differ; the newest word counts.
        notes: what a person should know.
    """

    run: Path
    decided: int
    written: int
    issues_before: int
    issues: int
    noise_rate_before: float
    noise_rate: float
    agreements: tuple[Agreement, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    notes: tuple[str, ...] = ()


@takes(ReviewOptions)
def review(
    run: str | Path,
    *,
    options: ReviewOptions,
    ready: Callable[[str], None] | None = None,
) -> ReviewResult:
    """Let people decide on the rows of a run in a browser, until Ctrl-C or SIGTERM.

    Each decision is on the disk when it is acknowledged; the verdicts are judged anew while people
    decide, and written when the review ends.

    Args:
        run: the run folder.
        options: what was chosen; its fields may be named one by one instead.
        ready: called with the address once the page is there.

    Raises:
        DataError: a table is missing or broken.
        UsageError: the extra ``review`` is not installed, or the port is taken.
    """
    from noisefix.auditing.plan import open_plan
    from noisefix.reporting.audit import audit_said
    from noisefix.reporting.data import page_data, read_tables
    from noisefix.reviewing.board import board_of
    from noisefix.reviewing.server import RunPage, make_app

    uvicorn = _uvicorn()
    folder = RunFolder.open(run, several_labels=True)
    take_in(folder, options.decisions)
    tables = read_tables(folder)
    texts = tables.issues["text"].to_pylist()
    board = board_of(tables)
    n_before = len(board.log())
    data = page_data(tables, seed=options.seed, transport="server")
    live, notes = _live(folder, board)
    token = secrets.token_hex(16)
    with _listening(options.port) as listener:
        port = listener.getsockname()[1]
        page = RunPage(
            data, texts, board, live, lambda: audit_said(open_plan(folder, 1, options.seed))
        )
        app = make_app(page, token=token, port=port, name=options.name)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                access_log=False,
                log_level="error",
                lifespan="off",
                timeout_graceful_shutdown=_SHUTDOWN_S,
            )
        )
        if ready is not None:
            ready(f"http://127.0.0.1:{port}/{token}")
        try:
            with _terminated_as_interrupted():
                server.run(sockets=[listener])
        except KeyboardInterrupt:  # the server has ended, and hands the signal on
            pass
        finally:
            if live is not None:
                live.stop()
    if live is not None and live.fault is not None:
        notes = (*notes, f"the ranking stayed as it was: {live.fault}")
    return finish(folder, tables.judged, len(board.log()) - n_before, notes)


def finish(folder: RunFolder, before: Any, written: int, notes: tuple[str, ...]) -> ReviewResult:
    """Write the tables anew in the light of the decisions, and say what has changed.

    Args:
        folder: the run folder.
        before: the ``Judgement`` before the review.
        written: lines written in it.
        notes: what a person should know besides.
    """
    from noisefix.detection.rejudge import rejudge
    from noisefix.reporting.trust import reviewers
    from noisefix.run.decisions import read_decisions
    from noisefix.run.parquet import read_table
    from noisefix.run.schemas import ISSUES
    from noisefix.run.settled import run_decisions
    from noisefix.run.standing import conflicts

    if written:
        try:
            rejudge(folder)
        except UsageError as error:
            notes = (*notes, f"the tables stayed as they were: {error.message}; {error.hint}")
        if folder.relabels.exists():
            notes = (
                *notes,
                "run noisefix relabel again: what was answered is stored and costs nothing",
            )
    said = read_decisions(folder.decisions)
    issues, provenance = read_table(folder.issues, ISSUES, ("id", "is_issue"))
    people = reviewers(said) or {"pairs": []}
    return ReviewResult(
        run=folder.path,
        decided=len(run_decisions(folder)),
        written=written,
        issues_before=int(before.is_issue.sum()),
        issues=int(issues["is_issue"].to_numpy().sum()),
        noise_rate_before=before.facts["noise_rate"],
        noise_rate=provenance.results.get("noise_rate", before.facts["noise_rate"]),
        agreements=tuple(
            Agreement((one, other), rows, share, kappa)
            for one, other, rows, share, kappa in people["pairs"]
        ),
        conflicts=conflicts(said),
        notes=notes,
    )


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Within it, SIGTERM ends a review as Ctrl-C does: with the tables written anew."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _uvicorn() -> Any:
    try:
        import starlette  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise UsageError(
            f"a review in the browser needs {error.name}, which is not installed",
            'install it with pip install "noisefix[review]", or decide with --terminal',
        ) from error
    return uvicorn


def _live(folder: RunFolder, board: Any) -> tuple[Any, tuple[str, ...]]:
    """Begin to judge in the background; where that cannot be, say why."""
    from noisefix.reviewing.live import Live

    if not folder.embeddings.exists():
        return None, ("there are no embeddings: the ranking stays as it is",)
    try:
        live = Live(folder, board)
    except UsageError as error:
        return None, (f"the ranking stays as it is: {error.message}",)
    live.start()
    return live, ()


def _listening(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()  # so that who has the address is not refused
    except OSError as error:
        listener.close()
        raise UsageError(
            f"--port {port}: cannot be used: {error.strerror}", "choose another port, or none"
        ) from error
    return listener

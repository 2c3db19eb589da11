"""``noisefix review``: people decide in the page of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noisefix.cli.options import RunArgument, Shown, takes_options
from noisefix.reviewing.options import ReviewOptions

if TYPE_CHECKING:
    from noisefix.cli.terminal import Screen
    from noisefix.reviewing.review import ReviewResult

_SHOWN = 10


@takes_options
def review(
    run: RunArgument,
    options: ReviewOptions,
    shown: Shown,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Show the page in the browser.")
    ] = False,
    terminal: Annotated[
        bool, typer.Option("--terminal", help="Decide at this terminal instead.")
    ] = False,
) -> None:
    """Decide on rows in a browser, alone or with others; Ctrl-C ends it.

    The page of report, from a server that only this machine reaches and only who has the address.
    Each decision is kept at once (decisions.jsonl in the run folder), and everything is judged
    anew while you decide. Needs the extra review.
    """
    from noisefix.cli.messages import tell_and_show
    from noisefix.cli.terminal import say
    from noisefix.reviewing.review import review as run_review

    def ready(address: str) -> None:
        say(f"{address}", "decide there; Ctrl-C here ends the review")
        if open_browser:
            import webbrowser

            webbrowser.open(address)

    if terminal:
        result = _at_terminal(run, options)
    else:
        result = run_review(run, options=options, ready=ready)
    tell_and_show(result, shown, show_review)


def _at_terminal(run: Path, options: ReviewOptions) -> ReviewResult:
    from noisefix.cli.desk import open_desk
    from noisefix.cli.row_desk import TerminalRows
    from noisefix.cli.terminal import open_console
    from noisefix.reviewing.terminal import review_at

    with open_desk() as desk:
        return review_at(TerminalRows(open_console(), desk.read_key), run, options)


def show_review(screen: Screen, result: ReviewResult) -> None:
    """Say what a review came to."""
    from noisefix.cli.wording import percent, plural

    screen.line(
        f"{plural(result.decided, 'row')} of {result.run} decided, "
        f"{plural(result.written, 'decision')} in this review."
    )
    if result.written:
        screen.line(
            f"Flagged: {result.issues_before:,} before, {result.issues:,} now. Wrong labels: about "
            f"{percent(result.noise_rate_before)} before, {percent(result.noise_rate)} now."
        )
    for both in result.agreements:
        kappa = "" if both.kappa is None else f", kappa {both.kappa:.2f}"
        names = " and ".join(name or "no name" for name in both.people)
        screen.line(f"{names} agree on {percent(both.share)} of {plural(both.rows, 'row')}{kappa}.")
    if result.conflicts:
        screen.heading("They differ on these rows; the newest word counts")
        for conflict in result.conflicts[:_SHOWN]:
            words = (f"{w.who or 'no name'}: {w.label or w.decision}" for w in conflict.words)
            screen.line(f"{conflict.id}: {'; '.join(words)}", indent=2)
        if len(result.conflicts) > _SHOWN:
            screen.line(f"and {len(result.conflicts) - _SHOWN:,} more", indent=2, style="dim")
    for note in result.notes:
        screen.line(note[:1].upper() + note[1:] + ".", style="dim")

"""A Markdown summary of ``check``, appended to the page that GitHub shows of a job.

Nothing of the data is Markdown there: every sign of it that could be is written as a number. Texts
of rows are not on the page.

Source: GitHub documentation, "Workflow commands for GitHub Actions", "Adding a job summary".
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.cli.checked_rows import place
from noisefix.cli.terminal import sanitize, say
from noisefix.cli.wording import plural

if TYPE_CHECKING:
    from noisefix.detection.check_result import CheckResult

VARIABLE = "GITHUB_STEP_SUMMARY"
MOST_ROWS = 200
"""A page may have 1 MiB."""

_CELL_WIDTH = 80
_SIGN = re.compile(r"[!-/:-@\[-`{-~]")


def append_summary(
    results: Sequence[CheckResult], most: int, inputs: Iterable[str | Path | None]
) -> None:
    """Append the summary to the file that the environment names; nothing where it names none.

    Where the file cannot be written a warning says so: the gate's verdict stands.

    Args:
        results: what was checked.
        most: rows to list of each.
        inputs: what the command reads, which is never written to.

    Raises:
        UsageError: the file is one of these.
    """
    target = os.environ.get(VARIABLE)
    if not target:
        return
    from noisefix.run.outputs import check_not_read

    check_not_read(target, inputs, option=VARIABLE)
    text = "".join(line + "\n" for line in summary_lines(results, most))
    try:
        with Path(target).open("a", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError as error:
        say(f"warning: {VARIABLE}: cannot be written: {error.strerror}")


def summary_lines(results: Sequence[CheckResult], most: int) -> Iterator[str]:
    """Yield the lines of the summary: gates, then the rows to look at.

    Args:
        results: what was checked.
        most: rows to list of each.
    """
    yield "### noisefix check"
    yield ""
    yield "| data | gate | | |"
    yield "|---|---|---|---|"
    for result in results:
        for gate in result.gates:
            passed = "passed" if gate.passed else "**failed**"
            yield f"| {cell(place(result))} | {gate.name} | {passed} | {gate.message} |"
    yield ""
    for result in results:
        yield from _rows(result, min(most, MOST_ROWS))
        yield from _leaks(result, min(most, MOST_ROWS))
        yield from _mismatched(result, min(most, MOST_ROWS))


def _rows(result: CheckResult, most: int) -> Iterator[str]:
    shown = result.blamed[:most]
    if not shown:
        return
    yield "| row | id | label | suggested | p(wrong) | why |"
    yield "|---|---|---|---|---|---|"
    for row in shown:
        cells = (cell(place(result, row)), cell(row.id), cell(row.given_label))
        why = cell(row.reasons[0]) if row.reasons else ""
        yield f"| {' | '.join(cells)} | {cell(row.suggested_label)} | {row.p_error:.2f} | {why} |"
    yield from _more(len(result.blamed) - len(shown))


def _leaks(result: CheckResult, most: int) -> Iterator[str]:
    shown = result.leaked[:most]
    if not shown:
        return
    yield f"| row | id | label | row of {cell(result.other_name)} | id | label | |"
    yield "|---|---|---|---|---|---|---|"
    for leak in shown:
        here = f"{cell(place(result, leak))} | {cell(leak.id)} | {cell(leak.given_label or '')}"
        there = f"{leak.other_row_number} | {cell(leak.other_id)} | {cell(leak.other_label or '')}"
        alike = "equal" if leak.is_equal else f"{leak.similarity:.2f}"
        yield f"| {here} | {there} | {alike} |"
    yield from _more(len(result.leaked) - len(shown))


def _mismatched(result: CheckResult, most: int) -> Iterator[str]:
    shown = result.mismatched[:most]
    if not shown:
        return
    first, second = map(cell, shown[0].columns)
    yield f"| row | id | label | {first} and {second} do not belong together |"
    yield "|---|---|---|---|"
    for row in shown:
        cells = (place(result, row), row.id, row.given_label or "")
        yield f"| {' | '.join(map(cell, cells))} | {row.p_mismatch:.2f} |"
    yield from _more(len(result.mismatched) - len(shown))


def _more(left: int) -> Iterator[str]:
    yield ""
    if left:
        yield f"and {plural(left, 'more row')}"
        yield ""


def cell(text: str) -> str:
    """Write a text such that a page shows it as it is: no markup, link, mention or new cell."""
    shown = sanitize(text, _CELL_WIDTH)
    return f"<code>{_SIGN.sub(lambda sign: f'&#{ord(sign[0])};', shown)}</code>"

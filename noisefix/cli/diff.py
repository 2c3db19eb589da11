"""Changes as a person reads them: what a cell said, what it says now, and why."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.cli.terminal import Screen
from noisefix.cli.wording import output_name, plural

if TYPE_CHECKING:
    from noisefix.cleaning.apply import ApplyResult
    from noisefix.cleaning.ledger import Change
    from noisefix.cleaning.revert import RevertResult
    from noisefix.cleaning.rewrites import Rewrites


def show_changes(screen: Screen, changes: Sequence[Change]) -> None:
    """Show every change in the manner of a unified diff, with its reason."""
    for change in changes:
        p_error = "" if change.p_error is None else f", p(wrong) {change.p_error:.2f}"
        screen.line(f"@@ row {change.row_number}, id {change.id}{p_error} @@", style="cyan")
        if not change.column:
            verb = (
                ("- row left out", "red") if change.action == "drop" else ("+ row is back", "green")
            )
            screen.line(f"{verb[0]}, label {change.old or change.new or ''}", style=verb[1])
        else:
            if change.old is not None:
                screen.line(f"- {change.column}: {change.old}", style="red")
            if change.new is not None:
                screen.line(f"+ {change.column}: {change.new}", style="green")
        if change.reasons:
            screen.line(f"  why: {'; '.join(change.reasons)}", style="dim")


def _show_rewrites(screen: Screen, rewrites: Rewrites, would: str) -> None:
    n_used = len(rewrites.chosen)
    done = f"{would}added as new rows" if rewrites.how == "add" else f"{would}put in place"
    rule = "the valley between two hills" if rewrites.is_valley else "a quantile"
    line = f"{plural(n_used, 'edited text')} {done}"
    if n_used:
        line += f": similarity at most {rewrites.threshold:.2f}, {rule}"
    if rewrites.held_out:
        line += f"; {plural(rewrites.held_out, 'row')} of a test split passed over"
    screen.line(line + ".")


def show_applied(screen: Screen, result: ApplyResult) -> None:
    """Say in a few lines what was written, and how to take it back."""
    from noisefix.cleaning.targets import is_elsewhere
    from noisefix.tables.streams import is_stream

    if result.output is None and result.review_csv is not None:
        _show_review(screen, result)
        return
    would = "would be " if result.output is None else ""
    if result.strategy == "flag":
        what = f"{result.flagged:,} of {plural(result.rows, 'row')} {would}flagged"
        if result.added_columns:
            what += f", in new columns {', '.join(result.added_columns)}"
    elif result.strategy == "drop":
        what = f"{result.dropped:,} of {plural(result.rows, 'row')} {would}left out"
    elif result.strategy == "weight":
        what = f"{plural(result.rows, 'row')} {would}weighted, in column {result.added_columns[0]}"
    else:
        left = result.flagged - result.relabelled
        what = f"{result.relabelled:,} of {plural(result.flagged, 'flagged row')} {would}relabelled"
        what += f"; {left:,} stay as they are" if left else ""
        if result.added_columns and result.label_column is None:
            what += f"; all labels are in new column {result.added_columns[0]}"
    if result.filled:
        what += f"; {plural(result.filled, 'unlabelled row')} {would}filled"
    if result.dropped and result.strategy != "drop":
        what += f"; {plural(result.dropped, 'row')} {would}left out"
    screen.line(what + ".")
    if result.rewrites is not None:
        _show_rewrites(screen, result.rewrites, would)
    if result.reviewed:
        screen.line(f"A person has decided on {plural(result.reviewed, 'row')}; these count first.")
    if result.strategy == "relabel" and result.relabelled < result.flagged:
        screen.line(
            "Only labels that are clearly worse than another were changed: the rest needs somebody "
            "who reads the texts, a person or an LLM (relabel)."
            if result.has_witness
            else "Nothing vouches for a change that nobody was asked about: the label names tell "
            "too little, or the data may be clean. Ask a person or an LLM (relabel), or "
            "name a threshold with --min-probability.",
            style="dim",
        )
    if result.review_csv is not None or result.to_review:
        _show_review(screen, result)
    if result.output is None:
        screen.line("Nothing was written (--dry-run).", style="dim")
        return
    if result.ledger is None:
        _show_handed_over(screen, result)
        return
    screen.line(f"Written to {output_name(result.output)}; recorded in {result.ledger}.")
    if is_elsewhere(result.output):
        return
    was_piped = is_stream(result.output)
    file = "FILE" if was_piped else _quote(result.output)
    screen.command(
        f"noisefix apply {_quote(result.run)} --revert -o {file}",
        "to take it back" + (", FILE being where it was saved" if was_piped else ""),
    )


def _show_handed_over(screen: Screen, result: ApplyResult) -> None:
    """Say where rows for people or another tool are, and how their answers come back."""
    count = plural(result.handed_over or 0, "row")
    screen.line(f"{count} written to {output_name(result.output or Path('-'))}.")
    answers = {
        "xlsx": result.output,
        "label-studio": "EXPORT.json",
        "argilla": "EXPORT.json",
    }.get(result.format or "")
    if answers is not None:
        strategy = "--strategy relabel"
        screen.command(
            f"noisefix apply {_quote(result.run)} {strategy} --review {_quote(answers)} -o CLEANED",
            "when people have decided: their answers count first",
        )


def _show_review(screen: Screen, result: ApplyResult) -> None:
    count = plural(result.to_review, "row")
    if result.review_csv is None:
        screen.line(f"{count} for a person to look at.")
        return
    screen.line(f"{count} for a person to look at, written to {result.review_csv}.")
    if result.to_review:
        again = f"noisefix apply {_quote(result.run)} --strategy {result.strategy}"
        screen.line(
            "Fill in its column decision (a class, keep, drop, reject; unsure or nothing leaves "
            "the row as it is), then:",
            style="dim",
        )
        screen.command(
            f"{again} --review {_quote(result.review_csv)} -o CLEANED", "the decisions count first"
        )


def show_reverted(screen: Screen, result: RevertResult) -> None:
    """Say what was taken back, and whether the file is the input again."""
    count = plural(len(result.changes), "change")
    if result.is_identical:
        screen.line(f"{count} taken back: {result.output} equals the input again, byte for byte.")
    else:
        screen.line(f"{count} taken back in {result.output}; later edits to it were kept.")
    if result.kept:
        kept = ", ".join(str(change.row_number) for change in result.kept[:10])
        more = ", ..." if len(result.kept) > 10 else ""
        screen.line(
            f"{plural(len(result.kept), 'cell')} left alone, because somebody has changed or "
            f"removed them since: row {kept}{more}"
        )


def _quote(path: object) -> str:
    return shlex.quote(str(path))

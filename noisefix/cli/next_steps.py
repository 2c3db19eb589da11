"""What to do after ``detect``: the commands to run next, told again what was chosen."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.cli.options import shown_place
from noisefix.cli.terminal import Screen

if TYPE_CHECKING:
    from noisefix.detection.findings import DetectResult
    from noisefix.detection.options import DetectOptions
    from noisefix.options import Options

_ONCE = ("force", "device", "against")
"""Options that the commands to run next need not be told again."""


def _show_steps_for_sets(screen: Screen, run: str, suffix: str, limit: float) -> None:
    screen.command(
        f"noisefix report {run} -o report.html", "all of it as a page: look, and decide with a key"
    )
    screen.command(
        f"noisefix apply {run} -o flagged{suffix}", "the verdicts as columns, to look through"
    )
    screen.command(
        f"noisefix apply {run} --strategy relabel --min-probability 0.9 --dry-run",
        "labels added and taken away where that is almost sure, as a diff",
    )
    screen.command(
        f"noisefix check {run} --max-noise-rate {limit:.2f}",
        "a gate for CI; a table needs --multi-label or --label-columns there too",
    )
    screen.line()
    screen.line(
        "A row counts as wrong if any of its labels is wrong or missing. All this is estimated "
        "from the data themselves. The words used here: docs/glossary.md.",
        style="dim",
    )


def _ending_like(data: str | list[str]) -> str:
    """Return how a file that is written like the input ends; of several files it is a folder."""
    from noisefix.tables.places import split_inside
    from noisefix.tables.remote import file_name, is_remote
    from noisefix.tables.several import is_pattern
    from noisefix.tables.sql_url import is_sql

    if data == "-":
        return ".csv"
    if not isinstance(data, str) or Path(data).is_dir() or is_pattern(data):
        return ""
    if is_sql(data):
        return ".parquet"
    path, _ = split_inside(data)
    return "".join(Path(file_name(path) if is_remote(path) else path).suffixes[-2:])


def show_next_steps(
    screen: Screen,
    result: DetectResult,
    data: str | list[str],
    options: DetectOptions | None,
) -> None:
    """Show what to run next; arguments as for ``show_detection``."""
    from noisefix.detection.start_files import gate_limit

    run = shlex.quote(str(result.run))
    suffix = _ending_like(data)
    screen.heading(f"Every row is in {result.run}/issues.parquet. Next:")
    if result.several_labels is not None:
        _show_steps_for_sets(screen, run, suffix, gate_limit(result.noise_rate_low))
        return
    screen.command(
        f"noisefix report {run} -o report.html", "all of it as a page: look, and decide with a key"
    )
    screen.command(
        f"noisefix audit {run}", "mark 30 rows, and know how far the flags can be trusted here"
    )
    screen.command(
        f"noisefix apply {run} -o flagged{suffix}", "the verdicts as columns, to look through"
    )
    if result.can_relabel:
        screen.command(
            f"noisefix apply {run} --strategy relabel --dry-run",
            "the labels that are clearly better, as a diff",
        )
    if result.outside:
        screen.command(
            f"noisefix apply {run} --drop-outside --dry-run",
            "leave out what belongs to no class",
        )
    if result.mismatched is not None and result.mismatched.count:
        screen.command(
            f"noisefix apply {run} --drop-mismatched --dry-run",
            "leave out rows whose two texts do not belong together",
        )
    screen.command(f"noisefix relabel {run} --dry-run", "an LLM looks at the flagged rows only")
    _show_gate(screen, result, data, options)
    screen.command(
        f"noisefix evaluate {run} --truth COLUMN", "how good this is, if some labels are verified"
    )
    screen.line()
    if result.flagged_label is not None and result.unverified_class is None:
        option = shlex.join(["--unverified-class", result.flagged_label])
        screen.command(
            option, f"if {result.flagged_label} is what rows get where nobody looked, say so"
        )
        screen.line()
    witness = (
        "Where nobody is asked, relabel changes only what is clearly better"
        if result.can_relabel
        else "Labels are not changed unasked here"
    )
    screen.line(
        f"All this is estimated from the data themselves. {witness} ({result.relabel_reason}); the "
        "rest is for a person or an LLM. The words used here: docs/glossary.md.",
        style="dim",
    )


def _show_gate(
    screen: Screen,
    result: DetectResult,
    data: str | list[str],
    options: DetectOptions | None,
) -> None:
    from noisefix.detection.check_options import CheckOptions, InitOptions
    from noisefix.detection.options import DetectOptions
    from noisefix.detection.start_files import gate_limit

    options = options or DetectOptions(labelled_by=result.labelled_by)
    checked = init = None
    if data != "-":
        checked, init = (_told_again(options, kind) for kind in (CheckOptions, InitOptions))
    # Of several files and of what lies elsewhere, the run is checked: check takes each table alone.
    file = _only_file(data)
    told = shlex.join([file, *checked] if checked is not None and file else [str(result.run)])
    screen.command(
        f"noisefix check {told} --max-noise-rate {gate_limit(result.noise_rate_low):.2f}",
        "a gate for CI: fails once clearly more labels are wrong than today",
    )
    if init is not None and file:
        screen.command(
            f"noisefix init {shlex.join([file, *init])}",
            "this gate and the options in a file; docs/ci.md",
        )


def _only_file(data: str | list[str]) -> str:
    """Return the file that was named, where that is one and lies here; else ""."""
    from noisefix.tables.several import is_pattern

    is_one = isinstance(data, str) and not Path(data).is_dir() and not is_pattern(data)
    return str(data) if is_one and "://" not in data else ""


def _told_again(options: DetectOptions, kind: type[Options]) -> list[str] | None:
    """Return what another command must be told to see the same; None where it cannot be told."""
    from noisefix.options import described

    known = described(kind)
    changed = {name: value for name, value in options.changed().items() if name not in _ONCE}
    if changed.keys() - known.keys():
        return None
    told = {known[name][1].flag: shown_place(str(value)) for name, value in changed.items()}
    return [word for pair in told.items() for word in pair]

"""The summary that ``detect`` ends with: how bad it is, where, which rows, and what to do next."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.cli.annotators import show_annotators
from noisefix.cli.columns import Column
from noisefix.cli.options import shown_place
from noisefix.cli.outside_summary import show_mismatched, show_order, show_outside, show_unnamed
from noisefix.cli.terminal import Screen
from noisefix.cli.wording import format_seconds, how_sure, interval, percent, plural
from noisefix.detection.verdict import flags, opening, uncertainty

if TYPE_CHECKING:
    from noisefix.detection.across import AcrossSummary
    from noisefix.detection.findings import DetectResult, SetsSummary
    from noisefix.detection.options import DetectOptions
    from noisefix.detection.ordinal_facts import OrdinalSummary
    from noisefix.options import Options

_MOST_PAIRS = 5
_MOST_ACROSS = 3
_MOST_CLASSES = 12
_WHO = "--labelled-by people, model or rules"
_LEAST_DISPUTED = 0.2
"""Of the flagged rows: where the readings differ by less, nothing is said of it."""

_LEAST_DIFFERENCE = 0.15
_ONCE = ("force", "device", "against")
"""Options that the commands to run next need not be told again."""
_LEAST_SHOWN_SHARE = 0.001
_STYLES = {"clean": "bold green", "some": "bold yellow", "many": "bold red"}
"""By verdict."""


def show_detection(
    screen: Screen,
    result: DetectResult,
    *,
    data: str | list[str],
    top: int,
    options: DetectOptions | None = None,
) -> None:
    """Show what ``detect`` has found.

    Args:
        screen: where to.
        result: what was found.
        data: the input as typed, for the commands to run next.
        top: how many suspicious rows to show.
        options: what was chosen, which those commands must be told again.
    """
    _show_verdict(screen, result)
    _show_pairs(screen, result)
    _show_rows(screen, result, top)
    show_outside(screen, result)
    show_unnamed(screen, result)
    show_mismatched(screen, result)
    _show_classes(screen, result)
    if result.annotators is not None:
        show_annotators(screen, result.annotators)
    _show_next_steps(screen, result, data, options)


def _show_verdict(screen: Screen, result: DetectResult) -> None:
    parts = [plural(result.rows, "row"), plural(len(result.classes), "class")]
    if result.unlabelled:
        parts.append(f"{result.unlabelled:,} unlabelled")
    parts += [
        result.encoder.rstrip("/").rsplit("/", 1)[-1],
        format_seconds(sum(result.seconds.values())),
    ]
    screen.line(f"{result.input_name}: {', '.join(parts)}")
    wrong = (result.flagged_wrong, result.flagged_wrong_low, result.flagged_wrong_high)
    several = result.several_labels is not None
    screen.line(
        f"{opening(result.verdict, result.noise_rate, several_labels=several)} "
        f"({uncertainty(result.noise_rate_low, result.noise_rate_high)}). "
        f"{flags(result.n_issues, *wrong)}.",
        style=_STYLES[result.verdict],
    )
    if result.several_labels is not None:
        _show_sets(screen, result.several_labels)
        return
    if result.ordinal is not None:
        _show_distances(screen, result.ordinal)
    _show_second_count(screen, result)
    _show_readings(screen, result)
    if result.duplicate_conflicts:
        screen.line(
            f"{plural(result.duplicate_conflicts, 'row')} with (nearly) the same text as another "
            "but a different label: see duplicates.parquet."
        )
    show_order(screen, result.order)
    if result.across is not None:
        _show_across(screen, result.across)


def _show_sets(screen: Screen, sets: SetsSummary) -> None:
    """Say what seems wrong and what missing where rows have several labels."""
    screen.line(
        f"Rows have {sets.labels_a_row:.1f} labels on average. Of all labels about "
        f"{sets.expected_wrong:,.0f} seem wrong and {sets.expected_missing:,.0f} missing; in the "
        f"flagged rows {sets.seem_wrong:,} and {sets.seem_missing:,}: see label_issues.parquet."
    )


def _show_distances(screen: Screen, ordinal: OrdinalSummary) -> None:
    """Say how far labels seem to lie from the truth, where classes have an order."""
    far = [
        f"{percent(share)} by {plural(steps, 'step')}"
        for steps, share in enumerate(ordinal.shares)
        if steps and share >= _LEAST_SHOWN_SHARE
    ]
    said = f": {', '.join(far)}" if far else ""
    screen.line(
        f"In the order {' < '.join(ordinal.order)}, labels seem {ordinal.mean_distance:.2f} steps "
        f"off on average{said}. Rows are ranked by how far off they seem."
    )


def _show_across(screen: Screen, across: AcrossSummary) -> None:
    if not across.leaks:
        screen.line(f"{across.other_name}: none of its {across.other_rows:,} texts is in here.")
        return
    verb = "has" if across.leaks == 1 else "have"
    screen.line(
        f"{across.other_name}: {across.leaks:,} of {plural(across.other_rows, 'row')} {verb} "
        f"(nearly) the text of a row in here ({across.equal:,} equal), {across.conflicts:,} with "
        "another label: see across.parquet."
    )
    for row in across.examples[:_MOST_ACROSS]:
        screen.line(
            f"row {row.row_number}: {row.given_label}, there row {row.other_row_number}: "
            f"{row.other_label}",
            indent=2,
        )
        screen.line(row.text, indent=8, is_cut=True, style="dim")


def _show_second_count(screen: Screen, result: DetectResult) -> None:
    """Say so where a count that shares nothing with p_error comes to something else."""
    second = result.second_noise_rate
    if second is None or abs(second - result.noise_rate) <= _LEAST_DIFFERENCE:
        return
    if result.noise_rate_low <= second <= result.noise_rate_high:
        return  # the interval has said so already
    if result.labelled_by == "people":
        return  # few of people's labels are wrong: near texts that differ in class outnumber them
    fault = "many where near texts differ in class"
    if second < result.noise_rate:
        fault = "few where near texts share their errors"
    screen.line(
        f"A second way of counting, which uses neighbours only, comes to about {percent(second)} "
        f"(too {fault}): verifying some rows tells which is nearer (--trusted-column)."
    )


def _show_readings(screen: Screen, result: DetectResult) -> None:
    """Say what the two readings dispute, and what would decide."""
    is_told = result.labelled_by != "unknown"
    few = max(_LEAST_DISPUTED * max(result.n_issues, 1), 3)
    if result.disputed_rows < few or result.overused_label is None:
        if not is_told:
            screen.line(f"Saying who labelled makes all this surer: {_WHO}.")
        return
    rows = plural(result.disputed_rows, "row")
    screen.line(
        f"If {result.overused_label} is given where it does not belong, {rows} that the other "
        f"reading trusts are wrong; if labels collapse into {result.collapsed_into}, "
        f"{result.disputed_rows:,} others are."
    )
    advice = "Verifying the rows of deciding.parquet decides (--trusted-column)"
    if not is_told:
        advice += f"; so does saying who labelled: {_WHO}"
    screen.line(f"{advice}.")


def _show_pairs(screen: Screen, result: DetectResult) -> None:
    pairs = [pair for pair in result.pairs if pair.expected_rows >= 0.5][:_MOST_PAIRS]
    if not pairs:
        return
    screen.heading("Most confused")
    for pair in pairs:
        count = plural(round(pair.expected_rows) or 1, "row")
        screen.line(
            f"{pair.given_label} → {pair.suggested_label}: about {count}, {pair.issues:,} flagged",
            indent=2,
        )
        if pair.example_text and pair.nearest_text:
            for name, text in (
                (pair.given_label, pair.example_text),
                (pair.suggested_label, pair.nearest_text),
            ):
                screen.line(f"{name}: {text}", indent=6, is_cut=True, style="dim")


def _show_rows(screen: Screen, result: DetectResult, top: int) -> None:
    shown = result.top[:top]
    if not shown:
        return
    screen.heading("Most suspicious rows (probability that the label is wrong)")
    for row in shown:
        name = f"row {row.row_number}"
        name += f", id {row.id}" if row.id != str(row.row_number) else ""
        screen.line(
            f"{row.p_error:.2f} {how_sure(row.p_error)}  {row.given_label} → "
            f"{row.suggested_label}  ({name})",
            indent=2,
        )
        screen.line(row.text, indent=8, is_cut=True)
        for reason in row.reasons[:1]:
            screen.line(reason, indent=8, style="dim")


def _show_classes(screen: Screen, result: DetectResult) -> None:
    classes = result.class_rows
    if not classes:
        return
    screen.heading("Classes")
    columns = (
        Column("label", max_width=40),
        Column("rows", "right"),
        Column("given", "right"),
        Column("estimated", "right"),
        Column("flagged", "right"),
        Column("wrong, 90 % interval", "right"),
    )
    shown = sorted(classes, key=lambda c: -c.noise_rate * c.rows)[:_MOST_CLASSES]
    screen.table(
        columns,
        [
            (
                c.label,
                f"{c.rows:,}",
                percent(c.given_share),
                percent(c.true_share),
                f"{c.issues:,}",
                f"{percent(c.noise_rate)}, {interval(c.low, c.high)}",
            )
            for c in shown
        ],
    )
    if len(classes) > len(shown):
        screen.line(
            f"and {len(classes) - len(shown)} more in classes.parquet", indent=2, style="dim"
        )


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


def _show_next_steps(
    screen: Screen,
    result: DetectResult,
    data: str | list[str],
    options: DetectOptions | None,
) -> None:
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
    from noisefix.detection.options import CheckOptions, DetectOptions, InitOptions
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

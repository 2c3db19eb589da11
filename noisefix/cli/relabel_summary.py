"""What ``relabel`` ends with: what was said, how far it is believed, and what follows."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from noisefix.cli.columns import Column
from noisefix.cli.messages import tell, tell_and_show
from noisefix.cli.terminal import Screen
from noisefix.cli.wording import interval, percent, plural

if TYPE_CHECKING:
    from noisefix.annotators.batch_export import BatchExport
    from noisefix.annotators.batch_import import BatchImport
    from noisefix.cli.options import Shown
    from noisefix.relabelling.augment import AugmentResult
    from noisefix.relabelling.plan import PlanEstimate
    from noisefix.relabelling.relabel import RelabelResult


def import_counts(read: BatchImport | None) -> tuple[str, ...]:
    """Say what was read of a batch's responses; nothing where none were."""
    if read is None:
        return ()
    counts = [
        f"{read.stored:,} new answers, {read.known:,} known, {read.failed:,} failed, "
        f"{read.unknown:,} to other questions, {read.unreadable:,} unreadable lines"
    ]
    if read.outstanding:
        counts.append(
            f"{read.outstanding:,} requests still lie in a batch: read its other files (of output "
            "and of errors) with --import-batch too, or say --batch-lost"
        )
    if read.unknown:
        counts.append(
            "responses to other questions count once they are read with the options of the export"
        )
    return tuple(counts)


def show_asked_for(
    result: AugmentResult | RelabelResult, shown: Shown, show: Callable[[Screen, Any], None]
) -> None:
    """Show what asking came to: an estimate, files of requests, or what ``show`` writes.

    Raises:
        NoisefixError: why not everything was asked.
    """
    tell((*import_counts(result.imported), *result.notes), quiet=shown.quiet)
    if result.estimate is not None:
        tell_and_show(result.estimate, shown, show_estimate)
    elif result.exported is not None:
        tell_and_show(result.exported, shown, show_exported)
    else:
        tell_and_show(result, shown, show)
    if result.failure is not None:
        raise result.failure


def show_exported(screen: Screen, written: BatchExport) -> None:
    """Say which files of requests were written."""
    if written.paths:
        files = ", ".join(map(str, written.paths))
        screen.line(
            f"{plural(written.requests, 'request')} written to {files}; {written.reused:,} have an "
            "answer."
        )
    else:
        screen.line(f"Nothing to ask, and no file written: {written.reused:,} have an answer.")
    if written.outstanding:
        screen.line(
            f"{plural(written.outstanding, 'request')} left out: they lie in a batch already "
            f"({', '.join(written.earlier)}). Read its responses with --import-batch; if it is "
            "lost, say --batch-lost."
        )


def show_estimate(screen: Screen, estimate: PlanEstimate) -> None:
    """Show three whole prompts, and what asking all of them would cost."""
    for number, prompt in enumerate(estimate.prompts, start=1):
        screen.heading(f"Prompt {number} of {estimate.requests:,}")
        for line in prompt.splitlines():
            screen.line(line, indent=2)
    screen.heading("What it would take")
    screen.line(
        f"{plural(estimate.rows, 'row')}, {plural(estimate.requests, 'request')} (fewer where an "
        "answer is stored already)",
        indent=2,
    )
    screen.line(
        f"about {estimate.tokens_in:,} tokens in and {estimate.tokens_out:,} out, at four "
        "characters a token",
        indent=2,
    )
    if estimate.cost_usd is None:
        screen.line("cost: give --price-in and --price-out to know", indent=2)
    else:
        screen.line(f"cost: about ${estimate.cost_usd:.2f}", indent=2)
    screen.line("Nobody was asked (--dry-run).", style="dim")


def show_relabels(screen: Screen, result: RelabelResult) -> None:
    """Show what came of a run in a few lines."""
    report = result.report
    if report is None:
        screen.line("Nothing was answered, and nothing is changed.")
        return
    said = f"{report.answered:,} of {plural(report.asked, 'row')} asked got a label"
    others = ", ".join(f"{count:,} {kind}" for kind, count in report.other_answers.items())
    screen.line(said + (f"; {others}" if others else "") + ".")
    if report.alarm:
        screen.line(f"Not heeded: {report.alarm}. Nothing is changed.", style="bold red")
    else:
        screen.line(
            f"{report.relabelled:,} to relabel, {report.review:,} for a person to review, "
            f"{report.kept:,} to keep"
            + (f" ({report.copied:,} by the answer to a near-duplicate)" if report.copied else "")
            + ".",
            style="bold",
        )
        if report.beside:
            screen.line(
                f"{plural(report.beside, 'annotator')} of detect had a say: a contradicted label "
                "changes where all together come to the answer."
            )
        if report.accuracy is not None:
            low, high = report.accuracy.low, report.accuracy.high
            screen.line(
                f"The annotator seems right about {percent(report.accuracy.value)} of the time "
                f"({interval(low, high)}; estimate, no truth known)."
            )
        screen.line(
            f"Labels wrong: about {percent(report.noise_rate_before)} before, "
            f"{percent(report.noise_rate)} with the answers weighed in, "
            f"{percent(report.noise_rate_after)} after relabelling (estimates)."
        )
    rate = report.probe_noise_rate
    if rate is not None:
        screen.line(
            f"By a random probe of {rate.n_probed} unflagged rows, {percent(rate.value)} of all "
            f"labels were wrong (90 % interval {interval(rate.low, rate.high)}); the annotator "
            f"agreed with {percent(report.probe_agreement or 0.0)} of them."
        )
    for flips in result.flips:
        screen.line(
            f"Asked with {flips.wording}, it gives another answer in {flips.changed:,} of "
            f"{plural(flips.compared, 'row')} ({percent(flips.rate)})."
        )
    for entry in report.overused:
        screen.line(
            f"It says {entry.label} {entry.answers:,} times where about {entry.expected:.0f} were "
            "expected.",
            style="yellow",
        )
    if report.agreement:
        screen.heading("Who agrees with whom, on the rows answered")
        screen.table(
            (Column(""), *(Column(name, "right") for name in report.witnesses)),
            [
                (name, *(percent(share) for share in line))
                for name, line in zip(report.witnesses, report.agreement, strict=True)
            ],
        )
    if report.input_tokens or report.cost_usd:
        screen.line(
            f"{report.input_tokens:,} tokens in, {report.output_tokens:,} out"
            + (f", ${report.cost_usd:.4f}" if report.cost_usd else "")
            + "; every answer is stored and will not be paid for again."
        )
    run = shlex.quote(str(result.run))
    screen.heading(f"Every answer is in {result.run}/relabels.parquet. Next:")
    if report.alarm:
        screen.command(f"noisefix apply {run} --review-csv review.csv", "let a person look")
        return
    screen.command(f"noisefix apply {run} --strategy relabel --dry-run", "see the changes")
    screen.command(f"noisefix apply {run} --strategy relabel -o CLEANED", "write them")

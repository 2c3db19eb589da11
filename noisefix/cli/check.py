"""``noisefix check``: a gate for CI."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noisefix.cli.options import Shown, takes_options
from noisefix.cli.progress import show_progress
from noisefix.detection.check_options import CheckOptions
from noisefix.errors import EXIT_GATE_FAILED, UsageError
from noisefix.options import KEEPS, READS, WRITES, Option

if TYPE_CHECKING:
    from noisefix.detection.check_result import CheckResult

FORMATS = ("text", "json", "github", "junit", "sarif", "gitlab")


def _known_format(value: str | None) -> str | None:
    Option("--output-format", "", words=FORMATS).verify(value)
    return value


OutputFormat = Annotated[
    str | None,
    typer.Option(
        "--output-format",
        metavar="|".join(FORMATS),
        callback=_known_format,
        autocompletion=lambda: list(FORMATS),
        help="What stdout holds: text for people, or a report for a service. Default: text.",
    ),
]


def _known_count(value: str) -> str:
    if value != "all" and not value.isdecimal():
        raise UsageError(f"--show {value}: it is a number of rows, or all", "for example --show 20")
    return value


@takes_options
def check(
    data: Annotated[
        list[str],
        READS,
        typer.Argument(
            metavar="DATA", help="Tables, or - for CSV on stdin, or run folders; each alone."
        ),
    ],
    options: CheckOptions,
    shown: Shown,
    output: Annotated[
        Path | None,
        KEEPS,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Run folder to keep, so that what has not changed is not done again.",
        ),
    ] = None,
    show: Annotated[
        str,
        typer.Option(
            "--show", metavar="N", callback=_known_count, help="Flagged rows to print; or all."
        ),
    ] = "10",
    output_format: OutputFormat = None,
    github: Annotated[
        bool, typer.Option("--github", help="The same as --output-format github.")
    ] = False,
    junit: Annotated[
        Path | None,
        WRITES,
        typer.Option("--junit", metavar="FILE", help="Write a JUnit XML report."),
    ] = None,
) -> None:
    """Fail (exit 1) when a data set breaks a limit.

    Prints the rows that look wrong, like a linter, and a line for each limit. At least one must be
    set. A table is detected first, in a temporary folder unless -o names one; of a run folder, what
    people have decided there and what relabel found out counts. Where GITHUB_STEP_SUMMARY names a
    file, a summary is appended to it.
    """
    from noisefix.cli.job_summary import append_summary
    from noisefix.cli.messages import standard_input, tell
    from noisefix.detection.check import check_all

    form = _format(output_format, as_json=shown.as_json, github=github)
    read = (*data, options.run_data, output, options.baseline, options.labels, options.decisions)
    read += (options.against, options.annotations)
    if junit is not None:
        from noisefix.cli.junit import check_target

        check_target(junit, read)
    with show_progress(quiet=shown.quiet) as progress:
        results = check_all(
            data,
            output,
            options=options,
            progress=progress,
            stdin=standard_input("-") if "-" in data else None,
        )
    for result in results:
        tell(result.notes, result.warnings, quiet=shown.quiet)
    most = (
        int(show)
        if show != "all"
        else max(max(len(r.flagged), len(r.leaks), len(r.mismatches)) for r in results)
    )
    append_summary(results, most, read)
    if junit is not None:
        from noisefix.cli.junit import write_junit

        write_junit(results, junit)
    if form == "text":
        _show(results, options, most, quiet=shown.quiet)
    else:
        _report(results, form)
    if not all(result.passed for result in results):
        raise typer.Exit(EXIT_GATE_FAILED)


def _format(output_format: str | None, *, as_json: bool, github: bool) -> str:
    wanted = {"--json": as_json, "--github": github, "--output-format": output_format is not None}
    named = [flag for flag, is_wanted in wanted.items() if is_wanted]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} both want stdout", "choose one of them")
    if output_format is not None:
        return output_format
    return "json" if as_json else "github" if github else "text"


def _show(
    results: tuple[CheckResult, ...], options: CheckOptions, most: int, *, quiet: bool
) -> None:
    from noisefix.cli.check_text import show_baseline, show_checks
    from noisefix.cli.terminal import Screen

    screen = Screen()
    show_checks(screen, results, most=most, quiet=quiet)
    if options.write_baseline is not None and not quiet:
        show_baseline(screen, results, Path(options.write_baseline))


def _report(results: tuple[CheckResult, ...], form: str) -> None:
    """Write a report for a service to stdout."""
    from noisefix.cli.terminal import write_json, write_lines

    if form == "json":
        several = {"passed": all(result.passed for result in results), "results": results}
        write_json(results[0] if len(results) == 1 else several)
    elif form == "github":
        from noisefix.cli.github import annotation_lines

        write_lines(annotation_lines(*results))
    elif form == "junit":
        from noisefix.cli.junit import junit_xml

        write_lines(junit_xml(results).splitlines())
    elif form == "sarif":
        from noisefix.cli.sarif import sarif_log

        write_json(sarif_log(results))
    else:
        from noisefix.cli.gitlab import code_quality

        write_json(code_quality(results))

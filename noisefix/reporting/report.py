"""``report``: a run as one page, to look at and to decide in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from noisefix.detection.decided import take_in
from noisefix.errors import UsageError
from noisefix.options import takes
from noisefix.reporting.options import ReportOptions
from noisefix.run.folder import RunFolder
from noisefix.run.outputs import check_output


@dataclass(frozen=True)
class ReportResult:
    """The page that was written.

    Attributes:
        output: the file.
        rows: rows of the run.
        issues: flagged rows.
        decided: rows that people have decided on.
        bytes: size of the file.
        is_cut: some texts are not there as a whole.
    """

    output: Path
    rows: int
    issues: int
    decided: int
    bytes: int
    is_cut: bool


@takes(ReportOptions)
def report(run: str | Path, output: str | Path, *, options: ReportOptions) -> ReportResult:
    """Write a run as one page of HTML, which needs no network and no server.

    What is decided in the page stays in the browser until it is exported: decisions.jsonl, for
    ``--decisions`` of the other commands.

    Args:
        run: the run folder.
        output: the file to write.
        options: what was chosen; its fields may be named one by one instead.

    Raises:
        DataError: a table is missing or broken, or the file cannot be written.
        UsageError: the output is an input or a file of a run folder, or is not called like a page;
            ``predictions`` where rows have several labels.
    """
    from noisefix.reporting.data import page_data, read_tables
    from noisefix.reporting.page import build_page
    from noisefix.tables.atomic import write_bytes

    check_output(output, (run, options.decisions, *(options.predictions or ())), kinds=("html",))
    folder = RunFolder.open(run, several_labels=True)
    if options.predictions and folder.set_reading() is not None:
        raise UsageError(
            f"--predictions is for runs with one label a row; those of {run} have several labels",
            "leave it out",
        )
    take_in(folder, options.decisions)
    tables = read_tables(folder)
    data = page_data(tables, seed=options.seed)
    if options.predictions:
        from noisefix.reporting.models import models_part

        data["models"] = models_part(folder, options.predictions, seed=options.seed)
    content = build_page(data).encode()
    write_bytes(output, content)
    return ReportResult(
        output=Path(output),
        rows=data["rows"]["n"],
        issues=int(tables.judged.is_issue.sum()),
        decided=len(tables.decided),
        bytes=len(content),
        is_cut="cut" in data["rows"],
    )

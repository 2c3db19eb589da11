"""``candidates``: the labels that each row's clean neighbours make plausible."""

from __future__ import annotations

from pathlib import Path

from noisefix.cluster.choose import check_executor, chosen_executor
from noisefix.detection.embed import ProgressCallback
from noisefix.detection.open_run import refuse_sets
from noisefix.detection.options import CandidatesOptions
from noisefix.errors import DataError, UsageError
from noisefix.executors import Executor
from noisefix.options import takes
from noisefix.run.files import lock_if_run
from noisefix.run.folder import RunFolder
from noisefix.run.stage import StageReport, record


@takes(CandidatesOptions)
def candidates(
    embeddings: str | Path,
    issues: str | Path | None = None,
    output: str | Path | None = None,
    *,
    options: CandidatesOptions,
    progress: ProgressCallback | None = None,
) -> StageReport:
    """Find the labels that each row's clean neighbours make plausible.

    Args:
        embeddings: embeddings.parquet, or a run folder with embeddings and issues.
        issues: issues.parquet of the same rows; None: the run folder's.
        output: candidates.parquet to write; None: the run folder's.
        options: what was chosen; its fields may be named one by one instead.
        progress: called with how far it has come.

    Raises:
        DataError: a table is not what it should be, or another process writes in the run folder.
        UsageError: the output is an input, or another file of a run folder; issues or output are
            not named, and there is no run folder; Ray is not installed.
    """
    from noisefix.run.outputs import check_output

    source, issues_path, target = _paths(Path(embeddings), issues, output)
    check_executor(options)
    check_output(target, (source, issues_path), kinds=("parquet",), own="candidates.parquet")
    refuse_sets(source)
    with (
        lock_if_run(target.parent, "noisefix candidates"),
        chosen_executor(options, target.parent) as executor,
    ):
        return candidates_into(source, issues_path, target, options, progress, executor)


def candidates_into(
    embeddings: Path,
    issues: Path,
    target: Path,
    options: CandidatesOptions,
    progress: ProgressCallback | None,
    executor: Executor,
) -> StageReport:
    """Find candidates, and record it if the table lies in a run folder.

    Args:
        embeddings: embeddings.parquet.
        issues: issues.parquet of the same rows.
        target: candidates.parquet to write.
        options: what was chosen.
        progress: called with how far it has come.
        executor: who works off the shards of a long table; changes no byte.

    Raises:
        DataError: a table is not what it should be.
    """
    from noisefix.detection.candidates_stage import CandidatesParams, find_candidates

    report = find_candidates(
        embeddings,
        issues,
        target,
        CandidatesParams(n_neighbors=options.n_neighbors, device=options.device),
        seed=options.seed,
        force=options.force,
        progress=progress,
        executor=executor,
    )
    record(target.parent, report)
    return report


def _paths(
    embeddings: Path, issues: str | Path | None, output: str | Path | None
) -> tuple[Path, Path, Path]:
    """Return embeddings, issues and output, with a run folder's own where it is named."""
    if embeddings.is_dir():
        run = RunFolder.open(embeddings)
        return (
            run.embeddings,
            run.issues if issues is None else Path(issues),
            run.candidates if output is None else Path(output),
        )
    if not embeddings.exists():
        raise DataError(f"{embeddings}: no such file or run folder", "noisefix embed makes one")
    if issues is None or output is None:
        what = "ISSUES" if issues is None else "-o FILE"
        raise UsageError(
            f"{embeddings}: is no run folder, and {what} is missing",
            "name a run folder, or EMBEDDINGS ISSUES -o FILE",
        )
    return embeddings, Path(issues), Path(output)

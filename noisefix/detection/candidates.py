"""``candidates``: the labels that each row's clean neighbours make plausible."""

from __future__ import annotations

from pathlib import Path

from noisefix.detection.embed import ProgressCallback
from noisefix.run.stage import StageReport, run_stage


def candidates(
    embeddings: str | Path,
    issues: str | Path,
    output: str | Path,
    *,
    n_neighbors: int = 10,
    device: str = "auto",
    seed: int = 0,
    force: bool = False,
    progress: ProgressCallback | None = None,
) -> StageReport:
    """Find the labels that each row's clean neighbours make plausible.

    Args:
        embeddings: embeddings.parquet.
        issues: issues.parquet of the same rows.
        output: candidates.parquet to write.
        n_neighbors: neighbours in the clean pool that vote.
        device: "auto", "cpu", "cuda" or "mps".
        seed: seed.
        force: run even if nothing changed.
        progress: called with how far it has come.

    Raises:
        DataError: a table is not what it should be, or another process writes in the run folder.
        UsageError: the output is an input, or another file of a run folder.
    """
    from noisefix.detection.candidates_stage import STAGE, CandidatesParams
    from noisefix.run.folder import lock_if_run
    from noisefix.run.outputs import check_output

    check_output(output, (embeddings, issues), kinds=("parquet",), own="candidates.parquet")
    with lock_if_run(Path(output).parent, "noisefix candidates"):
        return run_stage(
            STAGE,
            {"embeddings": Path(embeddings), "issues": Path(issues)},
            {"candidates": Path(output)},
            CandidatesParams(n_neighbors=n_neighbors, device=device),
            seed=seed,
            force=force,
            progress=progress,
        )

"""``noisefix joint``: probabilities, confident joint, and a verdict for every row."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noisefix.cli import options
from noisefix.cli.messages import tell
from noisefix.cli.paths import KEEPS, READS
from noisefix.cli.progress import show_progress


def joint(
    embeddings: options.Embeddings,
    output: Annotated[
        Path | None,
        KEEPS,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Folder for issues.parquet, joint.parquet and more. Default: the run folder.",
        ),
    ] = None,
    pred_probs: options.PredProbs = None,
    trusted_column: options.TrustedColumn = None,
    data: Annotated[
        Path | None,
        READS,
        typer.Option(
            "--data",
            metavar="FILE",
            help="Table with the trusted column. Default: the input of the run EMBEDDINGS lies in.",
        ),
    ] = None,
    id_column: Annotated[
        str | None,
        typer.Option(
            "--id-column",
            metavar="NAME",
            help="Id column of --data, where that is not the file that was embedded.",
        ),
    ] = None,
    class_shares: options.ClassShares = None,
    labelled_by: options.LabelledBy = "unknown",
    unverified_class: options.UnverifiedClass = None,
    one_sided: options.OneSided = None,
    flag_precision: options.FlagPrecision = None,
    flag_top: options.FlagTop = None,
    filter_by: options.FilterBy = None,
    n_folds: options.Folds = 5,
    n_neighbors: options.Neighbors = 10,
    device: options.Device = "auto",
    seed: options.Seed = 0,
    force: options.Force = False,
    bad_rows: options.BadRows = "stop",
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
    config: options.Config = None,
) -> None:
    """Judge every label, from out-of-sample probabilities.

    Writes issues.parquet (a score, a verdict and reasons for each row), joint.parquet (how given
    and true labels go together), classes.parquet, pairs.parquet and duplicates.parquet. What embed
    has found out about the label names is used if it lies beside EMBEDDINGS,
    which may be a run folder: its embeddings are read then, and the tables go into it.
    """
    from noisefix.cli.stage_report import show_stage
    from noisefix.detection.joint import joint as run_joint

    with show_progress(quiet=quiet) as progress:
        result = run_joint(
            embeddings,
            output,
            pred_probs=pred_probs,
            trusted_column=trusted_column,
            data=data,
            id_column=id_column,
            class_shares=class_shares,
            labelled_by=labelled_by,
            unverified_class=unverified_class,
            one_sided=one_sided,
            flag_precision=flag_precision,
            flag_top=flag_top,
            filter_by=filter_by,
            n_folds=n_folds,
            n_neighbors=n_neighbors,
            device=device,
            seed=seed,
            force=force,
            bad_rows=bad_rows,
            progress=progress,
        )
    tell(warnings=result.warnings, quiet=quiet)
    show_stage(result, as_json=as_json)

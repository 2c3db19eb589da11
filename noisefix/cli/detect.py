"""``noisefix detect``: from a table to its wrong labels, in one go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noisefix.cli import options
from noisefix.cli.messages import standard_input, tell
from noisefix.cli.paths import KEEPS
from noisefix.cli.progress import show_progress


def detect(
    data: options.Data,
    output: Annotated[
        Path | None,
        KEEPS,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Run folder. Default: NAME.noisefix beside the input.",
        ),
    ] = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    id_column: options.IdColumn = None,
    missing_labels: options.MissingLabels = None,
    top: Annotated[
        int,
        typer.Option("--top", min=0, max=100, metavar="N", help="Suspicious rows to show."),
    ] = 10,
    encoder: options.Encoder = options.DEFAULT_ENCODER,
    precision: options.Precision = "auto",
    device: options.Device = "auto",
    labels: options.Labels = None,
    pred_probs: options.PredProbs = None,
    trusted_column: options.TrustedColumn = None,
    class_shares: options.ClassShares = None,
    labelled_by: options.LabelledBy = "unknown",
    unverified_class: options.UnverifiedClass = None,
    one_sided: options.OneSided = None,
    flag_precision: options.FlagPrecision = None,
    flag_top: options.FlagTop = None,
    filter_by: options.FilterBy = None,
    n_folds: options.Folds = 5,
    n_neighbors: options.Neighbors = 10,
    seed: options.Seed = 0,
    force: options.Force = False,
    bad_rows: options.BadRows = "stop",
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
    config: options.Config = None,
) -> None:
    """Find the wrong labels of a table, and say why.

    Embeds the texts, estimates for every row how probable it is that its label is wrong and what
    it should be, and looks up the neighbours that speak for it. Writes a run folder and shows a
    summary. What has been done before and has not changed is not done again.
    """
    from noisefix.cli.summary import show_detection
    from noisefix.cli.terminal import Screen, write_json
    from noisefix.detection.detect import detect as run_detect

    with show_progress(quiet=quiet) as progress:
        result = run_detect(
            data,
            output,
            text_column=text_column,
            label_column=label_column,
            id_column=id_column,
            missing_labels=missing_labels,
            encoder=encoder,
            precision=precision,
            device=device,
            seed=seed,
            labels=labels,
            pred_probs=pred_probs,
            trusted_column=trusted_column,
            class_shares=class_shares,
            labelled_by=labelled_by,
            unverified_class=unverified_class,
            one_sided=one_sided,
            flag_precision=flag_precision,
            flag_top=flag_top,
            filter_by=filter_by,
            n_folds=n_folds,
            n_neighbors=n_neighbors,
            force=force,
            bad_rows=bad_rows,
            progress=progress,
            stdin=standard_input(data),
        )
    tell(result.notes, result.warnings, quiet=quiet)
    if as_json:
        write_json(result)
    else:
        show_detection(Screen(), result, data=data, top=top)

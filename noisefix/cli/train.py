"""``noisefix train``: a classifier that the remaining noise does not mislead."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noisefix.cli import asking_options as asked
from noisefix.cli import options
from noisefix.cli.paths import READS, REPLACES
from noisefix.cli.progress import Callback, show_progress

if TYPE_CHECKING:
    from noisefix.annotators.protocol import Annotator
    from noisefix.run.folder import RunFolder


def train(
    source: Annotated[
        str,
        READS,
        typer.Argument(
            metavar="RUN_OR_TABLE",
            help="Run folder that detect has written; or a table: detect is run on it first.",
        ),
    ],
    output: Annotated[
        Path | None,
        REPLACES,
        typer.Option("--output", "-o", metavar="FOLDER", help="Model folder to write."),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="NAME",
            autocompletion=options.named_in("noisefix.training.interface", "METHODS"),
            help="ce, prune, repair, gce, sce, elr, ldr, coteaching, cpc, ill, sidyp, noiseal.",
        ),
    ] = "repair",
    features: Annotated[
        str,
        typer.Option(
            "--features",
            **options.one_of("frozen", "finetune"),
            help="frozen: a small head on the run's embeddings, seconds. finetune: the encoder is "
            "trained too, minutes.",
        ),
    ] = "frozen",
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, metavar="N", help="Passes over the rows.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A parameter of the method; may be repeated."
        ),
    ] = None,
    valid: Annotated[
        Path | None,
        READS,
        typer.Option(
            "--valid", metavar="TABLE", help="Trusted labels to choose the epoch by. Not needed."
        ),
    ] = None,
    annotator: Annotated[
        str | None,
        typer.Option(
            "--annotator",
            metavar="WHO",
            autocompletion=lambda: ["openai", "local:", "column:"],
            help="With noiseal: who is asked about rows in doubt: openai | local:PATH | "
            "column:NAME. --model alone means openai.",
        ),
    ] = None,
    model: asked.Model = None,
    base_url: asked.BaseUrl = None,
    api_key_env: asked.ApiKeyEnv = "OPENAI_API_KEY",
    max_rows: asked.MaxRows = None,
    share: Annotated[
        float | None,
        typer.Option(
            "--share",
            min=0,
            max=1,
            metavar="P",
            help="Ask about at most this share of the labelled rows. Default: 0.3.",
        ),
    ] = None,
    max_cost_usd: asked.MaxCostUsd = None,
    price_in: asked.PriceIn = None,
    price_out: asked.PriceOut = None,
    max_tokens_total: asked.MaxTokensTotal = None,
    votes: asked.Votes = 1,
    pool: asked.Pool = "candidates",
    labels: options.Labels = None,
    template: asked.Template = None,
    demonstrations: asked.Demonstrations = True,
    concurrency: asked.Concurrency = 16,
    timeout: asked.Timeout = 60.0,
    max_output_tokens: asked.MaxOutputTokens = "auto",
    system_role: asked.SystemRole = "auto",
    logprobs: asked.Logprobs = "auto",
    compare: Annotated[
        str | None,
        typer.Option(
            "--compare",
            metavar="A,B,C",
            help="Compare methods on --test instead of writing a model.",
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, metavar="N", help="Seeds for each method compared.")
    ] = 5,
    test: Annotated[
        Path | None,
        READS,
        typer.Option("--test", metavar="TABLE", help="Trusted labels to compare methods by."),
    ] = None,
    truth: Annotated[
        str | None,
        typer.Option(
            "--truth",
            metavar="COLUMN",
            help="Column with the trusted labels of --test or --valid. Default: the one whose "
            "name says truth, else the label column.",
        ),
    ] = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    missing_labels: options.MissingLabels = None,
    device: options.Device = "auto",
    seed: options.Seed = 0,
    run_data: options.RunData = None,
    bad_rows: options.BadRows = "stop",
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
    config: options.Config = None,
) -> None:
    """Train a classifier that the remaining noise does not mislead.

    A killed training goes on where it was. With --compare: which method helps on this data, by a
    table with trusted labels. With --method noiseal an annotator can be asked about rows whose
    label is in doubt; every answer is stored in the run folder and never paid for twice. When its
    service fails or a budget is reached, the model is trained with what was answered and written,
    and the exit code is 5.
    """
    parameters = _parameters(set_ or [])
    who = annotator or ("openai" if model is not None else None)
    if compare is not None:
        if output is not None or valid is not None:
            raise typer.BadParameter("--compare writes no model: leave -o and --valid out")
        if who is not None:
            raise typer.BadParameter("--compare asks nobody: leave the annotator out")
        _compare(
            source,
            [name.strip() for name in compare.split(",") if name.strip()],
            parameters | ({} if epochs is None else {"epochs": epochs}),
            {
                "test": test,
                "truth": truth,
                "n_seeds": seeds,
                "features": features,
                "seed": seed,
                "text_column": text_column,
                "label_column": label_column,
                "missing_labels": missing_labels,
                "device": device,
                "bad_rows": bad_rows,
            },
            quiet=quiet,
            as_json=as_json,
        )
        return
    if output is None:
        raise typer.BadParameter("name the model folder with -o")
    from noisefix.classifiers.fitting import class_names_of
    from noisefix.classifiers.train import train as run_train
    from noisefix.cli.asking import connect, show_asked
    from noisefix.cli.messages import tell
    from noisefix.cli.terminal import Screen, write_json
    from noisefix.cli.wording import format_seconds, plural

    notes: tuple[str, ...] = ()
    with show_progress(quiet=quiet) as progress, ExitStack() as stack:
        whom: Annotator | None = None
        start: str | Path = source
        if who is not None:
            folder, notes = _run_to_ask_about(
                source,
                run_data,
                method,
                text_column,
                label_column,
                missing_labels,
                bad_rows,
                progress,
            )
            start = folder.path
            whom = connect(
                stack,
                who,
                folder,
                class_names_of(folder),
                model=model,
                base_url=base_url,
                api_key_env=api_key_env,
                concurrency=concurrency,
                timeout_s=timeout,
                max_output_tokens=max_output_tokens,
                system_role=system_role,
                logprobs=logprobs,
                device=device,
                seed=seed,
            )
        result = run_train(
            start,
            output,
            method=method,
            features=features,
            epochs=epochs,
            parameters=parameters,
            valid=valid,
            truth=truth,
            annotator=whom,
            max_rows=max_rows,
            share=share,
            max_cost_usd=max_cost_usd,
            price_in=price_in,
            price_out=price_out,
            max_tokens_total=max_tokens_total,
            votes=votes,
            pool=pool,
            labels=labels,
            template=template,
            demonstrations=demonstrations,
            text_column=text_column,
            label_column=label_column,
            missing_labels=missing_labels if who is None else None,
            run_data=run_data,
            device=device,
            seed=seed,
            bad_rows=bad_rows,
            progress=progress,
        )
    tell((*notes, *result.notes), quiet=quiet)
    if as_json:
        write_json(result)
        if result.failure is not None:
            raise result.failure
        return
    screen = Screen()
    screen.line(
        f"{result.model}: {result.method} on {plural(result.labelled, 'labelled row')}, "
        f"{len(result.class_names)} classes, {plural(result.epochs, 'epoch')}, "
        f"{format_seconds(result.seconds)}"
    )
    if result.asking is not None:
        show_asked(screen, result.asking)
    screen.command(
        f"noisefix predict {shlex.quote(str(result.model))} DATA -o predictions.parquet",
        "labels for texts never seen",
    )
    if result.failure is not None:
        raise result.failure


def _run_to_ask_about(
    source: str,
    run_data: Path | None,
    method: str,
    text_column: str | None,
    label_column: str | None,
    missing_labels: str | None,
    bad_rows: str,
    progress: Callback | None,
) -> tuple[RunFolder, tuple[str, ...]]:
    """Open the run folder, or make it: whoever is asked must know its classes."""
    from noisefix.classifiers.fitting import open_run
    from noisefix.classifiers.train_asking import check_asking
    from noisefix.relabelling.options import AskOptions

    check_asking(method, AskOptions(), asks=True)  # before minutes of work
    return open_run(
        source,
        run_data,
        text_column=text_column,
        label_column=label_column,
        missing_labels=missing_labels,
        bad_rows=bad_rows,
        progress=progress,
    )


def _compare(
    source: str,
    methods: list[str],
    parameters: dict[str, Any],
    chosen: dict[str, Any],
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    from noisefix.classifiers.compare import compare
    from noisefix.cli.comparison import show_comparison
    from noisefix.cli.messages import tell
    from noisefix.cli.terminal import Screen, write_json

    with show_progress(quiet=quiet) as progress:
        result = compare(source, methods, parameters=parameters, progress=progress, **chosen)
    tell(result.notes, quiet=quiet)
    if as_json:
        write_json(result)
    else:
        show_comparison(Screen(), result, source)


def _parameters(settings: list[str]) -> dict[str, Any]:
    """Read NAME=VALUE pairs; a value is JSON where it can be read so, else a word."""
    from noisefix.documents import parse_json

    found: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"--set {setting!r} is not NAME=VALUE")
        try:
            found[name] = parse_json(value)
        except ValueError:
            found[name] = value
    return found

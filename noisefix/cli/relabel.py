"""``noisefix relabel``: an annotator looks at the suspicious rows, and only at those."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noisefix.cli import asking_options as asked
from noisefix.cli import options
from noisefix.cli.paths import READS, WRITES

if TYPE_CHECKING:
    from noisefix.relabelling.plan import RelabelPlan

_WHO = "openai | local:PATH | column:NAME | human"


def relabel(
    run: options.RunArgument,
    annotator: Annotated[
        str,
        typer.Option(
            "--annotator",
            metavar="WHO",
            autocompletion=lambda: ["openai", "local:", "column:", "human"],
            help=f"Who is asked: {_WHO}. openai: any server that speaks OpenAI's language.",
        ),
    ] = "openai",
    model: asked.Model = None,
    base_url: asked.BaseUrl = None,
    api_key_env: asked.ApiKeyEnv = "OPENAI_API_KEY",
    max_rows: asked.MaxRows = None,
    share: asked.Share = None,
    max_cost_usd: asked.MaxCostUsd = None,
    price_in: asked.PriceIn = None,
    price_out: asked.PriceOut = None,
    max_tokens_total: asked.MaxTokensTotal = None,
    probe: Annotated[
        int,
        typer.Option(
            "--probe", min=0, metavar="N", help="Unflagged rows to ask about too, drawn at random."
        ),
    ] = 50,
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
    export_batch: Annotated[
        Path | None,
        WRITES,
        typer.Option(
            "--export-batch", metavar="FILE", help="Write OpenAI Batch requests; ask nobody."
        ),
    ] = None,
    import_batch: Annotated[
        list[Path] | None,
        READS,
        typer.Option("--import-batch", metavar="FILE", help="Read a batch's responses first."),
    ] = None,
    reviewer: Annotated[
        str,
        typer.Option("--reviewer", metavar="NAME", help="Who reviews, with --annotator human."),
    ] = "",
    device: options.Device = "auto",
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Show three prompts, requests, tokens and cost; ask nobody."
        ),
    ] = False,
    seed: options.Seed = 0,
    run_data: options.RunData = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
    config: options.Config = None,
) -> None:
    """Ask an annotator about the suspicious rows, and weigh its answers.

    Rows are asked in the order of what an answer is expected to be worth. Each answer is weighed
    against everything else that is known of the row; what follows is in relabels.parquet, and apply
    writes it. Every answer is stored as it arrives and never paid for twice.
    """
    from noisefix.cli.asking import connect, show_asking
    from noisefix.cli.messages import tell
    from noisefix.cli.relabel_summary import show_plan, show_relabels
    from noisefix.cli.terminal import Screen, write_json
    from noisefix.relabelling.batch import check_export, export_requests
    from noisefix.relabelling.batch import import_responses as read_responses
    from noisefix.relabelling.plan import RelabelOptions, plan_relabel
    from noisefix.relabelling.relabel import finish
    from noisefix.run.folder import RunFolder

    chosen = RelabelOptions(
        max_rows=max_rows,
        share=share,
        max_cost_usd=max_cost_usd,
        price_in=price_in,
        price_out=price_out,
        max_tokens_total=max_tokens_total,
        n_probe=probe,
        votes=votes,
        pool=pool,
        labels=labels,
        template=template,
        with_demonstrations=demonstrations,
        seed=seed,
    )
    if export_batch is not None:
        check_export(RunFolder.open(run, run_data), export_batch, chosen)
    with ExitStack() as stack:
        plan: RelabelPlan = plan_relabel(run, chosen, run_data)
        if dry_run:
            show_plan(Screen(), plan, as_json=as_json)
            return
        who = connect(
            stack,
            annotator,
            plan.folder,
            plan.rows.class_names,
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
            plan=plan,
            reviewer=reviewer,
        )
        if export_batch is not None:
            written = export_requests(plan, who, export_batch)
            if as_json:
                write_json(written)
            else:
                Screen().line(
                    f"{written.requests:,} requests written to "
                    f"{', '.join(map(str, written.paths))}; {written.reused:,} have an answer."
                )
            return
        if import_batch:
            read = read_responses(plan, who, import_batch)
            tell(
                (
                    f"{read.stored:,} new answers, {read.known:,} known, {read.failed:,} failed, "
                    f"{read.unknown:,} to other questions, {read.unreadable:,} unreadable lines",
                ),
                quiet=quiet,
            )
        with show_asking(quiet=quiet or annotator == "human") as progress:
            result = finish(plan, who, progress=progress, ask_nobody=bool(import_batch))
    if as_json:
        write_json(result)
    else:
        show_relabels(Screen(), result)
    if result.failure is not None:
        raise result.failure

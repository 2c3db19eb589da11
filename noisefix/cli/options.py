"""The options that commands share, each written once, so that they read the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from noisefix.cli.paths import READS
from noisefix.config import command_options, read_config
from noisefix.seeds import HIGHEST_SEED

DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"


def _apply_config(ctx: typer.Context, value: Path | None) -> Path | None:
    if value is None or ctx.resilient_parsing:
        return value
    group = ctx.parent.command if ctx.parent is not None else ctx.command
    commands = getattr(group, "commands", {ctx.command.name: ctx.command})
    options = {
        name: {_long_name(p.opts): p.name for p in command.params if p.param_type_name == "option"}
        for name, command in commands.items()
    }
    command = str(ctx.command.name)
    chosen = command_options(read_config(value), command, options, origin=str(value))
    ctx.default_map = {options[command][name]: setting for name, setting in chosen.items()}
    return value


def _long_name(flags: list[str]) -> str:
    longest = max(flags, key=len)
    return longest.lstrip("-").replace("-", "_")


def one_of(*allowed: str) -> dict[str, Any]:
    """Return what makes an option show these words, complete them, and accept no others."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in allowed:
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(allowed)}")
        return value

    return {"metavar": "|".join(allowed), "callback": check, "autocompletion": lambda: allowed}


def named_in(module: str, name: str) -> Callable[[], list[str]]:
    """Return what completes an option by the words of a tuple or the keys of a dict.

    The module is imported when a shell asks: ``--help`` must not wait for it.
    """
    return lambda: list(getattr(import_module(module), name))


Data = Annotated[
    str,
    READS,
    typer.Argument(
        metavar="DATA",
        help="CSV, TSV, JSONL or Parquet file (.gz, .bz2, .xz, .zst too), or - for CSV on stdin.",
    ),
]
RunArgument = Annotated[
    Path, READS, typer.Argument(metavar="RUN", help="Run folder, or a folder of the tables of one.")
]
Embeddings = Annotated[
    Path,
    READS,
    typer.Argument(
        metavar="EMBEDDINGS", help="Run folder, or embeddings.parquet, that embed has written."
    ),
]
TextColumn = Annotated[
    str | None,
    typer.Option("--text-column", metavar="NAME", help="Column with the texts. Guessed if clear."),
]
LabelColumn = Annotated[
    str | None,
    typer.Option(
        "--label-column", metavar="NAME", help="Column with the labels. Guessed if clear."
    ),
]
IdColumn = Annotated[
    str | None,
    typer.Option(
        "--id-column", metavar="NAME", help="Column with unique ids. Default: the row number."
    ),
]
MissingLabels = Annotated[
    str | None,
    typer.Option(
        "--missing-labels",
        metavar="LABELS",
        help="Labels that mean that there is none: NA,N/A. Such rows are unlabelled.",
    ),
]
Encoder = Annotated[
    str,
    typer.Option(
        "--encoder",
        metavar="NAME",
        autocompletion=lambda: ["tfidf", DEFAULT_ENCODER],
        help="sentence-transformers name, local folder, or tfidf (no weights needed).",
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision",
        **one_of("auto", "fp32", "bf16"),
        help="auto: bf16 where the hardware has it.",
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        **one_of("auto", "cpu", "cuda", "mps"),
        help="Where to compute.",
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed",
        min=0,
        max=HIGHEST_SEED,
        metavar="N",
        help="Same seed, same result.",
    ),
]
RunData = Annotated[
    Path | None,
    READS,
    typer.Option(
        "--data", metavar="FILE", help="Where the input of RUN is, if it does not lie beside it."
    ),
]
Labels = Annotated[
    Path | None,
    READS,
    typer.Option(
        "--labels", metavar="FILE", help="labels.toml: a description of each label, as evidence."
    ),
]
PredProbs = Annotated[
    Path | None,
    READS,
    typer.Option(
        "--pred-probs",
        metavar="FILE",
        help="Your own out-of-sample probabilities instead: one column a class (or .npy).",
    ),
]
ClassShares = Annotated[
    str | None,
    typer.Option(
        "--class-shares",
        metavar="SHARES",
        help="True share of classes where you know it: refund=0.1,billing=0.3.",
    ),
]
FilterBy = Annotated[
    str | None,
    typer.Option(
        "--filter-by",
        metavar="NAME",
        autocompletion=named_in("noisefix.confident.filters", "FILTERS"),
        help="Flag rows by a confident-learning filter instead of p_error.",
    ),
]
LabelledBy = Annotated[
    str,
    typer.Option(
        "--labelled-by",
        metavar="WHO",
        autocompletion=named_in("noisefix.probing.readings", "LABELLED_BY"),
        help="Who made the labels: people, model, rules or unknown. They err in different ways.",
    ),
]
UnverifiedClass = Annotated[
    str | None,
    typer.Option(
        "--unverified-class",
        metavar="CLASS",
        help="The class that rows get where nobody looked: rows of the others are then trusted.",
    ),
]
OneSided = Annotated[
    float | None,
    typer.Option(
        "--one-sided",
        metavar="X",
        help="Divide the odds of an error in those others by X. Default: 10.",
    ),
]
FlagPrecision = Annotated[
    float | None,
    typer.Option(
        "--flag-precision",
        metavar="SHARE",
        help="Flag rows while this share of the flagged is expected to be wrong (0.8: few, sure).",
    ),
]
FlagTop = Annotated[
    int | None,
    typer.Option("--flag-top", metavar="N", help="Flag the N most suspicious rows."),
]
Folds = Annotated[
    int,
    typer.Option("--n-folds", min=2, metavar="N", help="Folds for out-of-sample probabilities."),
]
Neighbors = Annotated[
    int, typer.Option("--n-neighbors", min=1, metavar="N", help="Nearest rows to look at.")
]
TrustedColumn = Annotated[
    str | None,
    typer.Option(
        "--trusted-column",
        metavar="NAME",
        help="Column that says which rows a person has verified, or holds their label.",
    ),
]
BadRows = Annotated[
    str,
    typer.Option(
        "--bad-rows",
        **one_of("stop", "skip"),
        help="Rows that cannot be read: end with an error, or leave them out and list them.",
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Run every stage again, even if nothing has changed.")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress and no notes; errors are still shown.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
Config = Annotated[
    Path | None,
    READS,
    typer.Option(
        "--config",
        metavar="FILE",
        is_eager=True,
        callback=_apply_config,
        help="noisefix.toml with options; what is typed here wins.",
    ),
]

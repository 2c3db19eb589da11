"""The options of commands that ask an annotator, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noisefix.cli.options import one_of
from noisefix.cli.paths import READS


def _tokens(value: str) -> str:
    if value != "auto" and not (value.isascii() and value.isdecimal() and int(value) > 0):
        raise typer.BadParameter(f"{value!r} is neither auto nor a number of tokens, at least 1")
    return value


Model = Annotated[str | None, typer.Option("--model", metavar="NAME", help="Model to ask for.")]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url", metavar="URL", help="The server, for instance http://localhost:8000/v1."
    ),
]
ApiKeyEnv = Annotated[
    str,
    typer.Option("--api-key-env", metavar="NAME", help="Environment variable with the key."),
]
MaxRows = Annotated[
    int | None,
    typer.Option("--max-rows", min=0, metavar="N", help="Ask about at most N rows."),
]
Share = Annotated[
    float | None,
    typer.Option(
        "--share", min=0, max=1, metavar="P", help="Ask about at most this share of all rows."
    ),
]
MaxCostUsd = Annotated[
    float | None,
    typer.Option("--max-cost-usd", min=0, metavar="USD", help="Stop when this is spent."),
]
PriceIn = Annotated[
    float | None,
    typer.Option("--price-in", min=0, metavar="USD", help="Price of a million tokens in."),
]
PriceOut = Annotated[
    float | None,
    typer.Option("--price-out", min=0, metavar="USD", help="Price of a million tokens out."),
]
MaxTokensTotal = Annotated[
    int | None,
    typer.Option("--max-tokens-total", min=0, metavar="N", help="Stop after so many tokens."),
]
Votes = Annotated[
    int,
    typer.Option("--votes", min=1, metavar="N", help="Ask N times; the majority counts."),
]
Pool = Annotated[
    str,
    typer.Option(
        "--pool",
        **one_of("candidates", "all"),
        help="Labels to choose from: those that the neighbours make plausible, or all.",
    ),
]
Template = Annotated[
    Path | None,
    READS,
    typer.Option("--template", metavar="FILE", help="Wording to use instead."),
]
Demonstrations = Annotated[
    bool,
    typer.Option(
        "--demonstrations/--no-demonstrations",
        help="Show the nearest surely clean rows as examples.",
    ),
]
Concurrency = Annotated[
    int,
    typer.Option("--concurrency", min=1, metavar="N", help="Most requests at a time."),
]
MaxOutputTokens = Annotated[
    str,
    typer.Option(
        "--max-output-tokens",
        metavar="N|auto",
        callback=_tokens,
        help="Longest answer, reasoning included. auto: 2,048, and more where an answer was cut "
        "off. Always less where the model's context has no room for so much.",
    ),
]
SystemRole = Annotated[
    str,
    typer.Option(
        "--system-role",
        **one_of("auto", "user"),
        help="user: for models without a system role; found out by itself where they complain.",
    ),
]
Logprobs = Annotated[
    str,
    typer.Option(
        "--logprobs",
        **one_of("auto", "off"),
        help="off: do not ask for log-probabilities, from which confidences come.",
    ),
]
Timeout = Annotated[
    float,
    typer.Option("--timeout", min=0.1, metavar="SECONDS", help="Most seconds for a request."),
]

"""``noisefix recipe``: all of it in one go."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noisefix.cli.messages import standard_input, tell
from noisefix.cli.options import Data, Shown, one_or_all, takes_options
from noisefix.options import KEEPS
from noisefix.recipes.options import RecipeOptions

if TYPE_CHECKING:
    from noisefix.recipes.plan import Step
    from noisefix.recipes.recipe import RecipeResult, StepResult


@takes_options
def recipe(
    data: Data,
    options: RecipeOptions,
    shown: Shown,
    output: Annotated[
        Path,
        KEEPS,
        typer.Option("--output", "-o", metavar="DIR", help="Folder for all that is written."),
    ],
) -> None:
    """Find, repair, train and show in one go.

    Runs detect, relabel (where the recipe names whom to ask), apply, train, evaluate (where it
    names a truth) and report, with the options of a TOML file. What is done and has not changed is
    not done again: decide on rows in between (noisefix review DIR/run), and run it again. --explain
    prints the same steps as a shell script. A noisefix.toml is heeded where --recipe names it.
    """
    from noisefix.cli.terminal import Screen, write_json
    from noisefix.recipes.recipe import recipe as run_recipe

    screen = Screen()

    def told(result: StepResult) -> None:
        tell(result.notes, result.warnings, quiet=shown.quiet)
        if not shown.as_json:
            screen.line(_line(result))

    @contextmanager
    def showing(step: Step, number: int, n_steps: int) -> Iterator[Any]:
        from noisefix.cli.asking import show_asking
        from noisefix.cli.progress import show_progress

        show = show_asking if step.name == "relabel" else show_progress
        with show(quiet=shown.quiet) as progress:
            yield progress

    result = run_recipe(
        one_or_all(data),
        output,
        options=options,
        showing=showing,
        told=told,
        stdin=standard_input(data),
    )
    if shown.as_json:
        write_json(result)
    elif options.explain:
        for line in result.script.splitlines():
            screen.line(line)
    else:
        _show_next(screen, result)
    if result.failure is not None:
        raise result.failure


def _line(result: StepResult) -> str:
    said = _WORDS[result.name](result.facts)
    where = f"{result.output}: " if result.output is not None else ""
    return f"{result.name:9}{where}{said}" + (" (as before)" if result.skipped else "")


def _detected(facts: dict[str, Any]) -> str:
    from noisefix.cli.wording import interval, percent, plural

    said = (
        f"{plural(facts['rows'], 'row')}, {facts['classes']} classes, {facts['flagged']:,} flagged"
    )
    if "noise_rate" not in facts:
        return said
    span = interval(facts["noise_rate_low"], facts["noise_rate_high"])
    return f"{said}, about {percent(facts['noise_rate'])} wrong (estimate; 90 % interval {span})"


def _relabelled(facts: dict[str, Any]) -> str:
    from noisefix.cli.wording import plural

    cost = f", ${facts['cost_usd']:.4f}" if facts["cost_usd"] else ""
    return (
        f"{facts['answered']:,} of {plural(facts['asked'], 'row')} asked got a label, "
        f"{facts['relabelled']:,} to change, {facts['review']:,} for a person{cost}"
    )


def _applied(facts: dict[str, Any]) -> str:
    from noisefix.cli.wording import plural

    filled = f", {facts['filled']:,} filled" if facts["filled"] else ""
    return (
        f"{plural(facts['rows'], 'row')}, {facts['relabelled']:,} with another label, "
        f"{facts['dropped']:,} left out{filled}"
    )


def _trained(facts: dict[str, Any]) -> str:
    from noisefix.cli.wording import plural

    return f"{facts['method']} on {plural(facts['labelled'], 'labelled row')}"


def _scored(facts: dict[str, Any]) -> str:
    from noisefix.cli.wording import interval, number, plural, share

    rows = plural(facts["scored"], "row")
    if "accuracy" in facts:
        span = interval(facts["accuracy_low"], facts["accuracy_high"])
        return (
            f"the model is right about {share(facts['accuracy'])} of {rows} (95 % interval {span})"
        )
    return (
        f"of {rows} {share(facts['right_before'])} had the right label, "
        f"{share(facts['right_after'])} after apply --strategy relabel; average precision of "
        f"finding the wrong ones {number(facts['average_precision'])}"
    )


def _reported(facts: dict[str, Any]) -> str:
    from noisefix.cli.wording import plural

    return f"{plural(facts['rows'], 'row')}, {facts['flagged']:,} flagged; open it in a browser"


_WORDS = {
    "detect": _detected,
    "relabel": _relabelled,
    "apply": _applied,
    "train": _trained,
    "evaluate": _scored,
    "report": _reported,
}


def _show_next(screen: Any, result: RecipeResult) -> None:
    run = shlex.quote(str(result.run))
    screen.line("Next:")
    screen.command(f"noisefix review {run} --open", "decide on rows, and run the recipe again")
    models = [step.output for step in result.steps if step.name == "train"]
    for model in models:
        screen.command(
            f"noisefix predict {shlex.quote(str(model))} DATA -o predictions.parquet",
            "labels for texts never seen",
        )

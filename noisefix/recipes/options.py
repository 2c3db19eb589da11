"""What may be chosen for a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from noisefix.errors import UsageError
from noisefix.options import READS, Option, Options


def _read_settings(settings: list[str]) -> dict[str, Any] | None:
    """Read NAME=VALUE and STEP.NAME=VALUE pairs; a value is TOML where it can be read so."""
    from noisefix.documents import parse_toml

    found: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        step, dot, option = name.strip().rpartition(".")
        if not equals or not option or (dot and not step):
            raise UsageError(
                f"--set {setting!r} is not STEP.NAME=VALUE",
                "for instance --set detect.labelled_by=people",
            )
        try:
            read = parse_toml(f"value = {value}")["value"]
        except ValueError:
            read = value
        place = found.setdefault(step.replace("-", "_"), {}) if dot else found
        if not isinstance(place, dict):
            raise UsageError(f"--set {setting!r}: {step} is named as an option too", "choose one")
        place[option.replace("-", "_")] = read
    return found or None


@dataclass(frozen=True)
class RecipeOptions(Options):
    """Options of ``recipe``."""

    recipe: Annotated[
        str | Path | None,
        Option(
            "--recipe",
            "TOML file: steps, a list, and options in a table named after each step. Default: "
            "detect, apply --strategy relabel, train, report.",
            "FILE",
            role=READS,
        ),
    ] = None
    steps: Annotated[
        str | None,
        Option("--steps", "The steps, instead of those of the file: detect,apply,report.", "A,B"),
    ] = None
    settings: Annotated[
        Mapping[str, Any] | None,
        Option(
            "--set",
            "An option of a step: detect.labelled_by=people; or, without the step's name, of every "
            "step that has it. Wins over the file; may be repeated.",
            "STEP.NAME=VALUE",
            parse=_read_settings,
        ),
    ] = None
    explain: Annotated[
        bool, Option("--explain", "Print the steps as a shell script; do nothing.")
    ] = False
    force: Annotated[bool, Option("--force", "Do every step again.")] = False

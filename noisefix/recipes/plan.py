"""The steps of a recipe as command lines, before anything is done."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from noisefix.errors import UsageError
from noisefix.options import Options
from noisefix.recipes.file import (
    Table,
    chosen_steps,
    options_of,
    read_recipe,
    step_values,
    words_of,
)
from noisefix.recipes.options import RecipeOptions
from noisefix.redaction import redact
from noisefix.tables.remote import is_remote, shown_address
from noisefix.tables.several import files_of
from noisefix.tables.sql_url import is_sql, shown_sql

_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zstd")
_RUN = "run"


@dataclass(frozen=True)
class Step:
    """One command of a recipe.

    Attributes:
        name: the command.
        about: what it is about: the table, the run folder, a model folder.
        output: what it writes; None: into the run folder, or nothing.
        values: its options as the recipe has them, by name.
        options: the same, checked.
    """

    name: str
    about: tuple[str, ...]
    output: str | None
    values: dict[str, Any] = field(default_factory=dict)
    options: Options = field(default_factory=Options)

    @property
    def words(self) -> list[str]:
        """The command line; what may be secret in an address or a value is left out."""
        about = [_shown(word) for word in self.about]
        output = [] if self.output is None else ["-o", _shown(self.output)]
        return [
            "noisefix",
            self.name,
            *about,
            *output,
            *map(redact, words_of(self.name, self.values)),
            "--no-config",
        ]


@dataclass(frozen=True)
class Plan:
    """The steps, and where they write."""

    folder: Path
    run: Path
    steps: tuple[Step, ...]

    def script(self) -> str:
        """Return the same steps as a shell script."""
        lines = ["#!/bin/sh", "set -e", f"mkdir -p {shlex.quote(str(self.folder))}"]
        return "\n".join([*lines, *(shlex.join(step.words) for step in self.steps), ""])


def make_plan(data: str | Sequence[str], folder: Path, options: RecipeOptions) -> Plan:
    """Lay out the steps of a recipe.

    Args:
        data: the table, or several files, as for ``detect``.
        folder: where all goes.
        options: the recipe file, and what was chosen beside it.

    Raises:
        UsageError: the recipe has a step or an option that there is not, or one that does not fit.
    """
    path = None if options.recipe is None else Path(options.recipe)
    table, origin = read_recipe(path, options.settings)
    if options.steps is not None:
        table["steps"] = options.steps
    run = folder / _RUN
    words = [data] if isinstance(data, str) else [str(one) for one in data]
    steps: list[Step] = []
    for name in chosen_steps(table, origin):
        values = step_values(table, name, origin)
        if name == "apply":
            values = {"strategy": "relabel", **values}
        output = values.pop("output", None)
        about, output = _places(name, words, run, folder, values, output, steps)
        options_made = options_of(name, values, origin)
        steps.append(Step(name, about, output, values, options_made))
    _check_parts(steps, table, origin)
    return Plan(folder, run, tuple(steps))


def _places(
    name: str,
    data: list[str],
    run: Path,
    folder: Path,
    values: dict[str, Any],
    output: str | None,
    before: Sequence[Step],
) -> tuple[tuple[str, ...], str | None]:
    """Return what a step is about, and what it writes."""
    if name == "detect":
        return tuple(data), str(run)
    if name == "apply":
        return (str(run),), output or str(folder / _cleaned_name(data))
    if name == "train":
        return (str(run),), output or str(folder / "model")
    if name == "report":
        return (str(run),), output or str(folder / "report.html")
    if name == "evaluate" and "data" in values:
        models = [step.output for step in before if step.name == "train" and step.output]
        if not models:
            raise UsageError(
                "[evaluate] data: a table is for a model, and this recipe trains none",
                "add train to the steps, or leave data out: the run is held against its own input",
            )
        return (models[0],), None
    return (str(run),), None


def _cleaned_name(data: list[str]) -> str:
    """Return the name of the cleaned table: ``cleaned`` with the ending of the input."""
    if len(data) > 1 or files_of(data[0]) is not None:
        return "cleaned"
    if is_sql(data[0]):
        raise UsageError(
            f"{shown_sql(data[0])}: a recipe does not know where in a database to write",
            "name it: --set apply.output=URL::TABLE",
        )
    if data[0] == "-":
        return "cleaned.csv"
    place = urlsplit(data[0]).path if is_remote(data[0]) else data[0].partition("::")[0]
    endings = PurePosixPath(place).suffixes
    n_kept = 2 if endings and endings[-1] in _PACKED else 1
    return "cleaned" + "".join(endings[-n_kept:] if endings else [])


def _check_parts(steps: Sequence[Step], table: Table, origin: str) -> None:
    names = {step.name for step in steps}
    if "evaluate" in names and "truth" not in table.get("evaluate", {}) and "truth" not in table:
        raise UsageError(
            f"{origin}: evaluate needs the column with the true labels",
            "--set evaluate.truth=COLUMN, of the input; or with --set evaluate.data=FILE, of that",
        )


def _shown(word: str) -> str:
    if is_sql(word):
        return shown_sql(word)
    return shown_address(word) if is_remote(word) else word

"""The recipe file: which steps, and the options of each, checked against what the steps take.

It has the form of ``noisefix.toml``, so that one file can be both, and ``steps`` beside it::

    steps = ["detect", "relabel", "apply", "train", "report"]
    text_column = "message"

    [relabel]
    annotator = "column:second_opinion"
    share = 0.2
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from noisefix.classifiers.options import TrainOptions
from noisefix.cleaning.options import ApplyOptions
from noisefix.config import OWN_NAME, PROJECT_NAME, command_options, read_config
from noisefix.detection.options import DetectOptions
from noisefix.documents import misfit
from noisefix.errors import UsageError
from noisefix.evaluation.options import EvaluateOptions
from noisefix.options import Option, Options, described
from noisefix.relabelling.relabel_options import RelabelOptions
from noisefix.reporting.options import ReportOptions

KINDS: dict[str, type[Options]] = {
    "detect": DetectOptions,
    "relabel": RelabelOptions,
    "apply": ApplyOptions,
    "train": TrainOptions,
    "evaluate": EvaluateOptions,
    "report": ReportOptions,
}
"""The steps that there are, in the only order that makes sense, and their options."""

_NEVER = {
    "relabel": {
        "dry_run": "it asks nobody",
        "export_batch": "it asks nobody",
        "import_batch": "it reads what an export led to",
        "reviewer": "a person decides with noisefix review, between two runs of the recipe",
    },
    "apply": {
        "dry_run": "it writes nothing",
        "format": "the cleaned table is in the input's own format",
        "only_flagged": "the cleaned table has all rows",
    },
}
"""Options that a step of a recipe cannot have, and why."""

_MORE = {"evaluate": ("truth", "data")}
"""Options that are no fields of the step's options."""

Table = dict[str, Any]


def read_recipe(path: Path | None, settings: Mapping[str, Any] | None) -> tuple[Table, str]:
    """Read a recipe, with the settings of the command line over it.

    Args:
        path: the file; None: no file.
        settings: options by name, and tables of them by step.

    Returns:
        The content, with paths as seen from here, and where it comes from, for messages.

    Raises:
        UsageError: the file cannot be read, or is not TOML.
    """
    table = {} if path is None else _paths_from(path.parent, read_config(path))
    for name, value in (settings or {}).items():
        if isinstance(value, Mapping):
            table[name] = {**table.get(name, {}), **value}
        else:
            table[name] = value
    return table, "--set" if path is None else str(path)


def chosen_steps(table: Table, origin: str) -> tuple[str, ...]:
    """Return the steps of a recipe: those that it names, else those that it has options for.

    Raises:
        UsageError: there is no such step, or one stands where it cannot.
    """
    named = table.get("steps")
    if named is None:
        usual = {"detect", "apply", "train", "report"}
        return tuple(step for step in KINDS if step in usual or isinstance(table.get(step), dict))
    words = named.split(",") if isinstance(named, str) else named
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UsageError(f"{origin}: steps must be a list of names", f"of {', '.join(KINDS)}")
    steps = tuple(word.strip() for word in words)
    for step in steps:
        if step not in KINDS:
            raise UsageError(
                f"{origin}: there is no step {step!r}", f"there are {', '.join(KINDS)}"
            )
    if steps != tuple(step for step in KINDS if step in steps) or "detect" not in steps:
        raise UsageError(
            f"{origin}: steps = {', '.join(steps)}: they begin with detect, and keep this order",
            ", ".join(KINDS),
        )
    return steps


def step_values(table: Table, step: str, origin: str) -> dict[str, Any]:
    """Return what a recipe says to a step, by option name.

    Raises:
        UsageError: no step has such an option, or this one cannot have it in a recipe.
    """
    names = {
        key: {*(_long_name(option) for _, option in described(kind).values()), *_MORE.get(key, ())}
        | ({"output"} if key in ("apply", "train", "report") else set())
        for key, kind in KINDS.items()
    }
    known = {name for step_names in names.values() for name in step_names}
    ours = {key: value for key, value in table.items() if key in KINDS or key in known}
    unknown = [key for key in table if key not in ours and key != "steps"]
    if unknown and not origin.endswith((OWN_NAME, PROJECT_NAME)):
        command_options({unknown[0]: table[unknown[0]]}, step, names, origin=origin)  # says so
    values = command_options(ours, step, names, origin=origin)
    for name, why in _NEVER.get(step, {}).items():
        if name in values:
            raise UsageError(
                f"{origin}: [{step}] {name} has no place in a recipe: {why}",
                f"run noisefix {step} by hand for it",
            )
    if values.get("annotator") == "human":
        raise UsageError(
            f"{origin}: annotator = 'human' has no place in a recipe: it runs without you",
            "decide with noisefix review DIR/run, and run the recipe again",
        )
    return values


def options_of(step: str, values: Mapping[str, Any], origin: str) -> Options:
    """Make a step's options of what a recipe says.

    Raises:
        UsageError: a value is of another kind than the option's, or out of range.
    """
    kind = KINDS[step]
    fields = {_long_name(option): (name, option) for name, (_, option) in described(kind).items()}
    made = {}
    for key, value in values.items():
        if key not in fields:
            continue
        name, option = fields[key]
        hint = described(kind)[name][0]
        if option.parse is not None:
            value = option.parse([str(one) for one in (value if _is_list(value) else [value])])
        elif list[str | Path] in (hint, *get_args(hint)):
            value = value if _is_list(value) else [value]
        else:
            _check_kind(kind, name, key, value, f"{origin}: [{step}]")
        made[name] = value
    return kind(**made)


def _check_kind(kind: type[Options], name: str, key: str, value: Any, where: str) -> None:
    wrong = misfit(kind, {name: value})
    if wrong is not None:
        raise UsageError(f"{where} {key}{wrong.removeprefix(name)}", "see its --help")


def words_of(step: str, values: Mapping[str, Any]) -> list[str]:
    """Return options as they are typed in a shell."""
    switches = {
        _long_name(option): option.flag.split("/")
        for hint, option in described(KINDS[step]).values()
        if hint is bool
    }
    words = []
    for key, value in values.items():
        if key in switches:
            words += switches[key][:1] if value else switches[key][1:]
        else:
            for one in value if _is_list(value) else [value]:
                words += [f"--{key.replace('_', '-')}", str(one)]
    return words


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _long_name(option: Option) -> str:
    return option.flag.split("/")[0].split()[0].lstrip("-").replace("-", "_")


def _paths_from(folder: Path, table: Table) -> Table:
    """Return a recipe with the paths in it as seen from here, not from its folder."""
    roles = {
        _long_name(option)
        for kind in KINDS.values()
        for _, option in described(kind).values()
        if option.role is not None
    } | {"output", "data"}

    def seen(name: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: seen(key, one) for key, one in value.items()}
        if isinstance(value, list):
            return [seen(name, one) for one in value]
        is_path = name in roles and isinstance(value, str)
        is_path = is_path and "://" not in value and not value.startswith("column:")
        return str(folder / value) if is_path else value

    return {key: seen(key.replace("-", "_"), value) for key, value in table.items()}

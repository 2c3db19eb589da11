"""Options that a file gives to a command: one that is named, or one that lies beside the data.

A file that nobody named may have come with the data. It cannot decide where texts and keys are
sent, nor which files are written.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from noisefix.cli.paths import path_roles
from noisefix.cli.terminal import say
from noisefix.config import command_options, find_config, read_config
from noisefix.errors import UsageError
from noisefix.options import READS, Role

_WITHOUT = frozenset({"init", "recipe"})
"""Commands that heed no such file that they find: one writes it, one has its own."""

_ONLY_NAMED = frozenset({"base_url", "api_key_env", "vllm_config"})


class ConfiguredCommand(TyperCommand):
    """A command that finds its configuration from the data upwards."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments, after the options of the file that holds for them are known."""
        if args and not ctx.resilient_parsing and self.name not in _WITHOUT:
            typed, _, _ = self.make_parser(ctx).parse_args(args=list(args))
            if not (typed.get("config") or typed.get("no_config") or typed.get("help")):
                self._find_config(ctx, typed)
        return super().parse_args(ctx, args)

    def _find_config(self, ctx: Any, typed: Mapping[str, Any]) -> None:
        path = _found_for(self._data(ctx, typed))
        if path is None:
            return
        settings = _settings(ctx, path)
        self._check_harmless(settings, typed, path)
        if not settings:
            return
        ctx.default_map = settings
        if not typed.get("quiet"):
            say(f"note: options from {path} (--no-config: without)")

    def _data(self, ctx: Any, typed: Mapping[str, Any]) -> list[str]:
        """Return what the command is about: DATA, else its first argument."""
        names = [p.name for p in self.get_params(ctx) if p.param_type_name == "argument"]
        given = typed.get("data" if "data" in names else names[0]) if names else None
        values = [given] if isinstance(given, str) else given
        return list(values) if isinstance(values, Sequence) else []

    def _check_harmless(
        self, settings: Mapping[str, Any], typed: Mapping[str, Any], path: Path
    ) -> None:
        roles = _roles(self)
        written = {name for name, role in roles.items() if role is not READS}
        for name in sorted(settings.keys() & roles.keys() - typed.keys()):
            if "://" in str(settings[name]):
                raise UsageError(
                    f"{path}: {name} names an address, which is asked only where you say so",
                    f"if you trust it: --config {path}; without it: --no-config",
                )
        for name in sorted(settings.keys() & (written | _ONLY_NAMED) - typed.keys()):
            raise UsageError(
                f"{path}: {name} is taken only from a file that you name",
                f"if you trust it: --config {path}; without it: --no-config",
            )


def _roles(command: Any) -> dict[str, Role]:
    return path_roles(inspect.unwrap(command.callback, stop=lambda f: bool(path_roles(f))))


def _found_for(data: Sequence[str]) -> Path | None:
    """Return the configuration of these files.

    Raises:
        UsageError: they have different ones.
    """
    found = dict.fromkeys(find_config(_folder_of(one)) for one in data)
    if len(found) > 1:
        shown = " and ".join("none" if path is None else str(path) for path in found)
        raise UsageError(
            f"the data have different configurations: {shown}",
            "run one command for each, or name one with --config",
        )
    return next(iter(found), None)


def _folder_of(data: str) -> Path:
    here = Path.cwd()
    if data == "-":
        return here
    path = Path(os.path.abspath(here / data))  # noqa: PTH100  (links stay as they were typed)
    return path if path.is_dir() else path.parent


def _settings(ctx: Any, path: Path) -> dict[str, Any]:
    """Return what a file says to the command, by parameter; paths start where the file lies."""
    group = ctx.parent.command if ctx.parent is not None else ctx.command
    commands = getattr(group, "commands", {ctx.command.name: ctx.command})
    options = {
        name: {_long_name(p.opts): p for p in command.params if p.param_type_name == "option"}
        for name, command in commands.items()
    }
    command, roles = str(ctx.command.name), _roles(ctx.command)
    chosen = command_options(read_config(path), command, options, origin=str(path))
    found = {}
    for name, value in chosen.items():
        option = options[command][name]
        parameter = str(option.name)
        if getattr(option, "multiple", False):
            if not isinstance(value, list):
                value = str(value).split(",") if parameter in roles else [value]
        elif isinstance(value, list):
            raise UsageError(f"{path}: {name} takes one value, not a list", "write it without []")
        found[parameter] = _from(path.parent, value) if parameter in roles else value
    return found


def _from(folder: Path, value: Any) -> Any:
    """Return a path, or several, as seen from a folder; what names no file stays as it is."""
    if isinstance(value, list):
        return [_from(folder, one) for one in value]
    if not isinstance(value, str) or value == "-" or value.startswith("column:") or "://" in value:
        return value
    return str(folder / value)


def _long_name(flags: list[str]) -> str:
    longest = max(flags, key=len)
    return longest.lstrip("-").replace("-", "_")


def _apply_config(ctx: typer.Context, value: Path | None) -> Path | None:
    if value is not None and not ctx.resilient_parsing:
        ctx.default_map = _settings(ctx, value)
    return value


Config = Annotated[
    Path | None,
    READS,
    typer.Option(
        "--config",
        metavar="FILE",
        is_eager=True,
        callback=_apply_config,
        help="noisefix.toml with options; what is typed here wins. Default: the one found from the "
        "data upwards, or [tool.noisefix] in pyproject.toml.",
    ),
]
NoConfig = Annotated[
    bool, typer.Option("--no-config", is_eager=True, help="Look for no such file.")
]

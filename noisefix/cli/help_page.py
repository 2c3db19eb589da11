"""The layout of ``--help``, apart from app.py because that is about errors and exit codes.

Options stand in groups, texts are wrapped between words only, and no example is ever wrapped. Plain
text: it starts faster than rich's panels, and reads the same in a pipe.
"""

from __future__ import annotations

import inspect
import shutil
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from typer.core import TyperGroup

from noisefix.cli.configuration import ConfiguredCommand
from noisefix.cli.groups import COMMAND_GROUPS, EXAMPLES, OPTION_GROUPS, option_group

_WIDEST, _NARROWEST = 100, 50
_GAP = 2
_WORDS = 45
"""Columns that the texts keep: the longest word, a default, has 39."""

Record = tuple[str, str]
"""A command or an option as it is typed, and what it does."""


class HelpCommand(ConfiguredCommand):
    """A command with a help page in groups."""

    def get_help(self, ctx: Any) -> str:
        """Return the page for the width of the terminal."""
        return _page(ctx, self.name or "", {})


class HelpGroup(TyperGroup):
    """The list of commands in groups."""

    def get_help(self, ctx: Any) -> str:
        """Return the page for the width of the terminal."""
        commands = {
            group: [(name, _first_line(self.commands[name])) for name in names]
            for group, names in COMMAND_GROUPS.items()
        }
        return _page(ctx, "noisefix", commands)


def grouped(options: Iterable[Any]) -> dict[str, list[Any]]:
    """Sort the options of a command into the groups that it has, in the order of these."""
    found: dict[str, list[Any]] = {group: [] for group in OPTION_GROUPS}
    for option in options:
        found[option_group(long_flag(option))].append(option)
    return {group: members for group, members in found.items() if members}


def long_flag(option: Any) -> str:
    """Return the long name of an option, with its dashes."""
    return str(max(option.opts, key=len))


def _page(ctx: Any, name: str, commands: dict[str, list[Record]]) -> str:
    width = min(max(shutil.get_terminal_size().columns - 1, _NARROWEST), _WIDEST)
    command = ctx.command
    parameters = command.get_params(ctx)
    arguments = [p for p in parameters if p.param_type_name == "argument"]
    options = grouped(p for p in parameters if p.param_type_name == "option")
    sections = commands | {
        title: [p.get_help_record(ctx) for p in members]
        for title, members in {"Arguments": arguments, **options}.items()
        if members
    }
    flags = [flags for records in sections.values() for flags, _ in records]
    left = max((len(f) for f in flags if len(f) <= min(width // 3, width - _WORDS)), default=0)
    usage = f"Usage: {ctx.command_path} {' '.join(command.collect_usage_pieces(ctx))}"
    blocks = [
        _wrap(usage, width, indent=0, hanging=9),
        "\n\n".join(_wrap(text, width, indent=2) for text in _paragraphs(command.help or "")),
        *(
            "\n".join([f"{title}:", *_lines(records, left, width)])
            for title, records in sections.items()
        ),
        "\n".join(["Examples:", *(f"  # {what}\n  {line}" for what, line in EXAMPLES[name])]),
    ]
    return "\n\n".join(blocks)


def _lines(records: list[Record], left: int, width: int) -> Iterator[str]:
    """Yield two columns; what is too wide for the first one has a line of its own."""
    column = 2 + left + _GAP
    for flags, text in records:
        shown = _wrap(text, width, indent=column)
        if len(flags) > left:
            yield f"  {flags}"
            yield shown
        else:
            yield f"  {flags}".ljust(column) + shown.lstrip()


def _wrap(text: str, width: int, *, indent: int, hanging: int | None = None) -> str:
    return textwrap.fill(
        " ".join(text.split()),
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent if hanging is None else hanging),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _paragraphs(text: str) -> list[str]:
    return inspect.cleandoc(text).split("\n\n")


def _first_line(command: Any) -> str:
    return _paragraphs(command.help or "")[0]

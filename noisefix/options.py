"""Options written once: a frozen dataclass a command, whose fields say what they are.

The command line, its help and completion, the configuration file, docs/cli.md and the Python twin
are all made of these fields::

    @dataclass(frozen=True)
    class DetectOptions(Options):
        seed: Annotated[int, Option("--seed", "Same seed, same result.", "N", at_least=0)] = 0

    @takes(DetectOptions)
    def detect(data: str, *, options: DetectOptions) -> DetectResult: ...

    detect("data.csv", seed=3)
    detect("data.csv", options=DetectOptions(seed=3))
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from functools import cache, wraps
from importlib import import_module
from typing import Any, TypeVar, cast, get_args, get_type_hints

from noisefix.errors import UsageError

Result = TypeVar("Result")
Kind = TypeVar("Kind", bound="Options")


class Role(Enum):
    """What a command does with the file or folder that a parameter names."""

    READS = "reads"
    WRITES = "writes the file"
    KEEPS = "writes tables into the folder"
    REPLACES = "replaces the folder as a whole"


READS, WRITES, KEEPS, REPLACES = Role


@dataclass(frozen=True)
class Option:
    """What there is to say of a field beside its type and its default.

    Attributes:
        flag: as it is typed; "--yes/--no" for a switch that has two.
        help: a sentence or two.
        metavar: stands for the value in the help; None: the words, or nothing for a switch.
        words: the values that there are.
        offered: what a shell completes: words, or where they are, as "module:name".
        at_least: least value.
        at_most: greatest value.
        role: what becomes of the path that the value is.
        check: raises for what no range or list of words can say; called with flag and value.
        parse: makes the value of what was typed, each time that the flag stands in a command.
    """

    flag: str
    help: str
    metavar: str | None = None
    words: tuple[str, ...] = ()
    offered: tuple[str, ...] | str = ()
    at_least: float | None = None
    at_most: float | None = None
    role: Role | None = None
    check: Callable[[str, Any], None] | None = None
    parse: Callable[[list[str]], Any] | None = None

    def known_words(self) -> list[str]:
        """Return what can be offered; a module is imported when a shell asks, not for help."""
        if isinstance(self.offered, str):
            module, _, name = self.offered.partition(":")
            return list(getattr(import_module(module), name))
        return list(self.offered or self.words)

    def verify(self, value: Any) -> None:
        """Check a value.

        Raises:
            UsageError: it is none of the words, or out of range.
        """
        if value is None:
            return
        if self.words and value not in self.words:
            raise UsageError(
                f"{self.flag}: {value!r} is not one of {', '.join(self.words)}",
                "choose one of them; --help says what they mean",
            )
        low, high = self.at_least, self.at_most
        if not ((low is None or value >= low) and (high is None or value <= high)):
            span = (
                f"it must be at least {low}" if high is None else f"it must lie in {low} to {high}"
            )
            raise UsageError(f"{self.flag} is {value}", span)
        if self.check is not None:
            self.check(self.flag, value)


@dataclass(frozen=True)
class Options:
    """Base of all options: values are checked when they are made.

    Raises:
        UsageError: a value is none of the words of its option, or out of range.
    """

    def __post_init__(self) -> None:
        for name, (_, option) in described(type(self)).items():
            option.verify(getattr(self, name))

    def shared_with(self, kind: type[Kind], **others: Any) -> Kind:
        """Return options of another kind: the fields that both have, and others as named."""
        both = {field.name for field in fields(self)} & {field.name for field in fields(kind)}
        return kind(**{name: getattr(self, name) for name in both} | others)

    def changed(self) -> dict[str, Any]:
        """Return the fields that are not at their default."""
        values = ((field, getattr(self, field.name)) for field in fields(self))
        return {field.name: value for field, value in values if value != field.default}


def described(kind: type[Options]) -> Mapping[str, tuple[Any, Option]]:
    """Return type and description of every field that has one, in their order."""
    return _described(cast(Any, kind))


@cache
def _described(kind: Any) -> Mapping[str, tuple[Any, Option]]:
    hints = get_type_hints(kind, include_extras=True)
    found = {}
    for field in fields(kind):
        parts = get_args(hints[field.name])
        marks = [part for part in parts if isinstance(part, Option)]
        if marks:
            found[field.name] = (parts[0], marks[0])
    return found


def chosen(
    kind: type[Options], options: Options | None, named: dict[str, Any]
) -> tuple[Options, dict[str, Any]]:
    """Return the options with those fields replaced that are named, and what else was named."""
    names = {field.name for field in fields(kind)}
    mine = {name: value for name, value in named.items() if name in names}
    rest = {name: value for name, value in named.items() if name not in names}
    return (kind(**mine) if options is None else replace(options, **mine)), rest


def takes(
    kind: type[Options],
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Let a function with a parameter ``options`` take the fields of these as keywords too."""

    def decorate(function: Callable[..., Result]) -> Callable[..., Result]:
        @wraps(function)
        def twin(*args: Any, options: Options | None = None, **named: Any) -> Result:
            given, rest = chosen(kind, options, named)
            return function(*args, options=given, **rest)

        cast(Any, twin).__signature__ = _expanded(function, kind)
        twin.__doc__ = _with_options(inspect.getdoc(function) or "", kind)
        return twin

    return decorate


def _with_options(text: str, kind: type[Options]) -> str:
    """Return a docstring with what there is to say of every option."""
    lines = [f"    {name}: {option.help}" for name, (_, option) in described(kind).items()]
    return "\n".join([text, "", "Options:", *lines])


def _expanded(function: Callable[..., Any], kind: type[Options]) -> inspect.Signature:
    signature = inspect.signature(function)
    hints = get_type_hints(kind)
    parameters = []
    for parameter in signature.parameters.values():
        if parameter.name == "options":
            parameters.append(parameter.replace(default=None))
            parameters += [
                inspect.Parameter(
                    field.name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=field.default,
                    annotation=hints[field.name],
                )
                for field in fields(kind)
            ]
        else:
            parameters.append(parameter)
    return signature.replace(parameters=parameters)

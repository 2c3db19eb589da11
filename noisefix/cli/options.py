"""From the options of a dataclass to those of a command, and what only a shell has."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from noisefix.cli.configuration import Config, NoConfig
from noisefix.options import KEEPS, READS, Option, Options, Role, described

Data = Annotated[
    list[str],
    READS,
    typer.Argument(
        metavar="DATA",
        help="Table: CSV, TSV, JSON, JSONL, Parquet, Arrow, Excel or fastText file, packed or not; "
        "FILE::SHEET; URL; URL::TABLE of a database; several files, a folder, a pattern; - for CSV "
        "on stdin. See docs/files.md.",
    ),
]
RunArgument = Annotated[
    Path, READS, typer.Argument(metavar="RUN", help="Run folder, or a folder of the tables of one.")
]
NewRun = Annotated[
    Path | None,
    KEEPS,
    typer.Option(
        "--output", "-o", metavar="DIR", help="Run folder. Default: NAME.noisefix beside the input."
    ),
]
Embeddings = Annotated[
    Path,
    READS,
    typer.Argument(
        metavar="EMBEDDINGS", help="Run folder, or embeddings.parquet, that embed has written."
    ),
]


@dataclass(frozen=True)
class Shown(Options):
    """How a result is shown."""

    quiet: Annotated[
        bool, Option("--quiet -q", "No progress and no notes; errors are still shown.")
    ] = False
    as_json: Annotated[bool, Option("--json", "One JSON object on stdout, nothing else.")] = False


def one_or_all(data: list[str]) -> str | list[str]:
    """Return the one table that is named, or all the files that make one."""
    return data[0] if len(data) == 1 else data


def shown_place(given: str) -> str:
    """Return what names a file as it may be shown: without what may be secret in an address."""
    from noisefix.tables.remote import is_remote, shown_address
    from noisefix.tables.sql_url import is_sql, shown_sql

    if is_sql(given):
        return shown_sql(given)
    return shown_address(given) if is_remote(given) else given


def data_words(data: str | list[str]) -> str:
    """Return DATA for a command line to be shown."""
    return shlex.join(map(shown_place, [data] if isinstance(data, str) else data))


def takes_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of all dataclasses among its parameters, and ``--config``.

    A parameter whose type is a kind of ``Options`` is made of what was typed.
    """
    signature = inspect.signature(function, eval_str=True)
    kinds = {
        name: parameter.annotation
        for name, parameter in signature.parameters.items()
        if isinstance(parameter.annotation, type) and issubclass(parameter.annotation, Options)
    }
    parameters: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        if name in kinds:
            parameters += _parameters(kinds[name])
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    for name, annotation, default in (("config", Config, None), ("no_config", NoConfig, False)):
        parameters.append(
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
            )
        )

    @wraps(function)
    def command(**typed: Any) -> None:
        del typed["config"], typed["no_config"]
        made = {}
        for name, kind in kinds.items():
            mine = {field: typed.pop(field) for field in described(kind)}
            parsers = {field: option.parse for field, (_, option) in described(kind).items()}
            made[name] = kind(
                **{
                    f: v if (parse := parsers[f]) is None else parse(v or [])
                    for f, v in mine.items()
                }
            )
        function(**typed, **made)

    shown = cast(Any, command)
    shown.__signature__ = signature.replace(parameters=parameters)
    shown.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _parameters(kind: type[Options]) -> list[inspect.Parameter]:
    defaults = {field.name: field.default for field in fields(kind)}
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if defaults[name] is MISSING else defaults[name],
            annotation=_annotated(hint, option),
        )
        for name, (hint, option) in described(kind).items()
    ]


def _annotated(hint: Any, option: Option) -> Any:
    """Return the type of a field as Typer and ``paths`` understand it."""
    typed = list[str] | None if option.parse is not None else _typed(hint, option.role)
    more: dict[str, Any] = {}
    if option.words:
        more["callback"] = _words_check(option)
    if option.offered or option.words:
        more["autocompletion"] = option.known_words
    marks = [] if option.role is None else [option.role]
    described_option = typer.Option(
        *option.flag.split(),
        help=option.help,
        metavar=option.metavar or ("|".join(option.words) or None),
        **more,
    )
    return Annotated[(typed, *marks, described_option)]


def _typed(hint: Any, role: Role | None) -> Any:
    """Return the one of a field's types that can be typed: a path rather than a text.

    What is read stays a text: it may be an address, which a path would spoil.
    """
    kinds = get_args(hint) or (hint,)
    known: tuple[Any, ...] = (list[str | Path], Path, str, float, int, bool)
    if role is READS:
        known = (list[str | Path], str, Path)
    kind = next(kind for kind in known if kind in kinds)
    if kind == list[str | Path]:
        kind = list[Path]
    return kind | None if type(None) in kinds else kind


def _words_check(option: Option) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        option.verify(value)
        return value

    return check

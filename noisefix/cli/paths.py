"""Which options name files, and what becomes of these files; no command writes over what it reads.

Every parameter that takes a path says so in its annotation, beside what Typer is told (or as the
``role`` of an ``Option``)::

    output: Annotated[Path, WRITES, typer.Option("--output", "-o", ...)]
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, get_args

from noisefix.options import KEEPS as KEEPS
from noisefix.options import READS, Role
from noisefix.options import REPLACES as REPLACES
from noisefix.options import WRITES as WRITES


def path_roles(command: Callable[..., None]) -> dict[str, Role]:
    """Return what a command does with its paths, by parameter name."""
    roles = {}
    for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
        found = [mark for mark in get_args(parameter.annotation) if isinstance(mark, Role)]
        if found:
            roles[name] = found[0]
    return roles


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command such that it refuses, before anything else, to write over what it reads.

    The commands' Python twins check more, each what it knows of its outputs; this holds for every
    option without a line of its own, and for files that only the command line reads.
    """

    @wraps(command)
    def run(**arguments: Any) -> None:
        _check(path_roles(command), arguments)
        command(**arguments)

    return run


def _check(roles: Mapping[str, Role], arguments: Mapping[str, Any]) -> None:
    written = [name for name, role in roles.items() if role is not READS and arguments[name]]
    if not written:
        return
    from noisefix.run.outputs import check_not_read, check_replaced_folder

    inputs = [
        path for name, role in roles.items() if role is READS for path in _paths(arguments[name])
    ]
    for name in written:
        path, option = arguments[name], f"--{name.replace('_', '-')}"
        if roles[name] is REPLACES:
            check_replaced_folder(path, inputs)
        elif roles[name] is KEEPS:
            check_not_read(path, [given for given in inputs if not Path(given).is_dir()])
        else:
            check_not_read(path, inputs, option="-o" if name == "output" else option)


def _paths(value: Any) -> Iterator[str | Path]:
    for path in value if isinstance(value, list | tuple) else (value,):
        if path is not None:
            yield path

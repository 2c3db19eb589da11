"""Where a command may write: never over what it reads, nor over what a run folder holds.

One rule for every path that is written, asked before the long work: ``check_output`` for a file,
``check_run_outputs`` and ``check_replaced_folder`` for folders.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from noisefix.errors import DataError, UsageError
from noisefix.run.endings import check_ending, promises_file
from noisefix.run.files import RESERVED_NAMES
from noisefix.run.folder import RunFolder
from noisefix.tables.atomic import check_can_make, check_can_replace
from noisefix.tables.memory import is_path
from noisefix.tables.places import split_inside
from noisefix.tables.several import files_of, only_one
from noisefix.tables.sql_url import database_file, is_sql
from noisefix.tables.streams import STDOUT, is_stdout, is_stream

Readable = str | Path | Sequence[str | Path] | None


def check_output(
    output: str | Path,
    inputs: Iterable[Readable],
    *,
    option: str = "-o",
    kinds: Collection[str] = (),
    own: str = "",
    takes_stdout: bool = False,
    takes_streams: bool = False,
) -> None:
    """Check, before any work is done, that a file may be written.

    Args:
        output: the file.
        inputs: what the command reads: files and folders; None, "-" and what is not there do not
            count. Of a run folder its own files and its input count, of any other folder all.
        option: what names the output, for messages.
        kinds: formats it may have (those that are read, "xml", "html"), as its ending must say if
            it says anything; empty: any.
        own: the name in a run folder that may be written, e.g. "embeddings.parquet".
        takes_stdout: "-" stands for standard output.
        takes_streams: pipes and devices may be written to.

    Raises:
        UsageError: it is an input or a file of a run folder, is no plain file, or promises another
            format.
        DataError: it cannot be written: its folder is missing or read-only.
    """
    if is_stdout(output) and not takes_stdout:
        raise UsageError(
            f"{option} {output}: this is not written to standard output", "name a file for it"
        )
    check_not_read(output, inputs, option=option)
    if kinds:
        check_ending(output, kinds, option=option)
    if is_stream(output):
        if not (takes_stdout or takes_streams):
            raise UsageError(
                f"{option} {output}: not a plain file, which is needed here", "name another file"
            )
        return
    path = Path(output)
    if path.is_dir():
        raise UsageError(f"{option} {output}: it is a folder", "name a file, in it or elsewhere")
    if path.exists() and not path.is_file():
        raise UsageError(f"{option} {output}: not a plain file", "choose another file name")
    target = check_can_replace(path)
    name = _reserved_name(target)
    if name is not None and name != own:
        raise UsageError(
            f"{option} {output}: {name} of the run folder {target.parent} is not written by this "
            "command",
            f"name a file elsewhere with {option}",
        )


def check_not_read(output: str | Path, inputs: Iterable[Readable], *, option: str = "-o") -> None:
    """Check that a file is none of those that are read, under whatever name.

    Args:
        output: the file.
        inputs: as for ``check_output``.
        option: what names the output, for messages.

    Raises:
        UsageError: it is, or lies in a folder that is read.
    """
    identity = _identity(output)
    place = Path(os.path.realpath(output))
    for given in _present(inputs):
        if given.is_dir() and not RunFolder(given).run_json.exists():
            if Path(os.path.realpath(given)) in (place, *place.parents):
                raise UsageError(
                    f"{option} {output}: lies in {given}, which this command reads",
                    f"name another place with {option}",
                )
            continue
        for file in _files_of(given):
            if identity is not None and _identity(file) == identity:
                raise UsageError(
                    f"{option} {output}: is the input itself, which is never overwritten"
                    if file == given or file.parent != given
                    else f"{option} {output}: is a file of the run folder {given}",
                    f"name another file with {option}",
                )


def check_run_outputs(folder: str | Path, names: Iterable[str], inputs: Iterable[Readable]) -> None:
    """Check that none of the files that a command writes into a folder is one that it reads.

    Args:
        folder: the folder, which need not exist.
        names: the files' names.
        inputs: as for ``check_output``.

    Raises:
        UsageError: one is; or the folder is such a file, or "-".
    """
    _refuse_stdout(folder)
    known = [Path(given) for given in _present(inputs) if not given.is_dir()]
    for path in (Path(folder), *(Path(folder) / name for name in names)):
        check_not_read(path, known)


def check_replaced_folder(folder: str | Path, inputs: Iterable[Readable]) -> None:
    """Check that nothing that is read lies in a folder that is replaced as a whole.

    Args:
        folder: the folder, which need not exist.
        inputs: as for ``check_output``.

    Raises:
        UsageError: something does; or the folder is "-".
    """
    _refuse_stdout(folder)
    target = Path(os.path.realpath(folder))
    if not target.is_dir():
        check_not_read(folder, inputs)
    for given in _present(inputs):
        place = Path(os.path.realpath(given))
        if target in (place, *place.parents):
            raise UsageError(
                f"-o {folder}: would be replaced, but {given} is read from it",
                "choose another folder with -o",
            )


def check_data_folder(
    folder: str | Path, inputs: Iterable[Readable], *, is_known: bool = False
) -> None:
    """Check, before any work is done, that several files may be written into a folder.

    Args:
        folder: the folder, which need not exist.
        inputs: as for ``check_output``.
        is_known: noisefix has written what is in it, and nobody has changed that.

    Raises:
        UsageError: it is a file or called like one, is read from, or holds something else.
        DataError: it cannot be written.
    """
    path = Path(folder)
    if is_stdout(folder) or promises_file(folder) or (path.exists() and not path.is_dir()):
        raise UsageError(
            f"-o {folder}: several files are written again as a folder of as many",
            "name a new folder with -o",
        )
    check_replaced_folder(folder, inputs)
    if path.is_dir() and any(path.iterdir()) and not is_known:
        raise UsageError(
            f"-o {folder}: holds other files, which are not replaced", "name a new folder with -o"
        )
    check_can_make(path)


def _refuse_stdout(folder: str | Path) -> None:
    if is_stdout(folder):
        raise UsageError(
            f"-o {folder}: a folder is not written to standard output", "name a folder for it"
        )


def check_ours(path: Path, schema: str) -> None:
    """Check that a file that nobody named, but that is written too, replaces our own table only.

    Args:
        path: the file.
        schema: name of the table's schema.

    Raises:
        UsageError: something else has that name.
    """
    from noisefix.run.parquet import read_provenance

    if not path.exists():
        return
    with suppress(DataError):
        if read_provenance(path).schema == schema:
            return
    raise UsageError(
        f"{path}: would be written too, but is not a table of noisefix",
        "choose another folder with -o, or move this file away",
    )


def check_not_foreign(
    paths: Iterable[Path], remedy: str = "move it away, or pass --force to replace it"
) -> None:
    """Check that no table that somebody else made would be replaced.

    Args:
        paths: the files to be written.
        remedy: what to do about one.

    Raises:
        UsageError: one would.
    """
    from noisefix.run.parquet import is_foreign

    for path in paths:
        if is_foreign(path):
            raise UsageError(
                f"{path}: was not made by noisefix, and would be replaced",
                remedy,
            )


def _present(inputs: Iterable[Readable]) -> Iterator[Path]:
    """Yield the files and folders that inputs stand for, as far as they are there."""
    for given in inputs:
        is_list = isinstance(given, list | tuple) and all(map(is_path, given))
        if given is None or not (is_list or is_path(given)) or str(given) == STDOUT:
            continue  # a table in memory, for example
        paths: list[Path] = []
        with suppress(OSError, ValueError, DataError):
            paths = list(_paths_of(given))
        yield from paths


def _paths_of(given: str | Path | Sequence[str | Path]) -> Iterator[Path]:
    only = None if isinstance(given, list | tuple) else os.fspath(given)  # type: ignore[arg-type]
    if only is not None and is_sql(only):
        path = database_file(only)
    elif only is not None and Path(only).is_dir():
        path = Path(only)
    else:
        parts = files_of(only or given)
        if parts is not None:
            yield from (part.path for part in parts)
            return
        path = Path(split_inside(only or only_one(given))[0])
    if path is not None and path.exists():
        yield path


def _files_of(given: Path) -> Iterator[Path]:
    """Yield an input; of a run folder, its files and the input that it was made from."""
    if not given.is_dir():
        yield given
        return
    yield from (file for name in sorted(RESERVED_NAMES) if (file := given / name).is_file())
    yield from RunFolder(given).known_inputs()


def _identity(path: str | Path) -> tuple[int, int] | None:
    """Return what is equal for all names of one file; None where there is none."""
    try:
        found = os.fstat(sys.stdout.fileno()) if is_stdout(path) else Path(path).stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _reserved_name(target: Path) -> str | None:
    """Return the name of a run folder's file that a path stands for, whatever its case."""
    if not RunFolder(target.parent).run_json.exists():
        return None
    if target.name in RESERVED_NAMES:
        return target.name
    identity = _identity(target)
    return next(
        (
            name
            for name in sorted(RESERVED_NAMES)
            if identity is not None and _identity(target.parent / name) == identity
        ),
        None,
    )

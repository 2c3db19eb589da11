"""Which annotators a run has heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noisefix.detection.annotations import parse_columns
from noisefix.errors import UsageError

if TYPE_CHECKING:
    from noisefix.detection.options import KnownOptions
    from noisefix.run.folder import RunFolder


def check_heard(folder: RunFolder, options: KnownOptions) -> None:
    """Refuse annotators that a run was not judged with.

    Raises:
        UsageError: one is named that the run knows nothing of.
        DataError: the run's tables cannot be read.
    """
    columns = parse_columns(options.annotator_columns)
    if not columns and options.annotations is None:
        return
    heard = {name.casefold() for name in heard_columns(folder)}
    missing = [name for name in columns if name.casefold() not in heard]
    if missing or not heard:
        named = f"--annotator-columns {missing[0]}" if missing else "--annotations"
        raise UsageError(
            f"{named}: {folder.path} was judged without",
            "give the option to noisefix detect, or check the table itself",
        )


def heard_columns(folder: RunFolder) -> tuple[str, ...]:
    """Return the names of the annotators that a run was judged with.

    Raises:
        DataError: the run's table of them cannot be read.
    """
    from noisefix.run.parquet import read_table
    from noisefix.run.schemas import ANNOTATORS

    if not folder.annotators.is_file():
        return ()
    table, _ = read_table(folder.annotators, ANNOTATORS, ("column",))
    return tuple(table["column"].to_pylist())

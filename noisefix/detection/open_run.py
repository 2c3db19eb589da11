"""The run folder of an input, made or opened: where ``detect`` and ``embed`` begin."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError, UsageError
from noisefix.run.files import TABLE_NAMES
from noisefix.run.folder import RunFolder
from noisefix.run.outputs import check_not_foreign
from noisefix.run.parquet import is_foreign, read_provenance
from noisefix.run.record import has_same_origin

if TYPE_CHECKING:
    from noisefix.tables.dataset import Dataset


def open_run(dataset: Dataset, path: str | Path, force: bool) -> tuple[RunFolder, tuple[str, ...]]:
    """Open or make the run folder of an input; a file that has changed takes its own folder over.

    Args:
        dataset: the input, with its columns.
        path: the folder.
        force: take over the folder of another input, and what others made there.

    Returns:
        The folder, and what to tell.

    Raises:
        DataError: it is another input's, or cannot be written.
        UsageError: the input has changed, and tables that somebody else made would go.
    """
    source = dataset.source
    known: dict[str, Any] = {}
    folder = RunFolder(path)
    if folder.run_json.is_file():
        with suppress(*[DataError] * force):  # a broken one is written anew
            known = folder.read()["input"]
    is_known = bool(known) and has_same_origin(source, known)
    has_changed = is_known and known.get("sha256") != source.sha256
    if has_changed and not force:
        check_not_foreign(folder.path / name for name in TABLE_NAMES)
    run = RunFolder.create(path, source, force=force or has_changed)
    run.set_input(
        source,
        text_column=dataset.text_column,
        label_column=dataset.label_column,
        id_column=dataset.id_column,
        rules=dataset.rules,
        sets=None if dataset.sets is None else dataset.sets.reading,
    )
    note = f"{source.name} has changed since the last run: everything is judged anew"
    return run, (note,) if has_changed else ()


def list_note(run: RunFolder, dataset: Dataset) -> tuple[str, ...]:
    """Say where the rows are listed that could not be read."""
    if not dataset.source.bad:
        return ()
    return (f"the rows left out are listed in {run.bad_rows_list}",)


def refuse_sets(embeddings: Path) -> None:
    """Refuse an embeddings table of rows with several labels.

    Raises:
        UsageError: it is one.
        DataError: it cannot be read.
    """
    if not embeddings.is_file() or is_foreign(embeddings):
        return
    if "several_labels" in read_provenance(embeddings).results:
        raise UsageError(
            f"{embeddings}: its rows have several labels each, and this command knows one label a "
            "row only",
            "noisefix detect judges such tables in one go",
        )

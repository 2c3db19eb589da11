"""``--against``: what a table has in common with another one, a test set above all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.detection.across_stage import STAGE, AcrossParams
from noisefix.detection.options import EmbedOptions
from noisefix.encoders.find import TFIDF
from noisefix.errors import UsageError
from noisefix.executors import IN_TURN, Executor
from noisefix.run.folder import RunFolder
from noisefix.run.schemas import ACROSS
from noisefix.run.stage import StageReport, record, run_stage

if TYPE_CHECKING:
    from noisefix.tables.dataset import Dataset

_MOST_SHOWN = 20


@dataclass(frozen=True)
class AcrossConflict:
    """A text that has one label here and another one in the other file."""

    id: str
    row_number: int
    given_label: str
    other_id: str
    other_row_number: int
    other_label: str
    text: str


@dataclass(frozen=True)
class AcrossSummary:
    """What two files have in common; every match is in across.parquet.

    Attributes:
        other_name: the other file.
        other_rows: its rows.
        leaks: rows of it with (nearly) the text of a row of this file.
        equal: those whose text is equal but for case, spaces, marks and links.
        conflicts: those whose label differs from one that the text has in this file.
        examples: some conflicts, equal texts first.
        notes: what was guessed of the other file.
        warnings: what a person should know of it.
    """

    other_name: str
    other_rows: int
    leaks: int
    equal: int
    conflicts: int
    examples: tuple[AcrossConflict, ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read_other(dataset: Dataset, options: EmbedOptions, against: str | Path) -> Dataset:
    """Read the other file; its columns are called as in this one, or guessed.

    Args:
        dataset: this file.
        options: how this one is read.
        against: the other file.

    Raises:
        DataError: it cannot be read, or no column is clearly the text.
        UsageError: it is standard input, or this very file.
    """
    from noisefix.tables.dataset import load_dataset
    from noisefix.tables.source import read_source
    from noisefix.tables.text_columns import text_names

    if str(against) == "-":
        raise UsageError("--against -: standard input is not read here", "name a file")
    source = read_source(against, bad_rows=options.bad_rows)
    if source.sha256 == dataset.source.sha256:
        raise UsageError(
            f"--against {against}: holds the very same rows", "name the file to compare with"
        )
    return load_dataset(
        source,
        text_column=dataset.text_column
        if text_names(source.columns, dataset.text_column)
        else None,
        label_column=_if_there(source.columns, dataset.label_column),
        id_column=_if_there(source.columns, options.id_column),
        needs_labels=False,
        rules=dataset.rules,
    )


def _if_there(columns: Any, name: str | None) -> str | None:
    return name if name in columns else None


def compare_with(
    other: Dataset,
    run: RunFolder,
    options: EmbedOptions,
    progress: Callable[[Any], None] | None = None,
    executor: Executor = IN_TURN,
) -> tuple[StageReport, ...]:
    """Embed the other file into the run folder, and write what both have in common.

    Nothing is done again that has not changed.

    Args:
        other: the other file.
        run: folder with the embeddings of this one.
        options: those that this file was embedded with.
        progress: called with how far it has come.
        executor: who works off the shards.

    Raises:
        ModelError: the encoder cannot be had.
        DataError: a table cannot be read or written.
    """
    from noisefix.detection.embed_stage import EmbedParams, embed_dataset

    params = EmbedParams(options.encoder, options.precision, options.device)
    embedded = embed_dataset(
        other,
        run.against,
        params,
        seed=options.seed,
        force=options.force,
        progress=progress,
        executor=executor,
    )
    compared = run_stage(
        STAGE,
        {"embeddings": run.embeddings, "against": run.against},
        {"across": run.across},
        AcrossParams(options.encoder, other.source.name),
        seed=options.seed if options.encoder == TFIDF else 0,
        force=options.force,
    )
    reports = (replace(embedded, name="against"), compared)
    record(run.path, *reports)
    return reports


def read_across(run: RunFolder, other: Dataset) -> AcrossSummary:
    """Read what a file has in common with another one.

    Raises:
        DataError: across.parquet is missing or broken.
    """
    from noisefix.run.parquet import read_table

    table, provenance = read_table(run.across, ACROSS)
    facts = provenance.results
    shown = table.filter(table["is_conflict"]).slice(0, _MOST_SHOWN).to_pylist()
    warnings = list(other.warnings)
    if facts["other_labelled"] and not facts["common_labels"]:
        warnings.append(
            f"{other.source.name}: has no label in common with this table, so that every text in "
            "both counts as a conflict"
        )
    return AcrossSummary(
        other_name=other.source.name,
        other_rows=facts["other_rows"],
        leaks=facts["leaks"],
        equal=facts["equal"],
        conflicts=facts["conflicts"],
        examples=tuple(
            AcrossConflict(**{key: row[key] for key in AcrossConflict.__dataclass_fields__})
            for row in shown
        ),
        notes=tuple(f"{other.source.name}: {note}" for note in other.notes),
        warnings=tuple(warnings),
    )

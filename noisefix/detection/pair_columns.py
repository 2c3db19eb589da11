"""``--pair-columns``: two columns of text, and how well they go together in each row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO

from noisefix.detection.pair_stage import PairParams, pair_stage
from noisefix.encoders.find import TFIDF, find_encoder
from noisefix.errors import UsageError
from noisefix.executors import IN_TURN, Executor
from noisefix.run.folder import RunFolder
from noisefix.run.stage import StageReport, record, run_stage
from noisefix.wording import plural

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.detection.options import DetectOptions
    from noisefix.tables.dataset import Dataset
    from noisefix.tables.source import Source

_OPTION = "--pair-columns"


def read_pairs(
    data: Any, options: DetectOptions, stdin: BinaryIO | None
) -> tuple[Source, DetectOptions, tuple[str, str]]:
    """Read a table, and find the two columns; without a text column they are the text together.

    Args:
        data: the table, as for ``read_source``, or read already.
        options: with ``pair_columns``.
        stdin: where "-" is read from.

    Returns:
        The table, the options to read it with, and the two names.

    Raises:
        DataError: the table cannot be read, or a column is not there.
        UsageError: not two columns are named, or vectors are given instead of texts.
    """
    from noisefix.tables.source import Source, read_source
    from noisefix.tables.text_columns import resolve_texts, text_names

    wanted = str(options.pair_columns)
    if options.embeddings is not None:
        raise UsageError(
            f"{_OPTION} {wanted}: --embeddings holds no vectors of each of the two columns",
            "leave one of both out",
        )
    source = (
        data if isinstance(data, Source) else read_source(data, stdin, bad_rows=options.bad_rows)
    )
    found = resolve_texts(source, wanted, _OPTION)
    names = text_names(source.columns, found)
    if len(names) != 2:
        raise UsageError(
            f"{_OPTION} {wanted}: {'one column' if len(names) == 1 else f'{len(names)} columns'}",
            "name two, with a comma between them: question,answer",
        )
    _check_purposes(names, {"label": options.label_column, "id": options.id_column})
    text = options.text_column if options.text_column is not None else found
    return source, replace(options, text_column=text), (names[0], names[1])


@dataclass(frozen=True, eq=False)
class Pairs:
    """Two texts of each row.

    Attributes:
        table: id, first_text and second_text of N rows; a missing text is "".
        names: of the two columns.
        where: the input, for messages.
    """

    table: pa.Table
    names: tuple[str, str]
    where: str


def pairs_of(dataset: Dataset, names: tuple[str, str]) -> Pairs:
    """Return the two texts of the rows of a data set.

    Raises:
        DataError: the cells are lists or objects.
        UsageError: a column holds the labels or the ids.
    """
    import pyarrow as pa

    from noisefix.tables.text_columns import column_texts

    _check_purposes(names, {"label": dataset.label_column, "id": dataset.id_column})
    source = dataset.source
    first, second = (column_texts(source.table, name, source.name) for name in names)
    table = pa.table(
        {
            "id": pa.array(dataset.ids, pa.string()),
            "first_text": pa.array(first, pa.large_string()),
            "second_text": pa.array(second, pa.large_string()),
        }
    )
    return Pairs(table, names, source.name)


def _check_purposes(names: tuple[str, ...], purposes: Mapping[str, str | None]) -> None:
    for purpose, column in purposes.items():
        if column in names:
            raise UsageError(
                f"{_OPTION} {','.join(names)}: {column} is the {purpose} column",
                f"name two columns of text; if {column} is not the {purpose} column, "
                f"name the one that is with --{purpose}-column",
            )


def match_into(
    run: RunFolder,
    pairs: Pairs | None,
    options: DetectOptions,
    progress: Callable[[Any], None] | None = None,
    executor: Executor = IN_TURN,
) -> tuple[StageReport, ...]:
    """Write how well the two texts of each row go together into an embedded run folder.

    Args:
        run: the folder, with the embeddings of these rows.
        pairs: the texts; None: there are none, and what an earlier run has found is removed.
        options: those that the rows were embedded with.
        progress: called with how far it has come.
        executor: who works off the shards.

    Raises:
        ModelError: the encoder cannot be had.
        DataError: a table cannot be written.
    """
    from noisefix.detection.shard_store import discard_shards

    shards = run.matches.with_suffix(".parts")
    if options.force or pairs is None:
        discard_shards(shards)
    if pairs is None:
        run.matches.unlink(missing_ok=True)
        return ()
    files = find_encoder(options.encoder, progress)
    report = run_stage(
        pair_stage(files, shards, where=pairs.where, executor=executor),
        {"embeddings": run.embeddings},
        {"matches": run.matches},
        PairParams(options.encoder, options.precision, options.device, *pairs.names),
        seed=options.seed if options.encoder == TFIDF else 0,
        force=options.force,
        progress=progress,
        extra_inputs={"encoder": files.sha256},
        in_memory={"rows": pairs.table},
    )
    discard_shards(shards)
    record(run.path, report)
    return (report,)


def pair_warnings(matched: tuple[StageReport, ...]) -> tuple[str, ...]:
    """Say where too few rows have both texts to say anything."""
    from noisefix.probing.pair_match import LEAST_PAIRS

    return tuple(
        f"{_OPTION}: {plural(report.results['pairs'], 'row')} with both texts; fewer than "
        f"{LEAST_PAIRS} tell nothing of which do not belong together"
        for report in matched
        if report.results["pairs"] < LEAST_PAIRS
    )

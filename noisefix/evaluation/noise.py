"""``noise``: put label noise of a known kind into a clean table, the truth kept beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from noisefix.errors import DataError, UsageError
from noisefix.evaluation.options import NoiseOptions
from noisefix.options import takes

if TYPE_CHECKING:
    import numpy as np

    from noisefix.tables.dataset import Dataset
    from noisefix.tables.several import Part, Readable


@dataclass(frozen=True)
class NoiseResult:
    """What came of ``noise``.

    Attributes:
        output: the file written.
        kind: of noise.
        rows: labelled rows.
        flipped: how many of them have a wrong label now.
        truth_column: column that holds the labels as they were.
        pairs: (true, given, rows) of the most frequent errors.
        notes: what was guessed, in words.
        warnings: what a person should know.
    """

    output: Path
    kind: str
    rows: int
    flipped: int
    truth_column: str
    pairs: tuple[tuple[str, str, int], ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@takes(NoiseOptions)
def noise(
    data: Readable,
    output: str | Path,
    *,
    options: NoiseOptions,
    progress: Any = None,
    stdin: BinaryIO | None = None,
) -> NoiseResult:
    """Write a table again with some labels wrong, and the right ones in a column of their own.

    Args:
        data: clean table, as for ``read_source``.
        output: the table to write, in the input's format, or "-" for standard output; a folder
            for several files.
        options: what was chosen; its fields may be named one by one instead. The encoder is for
            "instance".
        progress: called with how far the encoder has come.
        stdin: where "-" is read from; None: standard input.

    Raises:
        DataError: the data cannot be read, or the column is there already.
        UsageError: options that contradict each other, or a rate outside 0 to 1; the output is the
            input, or its name promises another format.
        ModelError: the encoder cannot be had.
    """
    import numpy as np

    from noisefix.cleaning.rewrite import rewrite_source
    from noisefix.labels import UNLABELLED, class_names, decode_labels, encode_labels
    from noisefix.run.endings import check_ending
    from noisefix.tables.bad_rows import list_beside, write_bad_rows
    from noisefix.tables.dataset import load_dataset
    from noisefix.tables.label_cells import written_labels
    from noisefix.tables.label_rules import label_rules
    from noisefix.tables.source import read_source

    kind, truth_column = options.kind, options.truth_column
    files = _checked_files(data, output, options)
    dataset = load_dataset(
        read_source(data, stdin, bad_rows=options.bad_rows),
        text_column=options.text_column,
        label_column=options.label_column,
        rules=label_rules(options),
    )
    source = dataset.source
    delimiter = "," if source.dialect is None else source.dialect.delimiter
    if files is None:
        check_ending(
            output, (source.format,), like=source.name, delimiter=delimiter, takes_zip=True
        )
    if truth_column in source.columns:
        raise DataError(
            f"{source.name}: there is a column {truth_column!r} already",
            "choose another name with --truth-column",
        )
    names = class_names(dataset.given_labels)
    true = encode_labels(dataset.given_labels, names)
    given = _flipped(dataset, true, names, options, progress)
    flipped = np.flatnonzero((given != true) & (true != UNLABELLED))
    label = str(dataset.label_column)
    cell = written_labels(source, label, dataset.rules)
    edits = {(int(row) + 1, label): cell(names[given[row]]) for row in flipped}
    rewrite_source(
        source.content or source.files,
        source,
        output,
        edits=edits,
        added={truth_column: decode_labels(true, names)},
    )
    listed = write_bad_rows(source.bad, list_beside(output))
    return NoiseResult(
        Path(output),
        kind,
        int((true != UNLABELLED).sum()),
        len(flipped),
        truth_column,
        _pairs(true[flipped], given[flipped], names),
        (*(n for n in dataset.notes if n.startswith(_used_columns(kind))), *listed),
        dataset.warnings,
    )


def _checked_files(
    data: Readable, output: str | Path, options: NoiseOptions
) -> tuple[Part, ...] | None:
    """Refuse what does not go together; return the files of an input of several."""
    from noisefix.run.outputs import check_data_folder, check_output
    from noisefix.tables.several import files_of

    if (options.kind == "asymmetric") != (options.matrix is not None):
        raise UsageError("--matrix and --kind asymmetric belong together", "name both or neither")
    if options.kind == "asymmetric" and options.rate is not None:
        raise UsageError("--rate: the matrix says how much noise there is", "leave --rate out")
    files, others = files_of(data), (options.matrix, options.label_map)
    if files is None:
        check_output(output, (data, *others), takes_stdout=True)
    else:
        check_data_folder(output, (*(file.path for file in files), *others))
    return files


def _flipped(
    dataset: Dataset,
    true: np.ndarray,
    names: tuple[str, ...],
    options: NoiseOptions,
    progress: Any,
) -> np.ndarray:
    """Return (N,) labels of which some are wrong."""
    from noisefix.training.noise_injection import flip_by_instance, flip_by_matrix

    share = 0.2 if options.rate is None else options.rate
    if options.kind == "instance":
        features = _embed(dataset, options.encoder, options.device, progress)
        return flip_by_instance(features, true, len(names), share, options.seed)
    matrix = _matrix(options.kind, names, share, options.matrix)
    return flip_by_matrix(true, matrix, options.seed)


def _used_columns(kind: str) -> tuple[str, ...]:
    return ("label column", "text column") if kind == "instance" else ("label column",)


def _matrix(kind: str, names: tuple[str, ...], rate: float, path: str | Path | None) -> np.ndarray:
    from noisefix.training.noise_injection import transition_matrix

    return transition_matrix(kind, len(names), rate) if path is None else read_matrix(path, names)


def read_matrix(path: str | Path, names: tuple[str, ...]) -> np.ndarray:
    """Read P(given | true), [true, given], in class order from a table with names on both sides.

    Raises:
        DataError: a class is missing, a cell is no number, or a row is no distribution.
    """
    import numpy as np

    from noisefix.tables.source import read_source
    from noisefix.training.noise_injection import check_transition

    source = read_source(path)
    rows = source.table.to_pylist()
    first = source.columns[0]
    found = {str(row[first]): row for row in rows}
    missing = [name for name in names if name not in found or name not in source.columns]
    if missing:
        raise DataError(
            f"{source.name}: class {missing[0]!r} has no row or no column",
            "first column the true label, then one column for each given label",
        )
    try:
        matrix = np.array([[float(found[true][given]) for given in names] for true in names])
    except (TypeError, ValueError) as error:
        raise DataError(f"{source.name}: a cell is not a number") from error
    return check_transition(matrix, len(names))


def _embed(dataset: Dataset, encoder: str, device: str, progress: Any) -> np.ndarray:
    from noisefix.encoders import load_encoder

    return load_encoder(encoder, device=device).encode(dataset.texts, progress)


def _pairs(
    true: np.ndarray, given: np.ndarray, names: tuple[str, ...]
) -> tuple[tuple[str, str, int], ...]:
    from collections import Counter

    counted = Counter(zip(true.tolist(), given.tolist(), strict=True))
    ranked = sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:10]
    return tuple((names[t], names[g], n) for (t, g), n in ranked)

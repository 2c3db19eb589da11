"""``init``: a configuration for a data set, with a gate that it passes today."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from noisefix.config import OWN_NAME
from noisefix.detection.check_options import InitOptions
from noisefix.detection.detect import detect
from noisefix.detection.options import DetectOptions
from noisefix.detection.start_files import config_text, gate_limit, labels_text
from noisefix.errors import UsageError
from noisefix.options import READS, described, takes
from noisefix.run.folder import RunFolder
from noisefix.tables.atomic import write_bytes
from noisefix.tables.remote import is_remote
from noisefix.tables.several import files_of
from noisefix.tables.sql_url import is_sql

LABELS_NAME = "labels.toml"
_NOT_KEPT = ("text_column", "label_column", "id_column", "device", "force")


@dataclass(frozen=True)
class InitResult:
    """What was written.

    Attributes:
        config: noisefix.toml.
        labels: labels.toml, to be filled in; None where one was named, or rows have several labels.
        run: run folder that the gate rests on.
        max_noise_rate: the gate, in [0, 1].
        noise_rate: estimated share of wrong labels, with the ends of its 90 % interval.
        notes: what was guessed about the data.
        warnings: what a person should know about the data.
    """

    config: Path
    labels: Path | None
    run: Path
    max_noise_rate: float
    noise_rate: float
    noise_rate_low: float
    noise_rate_high: float
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


@takes(InitOptions)
def init(
    data: str | Path,
    output: str | Path | None = None,
    *,
    options: InitOptions,
    progress: Callable[[Any], None] | None = None,
) -> InitResult:
    """Write noisefix.toml and labels.toml beside a table, after looking for its wrong labels.

    Where rows seem to have several labels, they are read so, and the configuration says how.

    Args:
        data: the table; its run folder is used if nothing has changed since.
        output: run folder; None: NAME.noisefix beside the table.
        options: what was chosen; its fields may be named one by one instead.
        progress: called as the stages go on.

    Raises:
        UsageError: one of the files is there and ``force`` is not set; the data are no file.
        DataError, ModelError: as ``detect``.
    """
    is_elsewhere = is_sql(data) or is_remote(data)
    if str(data) == "-" or is_elsewhere or files_of(data) is not None:
        raise UsageError(f"{data}: init writes beside a table", "name a file")
    folder = Path(data).parent
    config = folder / OWN_NAME
    options, notes = _with_reading(data, options)
    several = options.multi_label is not None or options.label_columns is not None
    # What several labels mean is not used yet: nothing reads a description of them.
    has_labels = options.labels is not None or several
    labels = None if has_labels else folder / LABELS_NAME
    _check_targets((config, labels), data, options)
    found = detect(data, output, options=options.shared_with(DetectOptions), progress=progress)
    text = config_text(found.input_name, _settings(found.run, options), found, has_labels)
    write_bytes(config, text.encode())
    if labels is not None:
        write_bytes(labels, labels_text(found.classes, found.pairs).encode())
    return InitResult(
        config=config,
        labels=labels,
        run=found.run,
        max_noise_rate=gate_limit(found.noise_rate_low),
        noise_rate=found.noise_rate,
        noise_rate_low=found.noise_rate_low,
        noise_rate_high=found.noise_rate_high,
        notes=notes + found.notes,
        warnings=found.warnings,
    )


def _with_reading(data: str | Path, options: InitOptions) -> tuple[InitOptions, tuple[str, ...]]:
    """Add how several labels a row are written, where the table shows it, and say so."""
    from noisefix.detection.several_labels.recognise import how_it_is_read, recognised
    from noisefix.tables.source import read_source

    if options.multi_label is not None or options.label_columns is not None:
        return options, ()
    reading = recognised(
        read_source(data, bad_rows=options.bad_rows),
        text_column=options.text_column,
        label_column=options.label_column,
        id_column=options.id_column,
    )
    if reading is None:
        return options, ()
    columns = ",".join(reading.columns) or None
    options = replace(options, multi_label=reading.separator, label_columns=columns)
    return options, (how_it_is_read(reading),)


def _check_targets(
    targets: tuple[Path | None, ...], data: str | Path, options: InitOptions
) -> None:
    from noisefix.run.outputs import check_not_read

    for target in targets:
        if target is None:
            continue
        check_not_read(
            target,
            (data, options.labels, options.label_map, options.decisions, options.annotations),
        )
        if target.exists() and not options.force:
            raise UsageError(
                f"{target}: is there already", "pass --force to replace it, or move it away"
            )


def _settings(run: Path, options: InitOptions) -> dict[str, Any]:
    """Return what later commands must know too."""
    columns = RunFolder(run).read()["input"]["columns"]
    found = {f"{kind}_column": columns[kind] for kind in ("text", "label", "id")}
    kept = {name: value for name, value in options.changed().items() if name not in _NOT_KEPT}
    for name, value in kept.items():
        is_path = described(InitOptions)[name][1].role is READS
        found[name] = str(Path(value).absolute()) if is_path else value
    return found

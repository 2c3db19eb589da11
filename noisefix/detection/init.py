"""``init``: a configuration for a data set, with a gate that it passes today."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noisefix.config import OWN_NAME
from noisefix.detection.detect import detect
from noisefix.detection.options import DetectOptions, InitOptions
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
        labels: labels.toml, to be filled in; None where one was named.
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
    labels = None if options.labels is not None else folder / LABELS_NAME
    _check_targets((config, labels), data, options)
    found = detect(data, output, options=options.shared_with(DetectOptions), progress=progress)
    text = config_text(
        found.input_name, _settings(found.run, options), found, options.labels is not None
    )
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
        notes=found.notes,
        warnings=found.warnings,
    )


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

"""What a stage is, and the one function that runs any of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError
from noisefix.run.checks import check_key, conform
from noisefix.run.fingerprint import fingerprint, jsonable_params, table_digest
from noisefix.run.folder import RunFolder
from noisefix.run.outputs import check_not_foreign
from noisefix.run.parquet import read_provenance, read_table, write_parquet
from noisefix.run.provenance import Provenance
from noisefix.run.schemas import TableSchema
from noisefix.seeds import check_seed
from noisefix.tables.atomic import atomic_path, sha256_file
from noisefix.version import __version__

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class StageOutput:
    """What a stage's function returns: its tables, and what goes into their provenance.

    Attributes:
        tables: keyed like the stage's ``writes``.
        class_names: (K,) class names in canonical order.
        results: small JSON facts for the stages after it.
    """

    tables: dict[str, pa.Table]
    class_names: tuple[str, ...]
    results: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """A name, the tables read, the tables written, frozen parameters, and a function.

    ``run`` is called as ``run(tables, params, *, seed, progress, provenances)`` where ``tables``
    and ``provenances`` are keyed like ``reads``. A stage whose results change for the same inputs
    gets a new ``version``. ``only_with`` names, for tables that are not always written, the input
    without which there are none.
    """

    name: str
    version: int
    reads: dict[str, TableSchema]
    writes: dict[str, TableSchema]
    params: type
    run: Callable[..., StageOutput]
    only_with: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StageReport:
    """What came of running a stage.

    Attributes:
        name: the stage.
        skipped: its outputs were there already.
        seconds: wall time.
        outputs: where each table is.
        parameters: the options, as JSON values.
        seed: the seed.
        inputs: SHA-256 of each input, by name.
        results: the small facts in the outputs' provenance.
    """

    name: str
    skipped: bool
    seconds: float
    outputs: dict[str, Path]
    parameters: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    inputs: dict[str, str] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)


def run_stage(
    stage: Stage,
    inputs: Mapping[str, Path],
    outputs: Mapping[str, Path],
    params: Any,
    *,
    seed: int = 0,
    force: bool = False,
    progress: Callable[[Any], None] | None = None,
    extra_inputs: Mapping[str, str] | None = None,
    in_memory: Mapping[str, pa.Table] | None = None,
) -> StageReport:
    """Run a stage unless its outputs are already what it would write.

    Inputs are checked, outputs too; all outputs are written to temporary files before the first
    takes its place.

    Args:
        stage: what to run.
        inputs: the file of each table in ``stage.reads``; those left out are not passed on.
        outputs: the file for each table in ``stage.writes``; of a table that is not written, one
            from an earlier run is removed.
        params: an instance of ``stage.params``.
        seed: seed of all the stage's randomness.
        force: run even if nothing changed.
        progress: passed to the stage.
        extra_inputs: SHA-256 of whatever else the result depends on, by name.
        in_memory: more input tables that lie in no file, by name; their content counts for the
            fingerprint.

    Raises:
        DataError: an input is missing, is not what it should be, or has doubled ids; an output does
            not fit its schema or cannot be written.
        UsageError: a table that somebody else made would be replaced without ``force``.
    """
    if set(outputs) != set(stage.writes):
        raise TypeError(f"stage {stage.name} writes {sorted(stage.writes)}, not {sorted(outputs)}")
    if not isinstance(params, stage.params):
        raise TypeError(f"stage {stage.name} takes {stage.params.__name__}, not {params!r}")
    check_seed(seed)
    started = time.perf_counter()
    in_memory = dict(in_memory or {})
    parameters = jsonable_params(params)
    digests = {name: sha256_file(path) for name, path in inputs.items()}
    digests |= {name: table_digest(table) for name, table in in_memory.items()}
    digests |= dict(extra_inputs or {})
    mark = fingerprint(stage.name, stage.version, parameters, seed, digests)
    absent = {name for name, needed in stage.only_with.items() if needed not in digests}
    leftovers = [path for name, path in outputs.items() if name in absent]
    outputs = {name: path for name, path in outputs.items() if name not in absent}

    def report(skipped: bool, results: dict[str, Any]) -> StageReport:
        seconds = time.perf_counter() - started
        return StageReport(
            stage.name, skipped, seconds, dict(outputs), parameters, seed, digests, results
        )

    if not force:
        done = _results_if_done(stage, outputs, mark)
        if done is not None and not any(path.exists() for path in leftovers):
            return report(True, done)
        check_not_foreign([*outputs.values(), *leftovers])

    tables, provenances = dict(in_memory), {}
    for name, path in inputs.items():
        tables[name], provenances[name] = read_table(path, stage.reads[name])
        check_key(tables[name], stage.reads[name], str(path))
    output = stage.run(tables, params, seed=seed, progress=progress, provenances=provenances)
    if set(output.tables) != set(outputs):
        raise TypeError(
            f"stage {stage.name} returned {sorted(output.tables)}, not {sorted(outputs)}"
        )
    ready = {
        name: conform(table, stage.writes[name], f"stage {stage.name}")
        for name, table in output.tables.items()
    }
    _write(stage, ready, output, report(False, output.results), mark)
    for path in leftovers:
        path.unlink(missing_ok=True)
    return report(False, output.results)


def _write(
    stage: Stage,
    tables: Mapping[str, pa.Table],
    output: StageOutput,
    about: StageReport,
    mark: str,
) -> None:
    """Write all tables to temporary files before the first takes its place."""
    with ExitStack() as stack:
        places = {name: stack.enter_context(atomic_path(about.outputs[name])) for name in tables}
        for name, table in tables.items():
            schema = stage.writes[name]
            provenance = Provenance(
                schema=schema.name,
                version=schema.version,
                noisefix_version=__version__,
                class_names=output.class_names,
                parameters=about.parameters,
                seed=about.seed,
                inputs=about.inputs,
                fingerprint=mark,
                results=output.results,
            )
            write_parquet(table, places[name], provenance)


def record(folder: Path, *reports: StageReport) -> None:
    """Record in run.json what stages have written into a folder, if it is a run folder."""
    run = RunFolder(folder)
    for report in reports if run.run_json.exists() else ():
        run.record_stage(
            report.name,
            parameters=report.parameters,
            seed=report.seed,
            inputs=report.inputs,
            outputs={name: path.name for name, path in report.outputs.items()},
            seconds=report.seconds,
        )


def _results_if_done(stage: Stage, outputs: Mapping[str, Path], mark: str) -> dict[str, Any] | None:
    """Return what the stage handed on if every output has its fingerprint, else None."""
    results: dict[str, Any] = {}
    for name, path in outputs.items():
        try:
            provenance = read_provenance(path)
        except DataError:  # not there, or not whole: run again
            return None
        schema = stage.writes[name]
        if (provenance.fingerprint, provenance.schema) != (mark, schema.name):
            return None
        results = provenance.results
    return results

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisefix.errors import DataError
from noisefix.run import stage as base
from noisefix.run.parquet import read_table, write_table
from noisefix.run.provenance import Provenance
from noisefix.run.schemas import Column, TableSchema
from noisefix.run.stage import Stage, StageOutput, StageReport, run_stage
from noisefix.tables.atomic import sha256_file

WORDS = TableSchema("words", 1, "", (Column("id", "string", ""), Column("word", "string", "")))
LENGTHS = TableSchema("lengths", 1, "", (Column("id", "string", ""), Column("n", "int64", "")))
TOTALS = TableSchema("totals", 1, "", (Column("id", "string", ""), Column("n", "int64", "")))


@dataclass(frozen=True)
class Params:
    scale: int = 1


class Calls:
    """A stage function that counts its calls."""

    def __init__(self) -> None:
        self.count = 0
        self.seen: dict[str, Any] = {}
        self.change: Callable[[StageOutput], StageOutput] = lambda output: output

    def __call__(
        self,
        tables: dict[str, pa.Table],
        params: Params,
        *,
        seed: int,
        progress: object,
        provenances: dict[str, Provenance],
    ) -> StageOutput:
        self.count += 1
        self.seen = {"seed": seed, "progress": progress, "provenances": provenances}
        words = tables["words"]
        lengths = [len(word) * params.scale + seed for word in words["word"].to_pylist()]
        output = StageOutput(
            {
                "lengths": pa.table({"id": words["id"], "n": lengths}),
                "totals": pa.table({"id": ["all"], "n": [sum(lengths)]}),
            },
            ("a", "b"),
            {"total": sum(lengths)},
        )
        return self.change(output)


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def stage(calls: Calls) -> Stage:
    return Stage(
        "count", 1, {"words": WORDS}, {"lengths": LENGTHS, "totals": TOTALS}, Params, calls
    )


def write_words(path: Path, words: tuple[str, ...] = ("one", "three")) -> None:
    table = pa.table({"id": [str(k) for k in range(len(words))], "word": list(words)})
    write_table(table, path, WORDS, Provenance("words", 1, "0", results={"from": "words"}))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    write_words(tmp_path / "words.parquet")
    return {name: tmp_path / f"{name}.parquet" for name in ("words", "lengths", "totals")}


def run(
    stage: Stage, files: dict[str, Path], params: Params | None = None, **options: Any
) -> StageReport:
    outputs = {name: files[name] for name in ("lengths", "totals")}
    return run_stage(stage, {"words": files["words"]}, outputs, params or Params(), **options)


def test_outputs_carry_all_that_made_them(
    stage: Stage, files: dict[str, Path], calls: Calls
) -> None:
    report = run(stage, files, Params(2), seed=3, progress=print, extra_inputs={"model": "m1"})
    table, provenance = read_table(files["lengths"], LENGTHS)
    assert table.to_pydict() == {"id": ["0", "1"], "n": [9, 13]}
    assert (provenance.schema, provenance.class_names) == ("lengths", ("a", "b"))
    assert (provenance.parameters, provenance.seed) == ({"scale": 2}, 3)
    assert provenance.inputs == {"words": sha256_file(files["words"]), "model": "m1"}
    assert provenance.results == report.results == {"total": 22}
    assert read_table(files["totals"], TOTALS)[1].fingerprint == provenance.fingerprint
    assert (report.name, report.skipped, report.outputs["totals"]) == (
        "count",
        False,
        files["totals"],
    )
    assert (report.parameters, report.inputs) == (provenance.parameters, provenance.inputs)
    assert calls.seen["seed"] == 3
    assert calls.seen["progress"] is print
    assert calls.seen["provenances"]["words"].results == {"from": "words"}


def test_nothing_new_is_not_run(stage: Stage, files: dict[str, Path], calls: Calls) -> None:
    first = run(stage, files)
    before = {name: path.stat().st_mtime_ns for name, path in files.items()}
    again = run(stage, files)
    assert (first.skipped, again.skipped, calls.count) == (False, True, 1)
    assert again.results == first.results == {"total": 8}
    assert {name: path.stat().st_mtime_ns for name, path in files.items()} == before


def test_a_table_that_hangs_on_an_input_comes_and_goes_with_it(
    stage: Stage, files: dict[str, Path], calls: Calls
) -> None:
    stage = replace(stage, only_with={"totals": "more"})
    more = {"more": pa.table({"id": ["x"]})}
    with_more = run(stage, files, in_memory=more)
    assert set(with_more.outputs) == {"lengths", "totals"}
    assert run(stage, files, in_memory=more).skipped
    calls.change = lambda output: replace(output, tables={"lengths": output.tables["lengths"]})
    without = run(stage, files)
    assert set(without.outputs) == {"lengths"}
    assert not files["totals"].exists()
    assert run(stage, files).skipped
    files["totals"].write_bytes(with_more.outputs["lengths"].read_bytes())  # left by a crash
    assert not run(stage, files).skipped
    assert not files["totals"].exists()


@pytest.mark.parametrize(
    "what", ["params", "seed", "input", "extra", "version", "lost", "broken", "force", "memory"]
)
def test_anything_new_runs_again(
    stage: Stage, files: dict[str, Path], calls: Calls, what: str
) -> None:
    run(stage, files, in_memory={"more": pa.table({"x": [1]})})
    options: dict[str, Any] = {"in_memory": {"more": pa.table({"x": [1]})}}
    if what == "params":
        options["params"] = Params(2)
    elif what == "seed":
        options["seed"] = 1
    elif what == "input":
        write_words(files["words"], ("one", "seven"))
    elif what == "extra":
        options["extra_inputs"] = {"model": "m1"}
    elif what == "version":
        stage = replace(stage, version=2)
    elif what == "lost":
        files["totals"].unlink()
    elif what == "broken":
        files["totals"].write_bytes(files["totals"].read_bytes()[:-9])
    elif what == "force":
        options["force"] = True
    else:
        options["in_memory"] = {"more": pa.table({"x": [2]})}
    assert not run(stage, files, **options).skipped
    assert calls.count == 2
    assert run(stage, files, **(options | {"force": False})).skipped


def test_the_noisefix_version_counts(
    stage: Stage, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(stage, files)
    monkeypatch.setattr("noisefix.run.fingerprint.__version__", "99")
    assert not run(stage, files).skipped


def test_the_same_run_gives_the_same_bytes(stage: Stage, files: dict[str, Path]) -> None:
    run(stage, files)
    first = [files[name].read_bytes() for name in ("lengths", "totals")]
    run(stage, files, force=True)
    assert [files[name].read_bytes() for name in ("lengths", "totals")] == first


def test_in_memory_tables_are_passed_on(files: dict[str, Path]) -> None:
    def copy(tables: dict[str, pa.Table], params: Params, **_: object) -> StageOutput:
        return StageOutput({"words": tables["rows"]}, ())

    stage = Stage("copy", 1, {}, {"words": WORDS}, Params, copy)
    rows = pa.table({"id": ["a"], "word": ["w"]})
    run_stage(stage, {}, {"words": files["lengths"]}, Params(), in_memory={"rows": rows})
    assert read_table(files["lengths"], WORDS)[0].to_pydict() == {"id": ["a"], "word": ["w"]}


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda f: f["words"].unlink(), "no such file"),
        (lambda f: f["words"].write_bytes(b"PAR1"), "not a whole Parquet file"),
        (lambda f: write_doubled(f["words"]), r"key id: '0' is in rows 1 and 2"),
        (lambda f: write_other(f["words"]), "this is the lengths table, but the words table"),
    ],
)
def test_bad_inputs_stop_before_the_stage(
    stage: Stage,
    files: dict[str, Path],
    calls: Calls,
    break_it: Callable[[dict[str, Path]], None],
    message: str,
) -> None:
    break_it(files)
    with pytest.raises(DataError, match=rf"words\.parquet.*{message}"):
        run(stage, files)
    assert calls.count == 0
    assert not files["lengths"].exists()


def write_doubled(path: Path) -> None:
    provenance = Provenance("words", 1, "0")
    table = pa.table({"id": ["0", "0"], "word": ["a", "b"]})
    pq.write_table(table.replace_schema_metadata({b"noisefix": provenance.to_json()}), path)


def write_other(path: Path) -> None:
    table = pa.table({"id": ["0"], "n": [1]})
    write_table(table, path, LENGTHS, Provenance("lengths", 1, "0"))


def test_a_bad_output_writes_nothing(stage: Stage, files: dict[str, Path], calls: Calls) -> None:
    run(stage, files)
    before = files["lengths"].read_bytes()
    bad = pa.table({"id": ["all", "all"], "n": [1, 2]})
    calls.change = lambda output: replace(output, tables=output.tables | {"totals": bad})
    with pytest.raises(DataError, match="stage count: totals table, key id: 'all' is in rows 1"):
        run(stage, files, Params(5))
    assert files["lengths"].read_bytes() == before


def test_a_full_disk_at_the_last_table_keeps_all_old_ones(
    stage: Stage, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(stage, files)
    before = {name: path.read_bytes() for name, path in files.items()}
    write, written = base.write_parquet, []

    def full_at_second(table: pa.Table, path: Path, provenance: Provenance) -> None:
        written.append(path)
        if len(written) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(table, path, provenance)

    monkeypatch.setattr(base, "write_parquet", full_at_second)
    with pytest.raises(DataError, match="disk is full"):
        run(stage, files, Params(5))
    assert {name: path.read_bytes() for name, path in files.items()} == before
    assert sorted(p.name for p in files["words"].parent.iterdir()) == [
        "lengths.parquet",
        "totals.parquet",
        "words.parquet",
    ]


def test_an_interrupted_stage_leaves_no_trace(
    stage: Stage, files: dict[str, Path], calls: Calls
) -> None:
    def interrupt(output: StageOutput) -> StageOutput:
        raise KeyboardInterrupt

    calls.change = interrupt
    with pytest.raises(KeyboardInterrupt):
        run(stage, files)
    assert [p.name for p in files["words"].parent.iterdir()] == ["words.parquet"]


def test_programming_mistakes_are_not_data_errors(
    stage: Stage, files: dict[str, Path], calls: Calls
) -> None:
    with pytest.raises(TypeError, match="stage count takes Params"):
        run_stage(stage, {"words": files["words"]}, {n: files[n] for n in stage.writes}, None)
    with pytest.raises(TypeError, match="stage count writes"):
        run_stage(stage, {"words": files["words"]}, {"lengths": files["lengths"]}, Params())
    calls.change = lambda output: replace(output, tables={})
    with pytest.raises(TypeError, match="stage count returned"):
        run(stage, files)

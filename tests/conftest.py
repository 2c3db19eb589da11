"""Tiny fixtures shared by all tests: issues tables and run folders written by hand."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

# One worker a core: libraries that start a thread a core would only get in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import settings

import noisefix
from noisefix.run.folder import RunFolder
from noisefix.run.parquet import write_table
from noisefix.run.provenance import Provenance
from noisefix.run.schemas import ISSUES
from noisefix.tables.dataset import load_dataset
from noisefix.tables.source import read_source

# The same examples every time, and no time limit for one: the machine may be busy.
settings.register_profile("noisefix", deadline=None, derandomize=True)
settings.load_profile("noisefix")


@dataclass(frozen=True)
class Verdict:
    """What a hand-made issues table says of one row."""

    given: str | None
    suggested: str
    p_suggested: float
    is_issue: bool = False
    is_trusted: bool = False


MakeIssues = Callable[..., pa.Table]
MakeRun = Callable[..., RunFolder]


@pytest.fixture
def load_benchmark(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Return a function that imports a benchmark module, as the command does."""
    folder = Path(__file__).parent / "benchmarks"
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if (folder / f"{name}.py").is_file():
            del sys.modules[name]


@pytest.fixture
def verdict() -> type[Verdict]:
    return Verdict


@pytest.fixture
def make_issues() -> MakeIssues:
    """Return a function from verdicts to an issues table; p_error is P(not the given label)."""

    def make(
        verdicts: Sequence[Verdict],
        classes: Sequence[str],
        *,
        ids: Sequence[str] | None = None,
        texts: Sequence[str] | None = None,
    ) -> pa.Table:
        n_rows, n_classes = len(verdicts), len(classes)
        probs = np.zeros((n_rows, n_classes))
        for row, v in enumerate(verdicts):
            rest = (1 - v.p_suggested) / (n_classes - 1)
            probs[row] = rest
            probs[row, classes.index(v.suggested)] = v.p_suggested
        p_error = [
            None if v.given is None else float(1 - probs[i, classes.index(v.given)])
            for i, v in enumerate(verdicts)
        ]
        labelled = [i for i, p in enumerate(p_error) if p is not None]
        by_suspicion = sorted(labelled, key=lambda i: (-(p_error[i] or 0.0), i))
        rank = {row: place for place, row in enumerate(by_suspicion, 1)}
        return pa.table(
            {
                "id": list(ids) if ids is not None else [str(i + 1) for i in range(n_rows)],
                "row_number": list(range(1, n_rows + 1)),
                "text": pa.array(
                    list(texts) if texts is not None else [f"text {i + 1}" for i in range(n_rows)],
                    pa.large_string(),
                ),
                "given_label": pa.array([v.given for v in verdicts], pa.string()),
                "predicted_label": [v.suggested for v in verdicts],
                "suggested_label": [v.suggested for v in verdicts],
                "self_confidence": pa.array(
                    [None if p is None else 1 - p for p in p_error], pa.float64()
                ),
                "normalized_margin": pa.array(
                    [None if p is None else 0.5 for p in p_error], pa.float64()
                ),
                "p_error": pa.array(p_error, pa.float64()),
                "is_issue": [v.is_issue for v in verdicts],
                "rank": pa.array([rank.get(i) for i in range(n_rows)], pa.int64()),
                "reasons": pa.array(
                    [[f"9 of 10 nearest rows say {v.suggested}"] for v in verdicts],
                    pa.list_(pa.string()),
                ),
                "pred_probs": _lists(probs),
                "true_label_probs": _lists(probs),
                "duplicate_group": pa.nulls(n_rows, pa.int64()),
                "is_trusted": [v.is_trusted for v in verdicts],
            }
        )

    return make


@pytest.fixture
def make_run(tmp_path: Path, make_issues: MakeIssues) -> MakeRun:
    """Return a function that writes an input and the run folder that verdicts on it would make."""

    def make(
        content: bytes | str,
        verdicts: Sequence[Verdict],
        *,
        name: str = "data.csv",
        folder: str = "run",
        noise_rate: tuple[float, float, float] = (0.25, 0.1, 0.4),
        id_column: str | None = None,
        can_relabel: bool = True,
    ) -> RunFolder:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        source = read_source(path)
        data = load_dataset(
            source,
            text_column="text",
            label_column="label",
            id_column=id_column,
            needs_labels=False,
        )
        run = RunFolder.create(tmp_path / folder, source)
        run.set_input(source, text_column="text", label_column="label", id_column=data.id_column)
        classes = sorted({v.suggested for v in verdicts} | {v.given for v in verdicts} - {None})
        table = make_issues(verdicts, classes, ids=data.ids, texts=data.texts)
        write_issues(table, run.issues, classes, source.sha256, noise_rate, can_relabel=can_relabel)
        return run

    return make


def write_issues(
    table: pa.Table,
    path: Path,
    classes: Sequence[str],
    sha256: str,
    noise_rate: tuple[float, float, float],
    *,
    can_relabel: bool = True,
) -> None:
    names = ("noise_rate", "noise_rate_low", "noise_rate_high")
    write_table(
        table,
        path,
        ISSUES,
        Provenance(
            schema=ISSUES.name,
            version=ISSUES.version,
            noisefix_version=noisefix.__version__,
            class_names=tuple(classes),
            inputs={"data": sha256},
            results=dict(zip(names, noise_rate, strict=True)) | {"can_relabel": can_relabel},
        ),
    )


def _lists(probs: np.ndarray) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(probs.ravel(), pa.float32()), probs.shape[1])


@pytest.fixture(scope="session")
def faults() -> ModuleType:
    """The scripted chat completion server: ``with faults.FaultServer(respond) as server``."""
    return _server_module("fault_server")


@pytest.fixture(scope="session")
def services(faults: ModuleType) -> ModuleType:
    """Services as they are: ``with faults.FaultServer(services.SERVICES[name]) as server``."""
    return _server_module("services")


@pytest.fixture(scope="session")
def editing() -> ModuleType:
    """A server that edits texts: ``faults.FaultServer(editing.editor(faults, words))``."""
    return _server_module("editor")


@pytest.fixture(scope="session")
def write_static_model() -> Callable[..., Path]:
    """Return a function that writes a static encoder of a few words into a folder."""
    write: Callable[..., Path] = _module(
        Path(__file__).parent / "static_model.py"
    ).write_static_model
    return write


@pytest.fixture(scope="session")
def write_page_run() -> Callable[..., RunFolder]:
    """A function that writes a run folder of any size by hand: ``write_run`` of page_runs.py."""
    write: Callable[..., RunFolder] = _module(Path(__file__).parent / "page_runs.py").write_run
    return write


def _server_module(name: str) -> ModuleType:
    return _module(Path(__file__).parent / "servers" / f"{name}.py")


def _module(path: Path) -> ModuleType:
    name = path.stem
    spec = importlib.util.spec_from_file_location(f"noisefix_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module

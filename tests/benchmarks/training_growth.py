"""How training grows with rows and with classes: time, processor time and peak memory.

``python tests/benchmarks training_growth``. Every measurement is a process of its own, on made
features; what grows too long is left out, and the table says so.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from growth import exponent
from processes import run_process
from report import Headline, Table, number
from sidyp import make_data

METHODS = ("ce", "repair", "sidyp")
ROWS = (1_000, 10_000, 100_000)
CLASSES = (2, 20, 150)
_FIXED_CLASSES = 20
_FIXED_ROWS = 10_000
_TEST_ROWS = 1_000
_N_FEATURES = 384
_LONGEST_S = 200.0

Sizes = list[dict[str, Any]]


def run(
    methods: Sequence[str] = METHODS,
    rows: Sequence[int] = ROWS,
    classes: Sequence[int] = CLASSES,
    longest_s: float = _LONGEST_S,
    *,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Train each method on ever more rows of 20 classes, and on 10,000 rows of ever more classes.

    Args:
        methods: of ``noisefix train``.
        rows: ascending.
        classes: ascending.
        longest_s: a size expected to take more processor time than this is left out.
        progress: told of every measurement.
    """
    cells: dict[tuple[str, int, int], dict[str, Any]] = {}

    def measured(method: str, n_rows: int, n_classes: int) -> dict[str, Any]:
        key = (method, n_rows, n_classes)
        if key not in cells:
            cells[key] = measure(*key)
            if progress is not None:
                progress(f"{key}: {cells[key]['cpu_s']:.1f} s, {cells[key]['peak_mb']:.0f} MB")
        return cells[key]

    def grown(method: str, pairs: Sequence[tuple[int, int]]) -> Sizes:
        sizes: Sizes = []
        for n_rows, n_classes in pairs:
            if sizes and sizes[-1]["cpu_s"] * n_rows / sizes[-1]["rows"] > longest_s:
                break
            sizes.append(measured(method, n_rows, n_classes))
        return sizes

    return {
        "rows": {m: grown(m, [(n, _FIXED_CLASSES) for n in rows]) for m in methods},
        "classes": {m: grown(m, [(_FIXED_ROWS, k) for k in classes]) for m in methods},
        "asked_rows": list(rows),
        "asked_classes": list(classes),
    }


def measure(method: str, n_rows: int, n_classes: int) -> dict[str, Any]:
    """Train once in a process of its own; return what it took."""
    command = [sys.executable, str(Path(__file__)), method, str(n_rows), str(n_classes)]
    used = run_process(command, OMP_NUM_THREADS="1")
    facts: dict[str, Any] = json.loads(used.stdout.splitlines()[-1])
    return facts | {"peak_mb": used.peak_mb}


def train(method: str, n_rows: int, n_classes: int) -> dict[str, float]:
    """Train on made rows, and predict others; return seconds."""
    from noisefix.training.interface import finish
    from noisefix.training.registry import find_method

    data = make_data(n_rows, n_classes, _N_FEATURES)
    test = make_data(max(_TEST_ROWS, n_classes), n_classes, _N_FEATURES, seed=1).features
    fit, params = find_method(method).load()
    wall, cpu = time.perf_counter(), time.process_time()
    model = finish(fit(data, params(), seed=0, device="cpu"))
    fitted, fitted_cpu = time.perf_counter(), time.process_time()
    model.predict_probs(test[:_TEST_ROWS])
    return {
        "rows": n_rows,
        "classes": n_classes,
        "wall_s": fitted - wall,
        "cpu_s": fitted_cpu - cpu,
        "predict_cpu_s": time.process_time() - fitted_cpu,
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Return one table for rows and one for classes."""
    titles = {
        "rows": f"Growth of training with the rows, {_FIXED_CLASSES} classes",
        "classes": f"Growth of training with the classes, {_FIXED_ROWS:,} rows",
    }
    return [_table(titles[by], by, result) for by in ("rows", "classes")]


def _table(title: str, by: str, result: dict[str, Any]) -> Table:
    methods = list(result[by])
    names = ("cpu_s", "peak_mb")
    rows = []
    for index, asked in enumerate(result[f"asked_{by}"]):
        cells = []
        for method in methods:
            sizes = result[by][method]
            size = sizes[index] if index < len(sizes) else None
            cells += ["-", "-"] if size is None else [number(size["cpu_s"], 1), _mb(size)]
        rows.append((f"{asked:,}", *cells))
    grown = [number(_exponent(result[by][m], by, name), 2) for m in methods for name in names]
    rows.append(("exponent", *grown))
    header = [f"{method}: {what}" for method in methods for what in ("processor s", "peak MB")]
    note = (
        f"{_N_FEATURES} made features, one thread. The exponent is that of the last two sizes; "
        "'-' was expected to take too long. 300 MB of the memory are Python and torch."
    )
    return Table(title, (by, *header), tuple(rows), note)


def _mb(size: dict[str, Any]) -> str:
    return f"{size['peak_mb']:,.0f}"


def _exponent(sizes: Sizes, by: str, name: str) -> float:
    """Return b of the a * size ** b that goes through the last two measurements."""
    if len(sizes) < 2:
        return math.nan
    small, large = ({**size, "rows": size[by], "stages": {}} for size in sizes[-2:])
    return exponent(small, large, name)


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return the exponent of each method's time."""
    found = ", ".join(
        f"{method} {number(_exponent(sizes, 'rows', 'cpu_s'), 2)}"
        for method, sizes in result["rows"].items()
    )
    return [Headline("growth of training with the rows, exponent of processor time", found)]


if __name__ == "__main__":
    asked_method, asked_rows, asked_classes = sys.argv[1:]
    print(json.dumps(train(asked_method, int(asked_rows), int(asked_classes))))

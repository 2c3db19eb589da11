"""The figures as JSON, and the tables that docs/benchmarks.md is made of.

An entry is one benchmark's result with its date and machine. docs/benchmarks.json holds the entries
that the page shows. In the page each benchmark has a place between two markers, as have the first
screen and the summary of all; the text around them is written by hand.
"""

from __future__ import annotations

import inspect
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from machine import describe, in_words
from report import Headline, Table, headline_table
from shared_sets import SharedDataAbsentError

Entry = dict[str, Any]

GROUPS: dict[str, tuple[str, ...]] = {
    "quality": (
        "compare",
        "readings",
        "one_sided",
        "ordinal",
        "multi_label",
        "audit_coverage",
        "corrected_rows",
        "label_columns",
        "outside",
        "missing_classes",
        "order",
        "static",
        "not_this_one",
        "definitions",
        "pair_columns",
    ),
    "relabel": ("relabel_quality", "weighing_fit", "guessing", "relabel_voters"),
    "speed": (
        "embedding",
        "probe",
        "confident",
        "neighbors",
        "relabel_throughput",
        "start_up",
        "page",
        "end_to_end",
    ),
    "train": (
        "training",
        "methods",
        "combinations",
        "sidyp",
        "sidyp_ablation",
        "noiseal_replay",
        "finetuned_methods",
        "memorising",
    ),
    "growth": ("growth", "training_growth"),
}
NAMES = tuple(name for names in GROUPS.values() for name in names)
"""In the order of the page's summary."""

JSON_FILE = "benchmarks.json"
PAGE = "benchmarks.md"
SUMMARY = "summary"
FIRST_SCREEN = "first screen"
_DIGITS = 5


def measure_apart(name: str) -> Entry:
    """Run ``measure`` in a fresh process, so that no benchmark pays for the one before.

    Raises:
        SharedDataAbsentError: it needs the shared data, which are not there.
        subprocess.CalledProcessError: it failed, and has said why.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "entry.json")
        subprocess.run([sys.executable, __file__, name, str(path)], check=True)
        entry: Entry = json.loads(path.read_text())
    if "skipped" in entry:
        raise SharedDataAbsentError(entry["skipped"])
    return entry


def measure(name: str) -> Entry:
    """Run a benchmark, and note when, where and how long."""
    module = import_module(name)
    machine, start = describe(), time.perf_counter()
    takes_progress = "progress" in inspect.signature(module.run).parameters
    result = module.run(progress=say) if takes_progress else module.run()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine,
        "seconds": round(time.perf_counter() - start, 1),
        "result": plain(result),
    }


def say(text: str) -> None:
    """Tell how far it is, on stderr: stdout is for the tables."""
    print(text, file=sys.stderr, flush=True)


def plain(value: Any) -> Any:
    """Turn a result into what JSON can hold: NaN into null, numbers to five digits."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value


def merge(path: Path, entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """Write entries into a JSON file beside those that it has; return all."""
    known: dict[str, Entry] = json.loads(path.read_text()) if path.is_file() else {}
    known |= entries
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{json.dumps(name)}: {json.dumps(known[name])}" for name in sorted(known)]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    return known


def write_docs(folder: Path, entries: Mapping[str, Entry]) -> None:
    """Take entries into the JSON file and the page in the docs folder."""
    known = merge(folder / JSON_FILE, entries)
    for name, entry in entries.items():
        figure = figure_of(name)
        if figure is not None:
            import_module(name).draw(entry["result"], str(folder / figure[0]))
    page = folder / PAGE
    page.write_text(fill_in(page.read_text(encoding="utf-8"), known), encoding="utf-8")
    for path, name, text in other_pages(entries):
        before = (folder / path).read_text(encoding="utf-8")
        (folder / path).write_text(between(before, name, text, path), encoding="utf-8")


def fill_in(page: str, entries: Mapping[str, Entry]) -> str:
    """Return the page with everything between markers made anew.

    Raises:
        ValueError: an entry has no place on the page.
    """
    sections = {name: section(name, entry) for name, entry in entries.items()}
    headlines = [
        headline
        for name in NAMES
        if name in entries
        for headline in headlines_of(name, entries[name]["result"])
    ]
    sections[SUMMARY] = str(headline_table(headlines))
    first = first_screen_of(entries)
    if first:
        sections[FIRST_SCREEN] = "\n\n".join(str(table) for table in first)
    for name, text in sections.items():
        page = between(page, name, text, PAGE)
    return page


def between(page: str, name: str, text: str, path: str) -> str:
    """Return a page with a text between the markers of a benchmark.

    Raises:
        ValueError: there are none.
    """
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    before, found, rest = page.partition(begin)
    _, also_found, after = rest.partition(end)
    if not found or not also_found:
        raise ValueError(f"docs/{path} has no place for {name}: {begin} {end}")
    return f"{before}{begin}\n{text}\n{end}{after}"


def other_pages(entries: Mapping[str, Entry]) -> list[tuple[str, str, str]]:
    """Return path, benchmark and text of what is shown on other pages than the benchmarks'."""
    return [
        (path, name, text)
        for name, entry in entries.items()
        if hasattr(import_module(name), "pages")
        for path, text in import_module(name).pages(entry["result"]).items()
    ]


def section(name: str, entry: Entry) -> str:
    """Return what the page says of one benchmark: its tables, when and where."""
    tables = [str(table) for table in tables_of(name, entry["result"])]
    where = f"*{entry['date']}, {entry['seconds']:,.0f} s. {in_words(entry['machine'])}.*"
    figure = figure_of(name)
    shown = [] if figure is None else [f"![{figure[1]}]({figure[0]})"]
    return "\n\n".join([*tables, *shown, where])


def figure_of(name: str) -> tuple[str, str] | None:
    """Return the file name and the description of a benchmark's figure; None: it has none."""
    figure: tuple[str, str] | None = getattr(import_module(name), "FIGURE", None)
    return figure


def tables_of(name: str, result: Any) -> list[Table]:
    """Return a result's tables: the module's own, or else one with all its figures."""
    module = import_module(name)
    if hasattr(module, "tables"):
        tables: list[Table] = module.tables(result)
        return tables
    rows = tuple((key.replace("_", " "), f"{value}") for key, value in result.items())
    return [Table(name.replace("_", " "), ("", "measured"), rows)]


def first_screen_of(entries: Mapping[str, Entry]) -> list[Table]:
    """Return the tables at the head of the page: those of the benchmarks that have some for it."""
    return [
        table
        for name, entry in entries.items()
        if hasattr(import_module(name), "first_screen")
        for table in import_module(name).first_screen(entry["result"])
    ]


def headlines_of(name: str, result: Any) -> list[Headline]:
    """Return what the summary says of a result; nothing if the module says nothing."""
    module = import_module(name)
    headlines: list[Headline] = module.headlines(result) if hasattr(module, "headlines") else []
    return headlines


def _main(name: str, path: str) -> None:
    try:
        entry = measure(name)
    except SharedDataAbsentError as error:
        entry = {"skipped": str(error)}
    Path(path).write_text(json.dumps(entry))


if __name__ == "__main__":
    _main(*sys.argv[1:])

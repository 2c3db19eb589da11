"""CSV files with one spoiled place: refused at the right line, or read without a wrong row."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

import pytest

from noisefix.errors import DataError
from noisefix.tables.content import Content
from noisefix.tables.csv_source import read_csv

WORDS = re.split(
    " ",
    "I am very happy with my bags of coffee, thank you the parcel never came and nobody answers "
    "why was I charged twice, please refund it soon",
)
TRICKS = ('say "hi"', '"so"', "a, b", "one\ntwo", "x,\ny, z", "5 o'clock", "", "ü", '"', ",", "\n-")


HEADERS = (
    "id text label",
    "text label",
    "label text",
    "id label text",
    "id text label source note",
)


@dataclass(frozen=True)
class Spoiled:
    """A spoiled file.

    Attributes:
        kind: what was done to it.
        data: its bytes.
        header: the column names.
        rows: the rows that were not touched, in order.
        touched: the rows that were, as they had been; None where one was put in.
        lines: first and last line of what was spoiled.
    """

    kind: str
    data: bytes
    header: list[str]
    rows: list[list[str]]
    touched: list[list[str]]
    lines: tuple[int, int]


@dataclass
class _File:
    header: list[str]
    rows: list[list[str]]
    raw: list[list[str]]  # cells as they are written; 0 is the header
    line_end: str

    def line(self, k: int) -> str:
        return ",".join(self.raw[k])

    def first_line(self, k: int) -> int:
        return 1 + sum(1 + self.line(j).count("\n") for j in range(k))


def _text(rng: random.Random) -> str:
    parts = rng.sample(WORDS, rng.randint(2, 6))
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        parts.insert(rng.randint(0, len(parts)), rng.choice(TRICKS))
    return " ".join(parts).strip(" ")


def _raw(cell: str, always: bool) -> str:
    if always or any(mark in cell for mark in ',"\n\r'):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _file(rng: random.Random) -> _File:
    header = rng.choice(HEADERS).split()
    n = rng.randint(4, 14)
    rows = []
    for k in range(n):
        cells = {
            "id": f"r{k}" if rng.random() < 0.5 else str(k + 1),
            "text": _text(rng),
            "label": rng.choice(["praise", "refund", "delivery"]),
            "source": rng.choice(["mail", "chat"]),
            "note": rng.choice(["", _text(rng)]),
        }
        rows.append([cells[name] for name in header])
    style = rng.choice(["minimal", "all", "texts"])
    raw = [[_raw(name, style == "all") for name in header]]
    for row in rows:
        raw.append(
            [
                _raw(cell, style == "all" or (style == "texts" and name == "text"))
                for cell, name in zip(row, header, strict=True)
            ]
        )
    return _File(header, rows, raw, rng.choice(["\n", "\r\n"]))


def spoil(kind: str, seed: int) -> Spoiled | None:
    """Make a file and spoil one place of it; None where this file has no such place."""
    rng = random.Random(f"{kind} {seed}")
    file = _file(rng)
    k = rng.randint(1, len(file.rows))
    line = file.line(k)
    touched = [k]
    new: str | None = None
    if kind == "lost comma":
        width = len(file.header)
        cell = rng.randint(1, width - 1)
        new = ",".join(file.raw[k][:cell]) + ",".join(file.raw[k][cell:])
    elif kind == "lost quote":
        places = [i for i, c in enumerate(line) if c == '"']
        if not places:
            return None
        at = rng.choice(places)
        new = line[:at] + line[at + 1 :]
    elif kind == "doubled quote":
        places = [i for i, c in enumerate(line) if c == '"']
        if not places:
            return None
        at = rng.choice(places)
        new = line[:at] + '"' + line[at:]
    elif kind == "extra comma":
        at = rng.randint(0, len(line))
        new = line[:at] + "," + line[at:]
    elif kind == "cut line":
        new = line[: rng.randint(1, max(1, len(line) - 1))]
    elif kind == "wrong byte":
        at = rng.randint(0, len(line))
        new = line[:at] + "\udcff" + line[at:]
    elif kind == "nul":
        at = rng.randint(0, len(line))
        new = line[:at] + "\0" + line[at:]
    elif kind == "shifted":
        cells = file.raw[k]
        new = ",".join(["", *cells]) if rng.random() < 0.5 else ",".join(cells[1:])
    elif kind == "lone cr":
        if k == len(file.rows):
            return None
        touched = [k, k + 1]
    lines = [file.line(j) for j in range(len(file.rows) + 1)]
    if new is not None:
        lines[k] = new
    first = file.first_line(k)
    last = first + max(line.count("\n"), (new or line).count("\n"))
    text = file.line_end.join(lines) + file.line_end
    if kind == "lone cr":
        start = len(file.line_end.join(lines[: k + 1]))
        text = text[:start] + "\r" + text[start + len(file.line_end) :]
        last = first + line.count("\n") + 1 + lines[k + 1].count("\n")
    elif kind == "second header":
        text = file.line_end.join([*lines[:k], lines[0], *lines[k:]]) + file.line_end
        touched, last = [], first
    elif kind == "glued":
        other = _file(rng)
        other = _File(file.header, file.rows, file.raw, file.line_end)
        text = file.line_end.join(lines) + file.line_end.join(lines) + file.line_end
        file = _File(file.header, file.rows + other.rows, file.raw + other.raw[1:], file.line_end)
        touched = [len(other.rows)]
        first = _File(other.header, other.rows, other.raw, "\n").first_line(len(other.rows))
        last = first + lines[-1].count("\n")
    kept = [row for j, row in enumerate(file.rows, 1) if j not in touched]
    data = text.encode("utf-8", "surrogateescape")
    return Spoiled(
        kind, data, file.header, kept, [file.rows[j - 1] for j in touched], (first, last)
    )


KINDS = (
    "lost comma",
    "lost quote",
    "doubled quote",
    "extra comma",
    "cut line",
    "second header",
    "glued",
    "lone cr",
    "nul",
    "wrong byte",
    "shifted",
)


N_FILES = 60
UNKNOWABLE = {
    # Reading after reading would give the same: the cell may have been like this.
    "extra comma": "within quotes it is text",
    "cut line": "a last cell that is cut is a shorter cell",
    "nul": "a cell may hold any byte; a warning says so",
    "wrong byte": "a file with one byte that is no UTF-8 may be of a one-byte encoding",
}


def outcome(file: Spoiled) -> Content | DataError:
    try:
        return read_csv(file.data, "x.csv")
    except DataError as error:
        return error


def rows_of(content: Content) -> list[list[str]]:
    return [list(row.values()) for row in content.table.to_pylist()]


def left_over(rows: list[list[str]], wanted: list[list[str]]) -> list[list[str]]:
    """Return the rows besides the wanted ones, which must be there in their order."""
    left, at = [], 0
    for row in rows:
        if at < len(wanted) and row == wanted[at]:
            at += 1
        else:
            left.append(row)
    assert at == len(wanted), f"row {wanted[at]} is lost"
    return left


def files(kind: str, first: int = 0) -> list[tuple[int, Spoiled]]:
    made = [(seed, spoil(kind, seed)) for seed in range(first, first + N_FILES)]
    return [(seed, file) for seed, file in made if file is not None]


@pytest.mark.parametrize("kind", KINDS)
def test_a_spoiled_file_is_refused_where_it_is_spoiled_or_read_without_a_wrong_row(kind):
    n_refused = 0
    for seed, file in files(kind):
        found = outcome(file)
        if isinstance(found, DataError):
            n_refused += 1
            lines = [int(line) for line in re.findall(r"line (\d+)", found.message)]
            assert any(file.lines[0] <= line <= file.lines[1] for line in lines), (seed, found)
            assert "--bad-rows skip" in found.hint
            continue
        left = left_over(rows_of(found), file.rows)
        if left and left != file.touched:
            assert kind in UNKNOWABLE, (seed, left)
            assert len(left) == 1
    assert n_refused or kind in ("nul", "wrong byte")


@pytest.mark.parametrize("kind", KINDS)
def test_with_skip_all_other_rows_are_read_and_nothing_else(kind):
    n_skipped = 0
    for seed, file in files(kind):
        content = read_csv(file.data, "x.csv", skip_bad=True)
        n_skipped += bool(content.bad)
        left = left_over(rows_of(content), file.rows)
        for row in content.bad:
            assert row.line <= row.last_line
            assert file.lines[0] <= row.last_line
            assert row.line <= file.lines[1]
        if left and left != file.touched and not content.bad:
            assert kind in UNKNOWABLE, (seed, left)
        if content.bad:
            assert len(left) <= len(file.touched), (seed, left)
            assert any("left out" in warning for warning in content.warnings)
    assert n_skipped or kind == "lone cr"

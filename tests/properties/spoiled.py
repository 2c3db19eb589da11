"""Ordinary CSV files with one spoiled place, and what an honest reader may make of them."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

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
    return " ".join(parts)


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

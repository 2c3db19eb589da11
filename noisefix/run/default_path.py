"""What a run folder is called, where nobody says it."""

from __future__ import annotations

import re
from pathlib import Path

from noisefix.tables.compression import without_packing
from noisefix.tables.places import split_inside
from noisefix.tables.remote import file_name, is_remote
from noisefix.tables.several import Readable, files_of, only_one, run_stem
from noisefix.tables.sql_url import is_sql, table_name

_STDIN_FOLDER = "stdin.noisefix"


def default_run_path(data: Readable) -> Path:
    """Return ``NAME.noisefix`` beside the input; for "-" (standard input) ``stdin.noisefix``.

    NAME is the file's name without its endings for format and compression, with what inside of it
    is meant; of a folder or a pattern, its own. Of what lies elsewhere the folder is made here.
    """
    if files_of(data) is not None:
        stem = run_stem(data)
        return stem.with_name(f"{stem.name}.noisefix")
    only = only_one(data)
    if str(only) == "-":
        return Path(_STDIN_FOLDER)
    if is_sql(only):
        return Path(f"{_plain(table_name(only))}.noisefix")
    text, inside = split_inside(only)
    path = Path(file_name(text)) if is_remote(text) else Path(text)
    name = path.name[: len(without_packing(path.name))]
    parts = map(_plain, inside)
    return path.with_name(".".join((Path(name).stem or name, *parts, "noisefix")))


def _plain(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", text)

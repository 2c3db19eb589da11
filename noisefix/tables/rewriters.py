"""Who writes a file of each format again."""

from __future__ import annotations

from collections.abc import Callable

from noisefix.tables.changes import Changes
from noisefix.tables.rewrite_arrow import rewrite_arrow
from noisefix.tables.rewrite_csv import rewrite_csv
from noisefix.tables.rewrite_fasttext import rewrite_fasttext
from noisefix.tables.rewrite_jsonl import rewrite_json_array, rewrite_jsonl
from noisefix.tables.rewrite_parquet import rewrite_parquet
from noisefix.tables.rewrite_xlsx import rewrite_xlsx
from noisefix.tables.source import Source

Rewriter = Callable[[bytes, Source, Changes], bytes]
"""Returns a file with changes made, from its bytes, not compressed, and what was read from them."""

REWRITERS: dict[str, Rewriter] = {
    "parquet": rewrite_parquet,
    "arrow": rewrite_arrow,
    "xlsx": rewrite_xlsx,
    "fasttext": rewrite_fasttext,
    "json": rewrite_json_array,
    "jsonl": rewrite_jsonl,
    "csv": rewrite_csv,
}
"""By the format's name in ``formats.FORMATS``."""

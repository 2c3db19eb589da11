"""What a file's name promises of its format."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from noisefix.errors import UsageError
from noisefix.tables.compression import without_packing
from noisefix.tables.formats import FORMATS
from noisefix.tables.streams import is_stream

_ENDINGS = {key: kind.endings for key, kind in FORMATS.items()}
_ENDINGS |= {"xml": (".xml",), "html": (".html", ".htm")}
_TITLES = {key: kind.title for key, kind in FORMATS.items()}
_TITLES |= {"xlsx": "an Excel workbook", "fasttext": "lines for fastText"}
_TITLES |= {"xml": "XML", "html": "HTML"}
_PACKED = (".zip", ".lz4", ".br", ".7z", ".tar", ".tgz")
_OTHER_ENDINGS = (
    *(".xlsb", ".xls", ".ods", ".numbers"),
    *(".orc", ".avro", ".h5", ".hdf5", ".npy", ".npz", ".pt"),
    *(".pkl", ".pickle", ".joblib", ".safetensors", ".sqlite", ".sqlite3", ".db", ".duckdb"),
    *(".md", ".yaml", ".yml", ".toml", ".pdf", ".docx", ".dta", ".sav", ".rds"),
    *_PACKED,
)
"""Endings that promise a format that no command writes."""


def check_ending(
    output: str | Path,
    kinds: Collection[str],
    *,
    option: str = "-o",
    like: str = "",
    delimiter: str = ",",
    takes_zip: bool = False,
) -> None:
    """Check that a file's name promises no format other than the one it will have.

    Args:
        output: the file.
        kinds: formats it may have, the usual one first.
        option: what names the output, for messages.
        like: a name that would do.
        delimiter: what stands between the cells of CSV.
        takes_zip: it may be packed as a zip file.

    Raises:
        UsageError: it does.
    """
    is_zip = str(output).lower().endswith(".zip")
    ending = ".zip" if is_zip and not takes_zip else _ending(output)
    if is_stream(output) or (ending == _ending(like) and ending not in _PACKED):
        return
    promised = [kind for kind, endings in _ENDINGS.items() if ending in endings]
    if not promised and ending not in _OTHER_ENDINGS:
        return
    has_other_cells = ending == ".tsv" and delimiter != "\t"
    if set(promised) & set(kinds) and not has_other_cells:
        return
    titles = " or ".join(_TITLES.get(kind, kind) for kind in kinds)
    endings = ", ".join(_ENDINGS[kind][0] for kind in kinds if kind in _ENDINGS)
    is_title = promised and ending != ".xlsx" and not has_other_cells
    promise = _TITLES[promised[0]] if is_title else ending
    raise UsageError(
        f"{option} {output}: the name promises {promise}, but the output is {titles}",
        f"name it like {like}" if like else f"let it end in {endings}",
    )


def promises_file(output: str | Path) -> bool:
    """Say whether an output is a file and no folder, as its ending tells."""
    ending = _ending(output)
    formats = {known for endings in _ENDINGS.values() for known in endings}
    return is_stream(output) or ending in formats or ending in _OTHER_ENDINGS


def _ending(name: str | Path) -> str:
    return Path(without_packing(Path(name).name)).suffix

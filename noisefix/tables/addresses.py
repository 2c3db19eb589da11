"""Addresses typed where a file is wanted: said as typed, with the way to the file."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from noisefix.errors import DataError

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")
"""With one slash too: that is what becomes of an address once it was taken for a path."""
_WAYS = {
    "hf": "hf download",
    "s3": "aws s3 cp",
    "gs": "gcloud storage cp",
    "http": "curl -LO",
    "https": "curl -LO",
    "ftp": "curl -O",
    "abfs": "az storage blob download",
    "abfss": "az storage blob download",
    "az": "az storage blob download",
}


def local_path(path: str | Path) -> Path:
    """Return the path of a local file.

    Raises:
        DataError: it is no file, but the address of something elsewhere, or a file:// address.
    """
    error = None if Path(path).exists() else address_error(path)
    if error is not None:
        raise error
    return Path(path)


def address_error(path: str | Path) -> DataError | None:
    """Word the error for an address where a file is wanted; None where it is none."""
    text = str(path)
    found = _ADDRESS.match(text)
    if found is None:
        return None
    scheme, rest = found[1].lower(), text[found.end() :]
    if scheme == "file":
        name = unquote(urlsplit(f"file:///{rest}").path)
        shown = f"{found[1]}:///{rest}" if isinstance(path, Path) else text
        return DataError(f"{shown}: is an address; a path is wanted", f"name the file so: {name}")
    shown = f"{found[1]}://{rest}"
    return DataError(f"{shown}: is an address, and a file is needed here", _hint(shown))


def _hint(address: str) -> str:
    scheme, _, rest = address.partition("://")
    way = _WAYS.get(scheme.lower())
    if scheme.lower() == "hf":
        kind, _, inner = rest.partition("/")
        parts = inner.split("/")
        if kind == "datasets" and len(parts) > 2:
            repo, file = "/".join(parts[:2]), "/".join(parts[2:])
            return f"download it first: hf download {repo} {file} --repo-type dataset --local-dir ."
    name = rest.rstrip("/").rpartition("/")[2].partition("?")[0] or "FILE"
    if way is None or scheme.lower() == "hf":
        return f"download it first, and name the file: {name}"
    target = f" {name}" if way.endswith("cp") else ""
    if way.startswith("az"):
        return f"download it first ({way}), and name the file: {name}"
    return f"download it first: {way} {address}{target}"

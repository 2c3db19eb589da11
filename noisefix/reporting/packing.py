"""The page's data as text: columns as base64, all of them as JSON, gzip and base64."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import numpy as np

NO_P = 65535
_LEVEL = 6
_P_STEPS = 10_000
_MAP_SIZE = 65535


def pack(data: dict[str, Any]) -> str:
    """Return data as JSON, gzip, base64; the same data give the same text."""
    raw = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(raw.encode(), _LEVEL, mtime=0)).decode()


def numbers(values: np.ndarray) -> str:
    """Return numbers as base64 of their little-endian bytes."""
    little = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"))
    return base64.b64encode(little.tobytes()).decode()


def bits(values: np.ndarray) -> str:
    """Return (N,) booleans as base64 of bits; bit 0 of byte 0 is row 0."""
    packed = np.packbits(np.asarray(values, bool), bitorder="little")
    return base64.b64encode(packed.tobytes()).decode()


def probabilities(p: np.ndarray) -> str:
    """Return (N,) probabilities as uint16, in steps of 0.0001; NaN is ``NO_P``."""
    steps = np.round(np.nan_to_num(p) * _P_STEPS)
    return numbers(np.where(np.isnan(p), NO_P, steps).astype(np.uint16))


def map_places(places: np.ndarray) -> str:
    """Return (N, 2) places as uint16 pairs, outliers drawn in to the edge of the square."""
    low, high = np.percentile(places, (0.2, 99.8), axis=0)
    half = max(float((high - low).max()) / 2, 1e-9) * 1.1
    scaled = np.clip((places - (low + high) / 2) / half, -1, 1)
    return numbers(np.round((scaled + 1) / 2 * _MAP_SIZE).astype(np.uint16))


def safe(text: str) -> str:
    """Return a text that UTF-8 can hold: halves of a pair become question marks."""
    return text.encode("utf-8", "replace").decode()

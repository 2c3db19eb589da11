"""The texts of a page: whole where a person decides, cut where they would make it too large."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from noisefix.reporting.packing import bits, pack, safe
from noisefix.run.decisions import KEY_DIGITS, SHORT_KEY_DIGITS, decision_key

PAGE_BYTES = 5_900_000
"""Of the packed data; the page around them has less than 100,000."""

_SIGNS = 120
_LEAST_SIGNS = 40
_WHOLE_SIGNS = (20_000, 10_000, 5_000, 2_000, 1_000, 500, 250, _SIGNS)
_WHOLE_KEYS = 20_000
"""Beyond so many, keys are short."""

_PACKED_A_BYTE = 1.5
"""What a byte of a key takes in the page: twice in base64, packed in between."""

_LENGTH_BYTES = 3

_SAMPLE = 10_000


@dataclass(frozen=True)
class Limits:
    """How many signs of a text are shown.

    Attributes:
        whole: of a row that is shown in detail.
        other: of every other row.
    """

    whole: int = _WHOLE_SIGNS[0]
    other: int = _SIGNS


def fitting_limits(
    texts: Sequence[str | None],
    detailed: np.ndarray,
    other_bytes: int,
    page_bytes: int = PAGE_BYTES,
) -> Limits:
    """Return the limits with which a page is as large as it may be, told from a sample.

    Args:
        texts: (N,) texts.
        detailed: (N,) bool: rows that are shown in detail; their texts may take half of the room.
        other_bytes: what all else takes, packed.
        page_bytes: what the packed data may take.
    """
    inside, outside = np.flatnonzero(detailed), np.flatnonzero(~detailed)
    room = page_bytes - other_bytes
    least, full = (_size(texts, outside, signs) for signs in (_LEAST_SIGNS, _SIGNS))
    most = min(max(room / 2, room - full), room - least)
    for whole in _WHOLE_SIGNS:
        taken = _size(texts, inside, whole)
        if taken <= most:
            break
    room -= taken
    if full <= room:
        return Limits(whole)
    signs = _LEAST_SIGNS + int((room - least) / max(full - least, 1) * (_SIGNS - _LEAST_SIGNS))
    return Limits(whole, min(max(signs, _LEAST_SIGNS), _SIGNS))


def text_columns(
    texts: Sequence[str | None],
    given_labels: Sequence[str | None],
    detailed: np.ndarray,
    limits: Limits,
) -> dict[str, Any]:
    """Return the texts as shown, and of those that are cut their length and their key.

    A decision names its row by the key. Where more than 20,000 texts are cut, it is the first 16 of
    64 digits, which are enough to tell the rows of one run apart.

    Args:
        texts: (N,) as read.
        given_labels: (N,) given labels, None = unlabelled.
        detailed: (N,) bool: rows that are shown in detail.
        limits: how many signs are shown.
    """
    most = np.where(detailed, limits.whole, limits.other).tolist()
    whole = [safe(text or "") for text in texts]
    is_cut = np.array([len(t) > n for t, n in zip(whole, most, strict=True)], bool)
    columns: dict[str, Any] = {"text": [t[:n] for t, n in zip(whole, most, strict=True)]}
    if not is_cut.any():
        return columns
    cut = np.flatnonzero(is_cut).tolist()
    digits = _key_digits(len(cut))
    keys = [decision_key(texts[i], given_labels[i])[:digits] for i in cut]
    return columns | {
        "cut": bits(is_cut),
        "signs": [len(whole[i]) for i in cut],
        "keys": base64.b64encode(bytes.fromhex("".join(keys))).decode(),
        "key_bytes": digits // 2,
    }


def _key_digits(n_cut: float) -> int:
    return KEY_DIGITS if n_cut <= _WHOLE_KEYS else SHORT_KEY_DIGITS


def _size(texts: Sequence[str | None], rows: np.ndarray, signs: int) -> int:
    """Say how much texts and the keys of cut ones take, packed; told from some of them."""
    some = rows[:: max(1, len(rows) // _SAMPLE)].tolist()
    if not some:
        return 0
    packed = len(pack({"text": [safe((texts[i] or "")[:signs]) for i in some]}))
    n_cut = sum(len(texts[i] or "") > signs for i in some) * len(rows) / len(some)
    keys = n_cut * _key_digits(n_cut) / 2 * _PACKED_A_BYTE
    return int(packed * len(rows) / len(some) + keys + n_cut * _LENGTH_BYTES)

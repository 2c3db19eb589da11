from __future__ import annotations

import json

import pytest

from noisefix.errors import DataError
from noisefix.run.provenance import Provenance

FULL = Provenance(
    "issues", 1, "0.1.0", ("ä", "b"), {"k": [1, 2.5, None]}, 7, {"data": "ab"}, "ff", {"rate": 0.1}
)


def test_round_trip() -> None:
    assert Provenance.from_json(FULL.to_json()) == FULL
    assert Provenance.from_metadata({b"noisefix": FULL.to_json(), b"x": b"y"}) == FULL
    assert Provenance.from_metadata({b"x": b"y"}) is None
    assert Provenance.from_metadata(None) is None


def test_json_is_canonical_and_readable() -> None:
    swapped = Provenance("issues", 1, "0.1.0", parameters={"b": 1, "a": 2})
    straight = Provenance("issues", 1, "0.1.0", parameters={"a": 2, "b": 1})
    assert swapped.to_json() == straight.to_json()
    assert json.loads(FULL.to_json())["class_names"] == ["ä", "b"]
    assert "ä".encode() in FULL.to_json()


def test_keys_of_a_newer_version_are_ignored() -> None:
    content = json.loads(FULL.to_json()) | {"new": 1}
    assert Provenance.from_json(json.dumps(content)) == FULL


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b"\xff", b'{"schema": "issues"}'])
def test_other_json_is_refused(data: bytes) -> None:
    with pytest.raises(DataError, match="metadata cannot be read"):
        Provenance.from_json(data)

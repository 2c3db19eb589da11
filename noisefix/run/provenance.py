"""Where a table comes from: the JSON object in a Parquet file's ``noisefix`` metadata key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from noisefix.documents import misfit, parse_json
from noisefix.errors import DataError

METADATA_KEY = b"noisefix"


@dataclass(frozen=True)
class Provenance:
    """What made a table, out of what.

    Attributes:
        schema: name of the table's schema.
        version: version of the schema.
        noisefix_version: version that wrote the table; empty: no stage of noisefix did.
        class_names: (K,) class names in canonical order; empty where there are none.
        parameters: the stage's options, as JSON values.
        seed: the seed used; None where nothing is random.
        inputs: SHA-256 of each input, by its name.
        fingerprint: digest of stage, version, parameters, seed and inputs; equal fingerprint, equal
            table.
        results: small JSON facts that a stage hands on to those after it.
    """

    schema: str
    version: int
    noisefix_version: str
    class_names: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    inputs: dict[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def is_foreign(self) -> bool:
        """Whether somebody else made the table."""
        return not self.noisefix_version

    def to_json(self) -> bytes:
        """Return canonical JSON (sorted keys, UTF-8): equal provenance, equal bytes."""
        return json.dumps(
            asdict(self), sort_keys=True, ensure_ascii=False, allow_nan=False
        ).encode()

    @classmethod
    def from_json(cls, data: bytes | str) -> Provenance:
        """Read what ``to_json`` wrote; keys of newer versions are ignored.

        Raises:
            DataError: not such a JSON object.
        """
        try:
            fields = parse_json(data)
            known = {name: fields[name] for name in cls.__dataclass_fields__ if name in fields}
            wrong = misfit(cls, known)
            if wrong is not None:
                raise ValueError(wrong)
            provenance = cls(**{**known, "class_names": tuple(known.get("class_names", ()))})
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(f"the noisefix metadata cannot be read: {error}") from error
        return provenance

    @classmethod
    def from_metadata(cls, metadata: Mapping[bytes, bytes] | None) -> Provenance | None:
        """Return the provenance in a Parquet file's or Arrow schema's metadata, if there is one."""
        if not metadata or METADATA_KEY not in metadata:
            return None
        return cls.from_json(metadata[METADATA_KEY])

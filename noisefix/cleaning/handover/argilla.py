"""Records for Argilla 2 with suggestions, and its exports read back.

``rg.Dataset.records.from_json`` reads a JSON list of records, each with id, fields, metadata,
suggestions by question and responses by question; ``to_json`` writes the same with responses.
``to_list(flatten=True)`` and the Hugging Face hub have one flat record a row: ``label.responses``,
``label.responses.users``, ``label.responses.status``.

Source: argilla 2, ``records/_io/_json.py`` and ``Record.from_dict``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

from noisefix.cleaning.handover.rows import HandedRow
from noisefix.cleaning.handover.said import Said
from noisefix.errors import DataError
from noisefix.labels import set_text

QUESTION = "label"
_RESPONSES = f"{QUESTION}.responses"
_SUBMITTED = (None, "submitted")


def argilla_bytes(rows: Iterable[HandedRow]) -> bytes:
    """Return records for ``rg.Dataset.records.from_json``, the suggested label as suggestion.

    The suggestion's score is the probability of the suggested label.
    """
    records = [_record(row) for row in rows]
    return f"{json.dumps(records, ensure_ascii=False, indent=1)}\n".encode()


def _record(row: HandedRow) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "row_number": row.row_number,
        "given_label": row.given_label,
        "p_error": None if row.p_error is None else round(row.p_error, 4),
        "is_issue": "true" if row.is_issue else "false",
    }
    score = None if row.p_suggested is None else round(row.p_suggested, 4)
    return {
        "id": row.id,
        "fields": {"text": row.text, "reasons": row.why, "nearest": row.alike},
        "metadata": {name: value for name, value in metadata.items() if value is not None},
        "suggestions": {
            QUESTION: {
                "value": row.suggested_label if row.labels is None else list(row.labels),
                "score": score,
                "agent": "noisefix",
            }
        },
        "responses": {},
        "vectors": {},
    }


def is_argilla(records: Sequence[Any]) -> bool:
    """Tell whether a list of JSON is an export of Argilla."""
    first = records[0] if records and isinstance(records[0], dict) else {}
    return isinstance(first.get("fields"), dict) or "_server_id" in first or _RESPONSES in first


def read_argilla(records: Sequence[Any], name: str, *, several_labels: bool = False) -> list[Said]:
    """Return what people said in an export; what was discarded or is a draft says nothing.

    The nested form does not tell drafts from what was submitted: all of it counts.

    Args:
        records: the export.
        name: of the file, for messages.
        several_labels: a row may have several; what is said of it is ``set_text`` then.

    Raises:
        DataError: a record has no id.
    """
    found = []
    for number, record in enumerate(records, start=1):
        where = f"record {number}"
        if not isinstance(record, dict) or record.get("id") is None:
            raise DataError(
                f"{name}, {where}: has no id",
                "export the records with dataset.records.to_json(FILE)",
            )
        for value, user in _answers(record):
            who = "" if user is None else f"annotator {user}"
            if several_labels:
                value = set_text(map(str, value if isinstance(value, list) else [value]))
            found.append(Said(str(record["id"]), str(value), where, who))
    return found


def _answers(record: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Yield value and person of each response that counts."""
    nested = record.get("responses")
    if isinstance(nested, dict):
        for response in nested.get(QUESTION) or ():
            if isinstance(response, dict) and response.get("value") is not None:
                yield response["value"], response.get("user_id")
        return
    columns = [record.get(_RESPONSES + part) or () for part in ("", ".users", ".status")]
    for value, user, status in zip_longest(*columns):
        if value is not None and status in _SUBMITTED:
            yield value, user

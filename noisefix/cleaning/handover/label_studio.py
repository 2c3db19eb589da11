"""Tasks for Label Studio with predictions, and its exports (JSON and JSON-MIN) read back.

Source: labelstud.io/guide/predictions (import) and labelstud.io/guide/task_format (export).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from noisefix.cleaning.handover.rows import HandedRow
from noisefix.cleaning.handover.said import Said, utc_time
from noisefix.errors import DataError
from noisefix.labels import set_text
from noisefix.version import __version__

CONTROL, OBJECT = "label", "text"
"""Names of the choices and of the text in the labelling configuration."""

ID = "noisefix_id"
"""Carries the row's id: "id" alone would be the task's own in an export."""


def label_studio_bytes(rows: Iterable[HandedRow]) -> bytes:
    """Return tasks to import, one a row, with the suggested label as prediction.

    The prediction's score is the probability of the suggested label.
    """
    tasks = [_task(row) for row in rows]
    return f"{json.dumps(tasks, ensure_ascii=False, indent=1)}\n".encode()


def _task(row: HandedRow) -> dict[str, Any]:
    choice = {
        "id": "suggested",
        "from_name": CONTROL,
        "to_name": OBJECT,
        "type": "choices",
        "value": {"choices": list(row.suggested)},
    }
    prediction: dict[str, Any] = {"model_version": f"noisefix {__version__}", "result": [choice]}
    if row.p_suggested is not None:
        prediction["score"] = round(row.p_suggested, 4)
    return {
        "data": {
            "text": row.text,
            ID: row.id,
            "row_number": row.row_number,
            "given_label": row.given_label or "",
            "suggested_label": row.suggested_label,
            "p_error": None if row.p_error is None else round(row.p_error, 4),
            "is_issue": row.is_issue,
            "reasons": row.why,
            "nearest": row.alike,
        },
        "predictions": [prediction] if row.suggested else [],
    }


def labelling_config(class_names: Sequence[str], *, several_labels: bool = False) -> str:
    """Return the labelling configuration of a project that these tasks fit.

    Args:
        class_names: the choices.
        several_labels: people may choose several.
    """
    how_many = "multiple" if several_labels else "single"
    choices = "\n".join(f"    <Choice value={quoteattr(name)}/>" for name in class_names)
    return (
        "<View>\n"
        '  <Text name="text" value="$text"/>\n'
        '  <Header value="Given: $given_label"/>\n'
        '  <Text name="reasons" value="$reasons"/>\n'
        '  <Text name="nearest" value="$nearest"/>\n'
        f'  <Choices name="{CONTROL}" toName="{OBJECT}" choice="{how_many}" '
        'showInLine="true">\n'
        f"{choices}\n"
        "  </Choices>\n"
        "</View>\n"
    )


def is_label_studio(tasks: Sequence[Any]) -> bool:
    """Tell whether a list of JSON is an export of Label Studio."""
    first = tasks[0] if tasks and isinstance(tasks[0], dict) else {}
    return isinstance(first.get("data"), dict) or "annotation_id" in first or ID in first


def read_label_studio(
    tasks: Sequence[Any], name: str, *, several_labels: bool = False
) -> list[Said]:
    """Return what people said in an export; skipped tasks and predictions say nothing.

    Args:
        tasks: the export.
        name: of the file, for messages.
        several_labels: a row may have several; what is said of it is ``set_text`` then.

    Raises:
        DataError: a task is no task of ours, or an annotation chooses several classes, and a row
            has one.
    """
    found: list[Said] = []
    for number, task in enumerate(tasks, start=1):
        where = f"task {number}"
        if not isinstance(task, dict):
            raise _no_task(name, where)
        data = task.get("data", task)
        if not isinstance(data, dict) or ID not in data:
            raise _no_task(name, where)
        for annotation in _annotations(task):
            choices = _choices(annotation)
            if choices is None:
                continue
            if len(choices) != 1 and not several_labels:
                raise DataError(
                    f"{name}, {where}: chooses {len(choices)} classes",
                    'let people choose one: <Choices ... choice="single"> in the configuration',
                )
            found.append(
                Said(
                    str(data[ID]),
                    set_text(map(str, choices)) if several_labels else str(choices[0]),
                    where,
                    _who(annotation),
                    utc_time(annotation.get("updated_at") or annotation.get("created_at")),
                )
            )
    return found


def _no_task(name: str, where: str) -> DataError:
    return DataError(
        f"{name}, {where}: has no data field {ID}",
        "export the project that noisefix apply --format label-studio was imported into, as JSON",
    )


def _annotations(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the annotations that count; a task of JSON-MIN is its only one."""
    if "data" not in task:
        yield task
        return
    for annotation in task.get("annotations") or ():
        if isinstance(annotation, dict) and not annotation.get("was_cancelled"):
            yield annotation


def _choices(annotation: dict[str, Any]) -> list[Any] | None:
    """Return what was chosen; None: nothing."""
    if "result" not in annotation:
        value = annotation.get(CONTROL)
        value = value.get("choices") if isinstance(value, dict) else value
        return None if value is None else value if isinstance(value, list) else [value]
    results = [r for r in annotation["result"] or () if isinstance(r, dict)]
    chosen = [r for r in results if r.get("type") == "choices"]
    chosen = [r for r in chosen if r.get("from_name") == CONTROL] or chosen
    choices = [c for r in chosen for c in (r.get("value") or {}).get("choices", ())]
    return choices or None


def _who(annotation: dict[str, Any]) -> str:
    person = annotation.get("completed_by", annotation.get("annotator"))
    if isinstance(person, dict):
        person = person.get("email") or person.get("id")
    return "" if person is None else f"{person}" if "@" in str(person) else f"annotator {person}"

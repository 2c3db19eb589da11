"""What the classes mean, in words: the ``labels.toml`` file of ``--labels``.

Three things may stand in the file, all but the label names optional::

    task = "Which department should answer this message?"

    [labels]
    billing = "invoices, refunds, payment methods"      # short form
    returns = ["how to send it back", "wrong size"]     # several definitions

    [labels.shipping]                                   # long form
    description = "where a parcel is, and late or damaged parcels"  # or a list
    examples = ["My order has not arrived yet."]

A name with a dot, a blank or a letter beyond a-z in it goes in quotes:
``[labels."card.lost"]``.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from noisefix.documents import parse_toml
from noisefix.errors import DataError

_TOP_LEVEL_KEYS = ("task", "labels")
_LABEL_KEYS = ("description", "examples")
_SHAPE_HINT = (
    'write [labels.NAME] with description = "..." and, if you like, examples = ["..."]; '
    'or NAME = "description" under [labels]; ["...", "..."] for several definitions; a name with '
    "any but a-z, 0-9, _ and - goes in quotes"
)


@dataclass(frozen=True)
class LabelDescription:
    """One class in words.

    Attributes:
        name: the class name, exactly as in the data.
        description: what belongs to the class, on one line; may be empty.
        examples: texts that certainly belong to it; may be empty.
        others: further definitions of it, one line each.
    """

    name: str
    description: str = ""
    examples: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def definitions(self) -> tuple[str, ...]:
        """All that is said of the class, each a line; empty where nothing is."""
        return (self.description, *self.others) if self.description else ()

    @property
    def in_words(self) -> str:
        """All definitions on one line."""
        return "; ".join(self.definitions)


@dataclass(frozen=True)
class LabelSheet:
    """A whole ``labels.toml``.

    Attributes:
        task: the question that the labels answer, on one line; empty when the file has none.
        labels: class name to description, in the order of the file.
    """

    task: str = ""
    labels: dict[str, LabelDescription] = field(default_factory=dict)


def load_label_sheet(path: Path) -> LabelSheet:
    """Read a ``labels.toml``.

    Args:
        path: the file, UTF-8 (a byte order mark is allowed).

    Raises:
        DataError: the file cannot be read, is not TOML (the message has line and column), holds a
            key that means nothing here, or a value of the wrong type; a list of definitions holds
            an empty one, or one twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: not UTF-8 text (byte {error.start})", "save the file as UTF-8"
        ) from error
    try:
        document = parse_toml(text)
    except ValueError as error:
        raise DataError(f"{path}: not valid TOML: {error}", _SHAPE_HINT) from error
    return _parse_sheet(document, str(path))


def load_label_descriptions(path: Path) -> dict[str, LabelDescription]:
    """Return only the labels of a ``labels.toml``; errors as in :func:`load_label_sheet`."""
    return load_label_sheet(path).labels


def validate(descriptions: Mapping[str, LabelDescription], class_names: Sequence[str]) -> list[str]:
    """Compare described labels with the classes of the data.

    Nothing is raised: the caller decides whether a difference is a warning or an error.

    Args:
        descriptions: what the file describes.
        class_names: the classes of the data.

    Returns:
        One sentence for each described label that is no class (with the nearest class name, if
        one is near), then one for the classes left without a description; empty when all is well.
    """
    warnings = []
    by_lower_case = {name.lower(): name for name in reversed(class_names)}
    for name in descriptions:
        if name in class_names:
            continue
        near = difflib.get_close_matches(name.lower(), list(by_lower_case), n=1)
        guess = f"; did you mean {by_lower_case[near[0]]!r}?" if near else ""
        warnings.append(f"label {name!r} is described but no row has it{guess}")
    missing = [name for name in class_names if name not in descriptions]
    if missing and descriptions:
        listed = ", ".join(repr(name) for name in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        warnings.append(f"no description for {listed}{more}")
    return warnings


def label_texts(
    class_names: Sequence[str], descriptions: Mapping[str, LabelDescription] | None = None
) -> list[str]:
    """Return one text per class that says what it means, fit for embedding.

    The name, with ``_``, ``-`` and ``.`` read as blanks, then the description where there is one.
    """
    texts = []
    for name in class_names:
        words = " ".join(name.replace("_", " ").replace("-", " ").replace(".", " ").split())
        described = (descriptions or {}).get(name)
        meaning = described.in_words if described is not None else ""
        texts.append(f"{words or name}: {meaning}" if meaning else words or name)
    return texts


def _parse_sheet(document: dict[str, Any], where: str) -> LabelSheet:
    unknown = [key for key in document if key not in _TOP_LEVEL_KEYS]
    if unknown:
        raise DataError(
            f"{where}: unknown top-level key {unknown[0]!r}: only task and [labels] mean anything",
            _SHAPE_HINT,
        )
    table = document.get("labels", {})
    if not isinstance(table, dict) or not table:
        raise DataError(f"{where}: no labels under [labels]", _SHAPE_HINT)
    task = document.get("task", "")
    if not isinstance(task, str):
        raise DataError(f"{where}: task must be a string", 'write task = "..."')
    labels = {name: _parse_label(name, value, where) for name, value in table.items()}
    return LabelSheet(_one_line(task), labels)


def _parse_label(name: str, value: object, where: str) -> LabelDescription:
    if isinstance(value, str | list):
        value = {"description": value}
    if not isinstance(value, dict):
        raise DataError(f"{where}: label {name!r} must be a string or a table", _SHAPE_HINT)
    unknown = [key for key in value if key not in _LABEL_KEYS]
    if unknown:
        raise DataError(f"{where}: label {name!r} has an unknown key {unknown[0]!r}", _SHAPE_HINT)
    said = value.get("description", "")
    said = said if isinstance(said, list) else [said]
    if not all(isinstance(text, str) for text in said):
        raise DataError(
            f"{where}: the description of {name!r} must be a string, or a list of strings",
            _SHAPE_HINT,
        )
    if isinstance(value.get("description"), list):
        _check_definitions(name, said, where)
    first, *others = [*map(_one_line, said)] or [""]
    examples = value.get("examples", [])
    if not isinstance(examples, list) or not all(isinstance(text, str) for text in examples):
        raise DataError(f"{where}: the examples of {name!r} must be strings", _SHAPE_HINT)
    return LabelDescription(name, first, tuple(examples), tuple(others))


def _check_definitions(name: str, said: Sequence[str], where: str) -> None:
    """Refuse a list of definitions with an empty one, or with one twice, but for blanks."""
    places: dict[str, int] = {}
    for place, line in enumerate(map(_one_line, said), 1):
        if not line:
            raise DataError(
                f"{where}: definition {place} of {name!r} is empty",
                'write it, or take it out of the list; "" alone: not described yet',
            )
        if line in places:
            raise DataError(
                f"{where}: definitions {places[line]} and {place} of {name!r} are the same",
                "take one of them out, or say in it what the other does not",
            )
        places[line] = place


def _one_line(text: str) -> str:
    return " ".join(text.split())

"""How the cells of a label column become classes: what the user says of their spellings."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from noisefix.common_options import LabelReading
from noisefix.tables.label_checks import parse_missing
from noisefix.tables.label_map import read_label_map

Cell = TypeVar("Cell", bound=Hashable)
_SHOWN = 5


@dataclass(frozen=True)
class LabelRules:
    """What the user says of the spellings of labels.

    Attributes:
        missing: labels that mean that there is none; None: nobody has said.
        names: class names by what stands in the cells; several may lead to one class.
        merge_case: labels that differ only in case and blanks are one class.
        known: class names found before, one of which a merged spelling becomes where it can.
    """

    missing: tuple[str, ...] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    merge_case: bool = False
    known: tuple[str, ...] = ()

    def knowing(self, class_names: Sequence[str]) -> LabelRules:
        """Return rules that bring other tables' labels into the classes of this one."""
        return replace(self, known=tuple(class_names)) if self.merge_case else self

    def spelling(self, label: str) -> str:
        """Return how a class is written that no row has: the first of its spellings in the map."""
        return next((raw for raw, name in self.names.items() if name == label), label)


NO_RULES = LabelRules()


def label_rules(options: LabelReading) -> LabelRules:
    """Return what options say; reads the label map.

    Raises:
        DataError: the label map cannot be read.
    """
    names = {} if options.label_map is None else read_label_map(options.label_map)
    return LabelRules(parse_missing(options.missing_labels), names, options.merge_case)


def look_key(label: str) -> str:
    """Return what labels have in common that look the same but for case and blanks."""
    seen = "".join(mark for mark in label if unicodedata.category(mark) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", seen).casefold().split())


def mapped(
    labels: Mapping[Cell, str | None], rules: LabelRules, where: str
) -> tuple[dict[Cell, str | None], list[str]]:
    """Give labels the names of the label map.

    Labels that the map does not know stay as they are, and so do those that are names of it
    already. Both these and codes that no row has are told.

    Args:
        labels: label by distinct cell.
        rules: the rules.
        where: file and column, for messages.
    """
    if not rules.names:
        return dict(labels), []
    found = {cell: None if x is None else rules.names.get(x, x) for cell, x in labels.items()}
    present = {label for label in labels.values() if label is not None}
    names = set(rules.names.values())
    unknown = sorted(present - set(rules.names) - names - set(rules.missing or ()))
    unused = sorted(set(rules.names) - present)
    warnings = []
    if unknown:
        warnings.append(
            f"{where}: --label-map does not say what {_show(unknown)} "
            f"{'means' if len(unknown) == 1 else 'mean'}; taken for classes as written"
        )
    if unused:
        warnings.append(f"{where}: --label-map: no row has {_show(unused)}")
    return found, warnings


def merged(
    labels: Mapping[Cell, str | None], rows: Mapping[Cell, int], rules: LabelRules
) -> dict[Cell, str | None]:
    """Bring spellings that differ only in case and blanks into one class.

    It is called as the class known before; else as most rows have it, the first in code point
    order of several.

    Args:
        labels: label by distinct cell.
        rows: rows of each.
        rules: the rules.
    """
    if not rules.merge_case:
        return dict(labels)
    counts: Counter[str] = Counter()
    for cell, label in labels.items():
        if label is not None:
            counts[label] += rows[cell]
    chosen = {look_key(name): name for name in rules.known}
    for label in sorted(counts, key=lambda label: (-counts[label], label)):
        chosen.setdefault(look_key(label), label)
    return {cell: None if x is None else chosen[look_key(x)] for cell, x in labels.items()}


def most_used(labels: Mapping[Cell, str | None], rows: Mapping[Cell, int]) -> dict[str, str]:
    """Return how each class is written in most rows, without the blanks around it.

    Args:
        labels: label by distinct cell, the cells being texts.
        rows: rows of each.
    """
    spellings: dict[str, str] = {}
    for cell in sorted(labels, key=lambda cell: (-rows[cell], str(cell))):
        label = labels[cell]
        if label is not None:
            spellings.setdefault(label, str(cell).strip())
    return spellings


def _show(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else ""
    return ", ".join(repr(label) for label in labels[:_SHOWN]) + more

"""Several definitions of a class: what is told of how they counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from noisefix.probing.label_names import NameView

_MATCHING = "name_matching"
_SAID = {
    "mean": "all that a class has count alike",
    "max": "of a class the one nearest to the text counts",
}


def matching_facts(names: NameView | None) -> dict[str, Any]:
    """Return how several definitions counted, for the results of the joint stage."""
    return {} if names is None or names.matching is None else {_MATCHING: names.matching}


def matching_note(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Say how several definitions counted; nothing where no class has several.

    Args:
        facts: the results of the joint stage.
    """
    if _MATCHING not in facts:
        return ()
    return (f"several definitions: {_SAID[facts[_MATCHING]]}, which explains the labels better",)

"""The files that ``init`` writes, as text: noisefix.toml and a skeleton of labels.toml."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from noisefix.detection.findings import DetectResult, PairSummary

_MOST_PAIRS = 10
_NO_TEXT = re.compile("[\ud800-\udfff]")


def toml_text(text: str) -> str:
    """Write a text as a TOML string on one line, whatever is in it; half surrogates become �."""
    quoted = json.dumps(_NO_TEXT.sub("\ufffd", text), ensure_ascii=False)
    return "".join(char if char.isprintable() else _escaped(char) for char in quoted)


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def gate_limit(low: float) -> float:
    """Return a limit for the noise rate that data pass whose interval begins at ``low``.

    It leaves a fifth and a hundredth for chance, and is rounded up: the gate fails once clearly
    more labels are wrong.
    """
    return min(math.ceil(round(100 * (1.2 * low + 0.01), 6)), 100) / 100


def config_text(
    name: str, settings: Mapping[str, str | bool | None], found: DetectResult, has_labels: bool
) -> str:
    """Return the text of noisefix.toml.

    Args:
        name: the data's file name.
        settings: options for all commands by name; None is left out.
        found: what ``detect`` found, which the gate rests on.
        has_labels: ``labels`` is among the settings.
    """
    stem = toml_text(f"{name.partition('.')[0]}.baseline")
    rate, low, high = (
        f"{100 * share:.1f} %"
        for share in (found.noise_rate, found.noise_rate_low, found.noise_rate_high)
    )
    what = "labels" if found.several_labels is None else "rows"
    lines = [
        "# Options of noisefix, found from the data upwards; what is typed wins.",
        *(f"{key} = {_value(value)}" for key, value in settings.items() if value is not None),
    ]
    if not has_labels:
        lines.append('# labels = "labels.toml"  # once it says what the classes mean')
    lines += [
        "",
        "[check]",
        f"# Today about {rate} of the {what} look wrong, 90 % interval {low} to {high}.",
        "# The lower end is held against the limit.",
        f"max_noise_rate = {gate_limit(found.noise_rate_low)}",
        "# No new wrong labels: after noisefix check DATA --write-baseline FILE",
        f"# baseline = {stem}",
        "# max_new_issues = 0",
    ]
    return "\n".join(lines) + "\n"


def labels_text(class_names: Sequence[str], pairs: Sequence[PairSummary]) -> str:
    """Return the text of a labels.toml in which each class waits for its description."""
    lines = [
        "# What each class means, in a sentence or a list of some: evidence for detect, and",
        "# instructions for relabel.",
        '# task = "Which department should answer this message?"',
        "",
    ]
    if pairs:
        lines.append("# Most confused here, so worth telling apart:")
        lines += [
            f"#   {toml_text(pair.given_label)} given where {toml_text(pair.suggested_label)} "
            f"seems right: about {max(round(pair.expected_rows), 1)}"
            for pair in pairs[:_MOST_PAIRS]
        ]
        lines.append("")
    lines += ["[labels]", *(f'{toml_text(name)} = ""' for name in class_names)]
    return "\n".join(lines) + "\n"


def _value(value: str | bool) -> str:
    return toml_text(value) if isinstance(value, str) else str(value).lower()
